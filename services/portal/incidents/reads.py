"""What somebody may see of incidents, maintenances and announcements. Used alike by JSON and pages;
None is a 404.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from services.portal.desk.listing import after_cursor, next_cursor
from services.portal.incidents import documents as shapes
from shared.access import runs_incidents
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor
from shared.status.matching import match_incidents
from shared.storage.store import Store

Shape = dict[str, Any]

# What an address of the API may list.
AGGREGATES: dict[str, tuple[str, ...]] = {
    "incidents": ("incident",),
    "maintenances": ("maintenance", "announcement"),
    "announcements": ("announcement",),
}
"""Family → the kinds in its list. An announced maintenance is in two of them."""

STATES = {"live": {"live": True}, "over": {"live": False}, "all": {}}
# Of a big incident the number says more than its tickets.
SHOWN_TICKETS = 100


@dataclass(frozen=True)
class IncidentReads:
    """One per process; safe for concurrent use."""

    store: Store
    clock: Clock

    async def listed(
        self,
        actor: Actor | None,
        family: str,
        *,
        state: str = "all",
        limit: int = 50,
        cursor: str | None = None,
        provider: str | None = None,
    ) -> dict[Literal["items", "next"], Any]:
        """`{items, next}`, the latest first; `provider`: of this one alone. `state`: live, over,
        all. Raises Refused for another word.
        """
        if state not in STATES:
            raise Refused("bad-parameter", f"state is one of {', '.join(STATES)}", status=422)
        where: list[Shape] = [
            {"aggregate": {"$in": list(AGGREGATES[family])}},
            shapes.visible_to(actor),
            STATES[state],
        ]
        if provider is not None:
            where.append({"provider": provider})
        # Other announcements have no beginning.
        if family == "maintenances":
            where.append({"starts_at": {"$ne": None}})
        # Empty filters say nothing to MongoDB, and `$and` takes none.
        clauses = [clause for clause in (*where, after_cursor("order_key", -1, cursor)) if clause]
        docs = await self.store["incidents"].find(
            {"$and": clauses}, order=[("order_key", -1)], limit=limit + 1
        )
        now = self.clock.now()
        items = [shapes.describe_incident(doc, actor, now) for doc in docs[:limit]]
        return {
            "items": items,
            "next": next_cursor("order_key", docs[limit - 1]["order_key"])
            if len(docs) > limit
            else None,
        }

    async def one(self, actor: Actor | None, key: str) -> Shape | None:
        """One of them; ops see `tickets` besides, the number of those linked that are not
        closed.
        """
        doc = await self.store["incidents"].find_one({"_id": key})
        if doc is None or not shapes.may_see(actor, doc):
            return None
        found = shapes.describe_incident(doc, actor, self.clock.now())
        if actor is not None and actor.is_staff:
            # All of them, also those that the list below is too short for.
            found["tickets"] = await self.store["tickets"].count(
                {"incident_ids": key, "status": {"$ne": "closed"}}
            )
        return found

    async def find_unexplained(self, actor: Actor, provider: str) -> list[Shape]:
        """The provider's incidents that are over and whose users are owed a post-mortem (seed 003),
        the latest first.
        """
        where = {
            "aggregate": "incident",
            "provider": provider,
            # What was never public is owed to nobody.
            "public": True,
            "state": "resolved",
            "postmortem": None,
        }
        docs = await self.store["incidents"].find(where, order=[("order_key", -1)], limit=10)
        now = self.clock.now()
        return [
            shapes.describe_incident(doc, actor, now) for doc in docs if shapes.may_see(actor, doc)
        ]

    async def matching(self, subject: str, body: str) -> list[Shape]:
        """The open incidents that a text may be about, sure ones first: `{id, title}`. Empty while
        MongoDB is away.
        """
        try:
            docs = await self.store["incidents"].find(
                {"live": True, "public": True, "state": "open"}, limit=100
            )
        except Unavailable:
            # The form that asks is worth more than this help.
            return []
        found = match_incidents(
            (shapes.to_ongoing(doc) for doc in docs), subject=subject, body=body
        )
        return [{"id": match.incident.id, "title": match.incident.title} for match in found]

    async def tickets(self, actor: Actor, key: str) -> list[Shape]:
        """The first of the tickets linked to an incident, for staff: `{id, subject, status,
        priority, requester}`.
        """
        if not actor.is_staff:
            return []
        fields = {"subject": 1, "status": 1, "priority": 1, "requester": 1}
        docs = await self.store["tickets"].find(
            {"incident_ids": key}, fields=fields, order=[("order_key", 1)], limit=SHOWN_TICKETS
        )
        return [{"id": doc["_id"], **{name: doc.get(name) for name in fields}} for doc in docs]

    async def events(self, actor: Actor, key: str) -> list[Shape] | None:
        """The facts of one of them, oldest first, for ops alone."""
        if not runs_incidents(actor):
            return None
        # A bound; in order of the facts, since several may have the same instant.
        return await self.store["timeline"].find({"incident": key}, order=[("seq", 1)], limit=2000)
