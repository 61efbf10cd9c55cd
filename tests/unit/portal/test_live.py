"""The word `changed`: at the start, gathered, and never lost at the end of a burst."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from services.portal.live import CHANGED, changes
from services.portal.stream import HEARTBEAT, HELLO


async def feed_of(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    yield HELLO
    while (event := await queue.get()) is not None:
        yield event


async def test_a_burst_is_two_words_and_the_last_change_is_not_lost() -> None:
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    told = changes(feed_of(queue), pause=0.02)
    assert await anext(told) == HELLO + CHANGED

    queue.put_nowait(b"event: ticket\n\n")
    assert await asyncio.wait_for(anext(told), 1) == CHANGED
    for _ in range(500):
        queue.put_nowait(b"event: ticket\n\n")
    assert await asyncio.wait_for(anext(told), 1) == CHANGED
    queue.put_nowait(HEARTBEAT)
    assert await asyncio.wait_for(anext(told), 1) == HEARTBEAT
    queue.put_nowait(None)
    assert [rest async for rest in told] == []


async def test_leaving_ends_the_feed() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def feed() -> AsyncIterator[bytes]:
        begun.set()
        try:
            yield HELLO
            await asyncio.Event().wait()
        finally:
            ended.set()

    told = changes(feed())
    await anext(told)
    async with asyncio.timeout(1):
        await begun.wait()
        await told.aclose()  # type: ignore[attr-defined]
        await ended.wait()
