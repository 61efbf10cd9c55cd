"""A file of the mailbag: the mails that were taken, and which of them are settled in the log.

    signalbox mail 1\\n · mark (16 random bytes)
    then frames: mark · kind (1 byte) · length of head (4, big-endian) · length of body (4) · CRC-32
    of both (4) · head · body
      t  taken: head is the delivery's JSON, body the message as it came
      d  done: head is the keys of deliveries, one a line

The mark is drawn for each file and told to nobody, so no message can hold what looks like a frame.
Synchronous, used by one thread at a time (the bag's).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from services.intake.mail.queue.delivery import Delivery
from services.intake.spool.disk import sync_directory, write_all

TAKEN, DONE = b"t", b"d"
ENDING, DAMAGED = ".mail", ".damaged"
# The number is the format: another one is not read as this.
_TITLE = b"signalbox mail 1\n"
_MARK = 16
_FIRST = len(_TITLE) + _MARK
# Mark, kind, lengths of head and body, checksum; big-endian.
_HEAD = struct.Struct(f">{_MARK}scIII")


class StoredDelivery(NamedTuple):
    """A delivery, and where its message stands in the file."""

    delivery: Delivery
    at: int


class SegmentContents(NamedTuple):
    """What a file of an earlier run holds. `done`: keys of deliveries. `gaps`: bytes that are no
    frame and not a torn end.
    """

    taken: list[StoredDelivery]
    done: set[str]
    gaps: int


class Segment:
    """One file. `live`: deliveries in it that are not done; `unmoved`: messages that are only
    here.
    """

    def __init__(self, path: Path, descriptor: int, mark: bytes, size: int) -> None:
        self.path, self.size = path, size
        self._descriptor, self._mark = descriptor, mark
        self.live: set[str] = set()
        self.unmoved = 0
        self.ends_as: Path | None = None
        """What it is called when it is over, where it is to be looked at; else it goes."""

    @classmethod
    def begin(cls, path: Path) -> Segment:
        """A new one, its name durable. Raises OSError."""
        mark = secrets.token_bytes(_MARK)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            write_all(descriptor, _TITLE + mark)
            os.fsync(descriptor)
            sync_directory(path.parent)
        except OSError:
            # A file without a title could never be read: better none at all.
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return cls(path, descriptor, mark, _FIRST)

    @classmethod
    def found(cls, path: Path) -> Segment:
        """One of an earlier run; it is written to no more, but for what is done. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        first = os.pread(descriptor, _FIRST, 0)
        whole = len(first) == _FIRST and first.startswith(
            _TITLE
        )  # else a crash tore it before anything was in it
        return cls(
            path, descriptor, first[len(_TITLE) :] if whole else b"", os.fstat(descriptor).st_size
        )

    @property
    def is_whole(self) -> bool:
        """False: a crash tore it before anything was in it, and nothing can be."""
        return len(self._mark) == _MARK

    @property
    def is_over(self) -> bool:
        """Whether nothing in it is needed any more."""
        return not self.live and not self.unmoved

    def append(self, taken: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Keep (delivery's JSON, message), durable on return; where each message stands. Raises
        OSError: then none is kept.
        """
        pieces: list[bytes] = []
        # The places follow from the sizes, so nothing has to be asked of the file.
        at, places = self.size, []
        for head, body in taken:
            at += self._add(pieces, TAKEN, head, body)
            places.append(at - len(body))
        try:
            write_all(self._descriptor, b"".join(pieces))
            os.fdatasync(self._descriptor)
        except OSError:
            # Cut off, or a reader would find frames that nobody was told are kept.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size = at
        return places

    def note(self, done: Sequence[str]) -> None:
        """Deliveries, also of other files, are done. Not fsynced: where it is lost they are done
        once more, and say the same.
        """
        pieces: list[bytes] = []
        # A DONE frame may stand in any file, so notes need no file of their own.
        size = self._add(pieces, DONE, "\n".join(done).encode(), b"")
        write_all(self._descriptor, b"".join(pieces))
        self.size += size

    def read(self, at: int, size: int) -> bytes:
        """A message. Raises OSError."""
        return os.pread(self._descriptor, size, at)

    def stock(self) -> SegmentContents:
        """Everything whole in it. Raises OSError."""
        data = os.pread(self._descriptor, self.size, 0)
        taken: list[StoredDelivery] = []
        done: set[str] = set()
        gaps, end = 0, _FIRST
        for kind, start, head, body_at, frame_end in self._frames(data):
            gaps += start - end
            end = frame_end
            if kind == DONE:
                done.update(head.decode("ascii", "replace").split("\n"))
                # Not UTF-8 is damage; it matches no key, so its deliveries are done once more.
                continue
            try:
                taken.append(
                    StoredDelivery(Delivery.model_validate_json(head, extra="ignore"), body_at)
                )
            except ValidationError:
                # Whole by its checksum, but no delivery of a known shape: a human must look.
                gaps += frame_end - start
        return SegmentContents(taken, done, gaps)

    def empty(self) -> None:
        """Nothing in it is needed: it can be written from the start. Raises OSError."""
        os.ftruncate(self._descriptor, _FIRST)
        self.size = _FIRST

    def remove(self) -> None:
        """It is over. Raises OSError."""
        # The descriptor first: a renamed file must not be written to by mistake.
        self.close()
        if self.ends_as is not None:
            self.path.replace(self.ends_as)
        else:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, pieces: list[bytes], kind: bytes, head: bytes, body: bytes) -> int:
        pieces += [
            _HEAD.pack(self._mark, kind, len(head), len(body), zlib.crc32(body, zlib.crc32(head))),
            head,
            body,
        ]
        return _HEAD.size + len(head) + len(body)

    def _frames(self, data: bytes) -> Iterator[tuple[bytes, int, bytes, int, int]]:
        """Kind, start, head, where the body begins, end. Reading resumes after damage."""
        at = data.find(self._mark, _FIRST) if self._mark else -1
        while at >= 0:
            end = at + 1
            if len(data) - at >= _HEAD.size:
                _, kind, head_size, body_size, checksum = _HEAD.unpack_from(data, at)
                body_at = at + _HEAD.size + head_size
                # One byte on where the frame is not whole: the next mark is looked for from there.
                if body_at + body_size <= len(data):
                    head, body = (
                        data[at + _HEAD.size : body_at],
                        data[body_at : body_at + body_size],
                    )
                    if zlib.crc32(body, zlib.crc32(head)) == checksum:
                        end = body_at + body_size
                        yield kind, at, head, body_at, end
            at = data.find(self._mark, end)
