"""The projector: every public topic into MongoDB, batch by batch. It is the only writer of the
views.

Order of steps: read what the batch touches → fold (`batch.py`, pure) → write it all in one
transaction → commit the offsets. A reader sees a batch whole or not at all, so one that is told of
a timeline entry, or of a settled request, finds the rest.

How far the views go stands in the views themselves (`positions`, written in the same transaction,
and only from where it stood), so a crash repeats nothing, a second writer is noticed, and a
database that was dropped, even under the running projector, is built again from the log. What Kafka
is told serves to measure the lag. One process: it numbers the stream.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from services.portal.projector import shelving
from services.portal.projector.batch import (
    Changes,
    Fold,
    Place,
    TicketCounter,
    list_needed_docs,
    parse,
)
from services.portal.projector.files import find_wanted_files
from services.portal.projector.shelving import SHELVES
from services.portal.projector.tickets import Doc
from shared import ids
from shared.bus import Batch, Consumer, Message, Producer, record_for
from shared.errors import Unavailable
from shared.events import DeadLetter, Event
from shared.files import Descriptions
from shared.storage.lease import Lease
from shared.storage.store import DeleteOne, Duplicate, ReplaceOne, Session, Store, UpdateOne
from shared.telemetry import trace_export
from shared.telemetry.log_context import bind_log_context
from shared.telemetry.logs import Note
from shared.topics import CHANGELOG_WORKERS, PUBLIC, TOPICS, Topic

log = structlog.get_logger()

NAME = "portal.projector"
SOURCES: tuple[Topic, ...] = tuple(
    topic for topic in PUBLIC if NAME in topic.readers and topic.events
)
GROUP = "portal-projector"

FACTS = Counter(
    "signalbox_projected_total", "Events the projector has written to the views", ["topic"]
)
BATCH = Histogram("signalbox_projector_batch_seconds", "One batch: read, fold, write, commit")

_REMEMBERED = 5_000
"""Documents kept in memory between batches: a ticket's facts come close together, so more of them
would only weigh.
"""
GATHER_S = 0.02
"""A batch is a transaction, and costs nearly the same with one fact or with fifty: a ticket's facts
come within this time.
"""
FILE_TRIES, FILE_PAUSE_S = 4, 0.05
"""How often a batch looks for the names of its files, and how long it waits in between."""
SAY_EVERY_S = 1.0
LOOK_AFTER = 5
"""Said so often, the projector looks whether the views are still there."""
LOOK_AGAIN_S = 1.0
"""Who stands by looks so often whether the views are free."""
_WORKED_BY_A_SPINE = frozenset(topic.name for topic in CHANGELOG_WORKERS.values())
"""Topics whose worker writes the dead letter itself."""

# A line for each query that must not read a whole collection: what is compared comes first, what is
# sorted by last.
INDEXES: dict[str, tuple[tuple[tuple[str, int], ...], ...]] = {
    "tickets": (
        # Lists by urgency: all, of a queue, of a status, of both, of a provider, of a person.
        (("order_key", 1),),
        (("queue", 1), ("order_key", 1)),
        (("status", 1), ("order_key", 1)),
        (("queue", 1), ("status", 1), ("order_key", 1)),
        (("provider", 1), ("order_key", 1)),
        (("people", 1), ("order_key", 1)),
        # Lists by what changed last, and by what was opened last.
        (("people", 1), ("updated_key", -1)),
        (("updated_key", -1),),
        (("opened_key", -1),),
        # The homes of the desk, in their two orders.
        (("shelves", 1), ("desk_key", 1)),
        (("shelves", 1), ("due_key", 1)),
        # Search: one entry for each word (`index_words`).
        (("words", 1),),
        (("tags", 1), ("updated_key", -1)),
        (("due_at", 1),),
        (("incident_ids", 1),),
        (("doubtful_reply.at", -1),),
        # Answers `recount` without reading a ticket.
        (("partition", 1), ("queue", 1), ("status", 1), ("priority", 1)),
    ),
    "timeline": (
        # What a ticket, a page or an incident shows; `feed` is the order of the live stream.
        (("ticket", 1), ("order", 1)),
        (("page", 1), ("seq", 1)),
        (("incident", 1), ("seq", 1)),
        (("feed", 1),),
    ),
    "pages": (
        (("order_key", 1),),
        (("ticket_ids", 1),),
        (("state", 1), ("order_key", 1)),
        (("opened_at", 1),),
    ),
    "incidents": ((("aggregate", 1), ("order_key", -1)), (("live", 1),)),
    "notices": (
        (("state", 1), ("at", -1)),
        (("ticket", 1),),
        (("to", 1), ("at", 1)),
        (("cause", 1), ("state", 1)),
    ),
    "mail": (
        (("order_key", -1),),
        (("state", 1), ("order_key", -1)),
        (("why", 1), ("order_key", -1)),
        (("ticket_id", 1), ("order_key", -1)),
    ),
    "dead_letters": ((("at", -1),),),
    "figures": ((("since", 1),),),
    "policies": ((("name", 1), ("version", -1)),),
    "audit": (
        (("at", -1), ("_id", -1)),
        (("about", 1), ("at", -1), ("_id", -1)),
        (("kind", 1), ("at", -1), ("_id", -1)),
        (("by", 1), ("at", -1), ("_id", -1)),
    ),
    "directory": ((("kind", 1),), (("document.owner", 1),), (("document.collaborators", 1),)),
}


PARTIAL: tuple[tuple[tuple[tuple[str, int], ...], str], ...] = (
    ((("people", 1), ("solved_at", -1)), "solved_at"),
    ((("requester", 1), ("rating.at", -1)), "rating.at"),
    ((("follows", 1),), "follows"),
)
"""Indexes of `tickets` that hold only those which have the field named: a ticket costs them nothing
until it is solved, or rated, and where it follows none.
"""


class ViewsMoved(Exception):
    """The views do not stand where this process left them: they were dropped, or somebody else
    writes them.
    """


class Projector:
    """`await run()` until `stop()`. Raises Unavailable where it cannot go on: the supervisor starts
    it again.

    One process at a time has the views (`shared/storage/lease.py`), any other stands by and is
    ready. Two could not share them: a document takes facts of several topics and keys, so of
    partitions that two members of a group would have.
    """

    def __init__(
        self,
        store: Store,
        consumer: Consumer,
        producer: Producer,
        name: str = "projector",
        files: Descriptions | None = None,
    ) -> None:
        self._store, self._consumer, self._producer = store, consumer, producer
        self._files = files
        self._lease = Lease(store, "views", name)
        self._standing_by: str | None = None
        self._docs: OrderedDict[Place, Doc | None] = OrderedDict()
        self._counts: dict[TicketCounter, int] = {}
        self._shelves: dict[str, int] = {}
        # Where this process stands in each partition; the database must agree (`_move`).
        self._next: dict[tuple[str, int], int] = {}
        self._views = ""
        # No generation of the consumer: the first batch begins with a look at the views.
        self._generation = -1
        self._feed = 0
        self._said: dict[tuple[str, int], int] = {}
        self._lost_at: dict[tuple[str, int], int] = {}
        """Where views that were dropped stood."""
        self._stopping = False
        self.trouble: str | None = "starting"
        """What it waits for, in words; None while it projects."""

    async def unready(self) -> str | None:
        """None when it projects, else a sentence (a telemetry check)."""
        if self._standing_by is not None:
            return Note(f"{self._standing_by} keeps the views, this projector stands by")
        return (
            self.trouble
            or describe_loss(self._lost_at, self._next)
            or await self._consumer.unready()
        )

    def stop(self) -> None:
        self._stopping = True
        self._consumer.finish()

    async def run(self) -> None:
        """See the class."""
        if not await self._has_the_views():
            return
        # Without the lease another process may write: its loss ends this one.
        keeping = asyncio.create_task(self._keep_the_views())
        try:
            await self._consumer.start()
            self.trouble = None
            saying = asyncio.create_task(self._keep_committing())
            async for batch in self._consumer.batches(gather=GATHER_S):
                await self._take_until_done(batch)
            saying.cancel()
            await self._commit_positions()
        finally:
            self.trouble = "stopped"
            keeping.cancel()
            await self._consumer.stop()
            # A lease that nobody renews runs out by itself.
            with contextlib.suppress(Unavailable):
                await self._lease.leave()

    async def _has_the_views(self) -> bool:
        """Wait for the lease. False: stopped meanwhile."""
        while not self._stopping:
            try:
                other = await self._lease.take()
                if other is None:
                    self._standing_by = None
                    return True
                if other != self._standing_by:
                    log.info("standing by", owner=other)
                self._standing_by = other
            except Unavailable as error:
                self.trouble = str(error)
                log.warning("the projector waits", error=str(error))
            await asyncio.sleep(LOOK_AGAIN_S)
        return False

    async def _keep_the_views(self) -> None:
        await self._lease.keep()
        self.stop()

    async def _take_until_done(self, batch: Batch) -> None:
        """MongoDB away: wait, then read again from where the views stand."""
        pause = 0.1
        while not self._stopping:
            try:
                await self._take(batch)
                self.trouble = None
                return
            except ViewsMoved as error:
                log.warning("reading again from where the views stand", reason=str(error))
            except Unavailable as error:
                # Only the database is waited for here; for anything else the process starts afresh.
                if error.what != "mongodb":
                    raise
                self.trouble = str(error)
                log.warning("the projector waits", error=str(error), seconds=pause)
            # The write may have happened after all: only the views know, so look there first.
            self._generation = -1
            await asyncio.sleep(pause)
            pause = min(2 * pause, 2.0)

    async def _take(self, batch: Batch) -> None:
        begun = time.perf_counter()
        # Partitions moved, or the last write failed: this batch begins at the wrong place.
        if self._generation != self._consumer.generation:
            await self._begin()
            return
        messages = sort_messages(batch)
        events, poison = parse(messages)
        docs = await self._load(list_needed_docs(events))
        names = await self._file_names([read.event for read in events], docs)
        # At least the clock's microseconds: the feed never goes back, even over views that were
        # dropped.
        fold = Fold(docs, max(self._feed, time.time_ns() // 1000), names)
        changes = fold.take(events)
        # First, since behind the written position nobody looks again. Once more is the same letter.
        await self._report(poison)
        # One transaction: what the batch changed, and how far the log is read now.
        await self._write(changes, {where: found[-1].offset + 1 for where, found in batch.items()})
        self._next.update({where: found[-1].offset + 1 for where, found in batch.items()})
        self._feed = fold.feed
        # Only after the write: a document that was not written must not be remembered.
        self._remember(fold.docs)
        for (topic, _), found in batch.items():
            FACTS.labels(topic).inc(len(found))
        BATCH.observe(time.perf_counter() - begun)
        trace_export.tell_of_records(NAME, messages, time.perf_counter() - begun)

    async def _keep_committing(self) -> None:
        for turn in itertools.count(1):
            await asyncio.sleep(SAY_EVERY_S)
            # No batch is in hand while the lock is held.
            async with self._consumer.lock:
                await self._commit_positions()
                if turn % LOOK_AFTER == 0:
                    with contextlib.suppress(Unavailable):  # the next batch finds out
                        await self._begin_if_dropped()

    async def _begin_if_dropped(self) -> None:
        """Views that were dropped while nothing comes are made anew all the same."""
        if self._generation != self._consumer.generation:
            return
        ours = {"_id": "views", "made": self._views}
        if await self._store["positions"].find_one(ours) is None:
            await self._begin()

    async def _commit_positions(self) -> None:
        """Tell Kafka, for those who watch the lag; the views' own positions are what counts, so now
        and then is enough.
        """
        if self._generation == self._consumer.generation and self._said != self._next:
            self._said = dict(self._next)
            # The lag is shown too high for a moment; nothing else depends on it.
            with contextlib.suppress(Unavailable):
                await self._consumer.commit_offsets(
                    {where: (end, "") for where, end in self._said.items()}
                )

    async def _begin(self) -> None:
        """Other partitions are ours now, or a write may have half happened: forget, count afresh,
        read from where the views stand.

        The batch in hand was fetched from elsewhere and is dropped.
        """
        # First, since all that follows writes.
        if (other := await self._lease.take()) is not None:
            raise Unavailable("views", f"{other} keeps them now")
        # A dropped database has lost its indexes as well.
        await prepare(self._store)
        self._docs.clear()
        # The mark of these views: made with them once and lost with them, which is how a drop is
        # noticed.
        made = await self._store["positions"].take(
            {"_id": "views"},
            {
                "$setOnInsert": {"made": secrets.token_hex(8), "shape": shelving.SHAPE},
                "$inc": {"begun": 1},
                "$set": {"owner": self._lease.owner},
            },
            upsert=True,
        )
        self._views = made["made"] if made else ""
        stand = {
            doc["_id"]: doc["next"]
            for doc in await self._store["positions"].find({"next": {"$gt": 0}})
        }
        # No position stands though this process had written some: the database was dropped.
        if not stand and any(self._next.values()):
            self._lost_at = dict(self._next)
            log.error(
                "the views were dropped, they are made anew from the log",
                database=self._store.database.name,
            )
        self._next = {
            where: stand.get(f"{where[0]}/{where[1]}", 0) for where in self._consumer.assigned
        }
        # To hold and to release is how the consumer is sent to an offset.
        for (topic, partition), offset in self._next.items():
            self._consumer.hold(topic, partition, offset)
            self._consumer.release(topic, partition)
        self._generation = self._consumer.generation
        # Counters are derived: count them afresh, and set those to 0 that no ticket has any more.
        partitions = sorted(
            {partition for topic, partition in self._consumer.assigned if topic == "tickets"}
        )
        self._counts = await recount(self._store, partitions)
        standing = await self._store["counts"].find({"partition": {"$in": partitions}})
        wrong = {
            TicketCounter(doc["partition"], doc["queue"], doc["status"], doc["priority"])
            for doc in standing
        } | set(self._counts)
        await self._store["counts"].bulk(
            [self._counter(counted) for counted in wrong], ordered=False
        )
        self._shelves = await shelving.begin(self._store)
        newest = await self._store["timeline"].find(
            {}, order=[("feed", -1)], limit=1, fields={"feed": 1}
        )
        self._feed = newest[0]["feed"] if newest else 0

    async def _load(self, places: set[Place]) -> dict[Place, Doc | None]:
        docs: dict[Place, Doc | None] = {
            place: self._docs[place] for place in places if place in self._docs
        }
        missing: dict[str, list[str]] = {}
        for collection, name in places - docs.keys():
            missing.setdefault(collection, []).append(name)
        for collection, names in missing.items():
            found = {
                doc["_id"]: doc
                for doc in await self._store[collection].find({"_id": {"$in": names}})
            }
            docs.update({(collection, name): found.get(name) for name in names})
        return docs

    async def _file_names(
        self, events: Sequence[Event], docs: Mapping[Place, Doc | None]
    ) -> dict[str, str]:
        """Names of the files that the batch is about. Intake puts a file away within milliseconds;
        a batch waits for it for a moment, and goes on without.
        """
        fresh, late = find_wanted_files(events, docs.values())
        names: dict[str, str] = {}
        if self._files is None or not (fresh or late):
            return names
        # Waits for the files of this batch only; late ones are asked for on the way.
        for _ in range(FILE_TRIES):
            try:
                found = await self._files.find(sorted((fresh | late) - names.keys()))
            except Unavailable as error:
                # Names only help the search: no reason to hold the batch.
                log.warning("files are shown without being found by name", error=str(error))
                break
            names.update({name: str(said.get("name") or "") for name, said in found.items()})
            if fresh <= names.keys():
                break
            await asyncio.sleep(FILE_PAUSE_S)
        return names

    def _remember(self, docs: dict[Place, Doc | None]) -> None:
        for place, doc in docs.items():
            self._docs[place] = doc
            self._docs.move_to_end(place)
        # What was used the longest ago goes first.
        while len(self._docs) > _REMEMBERED:
            self._docs.popitem(last=False)

    async def _write(self, changes: Changes, ends: dict[tuple[str, int], int]) -> None:
        # Before the write: where that fails, `_begin` counts afresh.
        for counted, delta in changes.counted.items():
            self._counts[counted] = self._counts.get(counted, 0) + delta
        for name, delta in changes.shelved.items():
            self._shelves[name] = self._shelves.get(name, 0) + delta
        writes: dict[str, list[Any]] = {
            collection: [_make_replace(name, doc) for name, doc in docs.items()]
            for collection, docs in changes.replaced.items()
        }
        for collection, docs in changes.inserted.items():
            writes[collection] = [
                UpdateOne({"_id": name}, {"$setOnInsert": doc}, upsert=True)
                for name, doc in docs.items()
            ]
        writes["requests"] = [
            _make_settle_update(name, doc) for name, doc in changes.settled.items()
        ]
        writes["counts"] = [self._counter(counted) for counted in changes.counted]
        writes[SHELVES] = [shelving.counter(name, self._shelves[name]) for name in changes.shelved]
        async with self._store.transaction() as session:
            # First: a second writer is noticed before anything else is written.
            await self._move(ends, session)
            for collection, mine in writes.items():
                await self._store[collection].bulk(mine, ordered=False, session=session)

    async def _move(self, ends: dict[tuple[str, int], int], session: Session) -> None:
        """The positions, each from where we left it to its end, in one round trip. Raises
        Elsewhere.

        The mark that was made with the views moves with them: a dropped database has lost it, and
        views that another process took over have its name.
        """
        ours = {"_id": "views", "made": self._views, "owner": self._lease.owner}
        moves = [UpdateOne(ours, {"$inc": {"batches": 1}})]
        # A partition that begins needs an insert; where its position exists after all, the ids
        # collide.
        for (topic, partition), end in ends.items():
            stood = self._next[topic, partition]
            moves.append(
                UpdateOne(
                    {"_id": f"{topic}/{partition}", "next": stood},
                    {"$set": {"next": end}},
                    upsert=stood == 0,
                )
            )
        try:
            moved = await self._store["positions"].bulk(moves, session=session)
        except Duplicate as error:
            raise ViewsMoved("a partition was begun by somebody else") from error
        if moved != len(moves):
            raise ViewsMoved("the views were dropped, or do not stand where we left them")

    def _counter(self, counted: TicketCounter) -> ReplaceOne[Doc]:
        doc = {"_id": counted.id, **counted._asdict(), "n": self._counts.get(counted, 0)}
        return ReplaceOne({"_id": counted.id}, doc, upsert=True)

    async def _report(self, poison: list[tuple[Message, str]]) -> None:
        """What nobody else reports becomes a dead letter."""
        for message, reason in poison:
            with bind_log_context(message):
                log.error(
                    "not an event",
                    topic=message.topic,
                    partition=message.partition,
                    offset=message.offset,
                    reason=reason,
                )
            # A worker with a spine reports its own, and a letter about a letter would go round for
            # ever.
            if message.topic not in _WORKED_BY_A_SPINE and message.topic != "dead-letters":
                await self._producer.send(
                    record_for("dead-letters", letter(message, reason, datetime.now(UTC)), NAME)
                )


def sort_messages(batch: Batch) -> list[Message]:
    """The batch's messages by topic in the order of `shared.topics.PUBLIC`: a ticket's facts before
    those of its clocks.
    """
    rank = {name: place for place, name in enumerate(TOPICS)}
    return [
        message
        for where in sorted(batch, key=lambda where: (rank[where[0]], where[1]))
        for message in batch[where]
    ]


def letter(message: Message, reason: str, at: datetime) -> DeadLetter:
    """The dead letter of a message; its id is derived from where it stood."""
    return DeadLetter(
        id=ids.derive("dl", message.topic, str(message.partition), str(message.offset)),
        key=message.key,
        at=at,
        worker=NAME,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        reason=reason,
        raw=base64.b64encode(message.value).decode(),
    )


async def prepare(store: Store) -> None:
    """Create the collections and the indexes the views' queries go by."""
    for collection, indexes in INDEXES.items():
        for fields in indexes:
            await store[collection].index(fields)
    await store["timeline"].index([("data.attachments", 1)], sparse=True)
    for fields, has in PARTIAL:
        # MongoDB allows no "not null" there; every string is greater than the empty one.
        await store["tickets"].index(fields, partialFilterExpression={has: {"$gt": ""}})
    # Only tickets that a provider had are in it (`provider_stays`).
    await store["tickets"].index([("stays.provider", 1), ("stays.touched", 1)], sparse=True)


async def recount(store: Store, partitions: Iterable[int]) -> dict[TicketCounter, int]:
    """The counters as the tickets themselves say: what the maintained ones must equal.

    Answered by an index alone: a million documents, to know which are opened, took longer than
    MongoDB is waited for. A ticket that is not opened has no queue. One partition at a time, so
    that no answer takes long.
    """
    by = {"queue": "$queue", "status": "$status", "priority": "$priority"}
    found: dict[TicketCounter, int] = {}
    for partition in partitions:
        groups = await store["tickets"].aggregate(
            [{"$match": {"partition": partition}}, {"$group": {"_id": by, "n": {"$sum": 1}}}]
        )
        found |= {
            TicketCounter(partition, **group["_id"]): int(group["n"])
            for group in groups
            if group["_id"].get("queue") is not None
        }
    return found


def describe_loss(
    lost_at: Mapping[tuple[str, int], int], at: Mapping[tuple[str, int], int]
) -> str | None:
    """For people, while views that were dropped do not stand where they stood yet."""
    left = sum(max(0, end - at.get(where, 0)) for where, end in lost_at.items())
    if not left:
        return None
    return f"the views were dropped; they are made anew from the log, {left:,} records to go"


def _make_replace(name: str, doc: Doc | None) -> ReplaceOne[Doc] | DeleteOne:
    return DeleteOne({"_id": name}) if doc is None else ReplaceOne({"_id": name}, doc, upsert=True)


def _make_settle_update(name: str, doc: Doc) -> UpdateOne:
    """Facts and request come in either order: each sets what it knows."""
    facts = doc.get("facts", [])
    change: Doc = {"$set": {field: value for field, value in doc.items() if field != "facts"}}
    change["$addToSet"] = {"facts": {"$each": facts}}
    # Only where nothing is known yet: the request must not undo what a fact has said before it.
    if "state" not in doc:
        change["$setOnInsert"] = {"state": "pending"}
    return UpdateOne({"_id": name}, change, upsert=True)
