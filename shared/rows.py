"""What a worker remembers: one row per key, kept as JSON bytes, with the instants at which rows want to be woken.

A million rows must fit, so a row is parsed only while it is decided on; due times stand in a heap, so asking for the next
one scans nothing. Pure: no clock, no I/O.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    """The state of one key; services derive theirs. It is a function of the key's facts alone, so it can be rebuilt from them.

    `seq` is the seq of the last fact. `seen` holds the ids of all requests, firings and outcomes taken (the causes of the
    facts): a retry can come any day. The runtime sets both.
    """

    model_config = ConfigDict(extra="ignore")

    seq: int = 0
    seen: tuple[str, ...] = ()

    def having(self, values: Mapping[str, object]) -> Self:
        """A copy with some fields set, unvalidated: `model_copy(update=…)` at a quarter of its time."""
        copy = self.__class__.__new__(self.__class__)
        object.__setattr__(copy, "__dict__", {**self.__dict__, **values})
        object.__setattr__(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        object.__setattr__(copy, "__pydantic_extra__", None)
        object.__setattr__(copy, "__pydantic_private__", None)
        return copy

    def to_bytes(self) -> bytes:
        return self.__pydantic_serializer__.to_json(self)


R = TypeVar("R", bound=Row)


class Rows:
    """The rows of one partition as bytes. `parked` keys wait for a human; the value is the reason."""

    def __init__(self) -> None:
        self._raw: dict[str, bytes] = {}
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self.parked: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def keys(self) -> list[str]:
        return list(self._raw)

    def get(self, key: str) -> bytes | None:
        return self._raw.get(key)

    def put(self, key: str, raw: bytes) -> None:
        self._raw[key] = raw

    def park(self, key: str, reason: str | None) -> None:
        """Park `key` with a reason, or let it go on with None."""
        if reason is None:
            self.parked.pop(key, None)
        else:
            self.parked[key] = reason

    def arm(self, key: str, due_at: datetime | None) -> None:
        """Wake `key` at `due_at` and at no other time; None: never."""
        if due_at is None:
            self._due.pop(key, None)
            return
        due = due_at.timestamp()
        if self._due.get(key) == due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + 1024:
            self._heap = [(due, key) for key, due in self._due.items()]
            heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """The earliest due time, epoch seconds."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime, limit: int) -> list[str]:
        """Up to `limit` keys that are due, earliest first; they are disarmed."""
        moment, found = now.timestamp(), list[str]()
        while len(found) < limit and (due := self.next_due()) is not None and due <= moment:
            _, key = heapq.heappop(self._heap)
            del self._due[key]
            found.append(key)
        return found
