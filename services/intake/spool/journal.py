"""The spool's files: segments that only grow, a note of how far they are drained, and copies kept
for a day after.

    <directory>/000000000007.journal   frames (`frames.py`), fsynced before anybody is told that
    they are kept
    <directory>/000000000006.drained   in Kafka; kept 24 h after its ack, less when the disk runs
    short
    <directory>/000000000005.damaged   the same, but some bytes of it could not be read: kept until
    somebody looks
    <directory>/drained.json           everything before this segment and offset has been
    acknowledged by Kafka
    <directory>/aside.journal          frames that Kafka will never take: kept until somebody looks

Synchronous, and used by one thread at a time (the spool's). After a start new frames go to a new
segment, so what a crash tore stays the end of its file. Losing `drained.json` costs repeats, which
readers skip.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from services.intake.outage.journal import PageLog
from services.intake.spool.disk import sync_directory, write_all, write_durably
from services.intake.spool.frames import Frame, decode
from shared.wire import Record

log = structlog.get_logger()

# So long an operator can read again what was taken, should Kafka lose it.
KEPT = timedelta(hours=24)
# Small enough to be read in one go when it is drained.
SEGMENT_BYTES = 16 * 1024 * 1024
# One directory for each process; more processes than this are refused.
SLOTS = 16
# The suffix is the state of a segment; a rename is the whole transition.
_LIVE, _DRAINED, _DAMAGED = ".journal", ".drained", ".damaged"


Note = Callable[[Sequence[Record]], None]


class JournalPosition(NamedTuple):
    segment: int
    offset: int


class Journal:
    """One process's journal. `open` takes the lock; raises BlockingIOError where another process
    has it, OSError.
    """

    def __init__(
        self, directory: Path, note: Note | None = None, *, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.directory, self._note, self._segment_bytes = directory, note, segment_bytes
        self._lock = -1
        self._writing = -1
        self._ends: dict[int, int] = {}
        """Live segment → how far it is durable."""
        self._damaged: set[int] = set()
        self._read = JournalPosition(0, 0)
        self._loaded: deque[Frame] = deque()
        self.pending = 0
        """Frames kept and not drained."""

    @staticmethod
    def is_left_over(directory: Path) -> bool:
        """Whether there is something to drain, or to tell of pages."""
        return PageLog.is_left_over(directory) or any(
            path.stat().st_size for path in directory.glob(f"[0-9]*{_LIVE}")
        )

    def open(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        # Both folders above may be new; their names must survive a crash too.
        for parent in (self.directory.parent, self.directory.parent.parent):
            sync_directory(parent)
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The kernel frees the lock when the process ends, so no stale lock is ever left.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = -1
            raise
        # First how far it is drained: stock is taken from there.
        self._read = self._read_position()
        for path in sorted(self.directory.glob(f"[0-9]*{_LIVE}")):
            self._take_stock(int(path.stem), path)

    def close(self) -> None:
        self._stop_writing()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def append(self, frames: list[bytes]) -> None:
        """Keep them, in this order: on return they are on the disk. Raises OSError: then none of
        them is kept.
        """
        # A segment is never written on after a start: what a crash tore stays the end of its file.
        if self._writing < 0 or self._ends[self._last] >= self._segment_bytes:
            self._begin_segment()
        segment = self._last
        try:
            write_all(self._writing, b"".join(frames))
            # Data and length only: no reader needs the file's times.
            os.fdatasync(self._writing)
        except OSError:
            # After a failed fsync nobody knows what is on the disk: what was written is cut off,
            # and the next frames go elsewhere.
            with contextlib.suppress(OSError):
                os.ftruncate(self._writing, self._ends[segment])
            self._stop_writing()
            raise
        # Counted after the sync: what is beyond `_ends` is not kept and not read.
        self._ends[segment] += sum(map(len, frames))
        self.pending += len(frames)

    def read_ahead(self, limit: int) -> list[Frame]:
        """The next frames that are not drained, about `limit` bytes of them (one at least); empty:
        there are none.
        """
        self._load()
        found: list[Frame] = []
        size, begin = 0, self._read.offset
        for frame in self._loaded:
            size += frame.end - begin
            # One at least, or a frame that is larger than the limit would never go.
            if found and size > limit:
                break
            begin = frame.end
            found.append(frame)
        return found

    def drained(self, count: int, now: datetime) -> None:
        """The first `count` frames that `read_ahead` gave are in Kafka. Segments that are done become
        copies.
        """
        for _ in range(count):
            self._read = JournalPosition(self._read.segment, self._loaded.popleft().end)
        self.pending -= count
        # Also the segment that is written to: the next frame begins a new one.
        if not self._loaded and self._read.offset >= self._ends[self._read.segment]:
            self._retire(self._read.segment, now)
        # After the rename: a crash in between loses nothing, for a copy is not read any more.
        write_durably(self.directory / "drained.json", orjson.dumps(self._read._asdict()))

    def set_aside(self, frame: bytes) -> None:
        """Keep a frame that Kafka will never take, for somebody to look at."""
        descriptor = os.open(
            self.directory / "aside.journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        try:
            write_all(descriptor, frame)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sweep(self, now: datetime | None) -> int:
        """Delete the copies whose day is over (None: all of them); how many."""
        # A disk that runs short takes all copies: they are in Kafka already.
        day_ago = (now - KEPT).timestamp() if now else float("inf")
        old = [
            path for path in self.directory.glob(f"*{_DRAINED}") if path.stat().st_mtime < day_ago
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def trouble(self) -> str | None:
        """What somebody has to look at here."""
        if (self.directory / "aside.journal").exists():
            return f"Kafka refuses records for good: {self.directory / 'aside.journal'}"
        if any(self.directory.glob(f"*{_DAMAGED}")):
            return f"a part of the journal could not be read: {self.directory}"
        return None

    @property
    def _last(self) -> int:
        return max(self._ends)

    def _path(self, segment: int) -> Path:
        return self.directory / f"{segment:012d}{_LIVE}"

    def _read_position(self) -> JournalPosition:
        path = self.directory / "drained.json"
        try:
            found = orjson.loads(path.read_bytes())
            return JournalPosition(int(found["segment"]), int(found["offset"]))
        except FileNotFoundError:
            # A new directory, or one whose note was lost: begin at the front.
            return JournalPosition(0, 0)
        except (ValueError, KeyError, TypeError):
            log.warning(
                "how far the spool is drained cannot be read: all of it goes to Kafka again",
                path=str(path),
            )
            return JournalPosition(0, 0)

    def _take_stock(self, segment: int, path: Path) -> None:
        """What of a segment is left to drain. The torn end does not count; damage before it is
        told.
        """
        # The note says that it is drained and its name does not: the rename is made up for.
        if segment < self._read.segment:
            path.rename(path.with_suffix(_DRAINED))
            return
        data = path.read_bytes()
        # Only the segment that was half drained begins in its middle.
        frames, gaps = decode(data, self._read.offset if segment == self._read.segment else 0)
        end = len(data)
        # A gap that reaches the end is a write the crash cut off: its caller never got an answer.
        if gaps and gaps[-1].end == len(data):
            end = gaps.pop().start
            log.warning(
                "the end of a journal is torn: nothing of it was acknowledged",
                path=str(path),
                bytes=len(data) - end,
            )
        # Any other gap was whole once. What lies in it may have been promised to somebody.
        if gaps:
            self._damaged.add(segment)
            log.critical(
                "a journal is damaged: acknowledged submissions may be in it",
                path=str(path),
                gaps=gaps,
            )
        self._ends[segment] = end
        self.pending += len(frames)
        if self._note is not None:
            for frame in frames:
                self._note(frame.records)
        # Nothing is left to drain in it. No time is set, so the copy keeps its age.
        if not frames:
            self._retire(segment, None)

    def _load(self) -> None:
        """Have frames of the first undrained segment in memory."""
        while not self._loaded:
            segments = sorted(s for s in self._ends if s >= self._read.segment)
            if not segments:
                return
            # The segment before is gone: begin the next one at its start.
            if segments[0] != self._read.segment:
                self._read = JournalPosition(segments[0], 0)
            # Only up to what is synced: bytes beyond it may be cut off again.
            segment, begin = self._read
            with self._path(segment).open("rb") as file:
                file.seek(begin)
                data = file.read(self._ends[segment] - begin)
            self._loaded = deque(frame._replace(end=frame.end + begin) for frame in decode(data)[0])
            # The last one may still grow, so it stays though nothing is in it just now.
            if self._loaded or segment == self._last:
                return
            self._retire(segment, None)

    def _retire(self, segment: int, now: datetime | None) -> None:
        """All of a segment is drained: it becomes a copy, and is written to no more."""
        if segment == self._last:
            self._stop_writing()
        path = self._path(segment)
        # The day of the copy runs from the ack and not from the last write.
        if now is not None:
            os.utime(path, (now.timestamp(), now.timestamp()))
        path.rename(path.with_suffix(_DAMAGED if segment in self._damaged else _DRAINED))
        del self._ends[segment]
        # An older segment may still hold frames: an empty one behind it moves nothing forward.
        if segment >= self._read.segment and not any(live < segment for live in self._ends):
            self._read = JournalPosition(segment + 1, 0)

    def _begin_segment(self) -> None:
        self._stop_writing()
        # A number above all that are or were there, so a copy is never overwritten.
        taken = [int(path.stem) for path in self.directory.glob("[0-9]*.*")]
        segment = max([self._read.segment - 1, *taken, *self._ends], default=-1) + 1
        self._writing = os.open(
            self._path(segment), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600
        )
        self._ends[segment] = 0
        # The new name must be on the disk before a frame in it is promised.
        sync_directory(self.directory)

    def _stop_writing(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1


def claim(parent: Path, note: Note | None = None) -> Journal:
    """A journal under `parent` that no other process has: one that was left with something in it,
    if there is. Raises OSError.

    `note` is told every submission it holds.
    """
    slots = [parent / f"{number}" for number in range(SLOTS)]
    # Those with something in them first, so that nothing waits for a process that never comes.
    for directory in sorted(
        slots, key=lambda slot: (not (slot.exists() and Journal.is_left_over(slot)), int(slot.name))
    ):
        journal = Journal(directory, note)
        try:
            journal.open()
        except BlockingIOError:
            # Another process has it; the next slot may be free.
            continue
        return journal
    raise OSError(f"all {SLOTS} spools under {parent} are in use")


def find_abandoned(parent: Path, own: Journal) -> Journal | None:
    """A journal beside `own` that a process left with something in it, now locked by us."""
    for directory in sorted(parent.glob("[0-9]*")):
        if directory != own.directory and Journal.is_left_over(directory):
            journal = Journal(directory)
            # Locked: its process lives, and drains it itself.
            with contextlib.suppress(BlockingIOError):
                journal.open()
                return journal
    return None
