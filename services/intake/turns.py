"""Whose text is read next: costly work on what strangers sent, in threads, in a fair order.

A limit that counts requests says nothing of what they cost: a text can be made that takes a hundred
times as long to search for secrets as another of its length. So work is measured where it runs, and
whoever made others wait longest waits longest:

* What pages goes first, and has a thread that nothing else may take.
* Among accounts, the one that has used the least processor time lately is next; within an account,
  who came first.
* Short texts are read in the event loop at once: less than the way to a thread and back costs.

The time used is told to `charge`, which counts it against the account's rate.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from shared.errors import Refused

T = TypeVar("T")

Charge = Callable[[str, float], None]
"""Told of an account and the seconds of processor time that its work took."""

SHORT = 4 * 1024
"""Characters that are read in the loop at once: the costliest text of so many takes it 15 ms."""
# One for what pages, one for all else.
THREADS = 2
WINDOW_S = 60.0
"""So long it is remembered what an account has used."""


class _QueuedWork(NamedTuple):
    work: Callable[[], Any]
    may_begin: Callable[[], None]
    answer: asyncio.Future[Any]


class Turns:
    """Work of many accounts. One queue for what pages, one for all else; each is fair by account.
    `charge` may be set by whoever counts.

    What waits is bounded by the accounts' rates: a request is counted before its body is read.
    """

    def __init__(self) -> None:
        self.charge: Charge = lambda account, seconds: None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="turns")
        self._waiting: tuple[dict[str, deque[_QueuedWork]], ...] = ({}, {})
        self._running = [0, 0]
        self._used: dict[str, float] = {}
        self._forgets_at = 0.0

    async def run(
        self,
        work: Callable[[], T],
        *,
        size: int,
        account: str = "",
        pages: bool = False,
        may_begin: Callable[[], None] = lambda: None,
    ) -> T:
        """What `work` returns or raises. `size`: characters it is about; up to SHORT it runs here
        at once. `may_begin` is asked when the turn has come, in the loop; a Refused of it is
        raised instead.
        """
        if size <= SHORT:
            # Nothing else runs in the loop meanwhile, and this clock costs a tenth of the thread's.
            begun = time.perf_counter()
            try:
                return work()
            finally:
                self._count(account, time.perf_counter() - begun)
        # The queue is fair by account; within one account the order is kept.
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        lane = self._waiting[0 if pages else 1]
        lane.setdefault(account, deque()).append(_QueuedWork(work, may_begin, answer))
        self._begin()
        return await answer

    def _begin(self) -> None:
        """Begin what there are threads for: one is kept for what pages."""
        # What pages may use all threads, everything else all but one.
        for lane, most in ((0, THREADS), (1, THREADS - 1)):
            while sum(self._running) < most and (next_up := self._next(lane)) is not None:
                account, waiting = next_up
                if waiting.answer.done():
                    continue  # whoever asked has gone away
                try:
                    # Only now: the account may have used up its rate while it waited.
                    waiting.may_begin()
                except Refused as error:
                    waiting.answer.set_exception(error)
                    continue
                self._start(lane, account, waiting)

    def _next(self, lane: int) -> tuple[str, _QueuedWork] | None:
        waiting = self._waiting[lane]
        if not waiting:
            return None
        # Who used least comes first, so one account cannot crowd out the others.
        account = min(waiting, key=lambda name: self._used.get(name, 0.0))
        first = waiting[account].popleft()
        if not waiting[account]:
            del waiting[account]
        return account, first

    def _start(self, lane: int, account: str, waiting: _QueuedWork) -> None:
        # The context goes along, so log lines of the thread name the request.
        inside = contextvars.copy_context()

        took = 0.0

        def measure_work() -> Any:
            nonlocal took
            # The thread's own clock: waiting for a processor is nobody's fault.
            begun = time.thread_time()
            try:
                return inside.run(waiting.work)
            finally:
                took = time.thread_time() - begun

        def over(running: asyncio.Future[Any]) -> None:
            self._running[lane] -= 1
            self._count(account, took)
            error = running.exception()
            # The caller may have gone meanwhile.
            if not waiting.answer.done():
                if error is None:
                    waiting.answer.set_result(running.result())
                else:
                    waiting.answer.set_exception(error)
            self._begin()

        self._running[lane] += 1
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._pool, measure_work).add_done_callback(over)

    def _count(self, account: str, seconds: float) -> None:
        # Forgotten all at once: a sum of the last minute is exact enough.
        now = time.monotonic()
        if now >= self._forgets_at:
            self._used.clear()
            self._forgets_at = now + WINDOW_S
        self._used[account] = self._used.get(account, 0.0) + seconds
        self.charge(account, seconds)
