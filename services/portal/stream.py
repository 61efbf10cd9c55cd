"""What happens, as it happens: one MongoDB change stream per process, fanned out in memory to whoever may see it.

An entry is sent when the views already hold it, so a reader that reloads on an entry finds what it announced. Entries are
numbered by the one projector (`feed`); a reader that comes back names the last it got and is given what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import structlog

from services.portal import shapes
from services.portal.queries import Queries
from shared.access import Standing, may_handle_pages, may_see_fact, standing
from shared.errors import Unavailable
from shared.events import Actor
from shared.store import Store

log = structlog.get_logger()
Shape = dict[str, Any]

_BACKLOG = 2000
"""Entries a slow reader may be behind."""
_MISSED = 1000
"""Entries a returning reader is given one by one; beyond them it is told to load the page again."""
_CHANGES = [{"$match": {"operationType": {"$in": ["insert", "update", "replace"]}}}]
_LOOK_AGAIN_S = 0.5
"""A change that came before the watch began is found by looking."""


def may_receive(actor: Actor, fact: Shape) -> Standing | None:
    """The standing in which the actor may have this timeline document, by who had the ticket when it happened."""
    if fact["topic"] == "pages":
        return Standing.STAFF if may_handle_pages(actor) else None
    seen_by = fact.get("seen_by") or {"people": [], "provider": None}
    who = standing(actor, requester="", participants=seen_by["people"], provider=seen_by["provider"])
    return who if who is not None and may_see_fact(who, fact["type"], fact.get("audience")) else None


def event_of(fact: Shape, who: Standing) -> bytes:
    """One server-sent event, named `ticket` or `page`. Its data is a timeline entry with the ticket's `queue`."""
    shown = {**shapes.entry(fact, who), "queue": (fact.get("seen_by") or {}).get("queue")}
    name = b"page" if fact["topic"] == "pages" else b"ticket"
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (fact["feed"], name, orjson.dumps(shown))


HELLO = b"retry: 1000\n: signalbox\n\n"
HEARTBEAT = b": still here\n\n"
RESET = b'event: reset\ndata: {"reload": true}\n\n'


class Hub:
    """`run()` for as long as the process lives; `feed()` per reader; `settled()` to read one's own writes."""

    def __init__(self, store: Store, queries: Queries) -> None:
        self._store, self._queries = store, queries
        self._readers: set[asyncio.Queue[Shape | None]] = set()
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Watch until cancelled; while MongoDB is away, try again. Readers come back after a gap and get what they missed."""
        await asyncio.gather(self._follow("timeline", self._on_fact), self._follow("requests", self._on_request))

    async def _follow(self, collection: str, on_change: Callable[[Shape], None]) -> None:
        while True:
            try:
                async for change in self._store[collection].watch(_CHANGES):
                    on_change(change)
            except Unavailable as error:
                log.warning("the stream waits for MongoDB", error=str(error))
            for reader in self._readers:
                self._push(reader, None)
            await asyncio.sleep(0.5)

    async def settled(self, request_id: str, timeout: float) -> bool:
        """Wait until the views hold what became of a request; False after `timeout` seconds. Raises Unavailable."""
        changed = asyncio.Event()
        self._waiting[request_id].add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not await self._queries.is_settled(request_id):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), _LOOK_AGAIN_S)
                    changed.clear()
                return True
        except TimeoutError:
            return False
        finally:
            self._waiting[request_id].discard(changed)
            if not self._waiting[request_id]:
                del self._waiting[request_id]

    async def feed(
        self, who: Callable[[], Awaitable[Actor | None]], *, ticket: str | None, last: int | None, heartbeat: float
    ) -> AsyncIterator[bytes]:
        """Server-sent events for one reader, from after entry `last` on. `who` is asked again at every heartbeat: somebody
        whose session ended or whose role was taken away gets nothing more.
        """
        actor = await who()
        queue: asyncio.Queue[Shape | None] = asyncio.Queue(_BACKLOG)
        self._readers.add(queue)
        loop = asyncio.get_running_loop()
        try:
            yield HELLO
            given = last or 0
            if last is not None and actor is not None:
                async for missed in self._missed(actor, last, ticket):
                    given = missed.get("feed", given)
                    yield missed["event"]
            asked_at = loop.time()
            while actor is not None:
                if loop.time() - asked_at >= heartbeat:
                    asked_at, actor = loop.time(), await who()
                    continue
                try:
                    fact = await asyncio.wait_for(queue.get(), max(0.01, asked_at + heartbeat - loop.time()))
                except TimeoutError:
                    yield HEARTBEAT
                    continue
                if fact is None:
                    return
                if fact["feed"] > given and ticket in (None, fact["ticket"]) and (standing_ := may_receive(actor, fact)):
                    yield event_of(fact, standing_)
        finally:
            self._readers.discard(queue)

    async def _missed(self, actor: Actor, last: int, ticket: str | None) -> AsyncIterator[Shape]:
        """What came after `last`, by who has the tickets *now*: a provider that lost one gets nothing of it any more."""
        where: dict[str, Any] = {"feed": {"$gt": last}, **({"ticket": ticket} if ticket else {})}
        facts = await self._store["timeline"].find(where, order=[("feed", 1)], limit=_MISSED + 1)
        if len(facts) > _MISSED:
            yield {"event": RESET, "feed": facts[-1]["feed"]}
            return
        sees = await self._queries.sees(actor, {fact["ticket"] for fact in facts if fact["ticket"]})
        for fact in facts:
            if fact["topic"] == "pages":
                who = may_receive(actor, fact)
            else:
                who = sees.get(fact["ticket"])
                who = who if who is not None and may_see_fact(who, fact["type"], fact.get("audience")) else None
            if who is not None:
                yield {"event": event_of(fact, who), "feed": fact["feed"]}

    def _on_request(self, change: Shape) -> None:
        for waiting in self._waiting.get(change["documentKey"]["_id"], ()):
            waiting.set()

    def _on_fact(self, change: Shape) -> None:
        if change["operationType"] == "insert":
            for reader in self._readers:
                self._push(reader, change["fullDocument"])

    def _push(self, reader: asyncio.Queue[Shape | None], fact: Shape | None) -> None:
        """A reader that is too far behind is sent away: it comes back naming the last entry it got."""
        if fact is None or reader.full():
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    reader.get_nowait()
            fact = None
        reader.put_nowait(fact)
