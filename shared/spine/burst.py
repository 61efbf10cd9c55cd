"""The guard against draining everything into the dead letters. Pure."""

from __future__ import annotations

import collections


class Halted(Exception):
    """So many dead letters in so short a time that the fault is ours: nothing more is drained until
    a human looks.
    """


class Burst:
    """At most `limit` dead letters within `window` seconds."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._window = limit, window
        self._recent: collections.deque[tuple[float, int]] = collections.deque()

    def add(self, count: int, moment: float) -> None:
        """Raises Halted where these would be too many; say so before writing them."""
        self._recent.append((moment, count))
        while self._recent[0][0] < moment - self._window:
            self._recent.popleft()
        total = sum(count for _, count in self._recent)
        if total > self._limit:
            raise Halted(
                f"{total} dead letters within {self._window:g} s; the last turn was not published"
            )
