"""The projector: every public topic into MongoDB, batch by batch. It is the only writer of the views.

Order of steps: read what the batch touches → fold (`fold.py`, pure) → write it all in one transaction → commit the offsets.
A reader sees a batch whole or not at all, so one that is told of a timeline entry, or of a settled request, finds the rest.

How far the views go stands in the views themselves (`positions`, written in the same transaction, and only from where it
stood), so a crash repeats nothing, a second writer is noticed, and a database that was dropped, even under the running
projector, is built again from the log. What Kafka is told serves to measure the lag. One process: it numbers the stream.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from services.portal.fold import Changes, Counted, Fold, Place, needs, parse
from services.portal.projection import Doc
from shared import ids
from shared.bus import Batch, Consumer, Message, Producer, record_for
from shared.errors import Unavailable
from shared.events import DeadLetter
from shared.store import DeleteOne, Duplicate, ReplaceOne, Session, Store, UpdateOne
from shared.topics import CHANGELOG_WORKERS, PUBLIC, TOPICS, Topic

log = structlog.get_logger()

NAME = "portal.projector"
SOURCES: tuple[Topic, ...] = tuple(topic for topic in PUBLIC if NAME in topic.readers and topic.events)
GROUP = "portal-projector"

FACTS = Counter("signalbox_projected_total", "Events the projector has written to the views", ["topic"])
BATCH = Histogram("signalbox_projector_batch_seconds", "One batch: read, fold, write, commit")

_REMEMBERED = 5_000
"""Documents kept in memory between batches: a ticket's facts come close together, so more of them would only weigh."""
GATHER_S = 0.02
"""A batch is a transaction, and costs nearly the same with one fact or with fifty: a ticket's facts come within this time."""
SAY_EVERY_S = 1.0
_WORKED_BY_A_SPINE = frozenset(topic.name for topic in CHANGELOG_WORKERS.values())
"""Topics whose worker writes the dead letter itself."""

INDEXES: dict[str, tuple[tuple[tuple[str, int], ...], ...]] = {
    "tickets": (
        (("order_key", 1),), (("queue", 1), ("order_key", 1)), (("status", 1), ("order_key", 1)),
        (("queue", 1), ("status", 1), ("order_key", 1)),
        (("provider", 1), ("order_key", 1)), (("people", 1), ("order_key", 1)), (("people", 1), ("updated_key", -1)),
        (("updated_key", -1),), (("opened_key", -1),), (("words", 1),), (("due_at", 1),), (("incident_ids", 1),),
        (("partition", 1), ("queue", 1), ("status", 1), ("priority", 1)),
    ),
    "timeline": ((("ticket", 1), ("order", 1)), (("page", 1), ("seq", 1)), (("incident", 1), ("seq", 1)), (("feed", 1),)),
    "pages": ((("order_key", 1),), (("ticket_ids", 1),), (("state", 1), ("order_key", 1)), (("opened_at", 1),)),
    "incidents": ((("aggregate", 1), ("order_key", -1)), (("live", 1),), (("alert", 1),)),
    "notices": ((("state", 1), ("at", -1)), (("ticket", 1),), (("to", 1), ("at", 1)), (("cause", 1), ("state", 1))),
    "mail": ((("order_key", -1),), (("state", 1), ("order_key", -1)), (("why", 1), ("order_key", -1))),
    "mail_deliveries": ((("settled", 1),),),
    "dead_letters": ((("at", -1),),),
    "figures": ((("since", 1),),),
    "policies": ((("name", 1), ("version", -1)),),
    "directory": ((("kind", 1),), (("document.owner", 1),), (("document.collaborators", 1),)),
}  # fmt: skip


class Elsewhere(Exception):
    """The views do not stand where this process left them: they were dropped, or somebody else writes them."""


class Projector:
    """`await run()` until `stop()`. Raises Unavailable where it cannot go on: the supervisor starts it again."""

    def __init__(self, store: Store, consumer: Consumer, producer: Producer) -> None:
        self._store, self._consumer, self._producer = store, consumer, producer
        self._docs: OrderedDict[Place, Doc | None] = OrderedDict()
        self._counts: dict[Counted, int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._views = ""
        self._generation = -1
        self._feed = 0
        self._said: dict[tuple[str, int], int] = {}
        self._stopping = False
        self._trouble: str | None = "starting"

    async def unready(self) -> str | None:
        """None when it projects, else a sentence (a telemetry check)."""
        return self._trouble

    def stop(self) -> None:
        self._stopping = True
        self._consumer.finish()

    async def run(self) -> None:
        """See the class."""
        await self._consumer.start()
        try:
            self._trouble = None
            saying = asyncio.create_task(self._keep_saying())
            async for batch in self._consumer.batches(gather=GATHER_S):
                await self._until_done(batch)
            saying.cancel()
            await self._say_where_we_are()
        finally:
            self._trouble = "stopped"
            await self._consumer.stop()

    async def _until_done(self, batch: Batch) -> None:
        """MongoDB away: wait, then read again from where the views stand."""
        pause = 0.1
        while not self._stopping:
            try:
                await self._take(batch)
                self._trouble = None
                return
            except Elsewhere as error:
                log.warning("reading again from where the views stand", reason=str(error))
            except Unavailable as error:
                if error.what != "mongodb":
                    raise
                self._trouble = str(error)
                log.warning("the projector waits", error=str(error), seconds=pause)
            self._generation = -1
            await asyncio.sleep(pause)
            pause = min(2 * pause, 2.0)

    async def _take(self, batch: Batch) -> None:
        begun = time.perf_counter()
        if self._generation != self._consumer.generation:
            await self._begin()
            return
        messages = in_order(batch)
        events, poison = parse(messages)
        docs = await self._load(needs(events))
        fold = Fold(docs, max(self._feed, time.time_ns() // 1000))
        changes = fold.take(events)
        await self._write(changes, {where: found[-1].offset + 1 for where, found in batch.items()})
        self._next.update({where: found[-1].offset + 1 for where, found in batch.items()})
        self._feed = fold.feed
        self._remember(fold.docs)
        await self._report(poison)
        for (topic, _), found in batch.items():
            FACTS.labels(topic).inc(len(found))
        BATCH.observe(time.perf_counter() - begun)

    async def _keep_saying(self) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            async with self._consumer.lock:
                await self._say_where_we_are()

    async def _say_where_we_are(self) -> None:
        """Tell Kafka, for those who watch the lag; the views' own positions are what counts, so now and then is enough."""
        if self._generation == self._consumer.generation and self._said != self._next:
            self._said = dict(self._next)
            with contextlib.suppress(Unavailable):
                await self._consumer.commit_offsets({where: (end, "") for where, end in self._said.items()})

    async def _begin(self) -> None:
        """Other partitions are ours now, or a write may have half happened: forget, count afresh, read from where the views stand.

        The batch in hand was fetched from elsewhere and is dropped.
        """
        await prepare(self._store)
        self._docs.clear()
        made = await self._store["positions"].take(
            {"_id": "views"}, {"$setOnInsert": {"made": secrets.token_hex(8)}, "$inc": {"begun": 1}}, upsert=True
        )
        self._views = made["made"] if made else ""
        stand = {doc["_id"]: doc["next"] for doc in await self._store["positions"].find({"next": {"$gt": 0}})}
        self._next = {where: stand.get(f"{where[0]}/{where[1]}", 0) for where in self._consumer.assigned}
        for (topic, partition), offset in self._next.items():
            self._consumer.hold(topic, partition, offset)
            self._consumer.release(topic, partition)
        self._generation = self._consumer.generation
        partitions = sorted({partition for topic, partition in self._consumer.assigned if topic == "tickets"})
        self._counts = await recount(self._store, partitions)
        standing = await self._store["counts"].find({"partition": {"$in": partitions}})
        wrong = {Counted(doc["partition"], doc["queue"], doc["status"], doc["priority"]) for doc in standing} | set(self._counts)
        await self._store["counts"].bulk([self._counter(counted) for counted in wrong], ordered=False)
        newest = await self._store["timeline"].find({}, order=[("feed", -1)], limit=1, fields={"feed": 1})
        self._feed = newest[0]["feed"] if newest else 0

    async def _load(self, places: set[Place]) -> dict[Place, Doc | None]:
        docs: dict[Place, Doc | None] = {place: self._docs[place] for place in places if place in self._docs}
        missing: dict[str, list[str]] = {}
        for collection, name in places - docs.keys():
            missing.setdefault(collection, []).append(name)
        for collection, names in missing.items():
            found = {doc["_id"]: doc for doc in await self._store[collection].find({"_id": {"$in": names}})}
            docs.update({(collection, name): found.get(name) for name in names})
        return docs

    def _remember(self, docs: dict[Place, Doc | None]) -> None:
        for place, doc in docs.items():
            self._docs[place] = doc
            self._docs.move_to_end(place)
        while len(self._docs) > _REMEMBERED:
            self._docs.popitem(last=False)

    async def _write(self, changes: Changes, ends: dict[tuple[str, int], int]) -> None:
        for counted, delta in changes.counted.items():
            self._counts[counted] = self._counts.get(counted, 0) + delta
        writes: dict[str, list[Any]] = {
            collection: [_replacing(name, doc) for name, doc in docs.items()] for collection, docs in changes.replaced.items()
        }
        for collection, docs in changes.inserted.items():
            writes[collection] = [UpdateOne({"_id": name}, {"$setOnInsert": doc}, upsert=True) for name, doc in docs.items()]
        writes["requests"] = [_settling(name, doc) for name, doc in changes.settled.items()]
        writes["counts"] = [self._counter(counted) for counted in changes.counted]
        async with self._store.transaction() as session:
            await self._move(ends, session)
            for collection, mine in writes.items():
                await self._store[collection].bulk(mine, ordered=False, session=session)

    async def _move(self, ends: dict[tuple[str, int], int], session: Session) -> None:
        """The positions, each from where we left it to its end, in one round trip. Raises Elsewhere.

        The mark that was made with the views moves with them: a dropped database has lost it.
        """
        moves = [UpdateOne({"_id": "views", "made": self._views}, {"$inc": {"batches": 1}})]
        for (topic, partition), end in ends.items():
            stood = self._next[topic, partition]
            moves.append(UpdateOne({"_id": f"{topic}/{partition}", "next": stood}, {"$set": {"next": end}}, upsert=stood == 0))
        try:
            moved = await self._store["positions"].bulk(moves, session=session)
        except Duplicate as error:
            raise Elsewhere("a partition was begun by somebody else") from error
        if moved != len(moves):
            raise Elsewhere("the views were dropped, or do not stand where we left them")

    def _counter(self, counted: Counted) -> ReplaceOne[Doc]:
        doc = {"_id": counted.id, **counted._asdict(), "n": self._counts.get(counted, 0)}
        return ReplaceOne({"_id": counted.id}, doc, upsert=True)

    async def _report(self, poison: list[tuple[Message, str]]) -> None:
        """What nobody else reports becomes a dead letter."""
        for message, reason in poison:
            log.error("not an event", topic=message.topic, partition=message.partition, offset=message.offset, reason=reason)
            if message.topic not in _WORKED_BY_A_SPINE and message.topic != "dead-letters":
                await self._producer.send(record_for("dead-letters", letter(message, reason, datetime.now(UTC)), NAME))


def in_order(batch: Batch) -> list[Message]:
    """The batch's messages by topic in the order of `shared.topics.PUBLIC`: a ticket's facts before those of its clocks."""
    rank = {name: place for place, name in enumerate(TOPICS)}
    return [message for where in sorted(batch, key=lambda where: (rank[where[0]], where[1])) for message in batch[where]]


def letter(message: Message, reason: str, at: datetime) -> DeadLetter:
    """The dead letter of a message; its id is derived from where it stood."""
    return DeadLetter(
        id=ids.derive("dl", message.topic, str(message.partition), str(message.offset)), key=message.key, at=at, worker=NAME,
        topic=message.topic, partition=message.partition, offset=message.offset, reason=reason,
        raw=base64.b64encode(message.value).decode(),
    )  # fmt: skip


async def prepare(store: Store) -> None:
    """Create the collections and the indexes the views' queries go by."""
    for collection, indexes in INDEXES.items():
        for fields in indexes:
            await store[collection].index(fields)
    await store["timeline"].index([("data.attachments", 1)], sparse=True)


async def recount(store: Store, partitions: Iterable[int]) -> dict[Counted, int]:
    """The counters as the tickets themselves say: what the maintained ones must equal.

    Answered by an index alone: a million documents, to know which are opened, took longer than MongoDB is waited for. A ticket
    that is not opened has no queue. One partition at a time, so that no answer takes long.
    """
    by = {"queue": "$queue", "status": "$status", "priority": "$priority"}
    found: dict[Counted, int] = {}
    for partition in partitions:
        groups = await store["tickets"].aggregate([{"$match": {"partition": partition}}, {"$group": {"_id": by, "n": {"$sum": 1}}}])
        found |= {Counted(partition, **group["_id"]): int(group["n"]) for group in groups if group["_id"].get("queue") is not None}
    return found


def _replacing(name: str, doc: Doc | None) -> ReplaceOne[Doc] | DeleteOne:
    return DeleteOne({"_id": name}) if doc is None else ReplaceOne({"_id": name}, doc, upsert=True)


def _settling(name: str, doc: Doc) -> UpdateOne:
    """Facts and request come in either order: each sets what it knows."""
    facts = doc.get("facts", [])
    change: Doc = {"$set": {field: value for field, value in doc.items() if field != "facts"}}
    change["$addToSet"] = {"facts": {"$each": facts}}
    if "state" not in doc:
        change["$setOnInsert"] = {"state": "pending"}
    return UpdateOne({"_id": name}, change, upsert=True)
