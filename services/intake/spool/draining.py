"""Out of a journal, into Kafka: in order, whatever was sent meanwhile first, and what Kafka never
takes set aside.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from prometheus_client import Counter

from services.intake.outage.journal import PageLog
from services.intake.spool import journal
from services.intake.spool.frames import Frame, encode
from services.intake.spool.journal import Journal
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.wire import Record

log = structlog.get_logger()

Write = Callable[[Sequence[Record]], Awaitable[Any]]
Place = tuple[str, int]
ReadBy = Callable[[], Awaitable[Mapping[Place, int]]]
R = TypeVar("R")

DRAINED = Counter("signalbox_spool_drained_total", "Submissions drained from the spool into Kafka")

# Enough to make use of a batch, little enough to be repeated after a failure.
_BATCH_BYTES = 1024 * 1024
# A front that is away must not hold up the tickets of everybody.
_FRONT_READS_WITHIN_S, _LOOK_EVERY_S = 30.0, 0.25


class LogTarget(Protocol):
    """Kafka's side (`shared.bus.Producer`)."""

    async def send(self, record: Record) -> int: ...

    async def send_many(self, records: Sequence[Record]) -> Any: ...

    async def ping(self) -> None: ...


class PageReporter(Protocol):
    """What the log is told before anything is drained (`paging.Paging`): pages sent meanwhile stand
    before their tickets.
    """

    async def tell(self, directory: Path | None, write: Write) -> None:
        """With `write`, of this process (None) or of one that left its directory behind. Raises
        what `write` raises.
        """
        ...


class SpoolDrain:
    """`log` is a connection of its own; `disk` the one thread that journals are used by. `trouble`:
    what somebody has to look at.

    `read_by_front`: how far the front has read, by (topic, partition); see `_tell`.
    """

    def __init__(
        self, log: LogTarget, disk: Executor, clock: Clock, read_by_front: ReadBy | None = None
    ) -> None:
        self._log, self._disk, self._clock, self._read_by_front = log, disk, clock, read_by_front
        self.before: PageReporter | None = None
        self.trouble: str | None = None

    async def listen(self) -> None:
        """Whether Kafka answers; if so it is told what it has not been told. Raises Unavailable."""
        await self._log.ping()
        await self._tell(None)

    async def read_ahead(self, source: Journal) -> list[Frame]:
        """What is to be drained next, once Kafka answers. Raises Unavailable, OSError."""
        await self.listen()
        return await self.on_disk(source.read_ahead, _BATCH_BYTES)

    async def drain(self, source: Journal, frames: list[Frame]) -> None:
        """`frames` into Kafka, and noted so. Raises Unavailable, OSError: they come again."""
        try:
            await self._log.send_many([record for frame in frames for record in frame.records])
        except Poisonous:
            # One record is refused for good: one by one, so that only its frame is set aside.
            for frame in frames:
                await self._drain_one(source, frame)
        # Noted after Kafka's word and never before: a crash in between costs a repeat, not a loss.
        await self.on_disk(source.drained, len(frames), self._clock.now())
        DRAINED.inc(len(frames))

    async def clean_up(self, parent: Path, own: Journal) -> None:
        """Old copies go; what a process that has ended left under `parent` is drained. Raises
        Unavailable, OSError.
        """
        # The own copies first: they free room, whatever becomes of the neighbours.
        await self.on_disk(own.sweep, self._clock.now())
        left = await self.on_disk(journal.find_abandoned, parent, own)
        if left is None:
            return
        try:
            log.warning(
                "draining what another process left behind",
                directory=str(left.directory),
                count=left.pending,
            )
            # Pages that process sent by itself must be known before its tickets are read.
            if PageLog.is_left_over(left.directory):
                await self._tell(left.directory)
            while frames := await self.on_disk(left.read_ahead, _BATCH_BYTES):
                await self.drain(left, frames)
        finally:
            # Its lock is given back also where Kafka goes away half-way; another turn goes on.
            await self.on_disk(left.close)

    async def on_disk(self, call: Callable[..., R], *args: Any) -> R:
        """`call` in the journals' thread."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, call, *args)

    async def _tell(self, directory: Path | None) -> None:
        """And let the front read it before its tickets: by another road, through the router, a
        ticket could reach the pager first.
        """
        if self.before is None:
            return
        ends: dict[Place, int] = {}

        async def write(records: Sequence[Record]) -> None:
            ends.update(await self._log.send_many(records))

        await self.before.tell(directory, write)
        # Only where something was told; otherwise there is nothing to wait for.
        if ends and self._read_by_front is not None:
            await self._wait_until_read(ends, self._read_by_front)

    async def _wait_until_read(self, ends: Mapping[Place, int], read_by_front: ReadBy) -> None:
        """At most half a minute: a front that is away holds nobody up."""
        try:
            async with asyncio.timeout(_FRONT_READS_WITHIN_S):
                while True:
                    # Its position cannot be read just now: look again until the time is up.
                    with contextlib.suppress(Unavailable):
                        read = await read_by_front()
                        if all(read.get(place, 0) >= end for place, end in ends.items()):
                            return
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            log.warning("the front has not read in time what was paged directly; the tickets go on")

    async def _drain_one(self, source: Journal, frame: Frame) -> None:
        try:
            await self._log.send_many(frame.records)
        except Poisonous as error:
            # Kept in a file of its own: nothing accepted is thrown away, and the rest goes on.
            self.trouble = f"Kafka refuses a spooled submission for good: {error}"
            log.critical(
                "a spooled submission is set aside",
                keys=[record.key for record in frame.records],
                error=str(error),
            )
            await self.on_disk(source.set_aside, encode(frame.records, frame.at))
