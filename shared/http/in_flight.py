"""Bytes of large bodies that are in memory at the same time, of all senders together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from shared.errors import Refused

FREE_BYTES = 64 * 1024
"""Of each body these are not counted: what is small is never refused because others send much."""


class InFlight:
    """At most `most` bytes beyond each body's first `FREE_BYTES`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    @contextlib.contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """Around the reading and the use of one body: call what you get with the number of bytes
        of each piece, before it is kept. It raises Refused `busy` (503) where there is no room.
        """
        size = counted = 0

        def count(number: int) -> None:
            nonlocal size, counted
            size += number
            # Only the part beyond the free bytes, and of that only what was not counted yet.
            more = max(0, size - FREE_BYTES) - counted
            if more and self.held + more > self._most:
                raise Refused(
                    "busy",
                    "Too much is being sent to us just now. Try again in a moment.",
                    status=503,
                    extra={"retry_after": 2},
                )
            counted += more
            self.held += more

        # Given back in any case: also where the body was refused half way.
        try:
            yield count
        finally:
            self.held -= counted
