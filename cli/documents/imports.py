"""`signalbox import`: what another help desk knows is read from files and handed to intake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, ProblemAnswered, Token, Url
from cli.history import tables, zendesk
from cli.history.report import ImportCounts, Problem
from cli.history.tickets import ImportCall, MappedTickets, parts_of
from shared.events import Plan

app = typer.Typer(help="Take over what another help desk knows.", no_args_is_help=True)

TOGETHER = 100
SHOWN = 50
# The reason in the sums for what intake refused.
REFUSED = "were refused"
# Part of the stand-ins' addresses, so only what a domain can hold.
_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be imported, and what cannot be.")
]


@app.command("zendesk")
def import_zendesk(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Where the export lies: tickets, users, organizations, comments.",
            exists=True,
            file_okay=False,
        ),
    ],
    token: Token,
    dry_run: DryRun = False,
    plan: Annotated[
        Plan, typer.Option(help="The plan of whoever's organization has none.")
    ] = Plan.FREE,
    plan_of: Annotated[
        list[str] | None, typer.Option(help="ORGANIZATION=PLAN, once for each.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Import a Zendesk export: accounts that are not here yet, then tickets with their times,
    replies and notes.

    Imported tickets page nobody, mail nobody and start no clock. It may be repeated: nothing is
    made twice. Staff are not made from an export: give them their roles yourself. People without an
    address get a stand-in, who is sent nothing.
    """
    _run(zendesk.read(folder, plan.value, _plans(plan_of or [])), url, token, dry_run, as_json)


@app.command("tickets")
def import_tickets(
    file: Annotated[
        Path,
        typer.Argument(help="A CSV or JSON file of tickets.", exists=True, dir_okay=False),
    ],
    token: Token,
    source: Annotated[
        str,
        typer.Option(help="A short name for where they come from: small letters, digits, lines."),
    ] = "file",
    comments: Annotated[
        Path | None,
        typer.Option(help="A second file with the comments.", exists=True, dir_okay=False),
    ] = None,
    staff: Annotated[
        list[str] | None,
        typer.Option(help="An address, or @DOMAIN, whose comments are staff's; once for each."),
    ] = None,
    plan: Annotated[Plan, typer.Option(help="The plan of accounts that are made.")] = Plan.FREE,
    dry_run: DryRun = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Import tickets and comments from a plain file.

    Columns, in any order and case: id (needed), subject, body, requester, requester_name,
    opened_by, created_at, ended_at, status (solved or closed: it is over), priority, kind, app.
    Comments stand in rows with the same id, in a second file, or (JSON) in a list `comments`:
    comment, comment_id, comment_author, comment_author_name, comment_is_staff, comment_public,
    comment_at. Commas, semicolons, tabs or bars separate; UTF-8, UTF-16 or Windows' encoding.
    """
    if not _SOURCE.fullmatch(source):
        raise typer.BadParameter(
            f"{source!r} is not small letters, digits and lines", param_hint="--source"
        )
    read = tables.read(file, source, plan.value, staff or [], comments)
    _run(read, url, token, dry_run, as_json)


def _run(mapped: MappedTickets, url: str, token: str, dry_run: bool, as_json: bool) -> None:
    done = client.run(_import(url, token, mapped, dry_run), url, as_json)
    if as_json:
        client.show_json(done)
    else:
        _tell(done, mapped)


def _plans(given: list[str]) -> dict[str, str]:
    plans = {}
    for pair in given:
        organization, _, plan = pair.rpartition("=")
        if not organization or plan not in set(Plan):
            raise typer.BadParameter(
                f"{pair!r} is not ORGANIZATION=PLAN with one of {', '.join(Plan)}",
                param_hint="--plan-of",
            )
        plans[organization] = plan
    return plans


async def _import(url: str, token: str, mapped: MappedTickets, dry_run: bool) -> dict[str, Any]:
    report = mapped.report
    async with client.api(url) as api:
        # Accounts first: a ticket needs its requester.
        new = await _accounts(api, token, mapped, dry_run)
        for made in mapped.bodies:
            if dry_run or await _send(api, token, mapped, made):
                report.tickets.imported += 1
            else:
                report.tickets.skip(REFUSED)
                # They were counted when the body was made.
                report.comments.imported -= made.comments
                report.comments.skip(REFUSED, made.comments)
    return {
        "dry_run": dry_run,
        "users": report.users,
        "accounts": {"new": len(new), "known": len(mapped.accounts) - len(new)},
        "tickets": report.tickets.as_json(),
        "comments": report.comments.as_json(),
        "stand_ins": report.stand_ins,
        "problems": [problem.as_json() for problem in report.problems],
    }


async def _send(api: client.Api, token: str, mapped: MappedTickets, made: ImportCall) -> bool:
    """Whether the ticket was taken. What the server says of it stands among the problems."""
    ticket = made.ticket

    def problem(words: str) -> None:
        mapped.report.problems.append(
            Problem(ticket.file, ticket.line, f"ticket {ticket.id}", words)
        )

    try:
        # In their order: the end of a ticket comes with its last part.
        for part in parts_of(made.body):
            said, _ = await api.call("POST", "/v1/import/tickets", token=token, json=part)
            for warning in said["warnings"]:
                problem(warning)
    except ProblemAnswered as refused:
        # Mistakes of this ticket: the others go on. Anything else ends the command.
        if refused.status not in (400, 404, 413, 422):
            raise
        problem(str(refused))
        return False
    return True


async def _accounts(api: client.Api, token: str, mapped: MappedTickets, dry_run: bool) -> list[str]:
    """Accounts that are not here yet are made; one that is stays as it is, whatever the export says
    of it.
    """
    emails = sorted(mapped.accounts)
    new: list[str] = []
    for start in range(0, len(emails), TOGETHER):
        documents = [
            {"kind": "accounts", "id": email, "document": mapped.accounts[email]}
            for email in emails[start : start + TOGETHER]
        ]
        # Dry: which of them are new. Accounts that are here keep their roles and plan.
        said, _ = await api.call(
            "POST", "/v1/directory?dry_run=true", token=token, json={"documents": documents}
        )
        fresh = [
            document
            for document, item in zip(documents, said["items"], strict=True)
            if item["change"] == "created"
        ]
        new += [str(document["id"]) for document in fresh]
        if fresh and not dry_run:
            await api.call("POST", "/v1/directory", token=token, json={"documents": fresh})
    return new


def _tell(done: dict[str, Any], mapped: MappedTickets) -> None:
    report = mapped.report
    for problem in report.problems[:SHOWN]:
        client.err.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    if len(report.problems) > SHOWN:
        client.err.print(f"and {len(report.problems) - SHOWN} more; --json names them all")
    if done["dry_run"]:
        client.out.print("nothing is imported yet; it would be:")
    accounts = done["accounts"]
    lines = (
        ("accounts", f"{accounts['new']} new, {accounts['known']} here already"),
        ("tickets", _format_sums(report.tickets)),
        ("comments", _format_sums(report.comments)),
        ("stand-ins", f"{len(report.stand_ins)} people without an address"),
        ("problems", str(len(report.problems))),
    )
    for name, words in lines:
        client.out.print(f"{name}: {words}", markup=False, highlight=False, soft_wrap=True)


def _format_sums(sums: ImportCounts) -> str:
    return str(sums)
