"""How late a consumer is, in seconds, from what is known of a partition now and then: how far it
has come, and where the log ends. Pure; times are epoch seconds.

A record is as old as the first look that found the log's end beyond it, so the answer may be too
small by the time between two looks. What was there before the first look is as old as the last
record that was handed out: those after it are younger, so this answer may be too large.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from shared.bus.progress.progress import Place

MOST_LOOKS = 256
"""Looks that are kept of one partition; beyond it every second one is left out."""


class Lateness:
    """`look` now and then, `seconds` gives the age of the oldest record that is not dealt with."""

    def __init__(self) -> None:
        self._at: dict[Place, int] = {}
        self._looks: dict[Place, deque[tuple[float, int]]] = {}
        self._was_behind: set[Place] = set()
        """Partitions that have been behind since they were first looked at."""
        self.passed = 0
        """Records that were passed since the last question (`take_passed`)."""

    def look(self, now: float, at: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        """`at`: the offset after the last record dealt with; `ends`: where the log ends."""
        for place, end in ends.items():
            if place not in at:
                continue
            # An offset that goes back (a replay) counts as nothing passed.
            self.passed += max(0, at[place] - self._at.get(place, at[place]))
            looks = self._looks.get(place)
            if looks is None:
                # First look: what is behind already may be older than this look.
                looks = self._looks[place] = deque()
                if end > at[place]:
                    self._was_behind.add(place)
            # A new look only where the log grew: each one marks records that came since the one
            # before.
            if not looks or end > looks[-1][1]:
                looks.append((now, end))
            # Dealt with up to here: these looks have served.
            while looks and looks[0][1] <= at[place]:
                looks.popleft()
                self._was_behind.discard(place)
            # The newest stays: it knows the end of the log. Older ones may be coarser.
            if len(looks) > MOST_LOOKS:
                self._looks[place] = deque([*list(looks)[::2], looks[-1]])
            self._at[place] = at[place]

    def seconds(self, now: float, handed_out: Mapping[Place, float]) -> float:
        """The age of the oldest record not dealt with, over all partitions; 0 where there is none.
        `handed_out`: when the last record that was handed out was written.
        """
        oldest = now
        for place, looks in self._looks.items():
            if not looks:
                continue
            since = looks[0][0]
            # The better of two guesses: the first look, or when the last record was written.
            if place in self._was_behind:
                since = min(since, handed_out.get(place, since))
            oldest = min(oldest, since)
        return max(0.0, now - oldest)

    def take_passed(self) -> int:
        """How many records were passed since this was last asked."""
        passed, self.passed = self.passed, 0
        return passed

    def forget(self) -> None:
        """Other partitions are looked at from now on."""
        self._at.clear()
        self._looks.clear()
        self._was_behind.clear()
