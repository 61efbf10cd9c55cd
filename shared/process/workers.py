"""A few threads for pure work that takes long, so that the event loop stays free for everybody.

A thread shares the interpreter with the loop, which gets its turn every 5 ms
(`sys.getswitchinterval`). So a piece of work may be long, but no single call of C code in it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.errors import Unavailable

T = TypeVar("T")

SMALL = 8 * 1024
"""Characters that are worked on at once: less than the way to a thread and back costs."""
# Two: the work is Python, so more threads would not make it faster.
THREADS, MOST_IN_HAND = 2, 64


class Workers:
    """At most `threads` pieces of work run, and at most `in_hand` run or wait.

    Beyond that `run` raises Unavailable (503 with Retry-After), so what waits stays bounded. What
    must not be turned away takes turns (`services/intake/turns.py`).
    """

    def __init__(self, threads: int = THREADS, in_hand: int = MOST_IN_HAND) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._most, self._in_hand = in_hand, 0

    async def run(self, work: Callable[[], T], *, size: int | None = None) -> T:
        """What `work` returns or raises. `size`: characters it is about; up to SMALL it runs here
        at once. None: not known, so it goes to a thread.
        """
        if size is not None and size <= SMALL:
            return work()
        if self._in_hand >= self._most:
            raise Unavailable("workers", f"{self._in_hand} pieces of work are in hand")
        self._in_hand += 1
        try:
            # The log's context (ticket, trace) goes with the work.
            inside = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: inside.run(work))
        finally:
            self._in_hand -= 1


def size_of(value: object) -> int:
    """How many characters there are in the texts of a JSON value, and one for every other part."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + size_of(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return sum(size_of(part) for part in value)
    return 1
