"""The incidents a ticket is about, and those it may be about: what the ticket's page offers to link and to take off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.portal.incident_shapes import ongoing
from shared.errors import Unavailable
from shared.events import Stage, Status
from shared.status.matching import Ongoing, matching
from shared.store import Store

MOST_OPEN = 100

Shape = dict[str, Any]


async def links_of(store: Store, ticket: Mapping[str, Any], attached: Iterable[str]) -> Shape:
    """`{linked: [{id, title}], likely: [{id, title, because, sure}], others: [{id, title}]}`, all of public incidents.

    `linked` are those the ticket has, open or over; the other two are open, `likely` by what the ticket says. Empty, but for the
    ids, while MongoDB is away.
    """
    ids = list(ticket["incident_ids"] or [])
    try:
        live = await store["incidents"].find({"live": True, "public": True, "state": "open"}, order=[("order_key", -1)], limit=MOST_OPEN)
        had = await store["incidents"].find({"_id": {"$in": ids}, "public": True}, fields={"title": 1}) if ids else []
    except Unavailable:
        live, had = [], []
    titles = {doc["_id"]: str(doc["title"]) for doc in had}
    likely, others = offered([ongoing(doc) for doc in live], ticket, attached)
    return {"linked": [{"id": each, "title": titles.get(each, "")} for each in ids], "likely": likely, "others": others}


def offered(live: Iterable[Ongoing], ticket: Mapping[str, Any], attached: Iterable[str]) -> tuple[list[Shape], list[Shape]]:
    """Of the open incidents that the ticket is not linked to: those it is likely about with the reasons, and the rest. Pure."""
    left = [incident for incident in live if incident.id not in (ticket["incident_ids"] or ())]
    found = matching(
        left, subject=ticket["subject"], body=ticket.get("body") or "", addon=ticket["addon"], attached=tuple(attached),
        has_app=bool(ticket["app"]), stage=Stage(ticket["stage"]) if ticket["stage"] else None,
    )  # fmt: skip
    likely = [{"id": match.incident.id, "title": match.incident.title, "because": match.because, "sure": match.sure} for match in found]
    known = {each["id"] for each in likely}
    return likely, [{"id": incident.id, "title": incident.title} for incident in left if incident.id not in known]


def is_linkable(ticket: Mapping[str, Any]) -> bool:
    """A ticket that is closed for good stays as it is."""
    return bool(ticket["status"] != Status.CLOSED)
