"""Mail that is durable here: from before its sender is told 250 until the log says what became of
it and its bytes are where files are kept (`shared/files`).

    add    what came within the same few milliseconds shares one write and one fdatasync
    done   the log (or the spool) has what became of it: noted with the next write, or by `run`
    run    moves the bytes of what is done there, many at a time

A file whose deliveries are all done and moved goes; a crash takes the others up at the next start,
under the same deliveries and with the same ids. Where that place is away the bytes wait here.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog
from prometheus_client import Gauge, Histogram

from services.intake.mail.queue.delivery import Delivery
from services.intake.mail.queue.segment import DAMAGED, ENDING, Segment, SegmentContents
from services.intake.spool import disk
from shared.errors import Unavailable
from shared.files import FileHome

log = structlog.get_logger()

# Above this size a new file is begun; a full one goes when all in it is done.
SEGMENT_BYTES = 16 * 1024 * 1024
SLOTS = 16
"""Processes that may share a directory."""
# In memory at one time: a few of the largest messages share a write.
_GROUP_BYTES = 32 * 1024 * 1024
# One transaction of the store: enough to be quick, little enough to be tried again.
_MOVED_AT_ONCE, _MOVED_BYTES = 100, 4 * 1024 * 1024
_GATHERED_S = 0.25
"""Messages are moved and notes are made so often at most."""
# Between two tries while that place is away: it doubles up to the second number.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
R = TypeVar("R")

WAITING = Gauge(
    "signalbox_mail_unmoved",
    "Messages on this machine's disk that are not where files are kept yet",
)
FSYNC = Histogram(
    "signalbox_mail_fsync_seconds",
    "One group of messages onto the disk",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1),
)
TOGETHER = Histogram(
    "signalbox_mail_group_size", "Messages that shared one write", buckets=(1, 2, 4, 8, 16, 32, 64)
)


class _Place(NamedTuple):
    """Where a message stands."""

    segment: Segment
    at: int
    size: int


class _PendingWrite(NamedTuple):
    delivery: Delivery
    raw: bytes
    then: Callable[[], None]
    kept: asyncio.Future[None]


class Mailbag:
    """One process's, in a slot of `directory` of its own (`0`, `1`, …); at its start it takes up
    what is left in slots that nobody has. `files` None: the bytes stay on the disk. Open before
    use.

    `safe` makes of a message what is kept of it, in a thread; what is known to be `mark_plain` goes as
    it is.
    """

    def __init__(
        self,
        directory: Path,
        files: FileHome | None,
        *,
        safe: Callable[[bytes], bytes] = lambda raw: raw,
        free: Callable[[Path], float] = disk.free_share,
    ) -> None:
        self._directory, self._files, self._safe, self._free = directory, files, safe, free
        self._plain: set[str] = set()
        self._thread = ThreadPoolExecutor(1, "mailbag")
        self._locks: list[int] = []
        self._own = directory
        """The slot that is written in."""
        self._segments: list[Segment] = []
        self._writing: Segment | None = None
        self._left: list[Delivery] = []
        self._places: dict[str, _Place] = {}
        """Delivery → where its message stands, until it is done and moved."""
        self._unmoved: deque[Delivery] = deque()
        """Done, and only here."""
        self._done: list[str] = []
        """Done and not noted yet."""
        self._waiting: deque[_PendingWrite] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._writes = asyncio.Lock()
        """Held while what stands in the files and what we know of it may differ."""
        self._come = asyncio.Event()

    async def open(self) -> None:
        """Take a slot, and stock of what earlier runs left. Raises OSError."""
        found = await self._on_disk(self._take_stock)
        # Done anywhere counts: the note of a delivery may stand in a file of later date.
        done = {delivery for _, stock in found for delivery in stock.done}
        for segment, stock in found:
            self._segments.append(segment)
            for taken in stock.taken:
                # Two files may hold the same delivery, where a gateway handed it in again.
                if not self._keep(taken.delivery, _Place(segment, taken.at, taken.delivery.size)):
                    continue
                # Settled in the log, but its bytes are only here: they have to be moved still.
                if taken.delivery.key in done:
                    segment.live.discard(taken.delivery.key)
                    self._unmoved.append(taken.delivery)
                    self._come.set()
                else:
                    self._left.append(taken.delivery)

    async def close(self) -> None:
        """What is being written is finished."""
        if self._flushing is not None:
            await asyncio.wait({self._flushing})
        # What is not noted is done once more after the start, with the same ids.
        with contextlib.suppress(OSError):
            await self._tidy()
        await self._on_disk(self._close_files)
        self._thread.shutdown()

    def left(self) -> list[Delivery]:
        """What an earlier run took and did not settle, the oldest first."""
        return sorted(self._left, key=lambda delivery: delivery.envelope.received_at)

    @property
    def in_hand(self) -> int:
        """Deliveries that are not done."""
        return sum(len(segment.live) for segment in self._segments)

    async def add(self, delivery: Delivery, raw: bytes, then: Callable[[], None]) -> None:
        """Durable when this returns; `then` is called as soon as it is, also where the caller has
        gone by then.

        Raises Refused `disk-full` (503), OSError: not taken.
        """
        # Refused before it is read into the queue: the sender keeps it and comes again.
        if disk.is_short(self._free(self._directory)):
            raise disk.disk_full()
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_PendingWrite(delivery, raw, then, kept))
        # One task writes; who comes meanwhile joins its next group.
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await kept

    def done(self, delivery: Delivery) -> None:
        """Not durable at once: should it come back after a crash, doing it again changes
        nothing.
        """
        place = self._places.get(delivery.key)
        if place is not None and delivery.key in place.segment.live:
            place.segment.live.discard(delivery.key)
            self._done.append(delivery.key)
            self._unmoved.append(delivery)
            self._come.set()

    def plain(self, delivery: Delivery) -> None:
        """There is nothing in it that may not be kept."""
        if delivery.key in self._places:
            self._plain.add(delivery.key)

    async def raw_of(self, delivery: Delivery) -> bytes | None:
        """Its message, from the disk; None where it is not here (any more). Raises OSError."""
        place = self._places.get(delivery.key)
        return (
            await self._on_disk(place.segment.read, place.at, place.size)
            if place is not None
            else None
        )

    async def get(self, digest: str) -> bytes | None:
        """A message by its hash, from here or from where files are kept; None: neither has it.
        Raises Unavailable, OSError.
        """
        for delivery in self._unmoved:
            if delivery.digest == digest:
                return await self.raw_of(delivery)
        return await self._files.get(digest) if self._files is not None else None

    async def run(self) -> None:
        """Move what is not moved, and note what is done; until cancelled."""
        pause = 0.0
        while True:
            await self._come.wait()
            self._come.clear()
            # A little patience: several messages share one move.
            await asyncio.sleep(_GATHERED_S)
            try:
                while self._files is not None and self._unmoved:
                    await self._move_some(self._files)
                # After the move, so that files with nothing left in them go in the same turn.
                await self._tidy()
                pause = 0.0
            except (Unavailable, OSError) as error:
                # The bytes are durable here, so there is no hurry: they wait and are tried again.
                log.warning(
                    "messages wait on this machine's disk",
                    count=len(self._unmoved),
                    error=str(error),
                )
                pause = min(2 * pause, _LONGEST_PAUSE_S) or _FIRST_PAUSE_S
                await asyncio.sleep(pause)
                self._come.set()
            WAITING.set(len(self._unmoved))

    async def _flush(self) -> None:
        """Everything that waits, in groups; what comes meanwhile makes the next group."""
        while self._waiting:
            # `_tidy` may take files away: not while one of them is written.
            async with self._writes:
                group = self._next_group()
                try:
                    with FSYNC.time():
                        segment, places = await self._on_disk(self._write, group)
                except OSError as error:
                    log.critical("mail cannot be stored", error=str(error), messages=len(group))
                    # The callers hear of it, and their senders keep the mail.
                    # after a failed fsync nobody knows what is on the disk: the next go elsewhere
                    self._writing = None
                    for waiting in group:
                        if not waiting.kept.done():
                            waiting.kept.set_exception(OSError(error.errno, error.strerror))
                    continue
                # The thread may have begun a new file.
                if segment is not self._writing:
                    self._segments.append(segment)
                    self._writing = segment
                for waiting, at in zip(group, places, strict=True):
                    self._keep(waiting.delivery, _Place(segment, at, len(waiting.raw)))
            TOGETHER.observe(len(group))
            # `then` first: the message is in hand before its sender hears that it was taken.
            for waiting in group:
                # Also where the caller has gone: what is on the disk is ours to finish.
                waiting.then()
                if not waiting.kept.done():
                    waiting.kept.set_result(None)
        self._flushing = None

    def _next_group(self) -> list[_PendingWrite]:
        # One at least, or a message above the limit would never go.
        group, size = [self._waiting.popleft()], 0
        while self._waiting and (size := size + len(group[-1].raw)) < _GROUP_BYTES:
            group.append(self._waiting.popleft())
        return group

    def _write(self, group: Sequence[_PendingWrite]) -> tuple[Segment, list[int]]:
        """In the thread. Where each message stands, and in which file."""
        frames = [(waiting.delivery.model_dump_json().encode(), waiting.raw) for waiting in group]
        segment = self._writing
        # A file that a failed write left behind is not written on, so its number is passed over.
        if segment is None or segment.size >= SEGMENT_BYTES:
            taken = [int(path.stem) for path in self._own.glob(f"[0-9]*{ENDING}")]
            segment = Segment.begin(self._own / f"{max(taken, default=0) + 1:012d}{ENDING}")
        return segment, segment.append(frames)

    def _keep(self, delivery: Delivery, place: _Place) -> bool:
        """Whether it is new: what a gateway hands in again is the same delivery, and kept once."""
        # The second delivery of the same key stays in the file, unused.
        if delivery.key in self._places:
            return False
        self._places[delivery.key] = place
        place.segment.live.add(delivery.key)
        place.segment.unmoved += 1
        return True

    async def _move_some(self, files: FileHome) -> None:
        """The oldest, to where files are kept. Raises Unavailable, OSError."""
        some: list[Delivery] = []
        size = 0
        for delivery in self._unmoved:
            size += delivery.size
            # At least one, and not too many bytes in memory.
            if some and (len(some) == _MOVED_AT_ONCE or size > _MOVED_BYTES):
                break
            some.append(delivery)
        places = [self._places[delivery.key] for delivery in some]
        read = await self._on_disk(
            lambda: [place.segment.read(place.at, place.size) for place in places]
        )
        plain = {delivery.key for delivery in some} & self._plain
        # What is known to hold no secret is not searched again: that is the costly part.
        fit = [
            raw if delivery.key in plain else await asyncio.to_thread(self._safe, raw)
            for delivery, raw in zip(some, read, strict=True)
        ]
        await files.put_many(
            [(delivery.digest, raw) for delivery, raw in zip(some, fit, strict=True)]
        )
        # Only after the files are there: a failure above leaves everything to the next try.
        self._plain -= plain
        for place in places:
            self._unmoved.popleft()
            place.segment.unmoved -= 1

    async def _tidy(self) -> None:
        """Note what is done; files that nobody needs any more go. Raises OSError."""
        async with self._writes:
            over = [segment for segment in self._segments if segment.is_over]
            # The file that is written to stays: it is emptied and used again.
            gone = [segment for segment in over if segment is not self._writing]
            # Taken before the write: what fails to be noted is done once more after a crash, with
            # the same ids.
            done, self._done = self._done, []
            if over or done:
                await self._on_disk(self._note, done, gone, self._writing in over)
            self._segments = [segment for segment in self._segments if segment not in gone]
            if over:
                # Places in files that are gone lead nowhere.
                self._places = {
                    delivery: place
                    for delivery, place in self._places.items()
                    if place.segment not in over
                }

    def _note(self, done: Sequence[str], gone: Sequence[Segment], is_empty: bool) -> None:
        """In the thread."""
        for segment in gone:
            segment.remove()
        if self._writing is not None and is_empty:
            self._writing.empty()
        # Any file that takes a frame will do: notes are read from all of them.
        left = [segment for segment in self._segments if segment not in gone and segment.is_whole]
        if done and left and not is_empty:
            left[-1].note(done)

    def _take_stock(self) -> list[tuple[Segment, SegmentContents]]:
        """In the thread."""
        slots = self._claim_slots()
        if not slots:
            raise OSError(f"all {SLOTS} slots of {self._directory} are in use")
        # New mail goes into the first; the other slots are only emptied.
        self._own = slots[0]
        found = []
        for path in (path for slot in slots for path in sorted(slot.glob(f"[0-9]*{ENDING}"))):
            segment = Segment.found(path)
            stock = segment.stock()
            # Bytes that were whole once: somebody may have been told 250 for what was in them.
            if stock.gaps:
                log.critical(
                    "mail that was taken is damaged on the disk; a human must look",
                    file=str(path),
                    bytes=stock.gaps,
                )
                segment.ends_as = path.with_suffix(DAMAGED)
            found.append((segment, stock))
        return found

    def _claim_slots(self) -> list[Path]:
        """The first slot that is free, and every other that was used and nobody has."""
        claimed: list[Path] = []
        for slot in (self._directory / str(number) for number in range(SLOTS)):
            # One new slot is enough; beyond it only those that hold something are looked at.
            if claimed and not slot.exists():
                continue
            slot.mkdir(parents=True, exist_ok=True)
            disk.sync_directory(self._directory)
            lock = os.open(slot / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Its process lives, and works on it itself.
                os.close(lock)
                continue
            self._locks.append(lock)
            claimed.append(slot)
        return claimed

    def _close_files(self) -> None:
        """In the thread."""
        for segment in self._segments:
            segment.close()
        while self._locks:
            os.close(self._locks.pop())

    async def _on_disk(self, call: Callable[..., R], *args: Any) -> R:
        """`call` in the bag's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
