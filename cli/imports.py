"""`signalbox import zendesk`: people and tickets of another help desk. Run it again, and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, ProblemAnswered, Token, Url
from cli.zendesk_export import Export, parts_of, read
from shared.events import Plan

app = typer.Typer(help="Take over what another help desk knows.", no_args_is_help=True)

TOGETHER = 100
SHOWN = 50


@app.command()
def zendesk(
    folder: Annotated[Path, typer.Argument(help="Where the export lies: tickets, users, organizations.", exists=True, file_okay=False)],
    token: Token,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be imported, and what cannot be.")] = False,
    plan: Annotated[Plan, typer.Option(help="The plan of whoever's organization has none.")] = Plan.FREE,
    plan_of: Annotated[list[str] | None, typer.Option(help="ORGANIZATION=PLAN, once for each.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Import a Zendesk export: accounts that are not here yet, then tickets with their times, replies and notes.

    Imported tickets page nobody, mail nobody and start no clock. Staff are not made from an export: give them their roles yourself.
    """
    found = read(folder, plan.value, _plans(plan_of or []))
    done = client.run(_import(url, token, found, dry_run), url, as_json)
    if as_json:
        client.show_json(done)
    else:
        _tell(done)


def _plans(given: list[str]) -> dict[str, str]:
    plans = {}
    for pair in given:
        organization, _, plan = pair.rpartition("=")
        if not organization or plan not in set(Plan):
            raise typer.BadParameter(f"{pair!r} is not ORGANIZATION=PLAN with one of {', '.join(Plan)}", param_hint="--plan-of")
        plans[organization] = plan
    return plans


async def _import(url: str, token: str, found: Export, dry_run: bool) -> dict[str, Any]:
    problems = [str(problem) for problem in found.problems]
    async with client.api(url) as api:
        new = await _accounts(api, token, found, dry_run)
        counts = Counter(accounts=len(new), accounts_known=len(found.accounts) - len(new))
        for line, body in found.tickets:
            if dry_run:
                counts["tickets"] += 1
                continue
            try:
                for part in parts_of(body):
                    said, _ = await api.call("POST", "/v1/import/tickets", token=token, json=part)
                    problems += [f"ticket {body['id']}: {warning}" for warning in said["warnings"]]
                counts["tickets"] += 1
            except ProblemAnswered as problem:
                if problem.status not in (400, 413, 422):
                    raise
                problems.append(f"tickets:{line}: ticket {body['id']}: {problem}")
    read_counts = {"users": found.counts["users"], "tickets": found.counts["tickets"], "comments": found.counts["comments"]}
    return {"dry_run": dry_run, "read": read_counts, "imported": dict(counts), "unmapped": found.unmapped, "problems": problems}


async def _accounts(api: client.Api, token: str, found: Export, dry_run: bool) -> list[str]:
    """Accounts that are not here yet are made; one that is stays as it is, whatever the export says of it."""
    emails = sorted(found.accounts)
    new: list[str] = []
    for start in range(0, len(emails), TOGETHER):
        documents = [{"kind": "accounts", "id": email, "document": found.accounts[email]} for email in emails[start : start + TOGETHER]]
        said, _ = await api.call("POST", "/v1/directory?dry_run=true", token=token, json={"documents": documents})
        fresh = [document for document, item in zip(documents, said["items"], strict=True) if item["change"] == "created"]
        new += [str(document["id"]) for document in fresh]
        if fresh and not dry_run:
            await api.call("POST", "/v1/directory", token=token, json={"documents": fresh})
    return new


def _tell(done: dict[str, Any]) -> None:
    for problem in done["problems"][:SHOWN]:
        client.err.print(problem, markup=False, highlight=False, soft_wrap=True)
    if len(done["problems"]) > SHOWN:
        client.err.print(f"and {len(done['problems']) - SHOWN} more; --json names them all")
    for user, name in list(done["unmapped"].items())[:SHOWN]:
        client.err.print(f"user {user} ({name}) has no e-mail address: no account", markup=False, highlight=False)
    imported, seen = done["imported"], done["read"]
    client.out.print(f"read: {seen['users']} users, {seen['tickets']} tickets, {seen['comments']} comments", highlight=False)
    word = "would import" if done["dry_run"] else "imported"
    client.out.print(
        f"{word}: {imported['accounts']} accounts ({imported['accounts_known']} are here already), {imported.get('tickets', 0)} tickets; "
        f"{len(done['problems'])} problems",
        highlight=False,
    )
