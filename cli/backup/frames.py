"""Records of the log as bytes, and back. No I/O of its own.

A frame: offset and time (8 bytes each), the lengths of key and value (4 each, -1: none), how many
headers (2), then key, value and for each header the lengths of name and value (4 each) and both.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from shared.bus.rewriting import RawRecord

_HEAD = struct.Struct(">qqiiH")
_PAIR = struct.Struct(">ii")
# Of gzip: JSON shrinks nearly as much as with 9, in much less time.
_LEVEL = 4
# Events with attachments that people sent. Others name the same files again.
_FILES_IN = frozenset({"OpenTicket", "AddReply", "TicketOpened", "ReplyAdded", "NoteAdded"})


def pack(records: Iterable[RawRecord]) -> bytes:
    """The records, compressed."""
    parts: list[bytes] = []
    for record in records:
        key, value = record.key, record.value
        parts.append(
            _HEAD.pack(
                record.offset,
                record.at_ms,
                -1 if key is None else len(key),
                -1 if value is None else len(value),
                len(record.headers),
            )
        )
        parts += [key or b"", value or b""]
        for name, said in record.headers:
            parts += [_PAIR.pack(len(name.encode()), len(said)), name.encode(), said]
    # `mtime=0`: the same records give the same bytes.
    return gzip.compress(b"".join(parts), _LEVEL, mtime=0)


def unpack(packed: bytes) -> Iterator[RawRecord]:
    """The records that were packed."""
    raw, at = gzip.decompress(packed), 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return raw[at - size : at]

    while at < len(raw):
        offset, at_ms, key_size, value_size, count = _HEAD.unpack(take(_HEAD.size))
        # -1 in the frame: no key or value, which is not an empty one.
        key = None if key_size < 0 else take(key_size)
        value = None if value_size < 0 else take(value_size)
        headers: list[tuple[str, bytes]] = []
        for _ in range(count):
            name_size, said_size = _PAIR.unpack(take(_PAIR.size))
            headers.append((take(name_size).decode(), take(said_size)))
        yield RawRecord(offset, key, value, tuple(headers), at_ms)


def files_named(event: dict[str, Any] | None) -> frozenset[str]:
    """The files that an event needs: attachments by id, mail as it came by its hash."""
    if event is None:
        return frozenset()
    names = [event["blob"]] if isinstance(event.get("blob"), str) else []
    if event.get("type") in _FILES_IN:
        names += event.get("attachments") or []
    return frozenset(name for name in names if isinstance(name, str) and name)
