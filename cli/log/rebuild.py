"""`signalbox rebuild`: the portal's views made anew beside the old ones, compared with them, and
put in their place.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from cli import client
from cli.client import AsJson
from cli.proof.parallel import quietly
from cli.settings import CommandSettings
from shared.bus import Consumer, Producer, Reader
from shared.errors import Unavailable
from shared.files import Descriptions, open_files
from shared.settings import load
from shared.storage.store import Collection, Session, Store
from shared.wire import Batch, Record

if TYPE_CHECKING:
    from services.portal.projector.loop import Projector

# A view of the projector that is missing here would stay as it was.
VIEWS = (
    "tickets",
    "timeline",
    "pages",
    "incidents",
    "mail",
    "mail_deliveries",
    "notices",
    "figures",
    "policies",
    "directory",
    "audit",
    "dead_letters",
    "requests",
    "counts",
    "shelves",
)
"""What the projector writes. Sessions and the outbox are others': they stay."""
POSITIONS = "positions"
BESIDE = "rebuilt."
# A snapshot fails where a collection was made a moment ago; the next try sees it.
TRIES = 5
LOOK_EVERY_S = 0.2


class ShadowStore(Store):
    """The same database, under other names: what is written here is seen by nobody."""

    def __getitem__(self, name: str) -> Collection:
        return super().__getitem__(BESIDE + name)


class SilentProducer(Producer):
    """Rebuilding reports nothing: the dead letters of the log were written when they came."""

    async def send(self, record: Record) -> int:
        return -1


Ends = dict[str, int]
"""`topic/partition` → the offset after the last record."""
Digests = dict[str, tuple[str, int]]
"""Collection → (digest, documents)."""


class BoundedConsumer(Consumer):
    """Reads each partition up to an end and no further, so that the views stand at one place of the
    log while it grows.
    """

    ends: Ends

    async def fetch(self, max_wait: float) -> tuple[int, Batch]:
        """As `Consumer.fetch`, without what stands at the ends or after them."""
        generation, batch = await super().fetch(max_wait)
        left: Batch = {}
        for (topic, partition), messages in batch.items():
            # A partition without an end was empty at the start: nothing of it is read yet.
            end = self.ends.get(f"{topic}/{partition}", 0)
            if messages[-1].offset >= end:
                messages = [message for message in messages if message.offset < end]
                self.hold(topic, partition, end)
            if messages:
                left[topic, partition] = messages
        return generation, left

    def go_on_to(self, ends: Ends) -> None:
        """Read on, up to these ends."""
        self.ends = ends
        for topic, partition in self.assigned:
            self.release(topic, partition)


@dataclass(frozen=True)
class ProjectionRun:
    """The projector at work beside the views, and what it reads with."""

    task: asyncio.Task[None]
    consumer: BoundedConsumer


def rebuild(
    switch: Annotated[
        bool, typer.Option(help="Put the new views in place of the old ones.")
    ] = True,
    force: Annotated[
        bool,
        typer.Option(help="Also where they differ: that is why one rebuilds views that are wrong."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the views anew from the log, compare them collection by collection, and switch.
    Services may go on meanwhile.

    The new views are collections `rebuilt.*` of the same database. They are built up to where the
    old ones stand when the command starts, and compared with a snapshot of these; then up to the
    end of the log, and renamed into place one by one, the projector's positions last: it notices
    and goes on from there, so nothing is lost or counted twice. Exit code 1 where the views differ.
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
            client.out.print(
                f"{name:<14} {view['documents']:>9,}  {view['new'][:16]}  {state}", highlight=False
            )
        client.out.print(
            f"{'switched' if told['switched'] else 'not switched'} in {told['seconds']} s"
        )
    if not told["equal"]:
        raise typer.Exit(1)


async def _rebuild(settings: CommandSettings, switch: bool, force: bool) -> dict[str, Any]:
    old, new = (
        Store(settings.mongodb_uri, settings.mongodb_database),
        ShadowStore(settings.mongodb_uri, settings.mongodb_database),
    )
    # what earlier releases left stands beside the old views, under its own name
    files = open_files(settings, old)
    try:
        # Rests of a rebuild that was killed.
        await clear(old)
        # Position and contents of one moment: read apart, they would differ while the projector
        # works.
        stand, before = await look_at(old)
        there = bool(stand)
        stand = stand or await ends_of(settings)
        async with run_projector(settings, new, stand, Descriptions(files)) as running:
            await caught_up(new, running, stand)
            compared = {name: (before.get(name), await digest(new[name])) for name in VIEWS}
            # New views beside nothing are no difference.
            equal = all(was is None or was == now for was, now in compared.values())
            switched = switch and (equal or force)
            if switched:
                # From here on to the log's end: services went on while the views were built.
                ends = await ends_of(settings)
                running.consumer.go_on_to(ends)
                await caught_up(new, running, ends)
        if switched:
            await put_in_place(old)
        # Also without a switch: nothing stays beside.
        await clear(old)
    finally:
        await files.close()
        old.close()
        new.close()
    views = {
        name: {
            "old": was and was[0],
            "new": now[0],
            "documents": now[1],
            "equal": was is None or was == now,
        }
        for name, (was, now) in compared.items()
    }
    return {
        "equal": equal,
        "switched": switched,
        "compared": there,
        "records": sum(stand.values()),
        "collections": views,
    }


async def clear(store: Store) -> None:
    """Drop what an earlier rebuild left."""
    for name in await store.collections():
        if name.startswith(BESIDE):
            await store[name].drop()


@contextlib.asynccontextmanager
async def run_projector(
    settings: CommandSettings, store: Store, ends: Ends, files: Descriptions
) -> AsyncIterator[ProjectionRun]:
    """The portal's own projector at work on `store`, up to `ends`, in a consumer group of its
    own.
    """
    from services.portal.projector.loop import GROUP, SOURCES, Projector

    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    # a new one: what an earlier rebuild committed must not be begun from
    group = f"{GROUP}-rebuild-{secrets.token_hex(4)}"
    consumer = BoundedConsumer(
        bootstrap, prefix, group, [topic.name for topic in SOURCES], max_records=2000
    )
    consumer.ends = ends
    projector: Projector = Projector(
        store, consumer, SilentProducer(bootstrap, prefix, group), files=files
    )
    running = asyncio.create_task(projector.run())
    try:
        yield ProjectionRun(running, consumer)
    finally:
        projector.stop()
        await asyncio.wait({running})
    await running


async def positions(store: Store) -> dict[str, int]:
    """`topic/partition` → the next offset the views have not."""
    return {
        doc["_id"]: int(doc["next"]) for doc in await store[POSITIONS].find({"next": {"$gt": 0}})
    }


async def look_at(old: Store) -> tuple[Ends, Digests]:
    """Where the old views stand, and what they say there: of one moment, though they are written
    meanwhile. Both empty where there are none. Raises Unavailable.
    """
    for turn in range(TRIES):
        try:
            async with old.snapshot() as session:
                stand = {
                    doc["_id"]: int(doc["next"])
                    async for doc in old[POSITIONS].each({"next": {"$gt": 0}}, session=session)
                }
                if not stand:
                    return {}, {}
                return stand, {name: await digest(old[name], session) for name in VIEWS}
        except Unavailable:
            # A collection that has just been made or dropped has no past to read yet.
            if turn + 1 == TRIES:
                raise
            await asyncio.sleep(1.0)
    raise AssertionError("unreachable")


async def ends_of(settings: CommandSettings) -> Ends:
    """The ends of everything the projector reads, as they are now. Raises Unavailable."""
    from services.portal.projector.loop import SOURCES

    reader = Reader(
        settings.kafka_bootstrap_servers, settings.topic_prefix, client_id="signalbox-rebuild"
    )
    await reader.start()
    try:
        places = [
            (topic.name, partition)
            for topic in SOURCES
            for partition in range(await reader.partitions(topic.name))
        ]
        ends, begins = await reader.ends(places), await reader.begins(places)
    finally:
        await reader.stop()
    # A partition without a record is left out: the views can have no position there.
    return {
        f"{topic}/{partition}": end
        for (topic, partition), end in ends.items()
        if end > begins[topic, partition]
    }


async def caught_up(store: Store, running: ProjectionRun, ends: Ends) -> None:
    """Until the views stand there. Raises Unavailable where the projector ended."""
    while True:
        stand = await positions(store)
        if all(stand.get(place, 0) >= end for place, end in ends.items()):
            return
        await _still(running.task)


async def _still(running: asyncio.Task[None]) -> None:
    await asyncio.wait({running}, timeout=LOOK_EVERY_S)
    if running.done():
        running.result()
        raise Unavailable("projector", "it ended before the views were built")


async def digest(collection: Collection, session: Session | None = None) -> tuple[str, int]:
    """(hash, documents) of what a collection says; in whatever order it says it."""
    # Added up, not hashed one after the other: the order of documents does not matter.
    total = count = 0
    async for document in collection.each({}, session=session):
        total = (
            total + int.from_bytes(hashlib.sha256(canonical(collection.name, document)).digest())
        ) % (1 << 256)
        count += 1
    return f"{total:064x}", count


def canonical(collection: str, document: Mapping[str, Any]) -> bytes:
    """A document as it is compared: without what depends on when it was projected.

    `feed` numbers the stream; whom a clock's entry is shown to depends on how far the ticket's own
    facts had been read; a file's name, by which its ticket is found, is where the file is, and not
    in the log.
    """
    from services.portal.projector.files import HAS_FILE

    kept = {name: value for name, value in document.items() if name != "feed"}
    if "unnamed" in kept or any(str(word).startswith(HAS_FILE) for word in kept.get("words") or ()):
        kept = {name: value for name, value in kept.items() if name not in ("words", "unnamed")}
    if collection.endswith("timeline") and kept.get("topic") == "clocks":
        kept.pop("seen_by", None)
    if isinstance(kept.get("facts"), list):
        kept["facts"] = sorted(kept["facts"])
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)


async def put_in_place(store: Store) -> None:
    """The new views under the names of the old ones. The stream's numbers are kept, so that no
    browser is told it all again.

    `positions` come last: a projector at work meanwhile finds its mark gone, and folds again what
    the new views lack.
    """
    merge = {
        "into": f"{BESIDE}timeline",
        "on": "_id",
        "whenMatched": "merge",
        "whenNotMatched": "discard",
    }
    await store["timeline"].aggregate([{"$project": {"feed": 1}}, {"$merge": merge}])
    made = set(await store.collections())
    for name in (*VIEWS, POSITIONS):
        if BESIDE + name in made:
            await store[BESIDE + name].rename(name)
        else:
            await store[name].delete({})
