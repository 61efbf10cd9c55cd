"""One file of a partition as the broker keeps it: which of its bytes are whole batches, and which
are damaged. It reads bytes and opens nothing.

The format is Kafka's record batch, version 2 (https://kafka.apache.org/documentation/#recordbatch):
base offset (8 bytes), length of what follows (4), leader epoch (4), magic 2 (1), CRC-32C of all
that follows it (4), attributes (2), offset of the last record from the base (4), …
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka.record.util import calc_crc32c

# Base offset, length, leader epoch, magic, checksum, attributes, last offset from the base.
_HEAD = struct.Struct(">qiibIhi")
# Where the magic byte stands, where the checked bytes begin, and what `length` does not count:
# fixed by the format.
_MAGIC_AT = 16
_CHECKED_FROM = 21
_BEFORE_LENGTH = 12
_LEAST = 61
"""A batch without records."""


@dataclass(frozen=True)
class WholeBatch:
    """Bytes `at` to `end`, with the records `first` to `last` (offsets)."""

    at: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class Gap:
    """Damaged bytes `at` to `end`. The records from `first` to `last` are lost with them; `last` is
    None at the end of the file: nobody can tell how many there were.
    """

    at: int
    end: int
    first: int
    last: int | None


def batch_at(raw: bytes, at: int, least: int) -> WholeBatch | None:
    """The batch that begins at this byte, if it is whole; its records have offsets of `least`
    on.
    """
    if at + _LEAST > len(raw):
        return None
    base, length, _, magic, crc, _, beyond = _HEAD.unpack_from(raw, at)
    end = at + _BEFORE_LENGTH + length
    # Cheap checks first: nearly all candidates in damaged bytes fail here, and the checksum costs a
    # pass over the batch.
    if magic != 2 or base < least or beyond < 0 or not at + _LEAST <= end <= len(raw):
        return None
    if calc_crc32c(raw[at + _CHECKED_FROM : end]) != crc:
        return None
    return WholeBatch(at, end, base, base + beyond)


def scan(raw: bytes, first: int) -> tuple[list[WholeBatch], list[Gap]]:
    """The whole batches of a file, and the damage between them. `first`: the offset in its name."""
    batches: list[WholeBatch] = []
    gaps: list[Gap] = []
    at, least = 0, first
    # One batch a turn. Where none begins at this byte, the bytes up to the next whole one are a
    # gap.
    while at < len(raw):
        found = batch_at(raw, at, least) or _next_batch(raw, at, least)
        if found is None or found.at > at:
            end = found.at if found else len(raw)
            gaps.append(Gap(at, end, least, found.first - 1 if found else None))
        if found is None:
            break
        batches.append(found)
        at, least = found.end, found.last + 1
    return batches, gaps


def without(raw: bytes, gaps: list[Gap]) -> bytes:
    """The file without its damaged bytes. What is left keeps its offsets."""
    return b"".join(_pieces(raw, gaps))


def _pieces(raw: bytes, gaps: list[Gap]) -> Iterator[bytes]:
    at = 0
    for gap in gaps:
        yield raw[at : gap.at]
        at = gap.end
    yield raw[at:]


def _next_batch(raw: bytes, at: int, least: int) -> WholeBatch | None:
    """The first whole batch that begins after this byte."""
    # Every batch has the byte 2 here. Looking for it is fast; `batch_at` decides whether it is one.
    magic = raw.find(2, at + 1 + _MAGIC_AT)
    while magic >= 0:
        if (found := batch_at(raw, magic - _MAGIC_AT, least)) is not None:
            return found
        magic = raw.find(2, magic + 1)
    return None
