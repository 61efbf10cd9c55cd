"""What travels: records to be written, messages that were read, and the CloudEvents headers of an
event (binary mode).
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.events import DeadLetter, Event
from shared.ids import derive

Headers = Sequence[tuple[str, bytes]]


class Record(NamedTuple):
    """One record to write. `topic` is the logical name (the bus adds the prefix); `value` None is a
    tombstone.

    `partition` None means the default partitioner's on the key. Consecutive records of one topic
    and partition with the same `group` are written in one Kafka batch, so the log holds all of them
    or none.
    """

    topic: str
    key: str
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    group: int | None = None


class Message(NamedTuple):
    """One record that was read. `topic` is the logical name, `value` is empty for a tombstone, `at`
    epoch seconds.
    """

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict[str, bytes]
    at: float

    @property
    def traceparent(self) -> str | None:
        found = self.headers.get("traceparent")
        return found.decode("ascii", "replace") if found else None


Batch = dict[tuple[str, int], list[Message]]
"""Messages by (topic, partition), in log order."""


def headers_for(
    event: Event, source: str, traceparent: str | bytes | None = None
) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0 attributes as Kafka headers; `source` is the service's name; `traceparent` is
    W3C trace context.
    """
    headers = [
        ("ce_id", event.id.encode()),
        ("ce_time", _time.of(event.at)),
        *_make_fixed_headers(event.type, source),
    ]
    if traceparent:
        headers.append(
            ("traceparent", traceparent if isinstance(traceparent, bytes) else traceparent.encode())
        )
    return headers


class _Time:
    """ISO 8601 of an instant; the facts of one decision share theirs, so the last is kept."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._text = b""

    def of(self, at: datetime) -> bytes:
        # By identity: the facts of one decision carry the very same object.
        if at is not self._at:
            self._at, self._text = at, at.isoformat().encode()
        return self._text


_time = _Time()


# A few dozen kinds and sources: the same tuple for each record of them.
@functools.lru_cache(maxsize=1024)
def _make_fixed_headers(kind: str, source: str) -> tuple[tuple[str, bytes], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", b"dev.signalbox." + kind.encode()),
        ("ce_source", b"/signalbox/" + source.encode()),
        ("content-type", b"application/json"),
    )


def record_for(
    topic: str,
    event: Event,
    source: str,
    traceparent: str | bytes | None = None,
    partition: int | None = None,
) -> Record:
    """The record that carries `event` on `topic`, keyed by its aggregate."""
    return Record(
        topic, event.key, event.wire(), headers_for(event, source, traceparent), partition
    )


def dead_letter(
    message: Message,
    worker: str,
    reason: str,
    at: datetime,
    *,
    parked: bool = False,
    more: tuple[str, ...] = (),
) -> DeadLetter:
    """The letter that keeps a message `worker` could not handle; its id comes from where the
    message stood, and `more`.
    """
    where = (message.topic, str(message.partition), str(message.offset))
    return DeadLetter(
        # From the place: the same message, dead twice, is one letter.
        id=derive("dlt", worker, *where, *more),
        key=message.key,
        at=at,
        worker=worker,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        reason=reason,
        # Bytes that are no JSON, perhaps: base64 keeps them as they were.
        raw=base64.b64encode(message.value).decode(),
        headers={name: value.decode("utf-8", "replace") for name, value in message.headers.items()},
        parked=parked,
    )
