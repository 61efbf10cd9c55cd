"""What staff and those on call see: pages and their certificates, the operations dashboard.

Like `queries.py`: None is a 404. Callers ask `shared.access` through these functions, never around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from services.portal import shapes
from services.portal.figures import BREACHED_HOURLY
from services.portal.listing import after_cursor, next_cursor
from services.portal.queries import Queries
from shared.access import may_handle_pages, may_see_desk
from shared.certificate import certificate
from shared.events import Actor
from shared.store import Store

Shape = dict[str, Any]


class Lags(Protocol):
    """How far each process is behind its topics, in records; empty while Kafka does not say."""

    async def by_process(self) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Desk:
    """The reads about pages and operations. One per process; safe for concurrent use."""

    store: Store
    queries: Queries
    lags: Lags

    async def pages(self, actor: Actor, *, state: str | None = None, limit: int = 100, cursor: str | None = None) -> Shape | None:
        """`{items, next: cursor|None}`: pages, open ones first, then the latest: `{id, ticket_id, ticket_ids, state, opened_at, step,
        attempts: [{to, channel, at, outcome, ...}], dedup_key, subject, requester, app, acknowledged_by, acknowledged_at, next_at,
        lane}`. None for whoever does not handle pages. Raises Refused for a cursor that is not this list's.
        """
        if not may_handle_pages(actor):
            return None
        clauses = [clause for clause in ({"state": state} if state else {}, after_cursor("order_key", 1, cursor)) if clause]
        found = await self.store["pages"].find({"$and": clauses} if clauses else {}, order=[("order_key", 1)], limit=limit + 1)
        shown = found[:limit]
        following = next_cursor("order_key", shown[-1]["order_key"]) if len(found) > limit else None
        return {"items": [shapes.page(doc) for doc in shown], "next": following}

    async def page(self, actor: Actor, page_id: str) -> Shape | None:
        """One page, the same shape."""
        if not may_handle_pages(actor):
            return None
        doc = await self.store["pages"].find_one({"_id": page_id})
        return None if doc is None else shapes.page(doc)

    async def page_by_link(self, page_id: str) -> Shape | None:
        """One page for the holder of a signed link, which the caller has verified: no more than the link's screen needs."""
        doc = await self.store["pages"].find_one({"_id": page_id})
        if doc is None:
            return None
        shown = shapes.page(doc)
        return {name: shown[name] for name in ("id", "subject", "state", "opened_at", "acknowledged_by", "acknowledged_at", "step")}

    async def certificate(self, actor: Actor, page_id: str) -> Shape | None:
        """`{page_id, verdict: exactly-one|none|duplicate|unknown, ...}` of the page's facts (see shared/certificate.py)."""
        if not may_handle_pages(actor):
            return None
        found = await self.store["timeline"].find({"page": page_id}, order=[("seq", 1)], limit=5000)
        facts = [shapes.page_fact(doc) for doc in found]
        return shapes.certified(page_id, certificate(facts)) if facts else None

    async def dashboard(self, actor: Actor, now: datetime) -> Shape | None:
        """Operations at a glance; None for whoever is not staff.

        `{at, tickets_per_minute: [{at, value}] (60 minutes, total), figures: {figure: {group: [{at, value}]}} (by minute for the last
        hour, by hour for the last day), counts (as of
        `Queries.counts`), deadlines: {breached, hours: [{until, n}] (the next 8)}, pages: {open, acknowledged},
        notices: {owed, retrying, failed}, dead_letters: n, lag: {process: records}}`
        """
        if not may_see_desk(actor):
            return None
        figures = await self._figures(now)
        return {
            "at": shapes.iso(now),
            "tickets_per_minute": figures.get("tickets-opened", {}).get("all", []),
            "figures": figures,
            "counts": await self.queries.counts(actor),
            "deadlines": await self._deadlines(now),
            "pages": await self._states("pages", ("open", "acknowledged")),
            "notices": await self._states("notices", ("owed", "retrying", "failed")),
            "dead_letters": await self.store["dead_letters"].count({}),
            "lag": dict(await self.lags.by_process()),
        }

    async def attention(self, actor: Actor) -> Shape | None:
        """What waits for a human, the latest first; None for whoever is not staff.

        `{letters: [{topic, partition, offset, worker, key, reason, parked, at}], notices: [{id, ticket, kind, to, state, reason,
        at, …}]}`: records nobody could handle, notices given up, and those left out on purpose with the reason.
        """
        if not may_see_desk(actor):
            return None
        latest = [("at", -1)]
        states = {"state": {"$in": ["failed", "suppressed"]}}
        return {
            "letters": await self.store["dead_letters"].find({}, order=latest, limit=100),
            "notices": await self.store["notices"].find(states, order=latest, limit=200),
        }

    async def _figures(self, now: datetime) -> dict[str, dict[str, list[Shape]]]:
        hourly = {"figure": BREACHED_HOURLY, "since": {"$gte": shapes.iso(now - timedelta(days=1))}}
        recent = {"$or": [{"since": {"$gte": shapes.iso(now - timedelta(hours=1))}}, hourly]}
        found = await self.store["figures"].find(recent, order=[("since", 1)], limit=5000)
        series: dict[str, dict[str, list[Shape]]] = {}
        for doc in found:
            series.setdefault(doc["figure"], {}).setdefault(doc["group"], []).append({"at": doc["since"], "value": doc["value"]})
        return series

    async def _deadlines(self, now: datetime) -> Shape:
        tickets = self.store["tickets"]
        soon = {"due_at": {"$gt": shapes.iso(now), "$lte": shapes.iso(now + timedelta(hours=8))}}
        hours = [0] * 8
        for doc in await tickets.find(soon, fields={"due_at": 1, "_id": 0}, limit=20_000):
            hours[min(7, int((shapes.instant(doc["due_at"]) - now) / timedelta(hours=1)))] += 1
        return {
            "breached": await tickets.count({"due_at": {"$gt": "", "$lte": shapes.iso(now)}}),
            "hours": [{"until": shapes.iso(now + timedelta(hours=i + 1)), "n": n} for i, n in enumerate(hours)],
        }

    async def _states(self, collection: str, states: tuple[str, ...]) -> dict[str, int]:
        return {state: await self.store[collection].count({"state": state}) for state in states}
