"""Ends a process that has become useless or dangerous: its loop stood still, or it is behind and
makes no progress.

A loop that stood still for most of a session timeout may have lost its partitions to somebody else
without knowing; it must not publish again. A thread looks too, because a loop that is stuck cannot
look at itself.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import structlog

log = structlog.get_logger()

# EX_SOFTWARE of sysexits.h: supervisors tell it from a plain failure.
EXIT_CODE = 70
_BEAT_S = 0.2


def end_process(reason: str) -> NoReturn:
    """At once: nothing that is still buffered may be sent."""
    log.critical("ending the process", reason=reason)
    # No `sys.exit`: its clean-up would flush producers.
    os._exit(EXIT_CODE)


class Watchdog:
    """`still`, `stall` and `stuck` are seconds: how long the loop may stand still before it must
    not publish, may be behind without progress, and may be stuck at all. Call `start` inside the
    loop, `note_progress` whenever something was done.
    """

    def __init__(
        self,
        *,
        still: float,
        stall: float,
        stuck: float = 30.0,
        end: Callable[[str], None] = end_process,
    ) -> None:
        self._still, self._stall, self._stuck, self._end = still, stall, stuck, end
        self._beat = self._moved = time.monotonic()
        # Written by the loop and read by the thread: single values, so no lock is needed.
        self._behind = False
        self._over = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._moved = time.monotonic()
        self._tick()
        threading.Thread(target=self._look, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    def note_progress(self) -> None:
        self._moved = time.monotonic()

    def behind(self, is_behind: bool) -> None:
        """Say whether there is work waiting that could be done now."""
        # Work has just come: the time without any must not count.
        if is_behind and not self._behind:
            self._moved = time.monotonic()
        self._behind = is_behind

    def check(self) -> None:
        """Ends the process where the loop has stood still: call it right before publishing."""
        stood = time.monotonic() - self._beat
        if stood > self._still:
            self._end(
                f"the loop stood still for {stood:.1f} s, somebody else may have the "
                "partitions by now"
            )

    def _tick(self) -> None:
        """A loop busy with one turn beats late; only `check`, before publishing, and the long stall
        end it.
        """
        # Not at the first beat: the loop has not stood still before it began.
        if self._timer is not None:
            self.check()
        self._beat = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(_BEAT_S, self._tick)

    def _look(self) -> None:
        while not self._over.wait(1.0):
            moment = time.monotonic()
            if moment - self._beat > self._stuck:
                self._end(f"the loop has been stuck for {moment - self._beat:.0f} s")
            if self._behind and moment - self._moved > self._stall:
                self._end(f"behind, and no progress for {moment - self._moved:.0f} s")
