"""`signalbox rebuild`: the portal's views made anew beside the old ones, compared with them, and put in their place."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from cli import client
from cli.client import AsJson
from cli.proof.spread import quietly
from cli.settings import CommandSettings
from shared.bus import Consumer, Producer, Reader
from shared.errors import Unavailable
from shared.settings import load
from shared.store import Collection, Store
from shared.wire import Record

if TYPE_CHECKING:
    from services.portal.projector import Projector

VIEWS = (
    "tickets", "timeline", "pages", "incidents", "mail", "mail_deliveries", "notices", "figures", "policies", "directory", "dead_letters",
    "requests", "counts",
)  # fmt: skip
"""What the projector writes. Sessions and the outbox are others': they stay."""
POSITIONS = "positions"
BESIDE = "rebuilt."
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.2


class Beside(Store):
    """The same database, under other names: what is written here is seen by nobody."""

    def __getitem__(self, name: str) -> Collection:
        return super().__getitem__(BESIDE + name)


class Nowhere(Producer):
    """Rebuilding reports nothing: the dead letters of the log were written when they came."""

    async def send(self, record: Record) -> int:
        return -1


def rebuild(
    switch: Annotated[bool, typer.Option(help="Put the new views in place of the old ones.")] = True,
    force: Annotated[bool, typer.Option(help="Also where they differ: that is why one rebuilds views that are wrong.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build the views anew from the log, compare them collection by collection, and switch. Services may go on meanwhile.

    The new views are collections `rebuilt.*` of the same database, renamed into place one by one, the projector's positions
    last: it notices and goes on from there, so nothing is lost or counted twice. Exit code 1 where the views differ.
    """
    settings = load(CommandSettings)
    quietly()
    began = time.monotonic()
    try:
        told = asyncio.run(_rebuild(settings, switch, force))
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    told["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        client.show_json(told)
    else:
        for name, view in told["collections"].items():
            state = "new" if view["old"] is None else "equal" if view["equal"] else "DIFFERENT"
            client.out.print(f"{name:<14} {view['documents']:>9,}  {view['new'][:16]}  {state}", highlight=False)
        client.out.print(f"{'switched' if told['switched'] else 'not switched'} in {told['seconds']} s")
    if not told["equal"]:
        raise typer.Exit(1)


async def _rebuild(settings: CommandSettings, switch: bool, force: bool) -> dict[str, Any]:
    old, new = Store(settings.mongodb_uri, settings.mongodb_database), Beside(settings.mongodb_uri, settings.mongodb_database)
    try:
        await clear(old)
        async with projecting(settings, new) as running:
            there = bool(await positions(old))
            await caught_up(settings, new, running)
            compared, records = await compare(old if there else None, new, running)
        equal = all(before is None or before == after for before, after in compared.values())
        switched = switch and (equal or force)
        if switched:
            await put_in_place(old)
        await clear(old)
    finally:
        old.close()
        new.close()
    views = {
        name: {"old": before and before[0], "new": after[0], "documents": after[1], "equal": before is None or before == after}
        for name, (before, after) in compared.items()
    }
    return {"equal": equal, "switched": switched, "compared": there, "records": records, "collections": views}


async def clear(store: Store) -> None:
    """Drop what an earlier rebuild left."""
    for name in await store.collections():
        if name.startswith(BESIDE):
            await store[name].drop()


@contextlib.asynccontextmanager
async def projecting(settings: CommandSettings, store: Store) -> AsyncIterator[asyncio.Task[None]]:
    """The portal's own projector at work on `store`, in a consumer group of its own."""
    from services.portal.projector import GROUP, SOURCES, Projector

    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    group = f"{GROUP}-rebuild-{secrets.token_hex(4)}"  # a new one: what an earlier rebuild committed must not be begun from
    consumer = Consumer(bootstrap, prefix, group, [topic.name for topic in SOURCES], max_records=2000)
    projector: Projector = Projector(store, consumer, Nowhere(bootstrap, prefix, group))
    running = asyncio.create_task(projector.run())
    try:
        yield running
    finally:
        projector.stop()
        await asyncio.wait({running})
    await running


async def positions(store: Store) -> dict[str, int]:
    """`topic/partition` → the next offset the views have not."""
    return {doc["_id"]: int(doc["next"]) for doc in await store[POSITIONS].find({"next": {"$gt": 0}})}


async def caught_up(settings: CommandSettings, store: Store, running: asyncio.Task[None]) -> None:
    """Until the views hold everything that was in the log at the call. Raises Unavailable where the projector ended."""
    from services.portal.projector import SOURCES

    reader = Reader(settings.kafka_bootstrap_servers, settings.topic_prefix, client_id="signalbox-rebuild")
    await reader.start()
    try:
        places = [(topic.name, partition) for topic in SOURCES for partition in range(await reader.partitions(topic.name))]
        ends, begins = await reader.ends(places), await reader.begins(places)
    finally:
        await reader.stop()
    wanted = {f"{topic}/{partition}": end for (topic, partition), end in ends.items() if end > begins[topic, partition]}
    while True:
        stand = await positions(store)
        if all(stand.get(place, 0) >= end for place, end in wanted.items()):
            return
        await _still(running)


async def compare(old: Store | None, new: Store, running: asyncio.Task[None]) -> tuple[dict[str, tuple[Any, Any]], int]:
    """Collection → (digest, digest), taken while both stand at the same place, and how many records of the log that place is.

    The first digest is None where there is no old one. Raises Unavailable where they never stand still.
    """
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        stand = await positions(new)
        if old is None or stand == await positions(old):
            found = {name: (await digest(old[name]) if old else None, await digest(new[name])) for name in VIEWS}
            if stand == await positions(new) and (old is None or stand == await positions(old)):
                return found, sum(stand.values())
        await _still(running)
    raise Unavailable("views", f"old and new did not stand still at one place in {PATIENCE_S:.0f} s; stop the projector and try again")


async def _still(running: asyncio.Task[None]) -> None:
    await asyncio.wait({running}, timeout=LOOK_EVERY_S)
    if running.done():
        running.result()
        raise Unavailable("projector", "it ended before the views were built")


async def digest(collection: Collection) -> tuple[str, int]:
    """(hash, documents) of what a collection says; in whatever order it says it."""
    total = count = 0
    async for document in collection.each({}):
        total = (total + int.from_bytes(hashlib.sha256(canonical(collection.name, document)).digest())) % (1 << 256)
        count += 1
    return f"{total:064x}", count


def canonical(collection: str, document: Mapping[str, Any]) -> bytes:
    """A document as it is compared: without what depends on when it was projected.

    `feed` numbers the stream; whom a clock's entry is shown to depends on how far the ticket's own facts had been read.
    """
    kept = {name: value for name, value in document.items() if name != "feed"}
    if collection.endswith("timeline") and kept.get("topic") == "clocks":
        kept.pop("seen_by", None)
    if isinstance(kept.get("facts"), list):
        kept["facts"] = sorted(kept["facts"])
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)


async def put_in_place(store: Store) -> None:
    """The new views under the names of the old ones. The stream's numbers are kept, so that no browser is told it all again.

    `positions` come last: a projector at work meanwhile finds its mark gone, and folds again what the new views lack.
    """
    merge = {"into": f"{BESIDE}timeline", "on": "_id", "whenMatched": "merge", "whenNotMatched": "discard"}
    await store["timeline"].aggregate([{"$project": {"feed": 1}}, {"$merge": merge}])
    made = set(await store.collections())
    for name in (*VIEWS, POSITIONS):
        if BESIDE + name in made:
            await store[BESIDE + name].rename(name)
        else:
            await store[name].delete({})
