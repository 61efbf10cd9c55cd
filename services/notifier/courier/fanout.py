"""News for many: a fact that may concern 100,000 people is told piece by piece, beside everything
else the courier does.

Collection `fanouts`: one document a fact, with the place (`notices/status.py`) up to which
everybody is in the outbox. The document is there before the fact's offset is committed; a courier
that dies is followed by another from that place on, and what stands in the outbox already is
refused there by its derived id. So nobody is left out and nobody is told twice. At most `ROOM`
notices wait to be sent at a time: the rest is not even looked up yet. After each piece the most
urgent work goes on, so an incident does not wait for a survey.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from prometheus_client import Counter

from services.notifier.courier.ledger import OwedNotice
from services.notifier.courier.outbox import LEASE_MS, Outbox
from services.notifier.notices import DirectoryIndex, SenderIdentity, Told, without_stopped
from services.notifier.notices.status import (
    BEGINNINGS,
    audience,
    left_of,
    tell_place,
    urgency,
)
from shared import topics
from shared.clock import Clock
from shared.errors import Poisonous
from shared.events import StatusFact
from shared.storage.store import Document, Duplicate, InsertOne, Store

log = structlog.get_logger()

PIECE = 250
"""Notices recorded at a time."""
LOOKED_AT = 5000
"""Places looked at for one piece, where few of them concern anybody."""
# Notices that may wait to be sent before the next piece is looked up.
ROOM = 1000
# Seconds: other couriers' work, and room in the queue, are found by looking.
_LOOK_EVERY_S = 1.0
_LOOK_FOR_ROOM_S = 0.02
# Audiences kept in memory: more facts than this are seldom told at once.
_AUDIENCES = 4
# Long ago, so that the first courier that looks may take it.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
TOLD = Counter(
    "signalbox_fanout_notices_total", "Notices made of news for many, the left out ones too"
)


@dataclass(slots=True)
class Job:
    """A fact being told, up to and with place `after`."""

    fact: StatusFact
    trace: str | None
    after: str


class FanOut:
    """`await run()` beside the courier. `put` hands a notice to its destination; `queued` says how
    many wait to be sent.
    """

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        directory: DirectoryIndex,
        house: SenderIdentity,
        clock: Clock,
        *,
        instance: str | None,
        put: Callable[[OwedNotice], None],
        queued: Callable[[], int],
    ) -> None:
        self._jobs, self._outbox, self._directory, self._house, self._clock = (
            store["fanouts"],
            outbox,
            directory,
            house,
            clock,
        )
        self._instance = instance or outbox.owner
        self._put, self._queued = put, queued
        self._audiences: dict[str, list[str]] = {}
        self._came = asyncio.Event()
        self._stopping = False

    async def prepare(self) -> None:
        # Only unfinished work is in the index.
        unfinished = {"open": True}
        await self._outbox.patience.retry_until_available(
            lambda: self._jobs.index(
                [("urgency", 1), ("at", 1)], partialFilterExpression=unfinished, name="open"
            )
        )

    async def take_in(self, facts: Iterable[tuple[StatusFact, str | None]]) -> None:
        """Make sure that these will be told; waits for MongoDB. Repeats change nothing."""
        # Drafts, and what only ops read, tell nobody.
        documents = [
            document_of(fact, trace, self._instance) for fact, trace in facts if fact.is_public
        ]
        if documents:
            await self._outbox.patience.retry_until_available(lambda: self._insert(documents))
            self._came.set()

    def stop(self) -> None:
        """Begin no more pieces."""
        self._stopping = True
        self._came.set()

    async def run(self) -> None:
        while not self._stopping:
            # As long as there is work: after each piece the most urgent is looked for again.
            self._came.clear()
            while not self._stopping and (job := await self._claim()) is not None:
                await self._tell(job)
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):  # others' work is found by looking
                    await self._came.wait()
            except TimeoutError:
                continue

    async def _tell(self, job: Job) -> None:
        """One piece."""
        # No room: the rest is not even looked up.
        while self._queued() >= ROOM and not self._stopping:
            await asyncio.sleep(_LOOK_FOR_ROOM_S)
        told, after, is_done = self.piece(job, await self._audience(job.fact))
        for owed in await self._outbox.take_in(
            [(one, job.trace) for one in told], self._clock.now()
        ):
            self._put(owed)
        TOLD.inc(len(told))
        # The place and the lease in one write: whoever goes on knows how far it is.
        change: Document = {"$set": {"after": after}, "$currentDate": {"leased_at": True}}
        if is_done:
            change = {
                "$set": {"after": after},
                "$unset": {"open": ""},
                "$currentDate": {"done_at": True},
            }
            self._audiences.pop(job.fact.id, None)
            log.info("told everybody", fact=job.fact.id, about=job.fact.key)
        await self._outbox.patience.retry_until_available(
            lambda: self._jobs.update({"_id": job.fact.id}, change)
        )

    def piece(self, job: Job, places: list[str]) -> tuple[list[Told], str, bool]:
        """The next notices, the place they reach to, and whether that is the end. `places`: the
        fact's audience.
        """
        begin = left_of(places, job.after)
        told: list[Told] = []
        after, at = job.after, begin
        # The places looked at are bounded, too: one piece must not take long when few want it.
        while at < len(places) and len(told) < PIECE and at - begin < LOOKED_AT:
            after = places[at]
            told.extend(
                without_stopped(one, self._directory)
                for one in tell_place(job.fact, after, self._directory, self._house)
            )
            at += 1
        return told, after, at >= len(places)

    async def _audience(self, fact: StatusFact) -> list[str]:
        """Made once a fact: who comes later was not there when it happened."""
        found = self._audiences.get(fact.id)
        if found is None:
            if len(self._audiences) >= _AUDIENCES:
                self._audiences.clear()
            # A beginning has told nobody before, so nobody needs to be found again.
            before = [] if type(fact) in BEGINNINGS else await self._outbox.told_of(fact.key)
            found = self._audiences[fact.id] = audience(fact, self._directory, before)
        return found

    async def _claim(self) -> Job | None:
        """The most urgent of ours, and of those whose courier is gone."""
        # By MongoDB's clock, so that couriers on different machines agree.
        free = {"$lt": ["$leased_at", {"$subtract": ["$$NOW", LEASE_MS]}]}
        where = {"open": True, "$expr": {"$or": [{"$eq": ["$instance", self._instance]}, free]}}
        change = [{"$set": {"instance": self._instance, "leased_at": "$$NOW"}}]
        order = [("urgency", 1), ("at", 1)]
        found = await self._outbox.patience.retry_until_available(
            lambda: self._jobs.take(where, change, order=order)
        )
        return _job_in(found) if found is not None else None

    async def _insert(self, documents: list[Document]) -> None:
        try:
            await self._jobs.bulk([InsertOne(document) for document in documents], ordered=False)
        except Duplicate:
            # It stands there already, as far as it came.
            return


def document_of(fact: StatusFact, trace: str | None, instance: str) -> Document:
    """Leased by nobody yet: the first courier that has time for it takes it."""
    return {
        "_id": fact.id,
        "fact": fact.wire(),
        "trace": trace,
        "urgency": urgency(fact),
        "at": fact.at,
        "after": "",
        "open": True,
        "instance": instance,
        "leased_at": _NEVER,
    }


def _job_in(document: Document) -> Job:
    fact = topics.read(bytes(document["fact"]))
    if not isinstance(fact, StatusFact):
        raise Poisonous(f"fan-out {document['_id']} holds no fact of status")
    return Job(fact, document["trace"], document["after"])
