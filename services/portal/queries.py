"""What somebody may see of tickets: used alike by `api.py` (JSON) and `pages.py` (HTML). Every answer passes `shared.access`.

What the actor may not see is None (a 404), never an error that tells it exists. All instants are ISO 8601 UTC strings with
microseconds (`2026-11-22T10:00:00.000000Z`). MongoDB away: `Unavailable` within two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.portal import shapes
from services.portal.listing import MAX_LIMIT, Asked, after_cursor, filter_for, next_cursor, order_for, visible_to
from shared.access import Standing, may_see_fact, standing
from shared.clock import Clock
from shared.events import Actor
from shared.store import Store

Shape = dict[str, Any]


@dataclass(frozen=True)
class Queries:
    """The reads about tickets and requests. One per process; safe for concurrent use."""

    store: Store
    clock: Clock

    async def ticket(self, actor: Actor, ticket_id: str) -> Shape | None:
        """One ticket, the GET shape of DESIGN section 7, with `body`, `urgent`, `priority_reason` and `standing` beside it.

        `standing` (staff, provider, customer) says what the actor is to it; `replies` holds only what they may read, a staff
        note being a reply with audience `staff`. `pages` (staff only): ids of its pages. `time_with`: seconds with `requester`,
        `platform` and `provider`, which add up to its age (until it was solved). Null for a provider: `appeal` (null: nothing to
        appeal; else `{state: possible|open|decided, changed_by, ...}`), `rating`, `rateable`, `shared_until`, `access_granted`.
        """
        doc, who = await self._seen(actor, ticket_id)
        if doc is None or who is None:
            return None
        said = {"ticket": ticket_id, "type": {"$in": ["TicketOpened", "ReplyAdded", "NoteAdded"]}}
        facts = await self.store["timeline"].find(said, order=[("order", 1)], limit=2000)
        pages = []
        if who is Standing.STAFF:
            found = await self.store["pages"].find({"ticket_ids": ticket_id}, fields={"_id": 1}, order=[("_id", 1)])
            pages = [page["_id"] for page in found]
        return shapes.ticket(doc, facts, who, pages, self.clock.now())

    async def tickets(self, actor: Actor, asked: Asked) -> Shape:
        """`{items: [...], counts: {...}, next: cursor|None}`: what the actor may see of what was asked for.

        An item is `{id, subject, status, queue, provider, requested_priority, priority, kind, app, addon, plan, requester,
        requester_name, suggestion, appealed, due_at, breached, replies, opened_at, updated_at, first, seq}`. Counts are of everything the
        actor may see, whatever was asked: `{total, live, statuses: {status: n}, queues: {queue: live n},
        priorities: {priority: live n}}`. Raises Refused for a bad parameter or cursor.
        """
        field, direction = order_for(actor, asked)
        limit = max(1, min(asked.limit, MAX_LIMIT))
        where = {"$and": [filter_for(actor, asked), after_cursor(field, direction, asked.cursor)]}
        docs = await self.store["tickets"].find(where, fields=shapes.LISTED, order=[(field, direction)], limit=limit + 1)
        more = len(docs) > limit
        docs = docs[:limit]
        return {
            "items": [shapes.listed(doc, actor) for doc in docs],
            "counts": await self.counts(actor),
            "next": next_cursor(field, docs[-1][field]) if more else None,
        }

    async def counts(self, actor: Actor) -> Shape:
        """The sums over everything the actor may see. Staff and providers read the maintained counters (a provider sees what is in
        its queue, and nothing else), customers count their own tickets."""
        by = {"queue": "$queue", "status": "$status", "priority": "$priority"}
        if actor.is_staff or actor.provider is not None:
            where = {} if actor.is_staff else {"queue": f"provider:{actor.provider}"}
            groups = await self.store["counts"].aggregate([{"$match": where}, {"$group": {"_id": by, "n": {"$sum": "$n"}}}])
        else:
            mine = {**visible_to(actor), "opened_key": {"$gt": ""}}
            groups = await self.store["tickets"].aggregate([{"$match": mine}, {"$group": {"_id": by, "n": {"$sum": 1}}}])
        return shapes.counts(groups)

    async def timeline(self, actor: Actor, ticket_id: str, *, after: str | None = None, limit: int = 500) -> list[Shape] | None:
        """The ticket's facts the actor may see, oldest first, those behind `after` (an entry's `order`).

        An entry is `{id, ticket_id, page_id, topic, seq, type, at, by, side, audience, order, data: {...}}`; `data` holds what
        the fact says, without what only staff may know.
        """
        doc, who = await self._seen(actor, ticket_id)
        if doc is None or who is None:
            return None
        where: dict[str, Any] = {"ticket": ticket_id}
        if after:
            where["order"] = {"$gt": after}
        facts = await self.store["timeline"].find(where, order=[("order", 1)], limit=limit)
        return [shapes.entry(fact, who) for fact in facts if may_see_fact(who, fact["type"], fact.get("audience"))]

    async def explain(self, actor: Actor, ticket_id: str) -> Shape | None:
        """`{ticket_id, decisions: [{seq, type, at, by, decided: {...}, reason, policy: {name: version}, trail: [{rule, matched,
        because}]}]}`. Customers and providers see the trail of the priority, and of routing only what was decided.
        """
        doc, who = await self._seen(actor, ticket_id)
        if doc is None or who is None:
            return None
        decisions = {"ticket": ticket_id, "type": {"$in": list(shapes.DECISIONS)}}
        found = await self.store["timeline"].find(decisions, order=[("order", 1)], limit=500)
        return {
            "ticket_id": ticket_id,
            "decisions": [shapes.decision(fact, who) for fact in found if may_see_fact(who, fact["type"], fact.get("audience"))],
        }

    async def clocks(self, actor: Actor, ticket_id: str) -> list[Shape] | None:
        """`[{name, calendar, state, started_at, due_at, met_at, breached_at, target_seconds, warned: [percent], late, paused_at,
        stopped, provider}]`. `state`: running, paused (no `due_at`), met, breached, stopped (`stopped` says why)."""
        doc, who = await self._seen(actor, ticket_id)
        return None if doc is None or who is None else shapes.clocks(doc, who, full=True)

    async def request(self, actor: Actor, request_id: str) -> Shape | None:
        """`{id, ticket_id|page_id, type, state: pending|done|refused, code, reason, facts: [id], at}` for who made it, and staff.

        None also while the view has not seen the request yet: `pending` to somebody who was just given the id.
        """
        found = await self.store["requests"].find_one({"_id": request_id})
        if found is None or not (actor.is_staff or found.get("by", "").lower() == actor.email.lower()):
            return None
        return shapes.request(found)

    async def is_settled(self, request_id: str) -> bool:
        """Whether the views hold what became of the request."""
        found = await self.store["requests"].find_one({"_id": request_id}, fields={"state": 1})
        return found is not None and found.get("state", "pending") != "pending"

    async def sees(self, actor: Actor, ticket_ids: set[str]) -> dict[str, Standing]:
        """The actor's standing in each of the tickets, those without any left out."""
        fields = {"requester": 1, "participants": 1, "provider": 1, "opened_key": 1}
        found = await self.store["tickets"].find({"_id": {"$in": list(ticket_ids)}}, fields=fields)
        return {doc["_id"]: who for doc in found if (who := standing_in(actor, doc)) is not None}

    async def _seen(self, actor: Actor, ticket_id: str) -> tuple[Shape | None, Standing | None]:
        doc = await self.store["tickets"].find_one({"_id": ticket_id})
        return doc, None if doc is None else standing_in(actor, doc)


def standing_in(actor: Actor, doc: Shape) -> Standing | None:
    """`shared.access.standing` for a ticket's document; a ticket whose opening has not come yet is nobody's."""
    if not doc.get("opened_key"):
        return None
    return standing(actor, requester=doc["requester"], participants=doc["participants"], provider=doc["provider"])
