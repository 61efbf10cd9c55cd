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
    woken = asyncio.Event()
    stirred = beat = ended = False

    async def listen() -> None:
        nonlocal stirred, beat, ended
        try:
            async for event in feed:
                if event.startswith(b":"):
                    beat = True
                elif event != HELLO:
                    stirred = True
                woken.set()
        finally:
            ended = True
            woken.set()

    listening = asyncio.create_task(listen())
    try:
        yield HELLO + CHANGED
        while stirred or not ended:
            await woken.wait()
            woken.clear()
            if stirred:
                stirred = beat = False
                yield CHANGED
                await asyncio.sleep(pause)
            elif beat:
                beat = False
                yield HEARTBEAT
        await listening
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
