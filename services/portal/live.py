"""What a page needs to stay true: one word, `changed`, whenever something its reader may see has happened.

The page then asks for itself again and takes over the parts that are live. Changes are gathered: a busy desk redraws every
`pause` seconds, not a thousand times, and the last change is never lost. A new connection is told `changed` at once, so
whatever happened between drawing the page and listening, or while the line was broken, is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from services.portal.stream import HEARTBEAT, HELLO

CHANGED = b"event: changed\ndata: now\n\n"
PAUSE_S = 0.4


async def changes(feed: AsyncIterator[bytes], *, pause: float = PAUSE_S) -> AsyncIterator[bytes]:
    """Server-sent events for a page, from the hub's feed. Ends when the feed ends: the browser comes back by itself."""
    stirred = asyncio.Event()
    beat = asyncio.Event()
    ended = asyncio.Event()

    async def listen() -> None:
        async for event in feed:
            if event.startswith(b":"):
                beat.set()
            elif event != HELLO:
                stirred.set()
            if event != HELLO:
                woken.set()
        ended.set()
        woken.set()

    woken = asyncio.Event()
    listening = asyncio.create_task(listen())
    try:
        yield HELLO + CHANGED
        while not (ended.is_set() and not stirred.is_set()):
            await woken.wait()
            woken.clear()
            if stirred.is_set():
                stirred.clear()
                yield CHANGED
                await asyncio.sleep(pause)
                if stirred.is_set():
                    woken.set()
            elif beat.is_set():
                yield HEARTBEAT
            beat.clear()
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
