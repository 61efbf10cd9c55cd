"""A quick look at the portal's view, so that what the router would refuse anyway is refused at once
(DESIGN section 3).

It is a courtesy with a budget: MongoDB slow or away, or a ticket too new to be there, and the
request is taken; the router decides for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.intake.contacts.phone import SentPage
from shared.access import Standing, find_standing
from shared.errors import Unavailable
from shared.events import Actor

if TYPE_CHECKING:
    from shared.storage.store import Store

# Only what a standing needs, and where a ticket goes on: texts stay in the database.
_FIELDS = dict.fromkeys(
    (
        "requester",
        "participants",
        "provider",
        "status",
        "subject",
        "merged_into",
        "is_merge_shared",
    ),
    1,
)
# So long the view rests after it was too slow.
_REST_S = 1.0
_PATIENCE_S = 3.0
"""Of a gateway that holds a line for us."""
# More open pages than anybody can have.
_MOST_WAITING = 50


@dataclass(frozen=True, slots=True)
class SeenTicket:
    """Who stands how to a ticket, as far as the view has come. `goes_on_in`: the ticket that it was
    merged into, where its requester is on that one, too.
    """

    requester: str
    participants: tuple[str, ...]
    provider: str | None
    status: str = ""
    subject: str = ""
    goes_on_in: str | None = None

    def standing_of(self, actor: Actor) -> Standing | None:
        """What `actor` is to the ticket; None: nothing."""
        return find_standing(
            actor,
            requester=self.requester,
            participants=self.participants,
            provider=self.provider,
        )


@dataclass(frozen=True, slots=True)
class SentNotice:
    """`to` is an address, or `provider:<slug>` for a webhook; `state`: owed, retrying, delivered,
    failed or suppressed.
    """

    to: str
    kind: str
    state: str


class View:
    """`budget` is seconds. After a look that took longer nobody looks for a second, so that MongoDB
    away costs little.
    """

    def __init__(self, store: Store, budget: float) -> None:
        self._tickets, self._pages, self._notices = (
            store["tickets"],
            store["pages"],
            store["notices"],
        )
        self._shelves = store["shelves"]
        self._budget = budget
        self._rests_until = 0.0

    async def linked(self, incident: str) -> list[str]:
        """The tickets that are linked to an incident and not closed, in the order of their ids.
        Raises Unavailable.
        """
        where = {"incident_ids": incident, "status": {"$ne": "closed"}}
        return [
            found["_id"]
            for found in await self._tickets.find(where, fields={"_id": 1}, order=[("_id", 1)])
        ]

    async def affected(self, incident: str) -> list[str]:
        """Those of them that nobody has solved. Raises Unavailable."""
        # Solved tickets have their answer; their customers are not asked again.
        where = {"incident_ids": incident, "status": {"$in": ["new", "open", "pending"]}}
        return [
            found["_id"]
            for found in await self._tickets.find(where, fields={"_id": 1}, order=[("_id", 1)])
        ]

    async def list_waiting_pages(self, names: Collection[str]) -> list[SentPage]:
        """The open pages that one of `names` was sent, the latest first. Raises Unavailable, also
        where it takes too long.
        """
        where = {
            "state": "open",
            "attempts": {"$elemMatch": {"to": {"$in": sorted(names)}, "purpose": "page"}},
        }
        try:
            async with asyncio.timeout(_PATIENCE_S):
                # The order key is made so that the latest come first.
                found = await self._pages.find(
                    where, fields={"subject": 1}, order=[("order_key", 1)], limit=_MOST_WAITING
                )
        except TimeoutError as error:
            raise Unavailable("mongodb", f"no answer in {_PATIENCE_S:g} s") from error
        return [SentPage(page["_id"], page["subject"]) for page in found]

    async def notice(self, notice: str) -> SentNotice | None:
        """A mail or webhook of ours, as far as the view has come. Raises Unavailable."""
        found = await self._notices.find_one(
            {"_id": notice}, fields={"to": 1, "kind": 1, "state": 1}
        )
        return (
            SentNotice(found["to"], found["kind"], found.get("state", ""))
            if found is not None
            else None
        )

    async def loads(self, people: Collection[str]) -> dict[str, int]:
        """How many live tickets each has; empty: not known, or not known in time."""
        # The portal counts each person's tickets in a shelf of their own; intake only reads the
        # number.
        names = {f"mine||{email}": email for email in people}
        try:
            async with asyncio.timeout(self._budget):
                found = await self._shelves.find({"_id": {"$in": list(names)}})
        except (TimeoutError, Unavailable):
            return {}
        counted = {names[doc["_id"]]: int(doc["n"]) for doc in found}
        return {email: counted.get(email, 0) for email in people}

    async def has_no(self, ticket_id: str) -> bool:
        """Whether the view answers that there is no such ticket. False where it cannot be asked."""
        try:
            async with asyncio.timeout(self._budget):
                return await self._tickets.find_one({"_id": ticket_id}, fields={"_id": 1}) is None
        except (TimeoutError, Unavailable):
            # Not known is not "there is none".
            return False

    async def ticket(self, ticket_id: str) -> SeenTicket | None:
        """None: not known, or not known in time."""
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:
            return None
        try:
            async with asyncio.timeout(self._budget):
                found = await self._tickets.find_one({"_id": ticket_id}, fields=_FIELDS)
        except (TimeoutError, Unavailable):
            # One slow answer is enough: the next second nobody waits for it.
            self._rests_until = now + _REST_S
            return None
        # An entry without a status is not whole yet.
        if found is None or found.get("status") is None:
            return None
        return SeenTicket(
            found["requester"],
            tuple(found["participants"]),
            found["provider"],
            found["status"],
            found.get("subject") or "",
            found.get("merged_into") if found.get("is_merge_shared") else None,
        )
