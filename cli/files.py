"""`signalbox files`: where attachments and mail as it came are kept, and moving them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Any

import typer

from cli import client
from cli.client import AsJson
from cli.proof.parallel import quietly
from cli.settings import CommandSettings
from shared.errors import Unavailable
from shared.files import FileHome, open_old
from shared.files.address import read_address
from shared.files.home import DESCRIBED, MARK
from shared.files.opening import home_of, open_home
from shared.files.with_old import OldFiles
from shared.settings import load
from shared.storage.store import Store

app = typer.Typer(
    help="Attachments and mail as it came: where they are kept, and moving them.",
    no_args_is_help=True,
)
# Bytes in memory, and files of one round trip.
_AT_ONCE_BYTES, _AT_ONCE = 32 * 1024 * 1024, 200


class NotMoved(Exception):
    """A file does not read back as it was. It is still where it was."""


@app.command()
def show(as_json: AsJson = False) -> None:
    """Where files are kept, how many there are, and what earlier releases left elsewhere."""
    _print(_run(_count(load(CommandSettings))), as_json=as_json)


@app.command()
def move(
    source: Annotated[
        str,
        typer.Option(
            "--from", help="Another address, as SIGNALBOX_FILES says one; else what is left there."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Move files to where SIGNALBOX_FILES says: from beside the views, where earlier releases kept
    them, or from another home.

    Each is read back before it goes from where it was. Services may go on meanwhile, as long as
    they know the new home; killed at any point, the same command goes on.
    """
    settings = load(CommandSettings)
    _print(_run(_move(settings, source)), as_json=as_json)


async def _move(settings: CommandSettings, source: str) -> dict[str, Any]:
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    home = open_home(home_of(settings), settings)
    old: FileHome = open_old(store)
    if source:
        at = read_address(source, settings.mongodb_uri, settings.mongodb_database)
        # Moving a place onto itself would delete each file after writing it.
        if at == home_of(settings):
            raise ValueError("files are kept there already: say the new place by SIGNALBOX_FILES")
        old = open_home(at, settings)
    try:
        return {"from": old.where, "to": home.where, "moved": await move_all(old, home)}
    finally:
        await home.close()
        await old.close()
        store.close()


async def move_all(old: FileHome, home: FileHome) -> int:
    """How many files were moved. Raises NotMoved, Unavailable."""
    moved, some, size = 0, list[str](), 0
    # A list of all names first: files go away while they are moved.
    for entry in [entry async for entry in old.entries()]:
        if entry.name == MARK:
            await old.delete(MARK)  # the new home gets one of its own
            continue
        some.append(entry.name)
        size += entry.size
        if size >= _AT_ONCE_BYTES or len(some) >= _AT_ONCE:
            moved += await _move_some(old, home, some)
            some, size = [], 0
    moved += await _move_some(old, home, some)
    # Only the old collections are dropped; a folder or a bucket stays, empty.
    if isinstance(old, OldFiles):
        await old.drop_if_empty()
    return moved


async def _move_some(old: FileHome, home: FileHome, names: list[str]) -> int:
    read = await asyncio.gather(*(old.get(name) for name in names))
    some = [(name, raw) for name, raw in zip(names, read, strict=True) if raw is not None]
    # Kept, read back, and only then removed from where it was.
    await home.put_many(some)
    for name, raw in some:
        # A description that is there already is newer: it came while this command ran.
        if await home.get(name) != raw and not name.startswith(DESCRIBED):
            raise NotMoved(f"{name} reads back from {home.where} as something else")
        await old.delete(name)
    return len(some)


async def _count(settings: CommandSettings) -> dict[str, Any]:
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    home, old = open_home(home_of(settings), settings), open_old(store)
    try:
        return {
            "kept_in": home.where,
            **await _sums(home),
            "left_beside_the_views": (await _sums(old))["files"],
        }
    finally:
        await home.close()
        store.close()


async def _sums(home: FileHome) -> dict[str, int]:
    found: Counter[str] = Counter(files=0, bytes=0)
    async for entry in home.entries():
        found["files"] += 1
        found["bytes"] += entry.size
    return dict(found)


def _run(work: Any) -> dict[str, Any]:
    quietly()
    try:
        return dict(asyncio.run(work))
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    except (NotMoved, ValueError) as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.REFUSED) from None


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        client.show_json(found)
        return
    for name, value in found.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        client.out.print(f"{name.replace('_', ' '):<22} {shown}", highlight=False, markup=False)
