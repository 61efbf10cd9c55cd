"""How submissions stand in a journal: framed by mark, length and checksum, so that a torn or
damaged piece is told apart.

    mark (4 bytes) · length of the payload (4, big-endian) · CRC-32 of the payload (4) · payload
    payload: one line of JSON (when, and of each record topic, key, headers, length of its value),
    then the values

One frame is one submission: its records (an urgent ticket has two) are kept together or not at all.
The mark is not UTF-8 and all of a payload is, so no text a customer sends can look like a frame.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from shared.wire import Record

MARK = b"\xff\xfeS\xfd"
# Mark, length and checksum, big-endian.
_HEAD = struct.Struct(">4sII")
# A larger length is taken for damage.
LONGEST = 64 * 1024 * 1024


class Frame(NamedTuple):
    """A submission as it was kept: `at` epoch seconds, and where its frame ends in its file."""

    at: float
    records: tuple[Record, ...]
    end: int


class DamagedBytes(NamedTuple):
    """Bytes `start` to `end` are no frame: torn by a crash (at the end of a file), or damaged."""

    start: int
    end: int


def encode(records: Sequence[Record], at: float) -> bytes:
    """One frame."""
    values = [record.value for record in records]
    # Latin-1 keeps every byte of a header in a JSON string.
    about = [
        [
            record.topic,
            record.key,
            [[name, value.decode("latin-1")] for name, value in record.headers],
            record.partition,
            None if record.value is None else len(record.value),
        ]
        for record in records
    ]
    # A value of None (a tombstone) is told by its length being null, so it needs no bytes.
    payload = b"".join([orjson.dumps([at, about]), b"\n", *(value for value in values if value)])
    return _HEAD.pack(MARK, len(payload), zlib.crc32(payload)) + payload


def decode(data: bytes, start: int = 0) -> tuple[list[Frame], list[DamagedBytes]]:
    """The whole frames of `data` from `start` on, in order, and what lies between them. Reading
    resumes after damage.
    """
    frames: list[Frame] = []
    gaps: list[DamagedBytes] = []
    at = start
    while at < len(data):
        frame = _frame_at(data, at)
        if frame is None:
            # Damage: go on at the next mark whose checksum is right.
            following = _next_frame(data, at + 1)
            gaps.append(DamagedBytes(at, following))
            at = following
        else:
            frames.append(frame)
            at = frame.end
    return frames, gaps


def _next_frame(data: bytes, start: int) -> int:
    at = data.find(MARK, start)
    # A mark alone proves nothing inside damaged bytes.
    while at >= 0 and _frame_at(data, at) is None:
        at = data.find(MARK, at + 1)
    return at if at >= 0 else len(data)


def _frame_at(data: bytes, at: int) -> Frame | None:
    if len(data) - at < _HEAD.size:
        return None
    mark, length, checksum = _HEAD.unpack_from(data, at)
    end = at + _HEAD.size + length
    if mark != MARK or length > LONGEST or end > len(data):
        return None
    payload = data[at + _HEAD.size : end]
    # The checksum last: it is the costly test.
    return Frame(*_parse_payload(payload), end) if zlib.crc32(payload) == checksum else None


def _parse_payload(payload: bytes) -> tuple[float, tuple[Record, ...]]:
    line, _, values = payload.partition(b"\n")
    at, about = orjson.loads(line)
    records, begin = [], 0
    for topic, key, headers, partition, length in about:
        value = None if length is None else values[begin : begin + length]
        begin += length or 0
        named = [(name, text.encode("latin-1")) for name, text in headers]
        records.append(Record(topic, key, value, named, partition))
    return at, tuple(records)
