"""The outbox of notices in MongoDB: nothing is sent that does not stand here first.

Why facts are not deduplicated by (key, seq) as other readers do: a repeated fact has the same id,
so its notices have the same ids, and the unique `_id` here refuses them already, without a row per
ticket to read and to write.

Collection `outbox`: one document a notice (`ledger.py`). Collection `couriers`: signs of life. A
courier that was not heard of for `LEASE_MS` is gone and its open notices are taken over; one that
comes back under its instance's name takes them at once. Should a courier that was thought gone
still send, the far side sees the same id twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from services.notifier.courier import ledger
from services.notifier.courier.ledger import AttemptResult, NoticePhase, OwedNotice
from services.notifier.courier.recorder import Patience, Recorder, to_keep
from services.notifier.notices import Notice, Told, suppress_told_before
from shared.bus import Producer
from shared.channels.outcome import Outcome
from shared.clock import Clock
from shared.events import RedeliverNotice
from shared.storage.store import Document, Duplicate, InsertOne, Store

log = structlog.get_logger()

# Three beats (`loop.BEAT_S`): two may be missed.
LEASE_MS = 15_000
MADE = "made"
"""The document of `couriers` that says that the outbox is here, and since when."""
SETTLED = Counter(
    "signalbox_notices_total", "Notices by what became of their attempts", ["kind", "phase"]
)


OPEN = Gauge(
    "signalbox_outbox_open", "Notices in the outbox of this courier that are not over", ["phase"]
)
OLDEST = Gauge(
    "signalbox_outbox_oldest_seconds", "Age of the oldest notice that is not over", ["phase"]
)
_OPEN_PHASES = (NoticePhase.READY, NoticePhase.SENDING, NoticePhase.WAITING)


class Outbox:
    """One courier's hand on the outbox; `recorder.run()` must be running beside it."""

    def __init__(
        self, store: Store, producer: Producer, clock: Clock, instance: str | None
    ) -> None:
        self._notices, self._couriers, self._clock = store["outbox"], store["couriers"], clock
        self.patience = Patience()
        self.recorder = Recorder(self._notices, producer, self.patience)
        # The instance's name stays over a restart; the owner is this life alone.
        self._instance = instance or secrets.token_hex(8)
        self.owner = f"{self._instance}#{secrets.token_hex(8)}"

    async def prepare(self) -> None:
        """Indexes and the first sign of life; waits for MongoDB."""
        insist, notices = self.patience.retry_until_available, self._notices
        # Three indexes, each for what is asked often and true of few notices.
        await insist(
            lambda: notices.index(
                [("owner", 1)], partialFilterExpression={"open": True}, name="open"
            )
        )
        unsaid = {"unsaid": {"$exists": True}}
        await insist(
            lambda: notices.index(
                [("owner", 1), ("phase", 1)], partialFilterExpression=unsaid, name="unsaid"
            )
        )
        about = {"about": {"$exists": True}}
        await insist(
            lambda: notices.index(
                [("about", 1), ("place", 1), ("to", 1)], partialFilterExpression=about, name="about"
            )
        )
        await self.beat()

    async def told_of(self, about: str) -> list[tuple[str, str]]:
        """(place, recipient) of everybody who is owed, or was sent, a notice of this incident or
        maintenance. Waits for MongoDB.
        """
        pipeline: list[dict[str, Any]] = [
            {"$match": {"about": about}},
            {"$group": {"_id": {"place": "$place", "to": "$to"}}},
        ]
        found = await self.patience.retry_until_available(lambda: self._notices.aggregate(pipeline))
        return [(one["_id"]["place"], one["_id"]["to"]) for one in found]

    async def is_lost(self) -> bool:
        """Whether this MongoDB has never held the outbox: a first start, or it was lost
        (`rebuild.py`).
        """
        # `restore` writes it last, so a rebuild that was cut short begins again.
        return (
            await self.patience.retry_until_available(
                lambda: self._couriers.find_one({"_id": MADE})
            )
            is None
        )

    async def restore(self, documents: Sequence[Document]) -> None:
        """Fill a lost outbox; what stands there already is left alone."""
        # In parts, because one command may hold only so much.
        for start in range(0, len(documents), 1000):
            await self.patience.retry_until_available(
                lambda start=start: self._insert_all(documents[start : start + 1000])  # type: ignore[misc]
            )
        made = {"$currentDate": {"made_at": True}}
        await self.patience.retry_until_available(
            lambda: self._couriers.update({"_id": MADE}, made, upsert=True)
        )

    async def _insert_all(self, documents: Sequence[Document]) -> None:
        with contextlib.suppress(Duplicate):
            await self._notices.bulk([InsertOne(document) for document in documents], ordered=False)

    async def beat(self) -> None:
        """A sign of life, by MongoDB's clock so that couriers on different machines agree."""
        life = {"$set": {"instance": self._instance}, "$currentDate": {"seen_at": True}}
        await self.patience.retry_until_available(
            lambda: self._couriers.update({"_id": self.owner}, life, upsert=True)
        )

    async def measure(self) -> None:
        """Depth and age of what this courier has open, for the metrics. Waits for MongoDB."""
        pipeline: list[dict[str, Any]] = [
            {"$match": {"owner": self.owner, "open": True}},
            {"$group": {"_id": "$phase", "n": {"$sum": 1}, "oldest": {"$min": "$owed_at"}}},
        ]
        found = await self.patience.retry_until_available(lambda: self._notices.aggregate(pipeline))
        groups = {group["_id"]: group for group in found}
        now = self._clock.now()
        for phase in _OPEN_PHASES:
            group = groups.get(phase)
            OPEN.labels(phase).set(group["n"] if group else 0)
            age = (now - group["oldest"]).total_seconds() if group else 0.0
            OLDEST.labels(phase).set(max(0.0, age))

    async def leave(self) -> None:
        """No more signs of life: whoever is left may take up what is open."""
        await self.patience.retry_until_available(
            lambda: self._couriers.delete({"_id": self.owner})
        )

    async def take_in(
        self, told: Iterable[tuple[Told, str | None]], now: datetime
    ) -> list[OwedNotice]:
        """Record what is owed, each with the trace it came by; the new ones, ready to be sent.
        Repeats are dropped.

        Waits for MongoDB: obligation and first attempt stand there, with the facts that tell of
        them, before anything is sent. Kafka hears of them within milliseconds, and nobody waits for
        that.
        """
        # Tells the documents of this very call from those of an earlier try.
        batch = secrets.token_hex(8)
        owed: dict[str, OwedNotice] = {}
        documents: dict[str, Document] = {}
        repeats: list[tuple[Told, str | None]] = []
        once: dict[str, tuple[Notice, str | None]] = {}
        # `once` notices have the same id for the same news: the second one is told as a repeat.
        for one, trace in told:
            if isinstance(one, Notice) and one.once:
                if one.id in once and once[one.id][0].fact_id != one.fact_id:
                    repeats.append((suppress_told_before(one), trace))
                    continue
                once.setdefault(one.id, (one, trace))
            # The same notice twice in one batch: one document.
            if one.id in documents:
                continue
            if isinstance(one, Notice):
                owed[one.id] = mine = ledger.make_owed(one, now, trace)
                document, facts = ledger.document_of(mine)
            else:
                document, facts = ledger.make_suppressed(one, now)
            documents[one.id] = {
                **document,
                "owner": self.owner,
                "batch": batch,
                "unsaid": to_keep(facts, trace),
            }
        if not documents:
            return []
        # Only what was not there before is sent and told.
        fresh = await self.patience.retry_until_available(lambda: self._insert(documents, batch))
        suppressed = [notice for notice in fresh if notice not in owed]
        self.recorder.say_soon(
            (kept for notice in fresh for kept in documents[notice]["unsaid"]), over=suppressed
        )
        # Left out because another fact had told it: that is recorded, too.
        repeats += [
            (suppress_told_before(one), trace)
            for one, trace in await self._find_told_before(once, fresh)
        ]
        if repeats:
            await self.take_in(repeats, now)
        # Counted here: what is sent is counted when its outcome is known.
        for notice in suppressed:
            SETTLED.labels(documents[notice]["kind"], NoticePhase.SUPPRESSED).inc()
        return [owed[notice] for notice in fresh if notice in owed]

    async def reopen(self, asked: Sequence[RedeliverNotice]) -> list[OwedNotice]:
        """Notices that are over and are to be sent once more, under the same id; each asking counts
        once. Waits for MongoDB.

        What is under way already, or has no text any more (a delivered mail), is left as it is.
        """
        opened = []
        for one in asked:
            # Only what is over, and still has its text; each asking once.
            over = {"$in": [NoticePhase.DELIVERED, NoticePhase.FAILED]}
            where = {
                "_id": one.key,
                "phase": over,
                "body": {"$exists": True},
                "again": {"$ne": one.id},
            }
            change = {
                "$set": {
                    "phase": NoticePhase.WAITING,
                    "open": True,
                    "owner": self.owner,
                    "retry_at": self._clock.now(),
                },
                "$push": {"again": one.id},
            }
            found = await self.patience.retry_until_available(
                lambda where=where, change=change: self._notices.take(where, change)  # type: ignore[misc]
            )
            if found is not None:
                opened.append(ledger.read_owed(found))
        return opened

    async def attempt(self, owed: OwedNotice) -> None:
        """Record one more attempt before it begins."""
        # The number first: the fact and the document both carry it.
        owed.tries += 1
        change = {
            "$set": {"phase": NoticePhase.SENDING, "tries": owed.tries},
            "$unset": {"retry_at": ""},
        }
        await self.recorder.add(
            owed.id,
            change,
            [ledger.make_attempted(owed, self._clock.now())],
            owed.trace,
            over=False,
        )
        owed.recorded = True

    def settle(
        self, owed: OwedNotice, outcome: Outcome
    ) -> tuple[AttemptResult, asyncio.Future[None]]:
        """Record an outcome, soon; what it means is known at once, and the future is done when it
        is recorded.
        """
        settled = ledger.settle(owed, outcome, self._clock.now())
        # The next attempt is not recorded yet.
        owed.recorded = False
        recorded = self.recorder.add(
            owed.id, settled.change, [settled.fact], owed.trace, over=settled.again is None
        )
        SETTLED.labels(owed.kind, settled.change["$set"]["phase"]).inc()
        return settled, recorded

    def put_back(self, owed: Sequence[OwedNotice]) -> None:
        """The recorded attempts of these will not begin here any more: whoever takes them up may
        just send.
        """
        for one in owed:
            self.recorder.add(one.id, {"$set": {"phase": NoticePhase.READY}}, [], None, over=False)

    async def take_up(self) -> list[tuple[OwedNotice, datetime | None]]:
        """Take over what couriers that are gone left open, our own former life included; each with
        its retry time.

        What they left unsaid is said first. An attempt without an outcome is recorded as unknown.
        """
        insist, notices = self.patience.retry_until_available, self._notices
        gone = await insist(self._find_gone)
        if not gone:
            return []
        # What they had not told Kafka is told first, because later facts follow it.
        unsaid = await insist(
            lambda: notices.find({"owner": {"$in": gone}, "unsaid": {"$exists": True}})
        )
        await self.recorder.say(kept for document in unsaid for kept in document["unsaid"])
        self.recorder.said(document["_id"] for document in unsaid if "open" not in document)
        # A mark of this call: it tells what is claimed now from what this courier had before.
        claim = secrets.token_hex(8)
        mine = {"$set": {"owner": self.owner, "claim": claim}}
        await insist(lambda: notices.update_all({"owner": {"$in": gone}, "open": True}, mine))
        taken: list[tuple[OwedNotice, datetime | None]] = []
        for document in await insist(
            lambda: notices.find({"owner": self.owner, "claim": claim, "open": True})
        ):
            owed, now = ledger.read_owed(document), self._clock.now()
            # Under way when the courier ended: it may have arrived, and is sent again.
            if document["phase"] == NoticePhase.SENDING:
                change = {
                    "$set": {
                        "phase": NoticePhase.WAITING,
                        "reason": ledger.STOPPED,
                        "retry_at": now,
                    }
                }
                self.recorder.add(
                    owed.id, change, [ledger.make_interrupted(owed, now)], owed.trace, over=False
                )
            taken.append((owed, document.get("retry_at")))
        log.info("took up what was left open", notices=len(taken), couriers=gone)
        return taken

    async def _insert(self, documents: dict[str, Document], batch: str) -> list[str]:
        try:
            await self._notices.bulk(
                [InsertOne(document) for document in documents.values()], ordered=False
            )
        except Duplicate:
            # Also after a try of ours whose answer was lost: `batch` tells ours from repeats.
            found = await self._notices.find(
                {"_id": {"$in": list(documents)}, "batch": batch}, fields={"_id": 1}
            )
            ours = {document["_id"] for document in found}
            return [notice for notice in documents if notice in ours]
        return list(documents)

    async def _find_told_before(
        self, once: dict[str, tuple[Notice, str | None]], fresh: Sequence[str]
    ) -> list[tuple[Notice, str | None]]:
        """Those that another fact had sent already. One whose own fact is merely read again is none
        of them.
        """
        left = {
            notice: (one, trace)
            for notice, (one, trace) in once.items()
            if notice not in set(fresh)
        }
        if not left:
            return []
        found = await self.patience.retry_until_available(
            lambda: self._notices.find({"_id": {"$in": list(left)}}, fields={"fact_id": 1})
        )
        return [
            left[document["_id"]]
            for document in found
            if document["fact_id"] != left[document["_id"]][0].fact_id
        ]

    async def _find_gone(self) -> list[str]:
        """Owners of what is open or unsaid that give no sign of life."""
        # Fresh by MongoDB's own clock.
        fresh = {"$expr": {"$gt": ["$seen_at", {"$subtract": ["$$NOW", LEASE_MS]}]}}
        living = await self._couriers.aggregate([{"$match": fresh}])
        # A courier of our own name is a former life of ours, and gone, however fresh.
        alive = {
            courier["_id"] for courier in living if courier.get("instance") != self._instance
        } | {self.owner}
        owners: set[str] = set()
        for left in ({"open": True}, {"unsaid": {"$exists": True}}):
            owners |= {
                found["_id"]
                for found in await self._notices.aggregate(
                    [{"$match": left}, {"$group": {"_id": "$owner"}}]
                )
            }
        return sorted(owners - alive)
