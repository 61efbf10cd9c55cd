"""What happens, as it happens: one MongoDB change stream per process, fanned out in memory to
whoever may see it.

The stream watches the one document that every batch of the projector changes (`positions`), and
only while somebody listens: to be told of each document by itself cost as much as a tenth of
everything else together. What a batch has brought is then read at once, by its numbers.

An entry is sent when the views already hold it, so a reader that reloads on an entry finds what it
announced. Entries are numbered by the one projector (`feed`); a reader that comes back names the
last it got and is given what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from fastapi.responses import StreamingResponse

from services.portal.tickets import documents as shapes
from services.portal.tickets.queries import Queries
from shared.access import (
    PAGING,
    Standing,
    find_standing,
    may_handle_pages,
    may_see_fact,
    runs_incidents,
)
from shared.errors import Unavailable
from shared.events import Actor
from shared.people.folding import fold_address
from shared.storage.store import Store

log = structlog.get_logger()
Shape = dict[str, Any]

_BACKLOG = 2000
"""Entries a slow reader may be behind."""
_MISSED = 1000
"""Entries a returning reader is given one by one; beyond them it is told to load the page again."""
# Only that something changed: what it was is read by its number.
_CHANGES: list[Shape] = [
    {"$match": {"documentKey._id": "views"}},
    {"$project": {"operationType": 1}},
]
_FIRST_LOOK_S, _LOOK_AGAIN_S = 0.02, 0.5
"""A change that came before the watch began is found by looking."""


# Facts that the status page never shows, whoever asks.
_FOR_OPS = frozenset({"IncidentDrafted", "AlertRaised", "AlertCleared", "StatusRequestRefused"})
# All other topics are about a ticket.
_NAMES = {"pages": b"page", "status": b"incident"}


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that a feed goes out in: kept by no cache, held back by no proxy."""
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def may_receive(actor: Actor, fact: Shape) -> Standing | None:
    """The standing in which the actor may have this timeline document, by who had the ticket when
    it happened.
    """
    # Pages and incidents have readers of their own; the rest goes by the ticket.
    if fact["topic"] == "pages":
        return Standing.STAFF if may_handle_pages(actor) else None
    if fact["topic"] == "status":
        if runs_incidents(actor) or (actor.is_staff and _is_public(fact)):
            return Standing.STAFF
        is_theirs = actor.provider is not None and fact["data"].get("provider") == actor.provider
        return Standing.PROVIDER if is_theirs and _is_public(fact) else None
    # As it was when it happened: the ticket may have moved on since.
    seen_by = fact.get("seen_by") or {"people": [], "provider": None}
    who = find_standing(
        actor, requester="", participants=seen_by["people"], provider=seen_by["provider"]
    )
    return (
        who if who is not None and may_see_fact(who, fact["type"], fact.get("audience")) else None
    )


def is_told(actor: Actor, fact: Shape) -> bool:
    """Whether the fact is of a page for a ticket of this customer: their page of the ticket says
    something else now. The fact itself is not for them.
    """
    people = (fact.get("seen_by") or {}).get("people", ())
    return (
        fact["topic"] == "pages" and fact["type"] in PAGING and fold_address(actor.email) in people
    )


def _is_public(fact: Shape) -> bool:
    """Whether a fact of an incident tells no more than the status page does: alerts, drafts and
    internal updates are for ops.
    """
    hidden = fact["data"].get("draft") or fact["data"].get("internal")
    return not hidden and fact["type"] not in _FOR_OPS


def event_of(fact: Shape, who: Standing) -> bytes:
    """One server-sent event, named `ticket`, `page` or `incident`. Its data is a timeline entry
    with the ticket's `queue`.
    """
    seen_by = fact.get("seen_by") or {}
    shown = {**shapes.entry(fact, who, seen_by.get("people", ())), "queue": seen_by.get("queue")}
    name = _NAMES.get(fact["topic"], b"ticket")
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (fact["feed"], name, orjson.dumps(shown))


_ASK_AGAIN: Shape = {}
"""In a reader's queue: ask who it is before going on. Known by identity."""

MOST_EACH = 20
"""Open feeds of one person: tabs, and scripts. One account must not use up what everybody's feeds
run on.
"""
MOST_IN_ALL = 1000
"""Open feeds of everybody: half of the connections of a process (`shared.settings`), so that pages
and tickets have the others.
"""
# `retry`: a browser whose line broke comes back after a second.
HELLO = b"retry: 1000\n: signalbox\n\n"
HEARTBEAT = b": still here\n\n"
RESET = b'event: reset\ndata: {"reload": true}\n\n'


def over_budget(
    counts: Mapping[str, int], person: str, each: int = MOST_EACH, most: int = MOST_IN_ALL
) -> str | None:
    """Whose oldest feed ends now that `person` has opened one more, by how many each person has;
    None: nobody's. Where there are too many in all it is who has the most: one person with many
    feeds keeps nobody else out.
    """
    if counts[person] > each:
        return person
    return max(counts, key=lambda name: counts[name]) if sum(counts.values()) > most else None


class Hub:
    """`run()` for as long as the process lives; `feed()` per reader; `wait_until_settled()` to read one's own
    writes.
    """

    def __init__(self, store: Store, queries: Queries) -> None:
        self._store, self._queries = store, queries
        self._readers: set[asyncio.Queue[Shape | None]] = set()
        self._of: defaultdict[str, list[asyncio.Queue[Shape | None]]] = defaultdict(list)
        self._wanted = asyncio.Event()
        self._joining = asyncio.Lock()
        # The number of the last entry that was handed out.
        self._given = 0
        self._changes_of_people = 0
        # Those who wait for what became of a request, by its id.
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Watch until cancelled; while MongoDB is away, try again. Readers come back after a gap
        and get what they missed.
        """
        while True:
            # Nobody listens, nobody pays: without readers the database is not watched.
            await self._wanted.wait()
            try:
                async with contextlib.aclosing(self._store["positions"].watch(_CHANGES)) as changes:
                    await self._follow(changes)
            except Unavailable as error:
                log.warning("the stream waits for MongoDB", error=str(error))
                # Readers are sent away and come back with the last number they got, so nothing is
                # lost.
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
                    # Looks also without a change, less and less often: one may have come before the
                    # watch began.
                    await asyncio.wait({coming}, timeout=patience)
                    patience = min(2 * patience, _LOOK_AGAIN_S)
                    await self._look()
                else:
                    await self._wait_for_change(coming)
                    patience = _FIRST_LOOK_S
                if coming.done():
                    coming.result()
                    # Nobody listens any more, so the watch ends with the change that has just come.
                    if not self._wanted.is_set():
                        return
                    coming = asyncio.ensure_future(anext(changes))
        finally:
            coming.cancel()
            await asyncio.wait([coming])

    async def _wait_for_change(self, coming: asyncio.Future[Any]) -> None:
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
        # In rounds, until one is not full.
        while self._readers:
            facts = await self._store["timeline"].find(
                {"feed": {"$gt": self._given}}, order=[("feed", 1)], limit=_BACKLOG
            )
            for fact in facts:
                for reader in self._readers:
                    self._push(reader, fact)
                self._given = fact["feed"]
            if len(facts) < _BACKLOG:
                break
        # They ask the database themselves: most changes are not about their request.
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()

    async def _join(self, reader: asyncio.Queue[Shape | None]) -> None:
        """From here on the reader gets everything. Raises Unavailable."""
        # Of two that come first at once only one says where the hub begins.
        async with self._joining:
            # With readers there the hub must go on from where it stands.
            if not self._readers:
                newest = await self._store["timeline"].find(
                    {}, order=[("feed", -1)], limit=1, fields={"feed": 1}
                )
                self._given = newest[0]["feed"] if newest else 0
            self._readers.add(reader)
        self._wanted.set()

    async def settled(self, request_id: str, timeout: float) -> bool:
        """Wait until the views hold what became of a request; False after `timeout` seconds. Raises
        Unavailable.
        """
        changed = asyncio.Event()
        self._waiting[request_id].add(changed)
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout):
                # Asked first, since it may be settled already; then after each change, or by the
                # clock.
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
        self,
        who: Callable[[], Awaitable[Actor | None]],
        *,
        ticket: str | None,
        last: int | None,
        heartbeat: float,
        say: Callable[[Shape, Standing], bytes] = event_of,
        stirs: Callable[[Shape], bytes] | None = None,
    ) -> AsyncIterator[bytes]:
        """Server-sent events for one reader, from after entry `last` on; `say` makes each of an
        entry. `stirs` makes a word without content of one that is not for the reader, where a page
        of ours should be drawn again all the same (`is_told`). `who` is asked again at
        every heartbeat and at `ask_again`: somebody whose session ended or whose role was taken
        away gets nothing more. Of too many feeds the oldest of somebody ends (`over_budget`).
        """
        # Read before `who`: a change that comes while it is asked is noticed below.
        changes = self._changes_of_people
        actor = await who()
        person = actor.email if actor is not None else ""
        queue: asyncio.Queue[Shape | None] = asyncio.Queue(_BACKLOG)
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(Unavailable):
                # Before the entries that were missed are read, so that there is no gap between
                # both.
                await self._join(queue)
            # MongoDB is away: the feed ends, and the browser comes back.
            if queue not in self._readers:
                return
            self._of[person].append(queue)
            counts = {name: len(feeds) for name, feeds in self._of.items()}
            # The oldest feed ends, not the new one: it is most likely a tab that nobody looks at.
            if (whose := over_budget(counts, person)) is not None:
                self._push(self._of[whose].pop(0), None)
            if changes != self._changes_of_people:  # before this feed could be told of it
                actor = await who()
            yield HELLO
            # What is read as missed may be in the queue as well, and is told once.
            given = last or 0
            if last is not None and actor is not None:
                async for missed in self._read_missed(actor, last, ticket):
                    given = missed.get("feed", given)
                    yield missed["event"]
            asked_at = loop.time()
            while actor is not None:
                # However busy the feed is, who the reader is gets asked again in time.
                if loop.time() - asked_at >= heartbeat:
                    asked_at, actor = loop.time(), await who()
                    continue
                try:
                    fact = await asyncio.wait_for(
                        queue.get(), max(0.01, asked_at + heartbeat - loop.time())
                    )
                except TimeoutError:
                    yield HEARTBEAT
                    continue
                # Sent away: the end of the feed makes the browser come back.
                if fact is None:
                    return
                if fact is _ASK_AGAIN:
                    asked_at, actor = loop.time(), await who()
                    continue
                # Told already, or about another ticket.
                if fact["feed"] <= given or not (
                    ticket in (None, fact["ticket"]) or ticket in (fact.get("tickets") or ())
                ):
                    continue
                if standing_ := may_receive(actor, fact):
                    yield say(fact, standing_)
                elif stirs and is_told(actor, fact):
                    yield stirs(fact)
        finally:
            self._readers.discard(queue)
            with contextlib.suppress(ValueError):
                self._of[person].remove(queue)
            if not self._of[person]:
                del self._of[person]

    def ask_again(self, person: str | None) -> None:
        """Something changed that says who a person is (None: anybody): their account, password,
        token or session. Their open feeds look again before they give out anything more.
        """
        self._changes_of_people += 1
        people = list(self._of) if person is None else [person]
        for queue in [queue for name in people for queue in self._of.get(name, ())]:
            self._push(queue, _ASK_AGAIN)

    async def _read_missed(
        self, actor: Actor, last: int, ticket: str | None
    ) -> AsyncIterator[Shape]:
        """What came after `last`, by who has the tickets *now*: a provider that lost one gets
        nothing of it any more.
        """
        where: dict[str, Any] = {"feed": {"$gt": last}, **({"ticket": ticket} if ticket else {})}
        facts = await self._store["timeline"].find(where, order=[("feed", 1)], limit=_MISSED + 1)
        # Loading the page again is cheaper than a thousand entries.
        if len(facts) > _MISSED:
            yield {"event": RESET, "feed": facts[-1]["feed"]}
            return
        sees = await self._queries.find_standings(
            actor, {fact["ticket"] for fact in facts if fact["ticket"]}
        )
        for fact in facts:
            # They are about no ticket, so today's standing in one says nothing.
            if fact["topic"] in _NAMES:
                who = may_receive(actor, fact)
            else:
                who = sees.get(fact["ticket"])
                who = (
                    who
                    if who is not None and may_see_fact(who, fact["type"], fact.get("audience"))
                    else None
                )
            if who is not None:
                yield {"event": event_of(fact, who), "feed": fact["feed"]}

    def _push(self, reader: asyncio.Queue[Shape | None], fact: Shape | None) -> None:
        """A reader that is too far behind is sent away: it comes back naming the last
        entry it got.
        """
        # All that is left in the queue counts for nothing: the reader reads it anew.
        if fact is None or reader.full():
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    reader.get_nowait()
            fact = None
        reader.put_nowait(fact)
