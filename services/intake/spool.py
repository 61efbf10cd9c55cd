"""Where submissions go: to Kafka, or, while it is away, to this machine's disk, from where they are drained in order.

The circuit: the first write that Kafka does not acknowledge in time opens it, and from then on submissions go straight to the
disk while `run` goes on asking Kafka in the background. It closes when the spool is empty. A write that timed out may have
been taken all the same: it is spooled too, with the same ids, and readers take the first. One submission after another of
the same key keeps its order: the second is only begun when the first is answered, and nothing overtakes a spool that is not empty.

What may wait here: requests (and the copies on `urgent`) and mail, whose readers decide on what stands in the record.
What may not: `directory` and `policies`, where the first in the log wins and the caller is told whether it was theirs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.intake import disk, journal
from services.intake.draining import Before, Draining, Log, ReadBy
from services.intake.frames import encode
from services.intake.journal import Journal
from shared.clock import Clock
from shared.errors import Unavailable
from shared.topics import URGENT
from shared.wire import Record

log = structlog.get_logger()

Accepted = Literal["logged", "spooled"]

DEPTH = Gauge("signalbox_spool_depth", "Submissions on this machine's disk that Kafka does not have yet")
AGE = Gauge("signalbox_spool_oldest_seconds", "Age of the oldest of them")
AWAY = Gauge("signalbox_intake_kafka_away_seconds", "How long Kafka has not answered; 0 when it does")
SPOOLED = Counter("signalbox_spool_taken_total", "Submissions accepted into the spool")
FSYNC = Histogram("signalbox_spool_fsync_seconds", "One group of submissions onto the disk")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 2.0
_LISTEN_EVERY_S = 2.0
"""Kafka is asked as often when nobody submits anything, so that its absence is noticed at night too."""
_GROUP = 2_000
"""Submissions that share one fsync at most."""
_NEARLY = 64
"""With so few left, new submissions wait a moment for the spool to be empty, or a busy intake would never leave it."""
_WAIT_FOR_EMPTY_S = 0.25
_ONE_BY_ONE = 2
"""Records that join what others write at the same time; more make batches of their own."""
_ADOPT_EVERY_S = 30.0


class Spool:
    """`open` before use, `run` beside it until cancelled, `close` at the end.

    `log` is written to directly, `draining` (a connection of its own) from the spool. `patience`: seconds a submission waits
    for Kafka before it goes to the disk. `parent` holds one directory for each process.
    """

    def __init__(
        self,
        parent: Path,
        log: Log,
        draining: Log,
        clock: Clock,
        *,
        patience: float = 1.5,
        read_by_front: ReadBy | None = None,
        free: Callable[[Path], float] = disk.free_share,
    ) -> None:
        self._parent, self._log, self._clock = parent, log, clock
        self._patience, self._free = patience, free
        self._thread = ThreadPoolExecutor(1, "spool")
        self._draining = Draining(draining, self._thread, clock, read_by_front)
        self._journal: Journal | None = None
        self._waiting: deque[tuple[bytes, asyncio.Future[None]]] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._depth = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._wanted = asyncio.Event()
        self._heard_at = clock.now()
        self._oldest_at: float | None = None
        self._is_away = False
        self._why = ""
        self._trouble: str | None = None
        self._notable: dict[tuple[str, str], Record] = {}

    def first(self, before: Before) -> None:
        """What the log is told before anything is drained."""
        self._draining.before = before

    async def open(self) -> None:
        """Take a directory, and stock of what was left in it. Raises OSError."""
        self._journal = await self._draining.on_disk(journal.claim, self._parent, self._note)
        self._count(self._journal.pending)
        self._trouble = self._journal.trouble()
        if self._depth:
            log.warning("submissions were left in the spool", count=self._depth)
        self._heard_at = self._clock.now()

    async def close(self) -> None:
        """What is being written is finished."""
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
        """What is spooled and concerns pages: tickets on `urgent`, and acknowledgements; oldest first."""
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
            said.append(f"Kafka has not answered since {self._heard_at.isoformat(timespec='seconds')} ({self._why})")
        if self._depth:
            said.append(f"{self._depth} submissions are on this machine's disk only")
        return "; ".join(said) or None

    async def unwell(self) -> str | None:
        """A telemetry check, of the kind that does not make a process unready."""
        return self.trouble()

    async def publish(self, records: Sequence[Record]) -> Accepted:
        """One submission: "logged" when all its records are acknowledged by Kafka, "spooled" when they are on this disk.

        Raises Refused `disk-full` (not taken), Unavailable where the disk fails (perhaps taken), Poisonous for what Kafka never takes.
        """
        if 0 < self._depth <= _NEARLY and not self._is_away:
            await self._until_empty()
        if not self._depth and not self._is_away:
            try:
                await self._send(records)
            except Unavailable as error:
                self._lost(str(error))
            else:
                self._heard_at = self._clock.now()
                return "logged"
        await self._keep(records)
        return "spooled"

    async def run(self) -> None:
        """Drain when there is something, else listen whether Kafka answers; until cancelled."""
        pause = _FIRST_PAUSE_S
        turns = 0
        while True:
            try:
                if self._depth:
                    await self._drain_some()
                else:
                    await self._draining.listen()
                self._found()
                pause = _FIRST_PAUSE_S
            except Unavailable as error:
                self._lost(str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except OSError as error:
                self._trouble = f"the spool's disk fails: {error}"
                log.critical("the spool's disk fails", error=str(error))
                await asyncio.sleep(_LONGEST_PAUSE_S)
            self._tell()
            if not self._depth and not self._is_away:
                if turns % int(_ADOPT_EVERY_S / _LISTEN_EVERY_S) == 0:
                    await self._housekeeping()
                turns += 1
                await self._rest()

    async def _housekeeping(self) -> None:
        assert self._journal is not None
        try:
            await self._draining.housekeeping(self._parent, self._journal)
        except (Unavailable, OSError) as error:
            log.warning("what another process left behind waits", error=str(error))

    async def _send(self, records: Sequence[Record]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                if len(records) == 1:
                    await self._log.send(records[0])
                elif len(records) <= _ONE_BY_ONE:
                    await asyncio.gather(*map(self._log.send, records))
                else:
                    await self._log.send_many(records)
        except TimeoutError as error:
            raise Unavailable("kafka", f"no answer in {self._patience:g} s") from error

    async def _until_empty(self) -> None:
        try:
            async with asyncio.timeout(_WAIT_FOR_EMPTY_S):
                await self._empty.wait()
        except TimeoutError:
            return

    async def _keep(self, records: Sequence[Record]) -> None:
        await self._require_room()
        now = self._clock.now().timestamp()
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count(self._depth + 1)
        if self._oldest_at is None:
            self._oldest_at = now
        self._waiting.append((encode(records, now), kept))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await kept
        self._note(records)
        SPOOLED.inc()
        self._wanted.set()

    async def _require_room(self) -> None:
        if not disk.is_short(self._free(self._parent)):
            return
        assert self._journal is not None
        given_up = await self._draining.on_disk(self._journal.sweep, None)
        log.critical("the spool's disk is nearly full", copies_given_up=given_up)
        if disk.is_short(self._free(self._parent)):
            raise disk.disk_full()

    async def _flush(self) -> None:
        """Everything that waits, in groups that share one fsync; what comes meanwhile makes the next group."""
        assert self._journal is not None
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP))]
            try:
                with FSYNC.time():
                    await self._draining.on_disk(self._journal.append, [frame for frame, _ in group])
            except OSError as error:
                log.critical("the spool cannot be written", error=str(error), submissions=len(group))
                self._count(self._depth - len(group))
                failed = Unavailable("spool", str(error))
                for _, kept in group:
                    if not kept.done():
                        kept.set_exception(failed)
            else:
                for _, kept in group:
                    if not kept.done():
                        kept.set_result(None)
        self._flushing = None

    async def _drain_some(self) -> None:
        """A batch into Kafka, in its order. Raises Unavailable, OSError: it comes again."""
        assert self._journal is not None
        frames = await self._draining.ahead(self._journal)
        if not frames:  # what is counted is still on its way to the disk, or could not be written
            if self._flushing is not None:
                await asyncio.wait({self._flushing})
            elif not self._waiting:
                self._count(self._journal.pending)
            return
        self._oldest_at = frames[0].at
        await self._draining.drain(self._journal, frames)
        for frame in frames:
            for record in frame.records:
                self._notable.pop((record.topic, record.key), None)
        self._count(self._depth - len(frames))

    def _note(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.topic == URGENT.name or dict(record.headers).get("ce_type", b"").endswith(b".Acknowledge"):
                self._notable.setdefault((record.topic, record.key), record)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_LISTEN_EVERY_S):
                await self._wanted.wait()
        except TimeoutError:
            return
        finally:
            self._wanted.clear()

    def _lost(self, why: str) -> None:
        if not self._is_away:
            log.error("Kafka is away: submissions go to this machine's disk", error=why, depth=self._depth)
        self._is_away, self._why = True, why
        self._wanted.set()

    def _found(self) -> None:
        if self._is_away:
            log.warning("Kafka answers again", away_since=self._heard_at.isoformat(), depth=self._depth)
        self._is_away, self._heard_at = False, self._clock.now()

    def _count(self, depth: int) -> None:
        self._depth = depth
        if depth:
            self._empty.clear()
        else:
            self._empty.set()
            self._oldest_at = None

    def _tell(self) -> None:
        now = self._clock.now()
        DEPTH.set(self._depth)
        AGE.set(max(0.0, now.timestamp() - self._oldest_at) if self._oldest_at is not None else 0)
        AWAY.set((now - self._heard_at).total_seconds() if self._is_away else 0)
