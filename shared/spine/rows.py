"""What a worker remembers: one row per key, kept as JSON bytes, with the instants at which rows
want to be woken.

A million rows must fit, so a row is parsed only while it is decided on; due times stand in a heap,
so asking for the next one scans nothing. Pure: no clock, no I/O.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.config import ExtraValues


class Row(BaseModel):
    """The state of one key; services derive theirs. It is a function of the key's facts alone, so
    it can be rebuilt from them.

    `seq` is the seq of the last fact. `seen` holds the ids of all requests, firings and outcomes
    taken (the causes of the facts): a retry can come any day. The runtime sets both.
    """

    model_config = ConfigDict(extra="ignore")

    seq: int = 0
    seen: tuple[str, ...] = ()

    def has_taken(self, event: str) -> bool:
        """Whether the request, firing or outcome of this id was decided on already."""
        return event in self.seen

    @classmethod
    def model_validate_json(
        cls,
        json_data: str | bytes | bytearray,
        *,
        extra: ExtraValues | None = "ignore",
        **options: Any,
    ) -> Self:
        """Read a row. Fields that this version does not know are left out, at every depth: a newer
        Signalbox may have written it, before it was rolled back. Raises pydantic.ValidationError.
        """
        return super().model_validate_json(json_data, extra=extra, **options)

    def copy_with(self, values: Mapping[str, object]) -> Self:
        """A copy with some fields set, unvalidated: `model_copy(update=…)` at a quarter of its
        time.
        """
        # Without pydantic's own copying: this runs for every fact.
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
    """The rows of one partition as bytes. `parked` keys wait for a human; the value is the reason.
    `resting` keys are due, and there was nothing to do by the documents there are.
    """

    def __init__(self) -> None:
        self._raw: dict[str, bytes] = {}
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self.parked: dict[str, str] = {}
        self.resting: set[str] = set()

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
        self.resting.discard(key)
        if due_at is None:
            self._due.pop(key, None)
            return
        due = due_at.timestamp()
        # Armed for this very instant already: one entry is enough.
        if self._due.get(key) == due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        # Old entries stay in the heap until they come up; too many are cleared at once.
        if len(self._heap) > 2 * len(self._due) + 1024:
            self._heap = [(due, key) for key, due in self._due.items()]
            heapq.heapify(self._heap)

    def rouse(self, now: datetime) -> None:
        """Arm the resting keys again: the documents have changed."""
        for key in list(self.resting):
            self.arm(key, now)

    def next_due(self) -> float | None:
        """The earliest due time, epoch seconds."""
        # Entries that were armed anew since are passed over.
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
