"""Looks whether a consumer gets on, in two ways that need two answers.

*Delivery*: Kafka has more of a partition, the owner asks for it, and nothing comes. The client is
stuck; a new one is not. Whoever fetches next gets `Unavailable`, and begins anew.

*Handling*: the owner took messages and does not finish with them. It waits for something that it
can name (`waits`), or it is stuck, and the process has to end.

Both are in the log and in readiness after `NOTICE_S`, by name of the partition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog
from prometheus_client import Counter, Gauge

from shared.bus.progress.lateness import Lateness
from shared.bus.progress.progress import Place, Progress, StalledPartition
from shared.errors import Unavailable
from shared.process.standing import note
from shared.process.watchdog import end_process

log = structlog.get_logger()

# Several looks fit into `NOTICE_S`, so one slow look raises no alarm.
LOOK_EVERY_S = 2.5
NOTICE_S = 15.0
END_S = 90.0
"""Longer than a write may wait for a failover, twice over: a batch may write twice."""

STANDING = Gauge(
    "signalbox_standing_seconds",
    "How long the slowest partition of a consumer has been behind without moving",
    ["consumer"],
)
BEHIND = Gauge("signalbox_behind_records", "How many records a consumer is behind", ["consumer"])
LATE = Gauge(
    "signalbox_behind_seconds",
    "Age of the oldest record that a consumer has not dealt with",
    ["consumer"],
)
PASSED = Counter(
    "signalbox_consumed_records_total", "Records that a consumer has dealt with", ["consumer"]
)
PARTITIONS = Gauge("signalbox_consumer_partitions", "Partitions a consumer has now", ["consumer"])
REBALANCES = Counter(
    "signalbox_rebalances_total", "How often a consumer was given other partitions", ["consumer"]
)

Ends = Callable[[Collection[Place]], Awaitable[Mapping[Place, int]]]


class Overseer:
    """One for each consumer. `ends` asks Kafka and raises Unavailable; `waits`: what the owner is
    waiting for besides Kafka, None where for nothing; `damaged`: the partitions that cannot be
    read, which others tell of; `end` ends the process.
    """

    def __init__(
        self,
        name: str,
        ends: Ends,
        *,
        waits: Callable[[], str | None] = lambda: None,
        damaged: Callable[[], Collection[Place]] = tuple,
        end: Callable[[str], object] = end_process,
        seconds: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._ends, self._waits, self._damaged = name, ends, waits, damaged
        self._end, self._seconds, self._epoch = end, seconds, epoch
        self._lateness = Lateness()
        self._delivery, self._handling = Progress(), Progress()
        self._told: set[Place] = set()
        self.delivered: dict[Place, int] = {}
        """The offset after the last message handed out, by partition."""
        self.done: dict[Place, int] = {}
        """The offset after the last message that was dealt with; never set by a mere reader."""
        self.written: dict[Place, float] = {}
        """When the last message handed out was written (epoch seconds), by partition."""
        self.held: set[Place] = set()
        """Partitions that stand still because their owner said so."""
        self.fetches = 0
        """How often the owner asked for messages and got an answer, be it an empty one."""
        self._fetches_then = 0

    def forget(self) -> None:
        """Other partitions are ours now."""
        self._delivery.forget()
        self._handling.forget()
        self._lateness.forget()
        self.written.clear()
        self.delivered.clear()
        self.done.clear()
        self.held.clear()
        self._told.clear()

    async def watch(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                await self.look()
        # A stopped consumer must not stay in the metrics or in readiness as one that stands still.
        finally:
            self.forget()
            self._tell()

    async def look(self) -> None:
        """One look. Where Kafka cannot be asked nothing counts against the consumer."""
        # First what is asked of nobody: what was handed out against what was finished.
        excused = self.held.union(self._damaged())
        self._handling.look(
            self._seconds(),
            self.done,
            {place: at for place, at in self.delivered.items() if place in self.done},
            counts=self._waits() is None,
            excused=excused,
        )
        # What was handed out wins over what was finished: it is further on.
        places = {**self.done, **self.delivered}
        try:
            ends = await self._ends(places.keys()) if places else {}
        except Unavailable:
            self._tell()
            self._measure({})
            return
        # An owner that did not ask since the last look cannot be starved by Kafka.
        asked, self._fetches_then = self.fetches > self._fetches_then, self.fetches
        self._delivery.look(self._seconds(), places, ends, counts=asked, excused=excused)
        BEHIND.labels(self._name).set(
            sum(max(0, ends[p] - at) for p, at in places.items() if p in ends)
        )
        self._tell()
        self._measure(ends)

    def note_rebalance(self) -> None:
        """Other partitions are ours from now on."""
        REBALANCES.labels(self._name).inc()

    def _measure(self, ends: Mapping[Place, int]) -> None:
        """Lag in seconds and progress, for the metrics; `ends` is empty where nobody answered."""
        # The other way round as in `look`: here only finished work counts, where it is known.
        at = {**self.delivered, **self.done}
        self._lateness.look(self._epoch(), at, ends)
        LATE.labels(self._name).set(self._lateness.seconds(self._epoch(), self.written))
        PASSED.labels(self._name).inc(self._lateness.take_passed())
        PARTITIONS.labels(self._name).set(len(at))

    def _tell(self) -> None:
        standing = self.standing()
        STANDING.labels(self._name).set(standing[0].seconds if standing else 0.0)
        # For readiness, which shows one line for each consumer.
        note(self._name, str(standing[0]) if standing else None)
        for each in standing:
            if each.place not in self._told:
                topic, partition = each.place
                log.error(
                    "no progress",
                    consumer=self._name,
                    topic=topic,
                    partition=partition,
                    offset=each.offset,
                    end=each.end,
                    seconds=round(each.seconds, 1),
                )
        now_standing = {each.place for each in standing}
        for topic, partition in self._told - now_standing:
            log.info("goes on", consumer=self._name, topic=topic, partition=partition)
        self._told = now_standing
        # Last, after everything was logged: this ends the process.
        if stuck := self._handling.standing(END_S):
            self._end(f"{self._name} does not finish with what it took: {stuck[0]}")

    def standing(self) -> list[StalledPartition]:
        """The partitions that do not move, the longest first."""
        found = self._delivery.standing(NOTICE_S) + self._handling.standing(NOTICE_S)
        return sorted(found, key=lambda each: -each.seconds)

    def check(self, longer_than: float = NOTICE_S) -> None:
        """Raises Unavailable where Kafka has more and for so many seconds it does not come."""
        if stuck := self._delivery.standing(longer_than):
            raise Unavailable("kafka", f"nothing comes, though there is more: {stuck[0]}")

    async def unready(self) -> str | None:
        """A telemetry check: which partition does not move."""
        standing = self.standing()
        return f"{self._name}: {standing[0]}" if standing else None
