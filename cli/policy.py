"""`signalbox policy check|diff|apply`: a policy document on its way into force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import BaseModel

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url
from cli.policy_file import MODELS, Checked, read

app = typer.Typer(help="Check a policy document, compare it with the one in force, apply it.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The document as YAML or JSON, or - for standard input.")]
Name = Annotated[str | None, typer.Option(help="default, on-call or components; otherwise the file's name, or what it holds.")]


@app.command()
def check(file: File, name: Name = None, as_json: AsJson = False) -> None:
    """Whether a document could be applied: every mistake with its line, its path and what to change. Exit code 1 if there is one."""
    found = usable(file, name, as_json)
    if as_json:
        client.show_json({"ok": True, "name": found.name, "mistakes": []})
    else:
        client.out.print(f"{file}: a policy {found.name!r} that can be applied", markup=False)


@app.command()
def diff(file: File, token: Token, name: Name = None, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """What would change: old → new, by path. Exit code 0 whether or not anything does."""
    found = usable(file, name, as_json)
    running = client.run(_running(url, token, found.name), url, as_json)
    changes = list(differing(MODELS[found.name].model_validate(running["document"]), found.policy)) if running else None
    if as_json:
        listed = [{"path": path, "old": old, "new": new} for path, old, new in changes or ()]
        client.show_json({"name": found.name, "version": running["version"] if running else None, "changes": listed})
    elif changes is None:
        client.out.print(f"no policy {found.name!r} is in force yet: all of it is new")
    elif not changes:
        client.out.print(f"the same as version {running['version']}")
    else:
        client.out.print(f"against version {running['version']}:")
        for path, old, new in changes:
            client.out.print(f"  {path}: {_shown(old)} → {_shown(new)}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def apply(
    file: File,
    token: Token,
    name: Name = None,
    note: Annotated[str, typer.Option(help="Why: kept beside the version.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Publish a document as the next version. What was decided before keeps its verdict; nothing is applied where it has a mistake."""
    found = usable(file, name, as_json)
    said = client.run(_apply(url, token, found, note), url, as_json)
    if as_json:
        client.show_json(said)
    elif said.get("unchanged"):
        client.out.print(f"{found.name}: version {said['version']} is the same already")
    else:
        client.out.print(f"{found.name}: version {said['version']} is in force for every request from now on")


async def _running(url: str, token: str, name: str) -> dict[str, Any]:
    async with client.api(url) as api:
        try:
            found, _ = await api.call("GET", f"/v1/policies/{name}", token=token)
        except client.ProblemAnswered as problem:
            if problem.status == 404:
                return {}
            raise
        return dict(found)


async def _apply(url: str, token: str, found: Checked, note: str) -> dict[str, Any]:
    async with client.api(url) as api:
        query = {"note": note} if note else {}
        said, _ = await api.call("PUT", f"/v1/policies/{found.name}", token=token, json=found.document, **query)
        return dict(said)


def usable(file: Path, name: str | None, as_json: bool) -> Checked:
    """The checked document, or the end of the command with every mistake and exit code 1."""
    if name is not None and name not in MODELS:
        raise typer.BadParameter(f"there are {', '.join(MODELS)}", param_hint="--name")
    found = read(file, name)
    if found.mistakes:
        _refuse(file, found, as_json)
    return found


def _refuse(file: Path, found: Checked, as_json: bool) -> NoReturn:
    if as_json:
        client.show_json({"ok": False, "name": found.name, "mistakes": [vars(mistake) for mistake in found.mistakes]})
    else:
        for mistake in found.mistakes:
            client.err.print(f"{file}: {mistake}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def differing(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, old, new) of every value that differs; None is what is not there. Entries of lists are told by what names them."""
    before, after = _parts(old), _parts(new)
    if before is None or after is None:
        if old != new:
            yield path, _plain(old), _plain(new)
        return
    for name in dict.fromkeys((*before, *after)):
        inner = f"{path}{name}" if name.startswith("[") or not path else f"{path}.{name}"
        if name in before and name in after:
            yield from differing(before[name], after[name], inner)
        else:
            yield inner, _plain(before.get(name)), _plain(after.get(name))
    if list(before) != list(after) and before.keys() == after.keys() and isinstance(old, tuple | list):
        yield f"{path} (order)", [name.strip("[]") for name in before], [name.strip("[]") for name in after]


_NAMED_BY = (("plan", "priority"), ("rule",), ("name",), ("schedule",), ("person", "since"))


def _parts(value: Any) -> Mapping[str, Any] | None:
    """What a value consists of by name; None for a plain one."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): inner for key, inner in value.items()}
    if isinstance(value, tuple | list) and value and all(isinstance(entry, BaseModel) for entry in value):
        return {f"[{_name(entry, number)}]": entry for number, entry in enumerate(value)}
    return None


def _name(entry: BaseModel, number: int) -> str:
    for names in _NAMED_BY:
        if all(getattr(entry, name, None) for name in names):
            return "/".join(str(_plain(getattr(entry, name))) for name in names)
    return str(number)


def _plain(value: Any) -> Any:
    """As a policy file would write it."""
    match value:
        case timedelta():
            return span(value)
        case Enum():
            return value.value
        case BaseModel():
            return value.model_dump(mode="json")
        case frozenset() | set():
            return sorted(str(_plain(each)) for each in value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | dict():
            return value
        case _:
            return str(value)


def span(value: timedelta) -> str:
    """30m, 4h, 2d."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0 and (unit != "d" or seconds > size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _shown(value: Any) -> str:
    return "nothing" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
