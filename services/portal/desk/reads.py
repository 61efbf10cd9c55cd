"""The lists and counts of the desk's homes, from the views. Staff only: callers ask for the actor's
standing before (`visitors.Staff`).

A list is one walk along an index (`shelves`, then the home's order), a count is one document, so
neither grows with the number of tickets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.portal.desk.homes import MANY, ORDERED_BY, DeskTab, shelf_for
from services.portal.desk.listing import PRIORITY_RANK, after_cursor, begins, next_cursor
from services.portal.projector.shelving import SHELVES
from services.portal.tickets import documents as shapes
from shared.errors import Refused
from shared.events import Actor, Priority
from shared.people.folding import fold_address
from shared.storage.store import Store

Shape = dict[str, Any]

PAGE = 50


@dataclass(frozen=True, slots=True)
class DeskQuery:
    """What was asked for. `owner`: `mine`, `nobody`, an address, or empty for anybody."""

    home: DeskTab
    queue: str = ""
    owner: str = ""
    priority: str = ""
    cursor: str | None = None


async def list_home(store: Store, actor: Actor, wanted: DeskQuery) -> Shape:
    """`{items, next: cursor|None}`; an item is that of `Queries.tickets`, with `owner`,
    `owner_name`, `last: {by, name, side, at, seq}` and `insisted`. Raises Refused, Unavailable.
    """
    shelf = shelf_for(actor, wanted.home, wanted.queue, wanted.owner)
    field = ORDERED_BY[wanted.home]
    where: Shape = {"shelves": shelf.name}
    if wanted.priority:
        where |= _of_priority(wanted.priority)
    parts = [where, after_cursor(field, 1, wanted.cursor)]
    docs = await store["tickets"].find(
        {"$and": [part for part in parts if part]},
        fields=shapes.LISTED,
        order=[(field, 1)],
        # One more than a page tells whether there is a next.
        limit=PAGE + 1,
    )
    following = next_cursor(field, docs[PAGE - 1][field]) if len(docs) > PAGE else None
    return {"items": [shapes.to_list_row(doc, actor) for doc in docs[:PAGE]], "next": following}


async def count_homes(
    store: Store, actor: Actor, queue: str = "", owner: str = ""
) -> dict[DeskTab, int]:
    """How many tickets each home holds for these filters. Raises Unavailable."""
    names = {shelf_for(actor, home, queue, owner).name: home for home in DeskTab}
    found = await store[SHELVES].find({"_id": {"$in": list(names)}})
    # A home without tickets has no counter.
    counts = dict.fromkeys(DeskTab, 0)
    counts.update({names[doc["_id"]]: int(doc["n"]) for doc in found})
    return counts


async def count_quarantine(store: Store) -> int:
    """Mails that wait for somebody to let them in; MANY stands for that many or more."""
    return await store["mail"].count({"state": "quarantined"}, limit=MANY)


async def own_requests(store: Store, actor: Actor, requests: Collection[str]) -> dict[str, Shape]:
    """The documents of those of `requests` that the actor made on tickets, by their ids."""
    mine = {"_id": {"$in": list(requests)}, "by": fold_address(actor.email), "about": "ticket"}
    return {doc["_id"]: doc for doc in await store["requests"].find(mine)}


async def facts_of(store: Store, requests: Mapping[str, Shape]) -> dict[str, list[Shape]]:
    """Request → the facts of tickets that it led to, oldest first. `requests`: as
    `own_requests`.
    """
    # With the tickets, since an index leads to those; none leads to a cause.
    where = {
        "ticket": {"$in": sorted({doc["key"] for doc in requests.values()})},
        "topic": "tickets",
        "cause": {"$in": list(requests)},
    }
    found: dict[str, list[Shape]] = {request: [] for request in requests}
    for fact in await store["timeline"].find(where, order=[("order", 1)]):
        found[fact["cause"]].append(fact)
    return found


async def find_mailed_tickets(store: Store, facts: Collection[str]) -> set[str]:
    """The tickets of which a mail or webhook because of one of `facts` (ids) has left, or will."""
    # What waits to be tried again will leave, so it counts.
    left = {"cause": {"$in": list(facts)}, "state": {"$nin": ["suppressed", "failed"]}}
    return {doc["ticket"] for doc in await store["notices"].find(left, fields={"ticket": 1})}


def _of_priority(priority: str) -> Shape:
    """By where it stands in the order: whose turn, whether done, who stands first, the priority."""
    if priority not in list(Priority):
        raise Refused("bad-parameter", f"priority is one of {', '.join(Priority)}", status=422)
    rank = PRIORITY_RANK[Priority(priority)]
    # The stretches lead an index there; `priority` alone would be looked for through the whole
    # list.
    return {
        "priority": priority,
        "$or": [{"desk_key": begins(f"{turn}0{later}{rank} ")} for turn in "012" for later in "01"],
    }
