"""What pages need to stay true: one word, `make_changed_event`, whenever something their reader may see has
happened, with what it is about.

A browser holds one such stream for all its tabs (`static/live-worker.js`). A page that shows what
the word is about asks for itself again and takes over the parts that are live. Changes are
gathered: a busy desk redraws every `pause` seconds, not a thousand times, and the last change is
never lost. A new connection is told that everything changed, so whatever happened between drawing
the page and listening, or while the line was broken, is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson

from services.portal.web.stream import HEARTBEAT, HELLO
from shared.access import Standing

# Seconds between two redraws of one page on a busy desk.
PAUSE_S = 0.4
MOST_SUBJECTS = 300
"""More than that is everything: naming them would cost more than drawing a page in vain."""
_TOPICS = {"clocks": "tickets"}
"""A ticket's clocks are part of it."""


def subjects_of(fact: dict[str, Any], who: Standing) -> bytes:
    """What a timeline entry is about, for `Hub.feed`: its topic (`tickets`, `pages` or `status`)
    and its ticket, if it has one, with a blank between.
    """
    topic = str(fact["topic"])
    return f"{_TOPICS.get(topic, topic)} {fact.get('ticket') or ''}".encode()


def find_page_subjects(fact: dict[str, Any]) -> bytes:
    """What the page of a customer is about when something happened to a page for their tickets."""
    return " ".join(["tickets", *(fact.get("tickets") or ())]).encode()


def make_changed_event(subjects: set[str] | None) -> bytes:
    """The event; None: everything."""
    is_all = subjects is None or len(subjects) > MOST_SUBJECTS
    about = [] if is_all else sorted(subjects or ())
    return b"event: changed\ndata: %s\n\n" % orjson.dumps({"all": is_all, "about": about})


async def changes(feed: AsyncIterator[bytes], *, pause: float = PAUSE_S) -> AsyncIterator[bytes]:
    """Server-sent events for a browser, from the hub's feed of `subjects_of`. Ends when the feed
    ends: the browser comes back by itself.
    """
    # One task listens and another sends, so that no change is missed during the pause.
    woken = asyncio.Event()
    stirred: set[str] = set()
    beat = ended = False

    async def listen() -> None:
        nonlocal beat, ended
        try:
            async for event in feed:
                # A line that begins with a colon is a comment of the stream: a heartbeat.
                if event.startswith(b":"):
                    beat = True
                elif event != HELLO:
                    stirred.update(event.decode().split())
                woken.set()
        finally:
            ended = True
            woken.set()

    listening = asyncio.create_task(listen())
    try:
        yield HELLO + make_changed_event(None)
        # What is left is told before the end.
        while stirred or not ended:
            await woken.wait()
            woken.clear()
            if stirred:
                said, beat = make_changed_event(stirred), False
                stirred.clear()
                yield said
                # The pause comes after the event: the first change is told at once.
                await asyncio.sleep(pause)
            elif beat:
                beat = False
                yield HEARTBEAT
        await listening
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
