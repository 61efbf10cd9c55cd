"""Where submissions go: to Kafka, or, while it is away, to this machine's disk, from where they are
drained in order.

A write that Kafka does not acknowledge in time goes to the disk, and is drained at once. It may
have been taken all the same: it has the same ids, and readers take the first. Meanwhile submissions
of other keys go to Kafka as always.

The circuit: `OPENS_AFTER` such writes in a row open it, and so does a drain that fails. From then
on submissions go straight to the disk while `run` goes on asking Kafka in the background. It closes
when the spool is empty, and until then nothing overtakes what is in it.

One submission after another of the same key keeps its order always: the second is only begun when
the first is answered, and it does not overtake what is in the spool.

What may wait here: requests (and the copies on `urgent`) and mail, whose readers decide on what
stands in the record. What may not: `directory` and `policies`, where the first in the log wins and
the caller is told whether it was theirs.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.intake.spool import disk, journal
from services.intake.spool.draining import LogTarget, PageReporter, ReadBy, SpoolDrain
from services.intake.spool.frames import encode
from services.intake.spool.journal import Journal
from shared.clock import Clock
from shared.errors import Unavailable
from shared.topics import URGENT
from shared.wire import Record

log = structlog.get_logger()

Accepted = Literal["logged", "spooled"]

DEPTH = Gauge(
    "signalbox_spool_depth", "Submissions on this machine's disk that Kafka does not have yet"
)
AGE = Gauge("signalbox_spool_oldest_seconds", "Age of the oldest of them")
AWAY = Gauge(
    "signalbox_intake_kafka_away_seconds", "How long Kafka has not answered; 0 when it does"
)
SPOOLED = Counter("signalbox_spool_taken_total", "Submissions accepted into the spool")
FSYNC = Histogram("signalbox_spool_fsync_seconds", "One group of submissions onto the disk")

# How long the drain rests after a failure: twice as long each time, up to the second number.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 2.0
_LISTEN_EVERY_S = 2.0
"""Kafka is asked as often when nobody submits anything, so that its absence is noticed at night
too.
"""
_GROUP = 2_000
"""Submissions that share one fsync at most."""
_NEARLY = 64
"""With so few left, new submissions wait a moment for the spool to be empty, or a busy intake would
never leave it.
"""
_WAIT_FOR_EMPTY_S = 0.25
OPENS_AFTER = 3
"""So many writes in a row without word from Kafka mean that it is away. One alone means little on a
busy machine, and an open circuit costs everybody the detour over the disk.
"""
_ONE_BY_ONE = 2
"""Records that join what others write at the same time; more make batches of their own."""
# Between two looks at what other processes left behind.
_ADOPT_EVERY_S = 30.0


class Spool:
    """`open` before use, `run` beside it until cancelled, `close` at the end.

    `log` is written to directly, `draining` (a connection of its own) from the spool. `patience`:
    seconds a submission waits for Kafka before it goes to the disk. `parent` holds one directory
    for each process.
    """

    def __init__(
        self,
        parent: Path,
        log: LogTarget,
        draining: LogTarget,
        clock: Clock,
        *,
        patience: float = 1.5,
        read_by_front: ReadBy | None = None,
        free: Callable[[Path], float] = disk.free_share,
    ) -> None:
        self._parent, self._log, self._clock = parent, log, clock
        self._patience, self._free = patience, free
        # One thread for all of the journal, so its files need no lock of their own.
        self._thread = ThreadPoolExecutor(1, "spool")
        self._draining = SpoolDrain(draining, self._thread, clock, read_by_front)
        self._journal: Journal | None = None
        self._waiting: deque[tuple[bytes, set[str], asyncio.Future[None]]] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._depth = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._wanted = asyncio.Event()
        self._heard_at = clock.now()
        self._oldest_at: float | None = None
        self._is_away = False
        self._is_drained = True
        """Since Kafka was away last, the spool has been empty."""
        self._misses = 0
        self._keys: Counts[str] = Counts()
        """Of what is in the spool."""
        self._why = ""
        self._trouble: str | None = None
        self._notable: dict[tuple[str, str], Record] = {}

    def first(self, before: PageReporter) -> None:
        """What the log is told before anything is drained."""
        self._draining.before = before

    async def open(self) -> None:
        """Take a directory, and stock of what was left in it. Raises OSError."""
        # `_note` tells of urgents left by an earlier run, so pages for them go on.
        self._journal = await self._draining.on_disk(journal.claim, self._parent, self._note)
        # What was left goes first: nothing may overtake it.
        self._is_drained = not self._journal.pending
        self._count(self._journal.pending)
        self._trouble = self._journal.trouble()
        if self._depth:
            log.warning("submissions were left in the spool", count=self._depth)
        # How long Kafka is away counts from here.
        self._heard_at = self._clock.now()

    async def close(self) -> None:
        """What is being written is finished."""
        # A group on its way to the disk has callers who wait for its answer.
        if self._flushing is not None:
            await asyncio.wait({self._flushing})
        if self._journal is not None:
            await self._draining.on_disk(self._journal.close)
        self._thread.shutdown()

    @property
    def directory(self) -> Path:
        """This process's own, once open."""
        assert self._journal is not None
        return self._journal.directory

    def notable(self) -> list[Record]:
        """What is spooled and concerns pages: tickets on `urgent`, and acknowledgements; oldest
        first.
        """
        return list(self._notable.values())

    @property
    def depth(self) -> int:
        """Submissions on the disk only."""
        return self._depth

    def away_since(self) -> datetime | None:
        """Since when Kafka has not answered; None: it does."""
        return self._heard_at if self._is_away else None

    def trouble(self) -> str | None:
        """What operators should know, in words. Intake is ready all the same."""
        said = [trouble for trouble in (self._trouble, self._draining.trouble) if trouble]
        if self._is_away:
            said.append(
                f"Kafka has not answered since {self._heard_at.isoformat(timespec='seconds')} "
                f"({self._why})"
            )
        if self._depth:
            said.append(f"{self._depth} submissions are on this machine's disk only")
        return "; ".join(said) or None

    async def unwell(self) -> str | None:
        """A telemetry check, of the kind that does not make a process unready."""
        return self.trouble()

    async def publish(self, records: Sequence[Record]) -> Accepted:
        """One submission: "logged" when all its records are acknowledged by Kafka, "spooled" when
        they are on this disk.

        Raises Refused `disk-full` (not taken), Unavailable where the disk fails (perhaps taken),
        Poisonous for what Kafka never takes.
        """
        # Almost empty: a short wait keeps the order and saves the detour over the disk.
        if self._has_to_wait(records) and self._depth <= _NEARLY and not self._is_away:
            await self._wait_until_empty()
        if not self._has_to_wait(records):
            try:
                await self._send(records)
            except Unavailable as error:
                # Perhaps it was taken all the same: the copy on the disk has the same ids.
                self._miss(str(error))
            else:
                self._heard_at, self._misses = self._clock.now(), 0
                return "logged"
        await self._keep(records)
        return "spooled"

    def _has_to_wait(self, records: Sequence[Record]) -> bool:
        """Whether it has to go through the spool, behind what is there."""
        if self._is_away or not self._is_drained:
            return True
        # The circuit is closed, but an earlier one of the same key waits: it must stay ahead.
        return any(record.key in self._keys for record in records)

    async def run(self) -> None:
        """Drain when there is something, else listen whether Kafka answers; until cancelled."""
        pause = _FIRST_PAUSE_S
        turns = 0
        while True:
            try:
                if self._depth:
                    await self._drain_some()
                else:
                    # Nothing to drain: a ping tells whether Kafka is there.
                    await self._draining.listen()
                self._mark_back()
                pause = _FIRST_PAUSE_S
            except Unavailable as error:
                # The pause doubles, so that a Kafka that starts up is not flooded.
                self._mark_away(str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except OSError as error:
                # The disk is the last refuge: nothing to do but say so and try again.
                self._trouble = f"the spool's disk fails: {error}"
                log.critical("the spool's disk fails", error=str(error))
                await asyncio.sleep(_LONGEST_PAUSE_S)
            self._tell()
            # Only at rest: what is in the own spool comes first.
            if not self._depth and not self._is_away:
                if turns % int(_ADOPT_EVERY_S / _LISTEN_EVERY_S) == 0:
                    await self._clean_up()
                turns += 1
                await self._rest()

    async def _clean_up(self) -> None:
        assert self._journal is not None
        try:
            await self._draining.clean_up(self._parent, self._journal)
        except (Unavailable, OSError) as error:
            # Theirs is no reason to stop ours. It is tried again at the next turn.
            log.warning("what another process left behind waits", error=str(error))

    async def _send(self, records: Sequence[Record]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                # The usual one goes with what others write at the moment; several make their own
                # batch.
                if len(records) == 1:
                    await self._log.send(records[0])
                elif len(records) <= _ONE_BY_ONE:
                    await asyncio.gather(*map(self._log.send, records))
                else:
                    await self._log.send_many(records)
        except TimeoutError as error:
            raise Unavailable("kafka", f"no answer in {self._patience:g} s") from error

    async def _wait_until_empty(self) -> None:
        try:
            async with asyncio.timeout(_WAIT_FOR_EMPTY_S):
                await self._empty.wait()
        except TimeoutError:
            # It did not empty in time, so the submission goes the long way behind it.
            return

    async def _keep(self, records: Sequence[Record]) -> None:
        # Before anything is counted: a refusal must leave no trace.
        await self._require_room()
        now = self._clock.now().timestamp()
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Counted and keyed before it is on the disk, so that nothing of the same key overtakes it
        # meanwhile.
        self._count(self._depth + 1)
        keys = {record.key for record in records}
        for key in keys:
            self._keys[key] += 1
        if self._oldest_at is None:
            self._oldest_at = now
        self._waiting.append((encode(records, now), keys, kept))
        # One task writes for all; whoever comes meanwhile joins its next group.
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await kept
        # Pages are owed for what is on the disk, not for what might fail yet.
        self._note(records)
        SPOOLED.inc()
        self._wanted.set()

    async def _require_room(self) -> None:
        if not disk.is_short(self._free(self._parent)):
            return
        assert self._journal is not None
        # Copies of what Kafka has are given up first; only then is a submission refused.
        given_up = await self._draining.on_disk(self._journal.sweep, None)
        log.critical("the spool's disk is nearly full", copies_given_up=given_up)
        if disk.is_short(self._free(self._parent)):
            raise disk.disk_full()

    async def _flush(self) -> None:
        """Everything that waits, in groups that share one fsync; what comes meanwhile makes the
        next group.
        """
        assert self._journal is not None
        while self._waiting:
            # One sync for the whole group: that is what the disk is slow at.
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP))]
            try:
                with FSYNC.time():
                    await self._draining.on_disk(
                        self._journal.append, [frame for frame, _, _ in group]
                    )
            except OSError as error:
                # None of the group is kept. Each caller is told, and the counts are taken back.
                log.critical(
                    "the spool cannot be written", error=str(error), submissions=len(group)
                )
                self._count(self._depth - len(group))
                failed = Unavailable("spool", str(error))
                for _, keys, kept in group:
                    self._leave(keys)
                    # A caller who went away has a future that is done.
                    if not kept.done():
                        kept.set_exception(failed)
            else:
                for _, _, kept in group:
                    if not kept.done():
                        kept.set_result(None)
        self._flushing = None

    async def _drain_some(self) -> None:
        """A batch into Kafka, in its order. Raises Unavailable, OSError: it comes again."""
        assert self._journal is not None
        frames = await self._draining.read_ahead(self._journal)
        if not frames:  # what is counted is still on its way to the disk, or could not be written
            # Wait for the write; a busy loop would only burn the processor.
            if self._flushing is not None:
                await asyncio.wait({self._flushing})
            elif not self._waiting:
                # Nothing is on its way: the count was wrong, the journal knows better.
                self._count(self._journal.pending)
            return
        self._oldest_at = frames[0].at
        await self._draining.drain(self._journal, frames)
        for frame in frames:
            # Drained, so no page has to be sent from here for it.
            for record in frame.records:
                self._notable.pop((record.topic, record.key), None)
            self._leave({record.key for record in frame.records})
        self._count(self._depth - len(frames))

    def _leave(self, keys: set[str]) -> None:
        """A submission with these keys is not in the spool any more."""
        for key in keys & self._keys.keys():
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]

    def _note(self, records: Sequence[Record]) -> None:
        for record in records:
            # Only what concerns pages is held in memory: an acknowledgement stops a page, a ticket
            # begins one.
            if record.topic == URGENT.name or dict(record.headers).get("ce_type", b"").endswith(
                b".Acknowledge"
            ):
                self._notable.setdefault((record.topic, record.key), record)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_LISTEN_EVERY_S):
                await self._wanted.wait()
        except TimeoutError:
            return
        finally:
            # One wake-up per rest, however many submissions asked for it.
            self._wanted.clear()

    def _miss(self, why: str) -> None:
        """A write without word from Kafka: its submission goes to the disk."""
        self._misses += 1
        # A single slow write on a busy machine is no outage (see OPENS_AFTER).
        if self._misses >= OPENS_AFTER:
            self._mark_away(why)
        else:
            log.warning("Kafka took too long, one submission goes to the disk", error=why)

    def _mark_away(self, why: str) -> None:
        if not self._is_away:
            log.error(
                "Kafka is away: submissions go to this machine's disk", error=why, depth=self._depth
            )
        self._is_away, self._is_drained, self._why = True, False, why
        # `run` may be at rest: the drain must begin at once.
        self._wanted.set()

    def _mark_back(self) -> None:
        if self._is_away:
            log.warning(
                "Kafka answers again", away_since=self._heard_at.isoformat(), depth=self._depth
            )
        self._is_away, self._heard_at = False, self._clock.now()
        # Closed only with an empty spool: until then nothing may overtake it.
        if not self._depth:
            self._is_drained, self._misses = True, 0

    def _count(self, depth: int) -> None:
        self._depth = depth
        if depth:
            self._empty.clear()
        else:
            self._is_drained = not self._is_away
            self._empty.set()
            self._oldest_at = None

    def _tell(self) -> None:
        now = self._clock.now()
        DEPTH.set(self._depth)
        AGE.set(max(0.0, now.timestamp() - self._oldest_at) if self._oldest_at is not None else 0)
        AWAY.set((now - self._heard_at).total_seconds() if self._is_away else 0)
