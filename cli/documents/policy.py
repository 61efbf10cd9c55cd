"""`signalbox policy check|diff|apply`: a policy document on its way into force."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url
from cli.documents.policy_file import CheckedFile, read
from shared.policy import OnCallPolicy
from shared.policy.writing.differences import Handover, find_differences, handovers
from shared.policy.writing.documents import MODELS
from shared.policy.writing.hidden import keep_hidden

app = typer.Typer(
    help="Check a policy document, compare it with the one in force, apply it.",
    no_args_is_help=True,
)

File = Annotated[
    Path, typer.Argument(help="The document as YAML or JSON, or - for standard input.")
]
Name = Annotated[
    str | None,
    typer.Option(
        help="default, on-call, components or brand; otherwise the file's name, or what it holds."
    ),
]


@app.command()
def check(file: File, name: Name = None, as_json: AsJson = False) -> None:
    """Whether a document could be applied: every mistake with its line, its path and what to
    change. Exit code 1 if there is one.
    """
    found = usable(file, name, as_json)
    if as_json:
        warnings = [f"{warning.where}: {warning.text}" for warning in found.warnings]
        client.show_json({"ok": True, "name": found.name, "mistakes": [], "warnings": warnings})
    else:
        client.out.print(f"{file}: a policy {found.name!r} that can be applied", markup=False)
        for warning in found.warnings:
            since = f" from {_format_time(warning.since)}" if warning.since else ""
            client.out.print(
                f"  note: {warning.where}: {warning.text}{since}", markup=False, soft_wrap=True
            )


@app.command()
def diff(
    file: File, token: Token, name: Name = None, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """What would change: old → new, by path. Exit code 0 whether or not anything does."""
    found = usable(file, name, as_json, is_sent=True)
    running = client.run(_fetch_policy(url, token, found.name), url, as_json)
    model = MODELS[found.name]
    changes = people = None
    if running:
        old = model.model_validate(running["document"], extra="ignore")
        # Hidden values are put back first, or every address would show as changed.
        new = model.model_validate(keep_hidden(found.name, found.document, running["document"]))
        changes = list(find_differences(old, new))
        if isinstance(old, OnCallPolicy) and isinstance(new, OnCallPolicy):
            people = handovers(old, new, datetime.now(UTC))
    if as_json:
        listed = [{"path": path, "old": old, "new": new} for path, old, new in changes or ()]
        client.show_json(
            {
                "name": found.name,
                "version": running["version"] if running else None,
                "changes": listed,
                "rota": [_as_json(handover) for handover in people or ()],
            }
        )
    elif changes is None:
        client.out.print(f"no policy {found.name!r} is in force yet: all of it is new")
    elif not changes:
        client.out.print(f"the same as version {running['version']}")
    else:
        client.out.print(f"against version {running['version']}:")
        for path, old, new in changes:
            client.out.print(
                f"  {path}: {_format_value(old)} → {_format_value(new)}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        for handover in people or ():
            client.out.print(
                f"  {_as_words(handover)}", markup=False, highlight=False, soft_wrap=True
            )


@app.command()
def apply(
    file: File,
    token: Token,
    name: Name = None,
    note: Annotated[str, typer.Option(help="Why: kept beside the version.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Publish a document as the next version. What was decided before keeps its verdict; nothing is
    applied where it has a mistake.
    """
    found = usable(file, name, as_json, is_sent=True)
    said = client.run(_apply(url, token, found, note), url, as_json)
    if as_json:
        client.show_json(said)
    elif said.get("unchanged"):
        client.out.print(f"{found.name}: version {said['version']} is the same already")
    else:
        client.out.print(
            f"{found.name}: version {said['version']} is in force for every request from now on"
        )


async def _fetch_policy(url: str, token: str, name: str) -> dict[str, Any]:
    async with client.api(url) as api:
        try:
            found, _ = await api.call("GET", f"/v1/policies/{name}", token=token)
        except client.ProblemAnswered as problem:
            if problem.status == 404:
                return {}
            raise
        return dict(found)


async def _apply(url: str, token: str, found: CheckedFile, note: str) -> dict[str, Any]:
    async with client.api(url) as api:
        # No note: the field is left out, not empty.
        query = {"note": note} if note else {}
        said, _ = await api.call(
            "PUT", f"/v1/policies/{found.name}", token=token, json=found.document, **query
        )
        return dict(said)


def usable(file: Path, name: str | None, as_json: bool, *, is_sent: bool = False) -> CheckedFile:
    """The checked document, or the end of the command with every mistake and exit code 1.
    `is_sent`: to the server, which keeps what the document hides.
    """
    # Asked before the file is read: the name decides how it is checked.
    if name is not None and name not in MODELS:
        raise typer.BadParameter(f"there are {', '.join(MODELS)}", param_hint="--name")
    found = read(file, name, is_sent=is_sent)
    if found.mistakes:
        _refuse(file, found, as_json)
    return found


def _refuse(file: Path, found: CheckedFile, as_json: bool) -> NoReturn:
    if as_json:
        client.show_json(
            {
                "ok": False,
                "name": found.name,
                "mistakes": [vars(mistake) for mistake in found.mistakes],
            }
        )
    else:
        for mistake in found.mistakes:
            client.err.print(f"{file}: {mistake}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def _format_value(value: Any) -> str:
    return (
        "nothing"
        if value is None
        else ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value)
    )


def _as_json(handover: Handover) -> dict[str, Any]:
    return {
        **handover._asdict(),
        "since": handover.since.isoformat(),
        "until": handover.until.isoformat(),
    }


def _as_words(handover: Handover) -> str:
    """`support-primary: bob instead of ann from Mon 2026-11-30 09:00 to … UTC`."""
    after, before = handover.after or "nobody", handover.before or "nobody"
    during = f"from {_format_time(handover.since)} to {_format_time(handover.until)}"
    return f"{handover.schedule}: {after} instead of {before} {during}"


def _format_time(at: datetime) -> str:
    return at.strftime("%a %Y-%m-%d %H:%M UTC")
