"""Which partitions are behind and do not move, since when. Pure: times and offsets come in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

Place = tuple[str, int]
"""Topic (logical) and partition."""

CATCHING_UP = 500
"""While others are so many records behind and move, a partition may have to wait for its turn."""


class StalledPartition(NamedTuple):
    """A partition at `offset` of `end` that has not moved for so many seconds."""

    place: Place
    offset: int
    end: int
    seconds: float

    def __str__(self) -> str:
        topic, partition = self.place
        return f"{topic}/{partition} stands at {self.offset} of {self.end} for {self.seconds:.0f} s"


class Progress:
    """`look` now and then; `list_stalled` says what the looks add up to. Time between two looks counts
    only where both found the partition behind, at the same offset.
    """

    def __init__(self) -> None:
        self._at: dict[Place, int] = {}
        self._since: dict[Place, float] = {}
        self._ends: dict[Place, int] = {}
        self._looked = 0.0

    def look(
        self,
        now: float,
        at: Mapping[Place, int],
        ends: Mapping[Place, int],
        *,
        counts: bool = True,
        excused: Collection[Place] = (),
    ) -> None:
        """`at` and `ends`: offsets by partition; one that is missing in either is unknown.
        `counts`: false where nobody could have moved since the last look. `excused`: partitions
        that stand still for a reason somebody knows.
        """
        behind = {
            place: offset
            for place, offset in at.items()
            if place not in excused and offset < ends.get(place, offset)
        }
        # Records still to come on partitions that did move since the last look.
        moving = sum(
            ends[place] - offset
            for place, offset in behind.items()
            if self._at.get(place, offset) != offset
        )
        for place, offset in behind.items():
            stood = place in self._since and self._at.get(place) == offset
            # Kafka may send one partition after the other while it catches up: that is no
            # standstill.
            if not stood or moving > CATCHING_UP:
                self._since[place] = now
            # The time since the last look is taken out; what was counted before stays.
            elif not counts:
                self._since[place] += now - self._looked
        # What caught up or was taken away begins from zero the next time.
        for place in self._since.keys() - behind.keys():
            del self._since[place]
        self._at, self._ends, self._looked = dict(at), dict(ends), now

    def standing(self, longer_than: float) -> list[StalledPartition]:
        """Those that stood still for longer than so many seconds when last looked at, the longest
        first.
        """
        found = [
            StalledPartition(place, self._at[place], self._ends[place], self._looked - since)
            for place, since in self._since.items()
            if self._looked - since > longer_than
        ]
        return sorted(found, key=lambda each: -each.seconds)

    def forget(self) -> None:
        """Other partitions are looked at from now on."""
        self._at, self._ends = {}, {}
        self._since.clear()
