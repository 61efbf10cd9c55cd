"""The saved views beside the homes, each with how many tickets it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from services.portal.desk.homes import MANY, DeskSelection, DeskTab, shelf_for
from services.portal.desk.listing import ListQuery, filter_for
from services.portal.projector.shelving import SHELVES
from services.portal.search.query import read_query, where_of
from shared.errors import Refused, Unavailable
from shared.events import Actor
from shared.people.saved_views import FIELDS, DocumentIndex, SavedView, ViewPlace, views_of
from shared.storage.store import Store

Tab = dict[str, Any]


async def tabs_of_views(
    store: Store, directory: DocumentIndex, actor: Actor, place: ViewPlace, asked: Mapping[str, str]
) -> list[Tab]:
    """A tab for each, with its live count; MANY stands for that many or more. `place` and `asked`:
    where the reader is. While the views are away there is a tab without a count.
    """
    views = views_of(directory, actor)
    counts = await asyncio.gather(*(count(store, actor, view) for _, view in views))
    return [
        {
            "id": key,
            "name": view.name,
            "is_of_team": view.owner == "",
            "href": view.href,
            "label": view.name,
            "n": "" if n is None else f"{n}" if n < MANY else f"{MANY}+",
            "current": view.place == place and is_same(view, asked),
            "is_due": False,
        }
        for (key, view), n in zip(views, counts, strict=True)
    ]


def is_same(view: SavedView, asked: Mapping[str, str]) -> bool:
    """Whether the reader looks at what the view keeps. Pure."""
    return all(
        (view.asked.get(name) or "") == (asked.get(name) or "") for name in FIELDS[view.place]
    )


async def count(store: Store, actor: Actor, view: SavedView) -> int | None:
    """How many tickets there are; None where the view asks for something that is gone, or nobody
    can count just now.
    """
    try:
        return await _count(store, actor, view)
    except (Refused, Unavailable):
        # A view that cannot be counted is still a way to its list.
        return None


async def _count(store: Store, actor: Actor, view: SavedView) -> int:
    shelf = shelf_of_view(actor, view)
    # A list of the desk has its counter; a priority or a search is counted ticket by ticket.
    if shelf is not None and not view.asked.get("priority"):
        kept = await store[SHELVES].find_one({"_id": shelf.name})
        return int(kept["n"]) if kept else 0
    return await store["tickets"].count(where_of_view(actor, view), limit=MANY)


def shelf_of_view(actor: Actor, view: SavedView) -> DeskSelection | None:
    """The desk's list that a view narrows; None: it is over all tickets. Pure."""
    asked = view.asked
    home = asked.get("home", "")
    if view.place is not ViewPlace.QUEUE or home not in list(DeskTab):
        return None
    return shelf_for(actor, DeskTab(home), asked.get("queue", ""), asked.get("owner", ""))


def where_of_view(actor: Actor, view: SavedView) -> dict[str, Any]:
    """The filter of the tickets that a view holds. Pure. Raises Refused."""
    asked = view.asked
    if view.place is ViewPlace.SEARCH:
        query = read_query(asked.get("q", ""))
        # It was kept by an older release, or the search has changed since.
        if query.is_empty or query.wrong:
            raise Refused("bad-parameter", "This search cannot be read.")
        return where_of(actor, query)
    if (shelf := shelf_of_view(actor, view)) is not None:
        return {"shelves": shelf.name, "priority": asked.get("priority", "")}
    # Like the list of all tickets, so that the count is that of the page behind the tab.
    return filter_for(
        actor,
        ListQuery(
            asked.get("queue") or None,
            asked.get("status") or "live",
            asked.get("priority") or None,
            None,
            asked.get("q") or None,
            "queue",
        ),
    )
