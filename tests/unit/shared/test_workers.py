"""Costly work leaves the event loop free, and never more of it is in hand than was said."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shared.errors import Unavailable
from shared.process.workers import SMALL, Workers, size_of


async def test_large_work_runs_in_a_thread_and_small_work_at_once() -> None:
    workers = Workers()
    here = threading.current_thread()
    assert await workers.run(threading.current_thread) is not here
    assert await workers.run(threading.current_thread, size=SMALL + 1) is not here
    assert await workers.run(threading.current_thread, size=SMALL) is here


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        await Workers().run(lambda: {}["nothing"])


async def test_the_loop_goes_on_while_work_is_done() -> None:
    """The work ends only when the loop has done something meanwhile."""
    went_on = threading.Event()
    working = asyncio.create_task(Workers().run(lambda: went_on.wait(30)))
    await asyncio.sleep(0)
    went_on.set()
    assert await working is True


async def test_more_than_may_be_in_hand_is_told_to_come_again() -> None:
    workers, go = Workers(threads=1, in_hand=2), threading.Event()
    running = [asyncio.create_task(workers.run(lambda: go.wait(30))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="workers"):
        await workers.run(lambda: None)
    assert await workers.run(lambda: "small", size=1) == "small"
    go.set()
    assert all(await asyncio.gather(*running))
    assert await workers.run(lambda: "again") == "again"


@pytest.mark.parametrize(
    ("value", "size"),
    [("abc", 3), (["ab", 1], 3), ({"a": "bc", "d": [None, True]}, 6), ({}, 0), (1.5, 1)],
)
def test_the_size_of_a_value(value: object, size: int) -> None:
    assert size_of(value) == size
