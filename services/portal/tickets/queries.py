"""What somebody may see of tickets: used alike by `api.py` (JSON) and `pages.py` (HTML). Every
answer passes `shared.access`.

What the actor may not see is None (a 404), never an error that tells it exists. All instants are
ISO 8601 UTC strings with microseconds (`2026-11-22T10:00:00.000000Z`). MongoDB away: `Unavailable`
within two seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.portal.desk.listing import (
    MAX_LIMIT,
    ListQuery,
    after_cursor,
    by_id,
    filter_for,
    next_cursor,
    order_for,
    visible_to,
)
from services.portal.tickets import documents as shapes
from services.portal.tickets.collisions import MESSAGES
from shared.access import TOLD_OF_PAGING, Standing, find_standing, may_see_fact
from shared.clock import Clock
from shared.events import Actor, Status
from shared.people.folding import fold_address
from shared.policy import DESK
from shared.storage.store import Store

Shape = dict[str, Any]

MOST_FOLLOW_UPS = 20
_BRIEF = {"subject": 1, "status": 1}
# All that a customer may learn of a page is made of these (`paging.py`).
_OF_PAGES = {"state": 1, "opened_at": 1, "acknowledged_at": 1}


@dataclass(frozen=True)
class Queries:
    """The reads about tickets and requests. One per process; safe for concurrent use."""

    store: Store
    clock: Clock

    async def ticket(self, actor: Actor, ticket_id: str) -> Shape | None:
        """One ticket, the GET shape of DESIGN section 7, with `body`, `urgent`, `priority_reason`
        and `find_standing` beside it.

        `find_standing` (staff, provider, customer) says what the actor is to it; `replies` holds only
        what they may read, a staff note being a reply with audience `staff`. `pages` (staff only):
        ids of its pages. `time_with`: seconds with `requester`, `platform` and `provider`, which
        add up to its age (until it was solved). `paging`: what the customer's side learns of its
        pages (`paging.py`). Null for a provider: `appeal` (null: nothing to appeal; else `{state:
        possible|open|decided, changed_by, ...}`), `rating`, `rateable`, `shared_until`,
        `access_granted`.
        """
        doc, who = await self._load_with_standing(actor, ticket_id)
        if doc is None or who is None:
            return None
        # A bound: a page of more messages than this helps nobody.
        said = {"ticket": ticket_id, "type": {"$in": ["TicketOpened", "ReplyAdded", "NoteAdded"]}}
        facts = await self.store["timeline"].find(said, order=[("order", 1)], limit=2000)
        pages = await self.pages_of(ticket_id, who)
        return shapes.ticket(doc, facts, who, pages, self.clock.now())

    async def pages_of(self, ticket_id: str, who: Standing) -> list[Shape]:
        """What `who` may learn of the ticket's pages, as documents of the view. Raises
        Unavailable.
        """
        if who not in TOLD_OF_PAGING:
            return []
        pages = await self.store["pages"].find(
            {"ticket_ids": ticket_id}, fields=_OF_PAGES, order=[("_id", 1)]
        )
        # The desk's policy may say that customers learn nothing of paging.
        if who is Standing.CUSTOMER and pages and not await self._tells_of_paging():
            return []
        return pages

    async def tickets(self, actor: Actor, asked: ListQuery) -> Shape:
        """`{items: [...], counts: {...}, next: cursor|None}`: what the actor may see of what was
        asked for.

        An item is `{id, subject, status, queue, provider, requested_priority, priority, kind, app,
        addon, plan, requester, requester_name, suggestion, queue_suggestion, appealed, due_at,
        breached, replies, opened_at, updated_at, first, seq}`. Counts are of everything the actor
        may see, whatever was asked: `{total, live, statuses: {status: n}, queues: {queue: live n},
        priorities: {priority: live n}}`. Raises Refused for a bad parameter or cursor.
        """
        field, direction = order_for(actor, asked)
        # An id or a part of one first: who writes it means that ticket, whatever the filters say.
        if (named := by_id(actor, asked.q)) is not None:
            docs = await self.store["tickets"].find(named, fields=shapes.LISTED, limit=MAX_LIMIT)
            if docs:
                items = [shapes.to_list_row(doc, actor) for doc in docs]
                return {"items": items, "counts": await self.counts(actor), "next": None}
        limit = max(1, min(asked.limit, MAX_LIMIT))
        where = {"$and": [filter_for(actor, asked), after_cursor(field, direction, asked.cursor)]}
        # One more than asked for tells whether there is a next page.
        docs = await self.store["tickets"].find(
            where, fields=shapes.LISTED, order=[(field, direction)], limit=limit + 1
        )
        more = len(docs) > limit
        docs = docs[:limit]
        return {
            "items": [shapes.to_list_row(doc, actor) for doc in docs],
            "counts": await self.counts(actor),
            "next": next_cursor(field, docs[-1][field]) if more else None,
        }

    async def counts(self, actor: Actor) -> Shape:
        """The sums over everything the actor may see. Staff and providers read the maintained
        counters (a provider sees what is in its queue, and nothing else), customers count their own
        tickets."""
        by = {"queue": "$queue", "status": "$status", "priority": "$priority"}
        # Customers have few tickets: counting them costs less than to keep counters for each
        # person.
        if actor.is_staff or actor.provider is not None:
            where = {} if actor.is_staff else {"queue": f"provider:{actor.provider}"}
            groups = await self.store["counts"].aggregate(
                [{"$match": where}, {"$group": {"_id": by, "n": {"$sum": "$n"}}}]
            )
        else:
            mine = {**visible_to(actor), "opened_key": {"$gt": ""}}
            groups = await self.store["tickets"].aggregate(
                [{"$match": mine}, {"$group": {"_id": by, "n": {"$sum": 1}}}]
            )
        return shapes.counts(groups)

    async def timeline(
        self, actor: Actor, ticket_id: str, *, after: str | None = None, limit: int = 500
    ) -> list[Shape] | None:
        """The ticket's facts the actor may see, oldest first, those behind `after` (an entry's
        `order`).

        An entry is `{id, ticket_id, page_id, topic, seq, type, at, by, side, audience, order, data:
        {...}}`; `data` holds what the fact says, without what only staff may know.
        """
        doc, who = await self._load_with_standing(actor, ticket_id)
        if doc is None or who is None:
            return None
        where: dict[str, Any] = {"ticket": ticket_id}
        if after:
            where["order"] = {"$gt": after}
        facts = await self.store["timeline"].find(where, order=[("order", 1)], limit=limit)
        return [
            shapes.entry(fact, who, doc["people"])
            for fact in facts
            if may_see_fact(who, fact["type"], fact.get("audience"))
        ]

    async def list_messages_since(self, actor: Actor, ticket_id: str, seq: int) -> list[Shape]:
        """The entries of messages after `seq` (`collisions.MESSAGES`) that the actor may see,
        oldest first, 50 at most. Empty where there is nothing to see.
        """
        doc, who = await self._load_with_standing(actor, ticket_id)
        # The document's seq says that there is nothing new without a look at the timeline.
        if doc is None or who is None or doc["seq"] <= seq:
            return []
        where = {
            "ticket": ticket_id,
            "topic": "tickets",
            "type": {"$in": sorted(MESSAGES)},
            "seq": {"$gt": seq},
        }
        facts = await self.store["timeline"].find(where, order=[("order", 1)], limit=50)
        return [
            shapes.entry(fact, who)
            for fact in facts
            if may_see_fact(who, fact["type"], fact.get("audience"))
        ]

    async def find_related_tickets(self, actor: Actor, ticket: Shape) -> Shape:
        """`{before: ticket|None, after: [ticket]}`: what it takes up again, and what takes it up
        again, as far as the actor may see them; each `{id, subject, status}`. Only a closed ticket
        is taken up again, so for most tickets nothing is read. Raises Unavailable.
        """
        before: list[Shape] = []
        after: list[Shape] = []
        seen = visible_to(actor)
        # `visible_to` goes along in the query: a ticket that was not to be seen is not even read.
        if ticket.get("follows"):
            where = {"_id": ticket["follows"], **seen}
            before = await self.store["tickets"].find(where, fields=_BRIEF, limit=1)
        if ticket["status"] == Status.CLOSED:
            where = {"follows": ticket["id"], **seen}
            after = await self.store["tickets"].find(where, fields=_BRIEF, limit=MOST_FOLLOW_UPS)
        brief = [
            {"id": doc["_id"], "subject": doc["subject"], "status": doc["status"]}
            for doc in (*before, *after)
        ]
        return {"before": brief[0] if before else None, "after": brief[len(before) :]}

    async def merges(self, actor: Actor, ticket: Shape) -> Shape:
        """`{into: ticket|None, merged: [ticket]}`: where a ticket goes on, and (for staff) what goes
        on in it, as far as the actor may see them; each `{id, subject, status}`. `ticket`: as
        `self.ticket` gives it. Of one that no merge touches nothing is read. Raises Unavailable.
        """
        into, merged = ticket["merged_into"], ticket.get("merged", [])
        ids = [into, *merged] if into else merged
        if not ids:
            return {"into": None, "merged": []}
        where = {"_id": {"$in": ids}, **visible_to(actor)}
        found = await self.store["tickets"].find(where, fields=_BRIEF, limit=len(ids))
        brief = {
            doc["_id"]: {"id": doc["_id"], "subject": doc["subject"], "status": doc["status"]}
            for doc in found
        }
        return {
            "into": brief.get(into),
            "merged": [brief[each] for each in merged if each in brief],
        }

    async def last_words(self, ticket_ids: Sequence[str]) -> dict[str, Shape]:
        """Ticket → the last message of its customer, as a timeline's entry for staff. Raises
        Unavailable.
        """
        found = await asyncio.gather(
            *(
                self.store["timeline"].find(
                    {
                        "ticket": ticket,
                        "$or": [
                            {"type": "TicketOpened"},
                            {"type": "ReplyAdded", "data.side": "customer"},
                        ],
                    },
                    order=[("order", -1)],
                    limit=1,
                )
                for ticket in ticket_ids
            )
        )
        return {
            fact["ticket"]: shapes.entry(fact, Standing.STAFF) for facts in found for fact in facts
        }

    async def prepare_follow_up(self, actor: Actor, ticket_id: str) -> Shape | None:
        """What a follow-up begins with: `{id, subject, app, addon, kind, requester}` of the ticket
        it takes up; None where the actor sees none. Raises Unavailable.
        """
        doc, who = await self._load_with_standing(actor, ticket_id)
        # A provider opens no tickets of a customer.
        if doc is None or who not in (Standing.STAFF, Standing.CUSTOMER):
            return None
        named = {name: doc.get(name) for name in ("subject", "app", "addon", "kind", "requester")}
        return {"id": doc["_id"], **named}

    async def explain(self, actor: Actor, ticket_id: str) -> Shape | None:
        """`{ticket_id, decisions: [{seq, type, at, by, decided: {...}, reason, policy: {name:
        version}, trail: [{rule, matched, because}], trace_id}]}`. `trace_id`: the trace of the
        request that led to it, as in the answer to that request and in the log lines; null for what
        was decided before traces were kept. Customers and providers see the trail of the priority,
        and of routing only what was decided.
        """
        doc, who = await self._load_with_standing(actor, ticket_id)
        if doc is None or who is None:
            return None
        decisions = {"ticket": ticket_id, "type": {"$in": list(shapes.DECISIONS)}}
        found = await self.store["timeline"].find(decisions, order=[("order", 1)], limit=500)
        return {
            "ticket_id": ticket_id,
            "decisions": [
                shapes.decision(fact, who)
                for fact in found
                if may_see_fact(who, fact["type"], fact.get("audience"))
            ],
        }

    async def clocks(self, actor: Actor, ticket_id: str) -> list[Shape] | None:
        """`[{name, calendar, state, started_at, due_at, met_at, breached_at, target_seconds,
        warned: [percent], late, paused_at, stopped, provider}]`. `state`: running, paused (no
        `due_at`), met, breached, stopped (`stopped` says why).
        """
        doc, who = await self._load_with_standing(actor, ticket_id)
        return None if doc is None or who is None else shapes.clocks(doc, who, full=True)

    async def request(self, actor: Actor, request_id: str) -> Shape | None:
        """`{id, ticket_id|page_id, type, state: pending|done|refused, code, reason, facts: [id],
        at}` for who made it, and staff.

        None also while the view has not seen the request yet: `pending` to somebody who was just
        given the id.
        """
        # Somebody else's request is the same as none.
        found = await self.store["requests"].find_one({"_id": request_id})
        if found is None or not (
            actor.is_staff or fold_address(found.get("by", "")) == fold_address(actor.email)
        ):
            return None
        return shapes.request(found)

    async def is_settled(self, request_id: str) -> bool:
        """Whether the views hold the request and what became of it: the fact may come before."""
        found = await self.store["requests"].find_one(
            {"_id": request_id}, fields={"state": 1, "type": 1}
        )
        # Without its type nobody could be told what was done, and its own author would not see it.
        return found is not None and "type" in found and found.get("state", "pending") != "pending"

    async def find_standings(self, actor: Actor, ticket_ids: set[str]) -> dict[str, Standing]:
        """The actor's standing in each of the tickets, those without any left out."""
        # The fields that `find_standing` looks at, and no more.
        fields = {"requester": 1, "participants": 1, "provider": 1, "opened_key": 1}
        found = await self.store["tickets"].find({"_id": {"$in": list(ticket_ids)}}, fields=fields)
        return {
            doc["_id"]: who
            for doc in found
            if (who := find_ticket_standing(actor, doc)) is not None
        }

    async def _tells_of_paging(self) -> bool:
        """The desk policy's `tell_of_paging`; yes where there is no policy yet."""
        newest = await self.store["policies"].find(
            {"name": DESK}, order=[("version", -1)], limit=1, fields={"document.tell_of_paging": 1}
        )
        return bool(newest[0]["document"].get("tell_of_paging", True)) if newest else True

    async def _load_with_standing(
        self, actor: Actor, ticket_id: str
    ) -> tuple[Shape | None, Standing | None]:
        doc = await self.store["tickets"].find_one({"_id": ticket_id})
        return doc, None if doc is None else find_ticket_standing(actor, doc)


def find_ticket_standing(actor: Actor, doc: Shape) -> Standing | None:
    """`shared.access.find_standing` for a ticket's document; a ticket whose opening has not come yet is
    nobody's.
    """
    if not doc.get("opened_key"):
        return None
    return find_standing(
        actor,
        requester=doc["requester"],
        participants=doc["participants"],
        provider=doc["provider"],
    )
