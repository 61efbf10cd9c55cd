"""A quick look at the portal's view, so that what the router would refuse anyway is refused at once (DESIGN section 3).

It is a courtesy with a budget: MongoDB slow or away, or a ticket too new to be there, and the request is taken; the router
decides for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.intake.phone import Waiting
from shared.errors import Unavailable

if TYPE_CHECKING:
    from shared.store import Store

_FIELDS = {"requester": 1, "participants": 1, "provider": 1, "status": 1}
_REST_S = 1.0
_PATIENCE_S = 3.0
"""Of a gateway that holds a line for us."""
_MOST_WAITING = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """Who stands how to a ticket, as far as the view has come."""

    requester: str
    participants: tuple[str, ...]
    provider: str | None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """`to` is an address, or `provider:<slug>` for a webhook; `state`: owed, retrying, delivered, failed or suppressed."""

    to: str
    kind: str
    state: str


class View:
    """`budget` is seconds. After a look that took longer nobody looks for a second, so that MongoDB away costs little."""

    def __init__(self, store: Store, budget: float) -> None:
        self._tickets, self._pages, self._notices = store["tickets"], store["pages"], store["notices"]
        self._budget = budget
        self._rests_until = 0.0

    async def linked(self, incident: str) -> list[str]:
        """The tickets that are linked to an incident and not closed, in the order of their ids. Raises Unavailable."""
        where = {"incident_ids": incident, "status": {"$ne": "closed"}}
        return [found["_id"] for found in await self._tickets.find(where, fields={"_id": 1}, order=[("_id", 1)])]

    async def affected(self, incident: str) -> list[str]:
        """Those of them that nobody has solved. Raises Unavailable."""
        where = {"incident_ids": incident, "status": {"$in": ["new", "open", "pending"]}}
        return [found["_id"] for found in await self._tickets.find(where, fields={"_id": 1}, order=[("_id", 1)])]

    async def waiting_for(self, names: Collection[str]) -> list[Waiting]:
        """The open pages that one of `names` was sent, the latest first. Raises Unavailable, also where it takes too long."""
        where = {"state": "open", "attempts": {"$elemMatch": {"to": {"$in": sorted(names)}, "purpose": "page"}}}
        try:
            async with asyncio.timeout(_PATIENCE_S):
                found = await self._pages.find(where, fields={"subject": 1}, order=[("order_key", 1)], limit=_MOST_WAITING)
        except TimeoutError as error:
            raise Unavailable("mongodb", f"no answer in {_PATIENCE_S:g} s") from error
        return [Waiting(page["_id"], page["subject"]) for page in found]

    async def notice(self, notice: str) -> Sent | None:
        """A mail or webhook of ours, as far as the view has come. Raises Unavailable."""
        found = await self._notices.find_one({"_id": notice}, fields={"to": 1, "kind": 1, "state": 1})
        return Sent(found["to"], found["kind"], found.get("state", "")) if found is not None else None

    async def ticket(self, ticket_id: str) -> Seen | None:
        """None: not known, or not known in time."""
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:
            return None
        try:
            async with asyncio.timeout(self._budget):
                found = await self._tickets.find_one({"_id": ticket_id}, fields=_FIELDS)
        except (TimeoutError, Unavailable):
            self._rests_until = now + _REST_S
            return None
        if found is None or found.get("status") is None:
            return None
        return Seen(found["requester"], tuple(found["participants"]), found["provider"], found["status"])
