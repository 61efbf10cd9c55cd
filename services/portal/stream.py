"""What happens, as it happens: one MongoDB change stream per process, fanned out in memory to whoever may see it.

The stream watches the one document that every batch of the projector changes (`positions`), and only while somebody listens:
to be told of each document by itself cost as much as a tenth of everything else together. What a batch has brought is then
read at once, by its numbers.

An entry is sent when the views already hold it, so a reader that reloads on an entry finds what it announced. Entries are
numbered by the one projector (`feed`); a reader that comes back names the last it got and is given what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import structlog
from fastapi.responses import StreamingResponse

from services.portal import shapes
from services.portal.queries import Queries
from shared.access import Standing, may_handle_pages, may_see_fact, runs_incidents, standing
from shared.errors import Unavailable
from shared.events import Actor
from shared.store import Store

log = structlog.get_logger()
Shape = dict[str, Any]

_BACKLOG = 2000
"""Entries a slow reader may be behind."""
_MISSED = 1000
"""Entries a returning reader is given one by one; beyond them it is told to load the page again."""
_CHANGES: list[Shape] = [{"$match": {"documentKey._id": "views"}}, {"$project": {"operationType": 1}}]
_FIRST_LOOK_S, _LOOK_AGAIN_S = 0.02, 0.5
"""A change that came before the watch began is found by looking."""


_FOR_OPS = frozenset({"IncidentDrafted", "AlertRaised", "AlertCleared", "StatusRequestRefused"})
_NAMES = {"pages": b"page", "status": b"incident"}


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that a feed goes out in: kept by no cache, held back by no proxy."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def may_receive(actor: Actor, fact: Shape) -> Standing | None:
    """The standing in which the actor may have this timeline document, by who had the ticket when it happened."""
    if fact["topic"] == "pages":
        return Standing.STAFF if may_handle_pages(actor) else None
    if fact["topic"] == "status":
        if runs_incidents(actor) or (actor.is_staff and _is_public(fact)):
            return Standing.STAFF
        is_theirs = actor.provider is not None and fact["data"].get("provider") == actor.provider
        return Standing.PROVIDER if is_theirs and _is_public(fact) else None
    seen_by = fact.get("seen_by") or {"people": [], "provider": None}
    who = standing(actor, requester="", participants=seen_by["people"], provider=seen_by["provider"])
    return who if who is not None and may_see_fact(who, fact["type"], fact.get("audience")) else None


def _is_public(fact: Shape) -> bool:
    """Whether a fact of an incident tells no more than the status page does: alerts, drafts and internal updates are for ops."""
    hidden = fact["data"].get("draft") or fact["data"].get("internal")
    return not hidden and fact["type"] not in _FOR_OPS


def event_of(fact: Shape, who: Standing) -> bytes:
    """One server-sent event, named `ticket`, `page` or `incident`. Its data is a timeline entry with the ticket's `queue`."""
    shown = {**shapes.entry(fact, who), "queue": (fact.get("seen_by") or {}).get("queue")}
    name = _NAMES.get(fact["topic"], b"ticket")
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (fact["feed"], name, orjson.dumps(shown))


MOST_EACH = 20
"""Open feeds of one person: tabs, and scripts. One account must not use up what everybody's feeds run on."""
HELLO = b"retry: 1000\n: signalbox\n\n"
HEARTBEAT = b": still here\n\n"
RESET = b'event: reset\ndata: {"reload": true}\n\n'


class Hub:
    """`run()` for as long as the process lives; `feed()` per reader; `settled()` to read one's own writes."""

    def __init__(self, store: Store, queries: Queries) -> None:
        self._store, self._queries = store, queries
        self._readers: set[asyncio.Queue[Shape | None]] = set()
        self._of: defaultdict[str, list[asyncio.Queue[Shape | None]]] = defaultdict(list)
        self._wanted = asyncio.Event()
        self._joining = asyncio.Lock()
        self._given = 0
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Watch until cancelled; while MongoDB is away, try again. Readers come back after a gap and get what they missed."""
        while True:
            await self._wanted.wait()
            try:
                async with contextlib.aclosing(self._store["positions"].watch(_CHANGES)) as changes:
                    await self._follow(changes)
            except Unavailable as error:
                log.warning("the stream waits for MongoDB", error=str(error))
                for reader in self._readers:
                    self._push(reader, None)
                await asyncio.sleep(0.5)

    async def _follow(self, changes: AsyncGenerator[Shape, None]) -> None:
        """Until a change comes and nobody listens."""
        patience = _FIRST_LOOK_S
        coming: asyncio.Future[Any] = asyncio.ensure_future(anext(changes))
        try:
            while True:
                if self._readers or self._waiting:
                    await asyncio.wait({coming}, timeout=patience)
                    patience = min(2 * patience, _LOOK_AGAIN_S)
                    await self._look()
                else:
                    await self._nobody(coming)
                    patience = _FIRST_LOOK_S
                if coming.done():
                    coming.result()
                    if not self._wanted.is_set():
                        return
                    coming = asyncio.ensure_future(anext(changes))
        finally:
            coming.cancel()
            await asyncio.wait([coming])

    async def _nobody(self, coming: asyncio.Future[Any]) -> None:
        """Wait for a change, or for somebody who wants to know of it."""
        self._wanted.clear()
        asked = asyncio.ensure_future(self._wanted.wait())
        either: set[asyncio.Future[Any]] = {coming, asked}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()

    async def _look(self) -> None:
        """Hand out what is new in the timeline, and let those who wait for a request look again."""
        while self._readers:
            facts = await self._store["timeline"].find({"feed": {"$gt": self._given}}, order=[("feed", 1)], limit=_BACKLOG)
            for fact in facts:
                for reader in self._readers:
                    self._push(reader, fact)
                self._given = fact["feed"]
            if len(facts) < _BACKLOG:
                break
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()

    async def _join(self, reader: asyncio.Queue[Shape | None]) -> None:
        """From here on the reader gets everything. Raises Unavailable."""
        async with self._joining:
            if not self._readers:
                newest = await self._store["timeline"].find({}, order=[("feed", -1)], limit=1, fields={"feed": 1})
                self._given = newest[0]["feed"] if newest else 0
            self._readers.add(reader)
        self._wanted.set()

    async def settled(self, request_id: str, timeout: float) -> bool:
        """Wait until the views hold what became of a request; False after `timeout` seconds. Raises Unavailable."""
        changed = asyncio.Event()
        self._waiting[request_id].add(changed)
        self._wanted.set()
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
        whose session ended or whose role was taken away gets nothing more. Of more than `MOST_EACH` feeds of one person the oldest ends.
        """
        actor = await who()
        person = actor.email if actor is not None else ""
        queue: asyncio.Queue[Shape | None] = asyncio.Queue(_BACKLOG)
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(Unavailable):
                await self._join(queue)
            if queue not in self._readers:
                return
            self._of[person].append(queue)
            if len(self._of[person]) > MOST_EACH:
                self._push(self._of[person].pop(0), None)
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
            with contextlib.suppress(ValueError):
                self._of[person].remove(queue)
            if not self._of[person]:
                del self._of[person]

    async def _missed(self, actor: Actor, last: int, ticket: str | None) -> AsyncIterator[Shape]:
        """What came after `last`, by who has the tickets *now*: a provider that lost one gets nothing of it any more."""
        where: dict[str, Any] = {"feed": {"$gt": last}, **({"ticket": ticket} if ticket else {})}
        facts = await self._store["timeline"].find(where, order=[("feed", 1)], limit=_MISSED + 1)
        if len(facts) > _MISSED:
            yield {"event": RESET, "feed": facts[-1]["feed"]}
            return
        sees = await self._queries.sees(actor, {fact["ticket"] for fact in facts if fact["ticket"]})
        for fact in facts:
            if fact["topic"] in _NAMES:
                who = may_receive(actor, fact)
            else:
                who = sees.get(fact["ticket"])
                who = who if who is not None and may_see_fact(who, fact["type"], fact.get("audience")) else None
            if who is not None:
                yield {"event": event_of(fact, who), "feed": fact["feed"]}

    def _push(self, reader: asyncio.Queue[Shape | None], fact: Shape | None) -> None:
        """A reader that is too far behind is sent away: it comes back naming the last entry it got."""
        if fact is None or reader.full():
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    reader.get_nowait()
            fact = None
        reader.put_nowait(fact)
