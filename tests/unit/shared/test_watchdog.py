"""The watchdog ends what stands still and what is behind without progress, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from shared.process.watchdog import Watchdog

pytestmark = pytest.mark.costly


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_loop_that_stood_still_may_not_publish() -> None:
    reasons: list[str] = []
    dog = Watchdog(still=0.2, stall=60, end=reasons.append)
    dog.start()
    dog.check()
    assert not reasons
    dog._beat = time.monotonic() - 1
    dog.check()
    dog.stop()
    assert "stood still" in reasons[0]


async def test_a_stuck_loop_is_seen_from_the_thread() -> None:
    reasons: list[str] = []
    dog = Watchdog(still=60, stall=60, stuck=0.5, end=reasons.append)
    dog.start()
    if dog._timer is not None:
        dog._timer.cancel()
    await until(lambda: bool(reasons))
    dog.stop()
    assert "stuck" in reasons[0]


async def test_behind_without_progress_ends_and_idle_does_not() -> None:
    reasons: list[str] = []
    dog = Watchdog(still=60, stall=1.2, end=reasons.append)
    dog.start()
    dog._moved = time.monotonic() - 5
    await asyncio.sleep(1.1)
    assert not reasons
    dog.behind(True)
    await until(lambda: bool(reasons))
    dog.stop()
    assert "no progress" in reasons[0]
