"""The word `make_changed_event`: at the start, gathered, and never lost at the end of a burst. How many feeds
one person may have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from services.portal.web.live import MOST_SUBJECTS, changes, make_changed_event, subjects_of
from services.portal.web.render import HERE
from services.portal.web.stream import HEARTBEAT, HELLO, MOST_EACH, Hub
from shared.access import Standing
from shared.events import Actor, Role, Via


async def feed_of(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    yield HELLO
    while (event := await queue.get()) is not None:
        yield event


async def test_a_burst_is_two_words_and_the_last_change_is_not_lost() -> None:
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    told = changes(feed_of(queue), pause=0.02)
    assert await anext(told) == HELLO + make_changed_event(None)

    queue.put_nowait(b"tickets tkt_a")
    assert await asyncio.wait_for(anext(told), 1) == make_changed_event({"tickets", "tkt_a"})
    for n in range(100):
        queue.put_nowait(b"tickets tkt_%d" % (n % 2))
    queue.put_nowait(b"pages ")
    assert await asyncio.wait_for(anext(told), 1) == make_changed_event(
        {"tickets", "tkt_0", "tkt_1", "pages"}
    )
    queue.put_nowait(HEARTBEAT)
    assert await asyncio.wait_for(anext(told), 1) == HEARTBEAT
    queue.put_nowait(None)
    assert [rest async for rest in told] == []


def test_what_an_entry_is_about() -> None:
    clock = {"topic": "clocks", "ticket": "tkt_a"}
    assert subjects_of(clock, Standing.STAFF) == b"tickets tkt_a"
    assert subjects_of({"topic": "status", "ticket": None}, Standing.STAFF) == b"status "
    many = {f"tkt_{n}" for n in range(MOST_SUBJECTS + 1)}
    assert make_changed_event(many) == make_changed_event(None), "more than that is everything"


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


class Nothing:
    """A timeline without entries."""

    async def find(self, *_: Any, **__: Any) -> list[Any]:
        return []


async def test_one_person_has_so_many_feeds_and_the_oldest_gives_way() -> None:
    store: Any = {"timeline": Nothing()}
    queries: Any = None
    hub = Hub(store, queries)
    open_: list[AsyncIterator[bytes]] = []

    async def opens(name: str) -> AsyncIterator[bytes]:
        actor = Actor(email=f"{name}@example.com", name=name, roles=(Role.REQUESTER,), via=Via.WEB)

        async def who() -> Actor:
            return actor

        feed = hub.feed(who, ticket=None, last=None, heartbeat=60)
        assert await asyncio.wait_for(anext(feed), 5) == HELLO
        return feed

    other = await opens("other")
    for _ in range(MOST_EACH + 2):
        open_.append(await opens("one"))
    for feed in open_[:2]:
        assert await asyncio.wait_for(anext(feed, None), 5) is None, "the oldest two have ended"
    waiting = [asyncio.ensure_future(anext(feed)) for feed in (open_[2], open_[-1], other)]
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    assert not done, "the others go on"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.gather(*(feed.aclose() for feed in (*open_, other)))  # type: ignore[attr-defined]
    assert await asyncio.wait_for(opens("one"), 5), "whoever left makes room"


def test_no_page_opens_a_stream_of_its_own() -> None:
    """A browser has six connections to a site: `data-live` says what a page shows, and one stream
    serves all tabs.
    """
    pages = {path.name: path.read_text() for path in (HERE / "templates").glob("*.html")}
    assert [name for name, text in pages.items() if "sse-connect" in text or "sse:" in text] == []
    assert any("data-live=" in text for text in pages.values())
