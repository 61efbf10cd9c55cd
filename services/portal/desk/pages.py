"""The agents' lists: a home for each job, with live counts, and every ticket."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.desk.homes import DeskTab, choose_landing
from services.portal.desk.listing import ListQuery
from services.portal.desk.reads import DeskQuery, count_homes, count_quarantine, list_home
from services.portal.desk.saved_views import tabs_of_views
from services.portal.web.visitors import Drawn, Parts, Staff
from services.portal.web.words import ALL, href, tabs_of_homes, teams_of
from shared.people.saved_views import ViewPlace

router = APIRouter(include_in_schema=False)


@router.get("/queue")
async def queue(
    request: Request,
    actor: Staff,
    portal: Parts,
    screens: Drawn,
    home: str = "",
    queue: str = "",
    owner: str = "",
    status: str = "",
    priority: str = "",
    q: str = "",
    cursor: str = "",
) -> Response:
    """One list. Without a home: where the reader's work is, or all tickets where something is
    searched for.
    """
    store = portal.store
    # Counts first: where the reader begins depends on them.
    counts, quarantined = await asyncio.gather(
        count_homes(store, actor, queue, owner), count_quarantine(store)
    )
    if not home and not (q or status or cursor):
        first, team = choose_landing(actor, counts)
        home = first
        # The counts are those of the list that is shown.
        if team and not queue:
            queue = team
            counts = await count_homes(store, actor, queue, owner)
    is_home = home in list(DeskTab)
    if is_home:
        wanted = DeskQuery(DeskTab(home), queue, owner, priority, cursor or None)
        found = await list_home(store, actor, wanted)
    else:
        # An unknown home is every ticket.
        home = ALL
        asked = ListQuery(
            queue or None,
            status or "live",
            priority or None,
            None,
            q or None,
            "queue",
            cursor or None,
        )
        found = await portal.queries.tickets(actor, asked)
    asked_for: dict[str, Any] = {
        "home": home,
        "queue": queue,
        "owner": owner,
        "priority": priority,
        # A home has no status and no search of its own.
        **({} if is_home else {"status": status, "q": q}),
    }
    saved = await tabs_of_views(store, portal.directory, actor, ViewPlace.QUEUE, asked_for)
    # Every team, and the one that was asked for even if the directory has lost it.
    teams = {f"provider:{slug}" for slug in portal.directory.all("providers")}
    return screens.page(
        request,
        "queue.html",
        actor=actor,
        place="queue",
        found=found,
        side="staff",
        home=home,
        asked={"status": "", "q": "", **asked_for},
        list_path=href("/queue", {**asked_for, "cursor": cursor}),
        base_href=href("/queue", {"home": home}),
        tabs=tabs_of_homes(counts, quarantined, asked_for, home),
        saved=saved,
        save_place=ViewPlace.QUEUE,
        save_asked=asked_for,
        teams=teams_of(teams | ({queue} if queue else set()), screens.provider_name, screens.brand),
        colleagues=portal.colleagues.list_others(actor),
        idempotency_key=secrets.token_urlsafe(12),
        filtered=bool(queue or owner or status or priority or q or cursor),
        more_href=href("/queue", {**asked_for, "cursor": found["next"] or ""}),
    )
