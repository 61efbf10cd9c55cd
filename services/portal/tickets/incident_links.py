"""The incidents a ticket is about, and those it may be about: what the ticket's page offers to link
and to take off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from services.portal.incidents.documents import to_ongoing
from shared.errors import Unavailable
from shared.events import Stage, Status
from shared.lifecycle import Move, after
from shared.status.matching import OngoingIncident, find_touching, match_incidents
from shared.storage.store import Store

# Open incidents that a page offers; with more, a list is no help any more.
MOST_OPEN = 100

Shape = dict[str, Any]


async def links_of(store: Store, ticket: Mapping[str, Any], attached: Iterable[str]) -> Shape:
    """`{linked: [{id, title}], likely: [{id, title, because, sure}], others: [{id, title}],
    touching: [{id, title, components}]}`, all of public incidents.

    `linked` are those the ticket has, open or over; all others are open, `likely` by what the
    ticket says, `find_touching` by the add-ons and the stage of its app, linked or not. Empty, but for
    the ids, while MongoDB is away.
    """
    ids, attached = list(ticket["incident_ids"] or []), tuple(attached)
    try:
        live = await read_open(store)
        had = (
            await store["incidents"].find(
                {"_id": {"$in": ids}, "public": True}, fields={"title": 1}
            )
            if ids
            else []
        )
    except Unavailable:
        # The page is worth more without its offers than not at all.
        live, had = [], []
    titles = {doc["_id"]: str(doc["title"]) for doc in had}
    found = [to_ongoing(doc) for doc in live]
    # What the ticket says is one thing, what its app rests on another.
    likely, others = suggest_incidents(found, ticket, attached)
    addons = {*attached, ticket["addon"]} - {None}
    stages = {Stage(ticket["stage"])} if ticket["stage"] else set()
    return {
        "linked": [{"id": each, "title": titles.get(each, "")} for each in ids],
        "likely": likely,
        "others": others,
        "touching": list_touching_incidents(found, addons, stages),
    }


async def read_open(store: Store) -> list[Shape]:
    """The open public incidents, the newest first, as documents of the view. Raises Unavailable."""
    return await store["incidents"].find(
        {"live": True, "public": True, "state": "open"},
        order=[("order_key", -1)],
        limit=MOST_OPEN,
    )


def list_touching_incidents(
    found: Iterable[OngoingIncident], addons: Collection[str], stages: Collection[Stage]
) -> list[Shape]:
    """`[{id, title, components: [name]}]` of the incidents that reach these add-ons, and apps of
    these stages. Pure.
    """
    return [
        {
            "id": touch.incident.id,
            "title": touch.incident.title,
            "components": list(touch.components),
        }
        for touch in find_touching(found, addons=addons, stages=stages)
    ]


def suggest_incidents(
    live: Iterable[OngoingIncident], ticket: Mapping[str, Any], attached: Iterable[str]
) -> tuple[list[Shape], list[Shape]]:
    """Of the open incidents that the ticket is not linked to: those it is likely about with the
    reasons, and the rest. Pure.
    """
    # A linked one is not offered again.
    left = [incident for incident in live if incident.id not in (ticket["incident_ids"] or ())]
    found = match_incidents(
        left,
        subject=ticket["subject"],
        body=ticket.get("body") or "",
        addon=ticket["addon"],
        attached=tuple(attached),
        has_app=bool(ticket["app"]),
        stage=Stage(ticket["stage"]) if ticket["stage"] else None,
    )
    likely = [
        {
            "id": match.incident.id,
            "title": match.incident.title,
            "because": match.because,
            "sure": match.sure,
        }
        for match in found
    ]
    known = {each["id"] for each in likely}
    return likely, [
        {"id": incident.id, "title": incident.title}
        for incident in left
        if incident.id not in known
    ]


def is_linkable(ticket: Mapping[str, Any]) -> bool:
    """A ticket that is closed for good stays as it is."""
    return after(Status(ticket["status"]), Move.LINK) is not None
