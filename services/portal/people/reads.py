"""What the views say of one person. Every read is a walk along an index that ends after a few
documents (`projector/loop.py`), however many tickets there are, and however many are theirs.

Staff only: callers have looked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from services.portal.desk.listing import after_cursor, begins, next_cursor
from services.portal.people.documents import (
    COUNTED,
    OPEN,
    RATED,
    RATING,
    SHOWN,
    SOLVED,
    app_of,
    order_apps,
    person_of,
    sort_tickets,
)
from services.portal.tickets import documents as shapes
from services.portal.tickets.incident_links import read_open
from shared.access import Standing
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.identity import Lookup
from shared.storage.store import Store

PAGE = 25
# A bound; companies have fewer.
MOST_APPS = 500

_FIELDS = ("subject", "status", "priority", "requester", "opened_at", "solved_at", "rating")

Shape = dict[str, Any]
Stage = dict[str, Any]
"""One step of an aggregation."""


async def read_tickets(store: Store, email: str, *, besides: str = "", ratings: int = 1) -> Shape:
    """What `documents.sort_tickets` gives, in one round trip: the open tickets of somebody, urgent
    ones first, the last solved, and the last `ratings`. `besides`: the ticket that is looked at.
    Raises Unavailable.
    """
    found = await store["tickets"].aggregate(pipeline_for(email, ratings=ratings))
    return sort_tickets(found, email, besides=besides)


def pipeline_for(email: str, *, ratings: int) -> list[Stage]:
    """One more of each is read than is shown: the ticket that is looked at may be among
    them. Pure.
    """
    email = fold_address(email)
    # Live tickets have a 0 in front (`projector/tickets.py`).
    is_open = {"people": email, "order_key": begins("0")}
    is_solved = {"people": email, "solved_at": {"$gt": ""}}
    is_rated = {"requester": email, "rating.at": {"$gt": ""}}
    return [
        # Two more: one for the ticket that is looked at, one to know that there are more.
        *_part(OPEN, is_open, ("order_key", 1), COUNTED + 2),
        # Each part has an index and a limit of its own, and all come in one answer.
        *(
            {"$unionWith": {"coll": "tickets", "pipeline": _part(part, where, order, most)}}
            for part, where, order, most in (
                (SOLVED, is_solved, ("solved_at", -1), SHOWN + 1),
                (RATING, is_rated, ("rating.at", -1), ratings),
            )
        ),
    ]


def _part(part: str, where: Stage, order: tuple[str, int], most: int) -> list[Stage]:
    shown = {**dict.fromkeys(_FIELDS, 1), "part": {"$literal": part}}
    field, direction = order
    return [{"$match": where}, {"$sort": {field: direction}}, {"$limit": most}, {"$project": shown}]


async def list_tickets(
    store: Store, actor: Actor, email: str, *, is_open: bool, cursor: str | None
) -> Shape:
    """`{items, next: cursor|None}` as every list of tickets: the open ones, urgent first, or all,
    the latest first. Raises Refused for a cursor that is not this list's, and Unavailable.
    """
    field, direction = ("order_key", 1) if is_open else ("updated_key", -1)
    where: list[Shape] = [{"people": fold_address(email)}]
    if is_open:
        where.append({"order_key": begins("0")})
    if after := after_cursor(field, direction, cursor):
        where.append(after)
    # One more than a page tells whether there is a next.
    docs = await store["tickets"].find(
        {"$and": where}, fields=shapes.LISTED, order=[(field, direction)], limit=PAGE + 1
    )
    following = next_cursor(field, docs[PAGE - 1][field]) if len(docs) > PAGE else None
    return {"items": [shapes.to_list_row(doc, actor) for doc in docs[:PAGE]], "next": following}


async def read_apps(store: Store, email: str) -> list[Shape]:
    """The apps somebody owns or collaborates on (`documents.order_apps`). Raises Unavailable."""
    email = fold_address(email)
    theirs = [{"document.owner": email}, {"document.collaborators": email}]
    found = await store["directory"].find({"kind": "apps", "$or": theirs}, limit=MOST_APPS)
    return order_apps((doc["document"] for doc in found), email)


async def read_person(
    store: Store, actor: Actor, email: str, *, is_open: bool, cursor: str | None
) -> Shape:
    """`{tickets, list, apps, incidents}` for a person's page, all beside one another; `incidents`
    are the open ones as documents of the view. Raises Refused, Unavailable.
    """
    tickets, listed, apps, incidents = await asyncio.gather(
        read_tickets(store, email, ratings=RATED),
        list_tickets(store, actor, email, is_open=is_open, cursor=cursor),
        read_apps(store, email),
        read_open(store),
    )
    return {"tickets": tickets, "list": listed, "apps": apps, "incidents": incidents}


async def read_panel(store: Store, directory: Lookup, ticket: Mapping[str, Any]) -> Shape | None:
    """`{person, app, addons, …}` beside what `read_tickets` gives: the person behind the ticket,
    for its page. None for whoever is not on our staff. Raises Unavailable.

    `app` and its `addons` are as the directory has them now; the add-on that the ticket names is
    among them, attached or not.
    """
    # Others have no panel, and nothing is read for them.
    if ticket["standing"] != Standing.STAFF:
        return None
    tickets = await read_tickets(store, ticket["requester"], besides=ticket["id"])
    app = app_of(directory, ticket["app"]) if ticket["app"] else None
    # Each once; the ticket's own add-on may be attached no more.
    addons = dict.fromkeys((*(app["addons"] if app else ()), ticket["addon"]))
    return {
        "person": person_of(directory, ticket["requester"], name=ticket["requester_name"]),
        "app": app,
        "addons": [slug for slug in addons if slug],
        **tickets,
    }
