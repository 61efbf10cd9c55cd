"""What staff and those on call see: pages and their certificates, the operations dashboard.

Like `tickets/queries.py`: None is a 404. Callers ask `shared.access` through these functions, never
around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from services.portal.desk.listing import after_cursor, next_cursor
from services.portal.on_call.page_details import add_details, for_link, matter_of
from services.portal.operations.figures import BREACHED_HOURLY
from services.portal.tickets import documents as shapes
from services.portal.tickets.queries import Queries
from shared.access import may_handle_pages, may_see_desk
from shared.certificate import certificate
from shared.events import Actor
from shared.process.workers import Workers
from shared.storage.store import Store

Shape = dict[str, Any]


class LagSource(Protocol):
    """How far each process is behind its topics, in records; empty while Kafka does not say."""

    async def by_process(self) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class OperationsReads:
    """The reads about pages and operations. One per process; safe for concurrent use."""

    store: Store
    queries: Queries
    lags: LagSource
    workers: Workers = field(default_factory=Workers)

    async def pages(
        self, actor: Actor, *, state: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Shape | None:
        """`{items, next: cursor|None}`: pages, open ones first, then the latest: `{id, ticket_id,
        ticket_ids, state, opened_at, step, attempts: [{to, channel, at, outcome, ...}], dedup_key,
        subject, requester, app, acknowledged_by, acknowledged_at, next_at, lane}`. None for whoever
        does not handle pages. Raises Refused for a cursor that is not this list's.
        """
        if not may_handle_pages(actor):
            return None
        clauses = [
            clause
            for clause in ({"state": state} if state else {}, after_cursor("order_key", 1, cursor))
            if clause
        ]
        found = await self.store["pages"].find(
            {"$and": clauses} if clauses else {}, order=[("order_key", 1)], limit=limit + 1
        )
        # One more than a page tells whether there is a next.
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
        """One page for the holder of a signed link, which the caller has verified: no more than the
        link's screen needs.
        """
        doc = await self.store["pages"].find_one({"_id": page_id})
        return None if doc is None else for_link(await self._add_details(shapes.page(doc)))

    async def page_in_detail(self, actor: Actor, page_id: str) -> Shape | None:
        """One page with what it is about (`page_details.add_details`)."""
        found = await self.page(actor, page_id)
        return None if found is None else await self._add_details(found)

    async def _add_details(self, page: Shape) -> Shape:
        ids = page["ticket_ids"]
        # Nothing that whoever holds the page does not need at night.
        fields = {"subject": 1, "status": 1, "plan": 1, "requester_name": 1}
        tickets = {
            doc["_id"]: doc
            for doc in await self.store["tickets"].find({"_id": {"$in": ids}}, fields=fields)
        }
        # Ids of both kinds are asked for in both places: a page may be about either.
        incidents = {
            doc["_id"]: doc
            for doc in await self.store["incidents"].find(
                {"_id": {"$in": ids}}, fields={"title": 1, "state": 1}
            )
        }
        opening = await self.store["timeline"].find_one(
            {"ticket": page["ticket_id"], "type": "TicketOpened"}
        )
        matters = [matter_of(id_, tickets.get(id_), incidents.get(id_)) for id_ in ids]
        said = opening["data"] if opening else {}
        return add_details(page, matters, tickets.get(page["ticket_id"]), said)

    async def certificate(self, actor: Actor, page_id: str) -> Shape | None:
        """`{page_id, verdict: exactly-one|none|duplicate|unknown, ...}` of the page's facts (see
        shared/certificate.py).
        """
        if not may_handle_pages(actor):
            return None
        # All facts of a page: a certificate of a part would be none.
        found = await self.store["timeline"].find({"page": page_id}, order=[("seq", 1)], limit=5000)
        if not found:
            return None
        # In a worker: a long page has thousands of facts.
        made = await self.workers.run(lambda: certificate([shapes.page_fact(doc) for doc in found]))
        return shapes.describe_certificate(page_id, made)

    async def dashboard(self, actor: Actor, now: datetime) -> Shape | None:
        """Operations at a glance; None for whoever is not staff.

        `{at, tickets_per_minute: [{at, value}] (60 minutes, total), figures: {figure: {group: [{at,
        value}]}} (by minute for the last hour, by hour for the last day), counts (as of
        `Queries.counts`), deadlines: {breached, hours: [{until, n}] (the next 8)}, pages: {open,
        acknowledged}, notices: {owed, retrying, failed}, dead_letters: n, lag: {process: records}}`
        """
        if not may_see_desk(actor):
            return None
        figures = await self._figures(now)
        # One after the other, and all of them cheap: counters and indexes.
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

        `{letters: [{topic, partition, offset, worker, key, reason, parked, at}], notices: [{id,
        ticket, kind, to, state, reason, at, …}], doubtful: [{_id, subject, doubtful_reply: {at,
        because}}]}`: records nobody could handle, notices given up, and those left out on purpose
        with the reason; tickets that a reply left as they are because its subject looks like an
        automatic answer's. `held`: mail in quarantine.
        """
        if not may_see_desk(actor):
            return None
        latest = [("at", -1)]
        states = {"state": {"$in": ["failed", "suppressed"]}}
        doubtful = await self.store["tickets"].find(
            # The empty string stands before every instant, so this finds those that have one.
            {"doubtful_reply.at": {"$gt": ""}},
            fields={"subject": 1, "doubtful_reply": 1},
            order=[("doubtful_reply.at", -1)],
            limit=100,
        )
        held = await self.store["mail"].find(
            # Without a place in the order only an outcome was read, and nothing can be shown of it.
            {"state": "quarantined", "order_key": {"$gt": ""}},
            fields={"sender": 1, "subject": 1, "why": 1, "received_at": 1},
            order=[("order_key", -1)],
            limit=100,
        )
        return {
            "held": held,
            "doubtful": doubtful,
            "letters": await self.store["dead_letters"].find({}, order=latest, limit=100),
            "notices": await self.store["notices"].find(states, order=latest, limit=200),
        }

    async def _figures(self, now: datetime) -> dict[str, dict[str, list[Shape]]]:
        # By hour for a day, and everything by minute for the last hour.
        hourly = {"figure": BREACHED_HOURLY, "since": {"$gte": shapes.iso(now - timedelta(days=1))}}
        recent = {"$or": [{"since": {"$gte": shapes.iso(now - timedelta(hours=1))}}, hourly]}
        found = await self.store["figures"].find(recent, order=[("since", 1)], limit=5000)
        series: dict[str, dict[str, list[Shape]]] = {}
        for doc in found:
            series.setdefault(doc["figure"], {}).setdefault(doc["group"], []).append(
                {"at": doc["since"], "value": doc["value"]}
            )
        return series

    async def _deadlines(self, now: datetime) -> Shape:
        tickets = self.store["tickets"]
        soon = {"due_at": {"$gt": shapes.iso(now), "$lte": shapes.iso(now + timedelta(hours=8))}}
        hours = [0] * 8
        for doc in await tickets.find(soon, fields={"due_at": 1, "_id": 0}, limit=20_000):
            # The last instant of the eight belongs to the eighth.
            hours[min(7, int((shapes.instant(doc["due_at"]) - now) / timedelta(hours=1)))] += 1
        return {
            "breached": await tickets.count({"due_at": {"$gt": "", "$lte": shapes.iso(now)}}),
            "hours": [
                {"until": shapes.iso(now + timedelta(hours=i + 1)), "n": n}
                for i, n in enumerate(hours)
            ],
        }

    async def _states(self, collection: str, states: tuple[str, ...]) -> dict[str, int]:
        return {state: await self.store[collection].count({"state": state}) for state in states}
