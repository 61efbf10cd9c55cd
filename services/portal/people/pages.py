"""The page of a person, for staff: who they are, their apps and what reaches those, their tickets
and ratings.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.account.notifications import list_stopped_mail
from services.portal.incidents.documents import to_ongoing
from services.portal.people.documents import person_of
from services.portal.people.reads import read_person
from services.portal.tickets.incident_links import list_touching_incidents
from services.portal.web.visitors import Drawn, Parts, Staff, not_found
from services.portal.web.words import href
from shared.events import Stage
from shared.people.folding import fold_address
from shared.people.identity import Lookup

LONGEST = 254
"""Characters of an address (RFC 5321)."""

router = APIRouter(include_in_schema=False)


@router.get("/people/{address:path}")
async def person_page(
    address: str,
    request: Request,
    actor: Staff,
    portal: Parts,
    screens: Drawn,
    show: str = "",
    cursor: str = "",
) -> Response:
    """`show`: `open`, or all tickets. Somebody without an account and without tickets is nobody."""
    email = fold_address(address.strip())
    # Anything else cannot be an address, and there is no page to look for.
    if "@" not in email or len(email) > LONGEST or not email.isprintable():
        raise not_found()
    is_open = show == "open"
    found = await read_person(portal.store, actor, email, is_open=is_open, cursor=cursor or None)
    tickets, items = found["tickets"], found["list"]["items"]
    person = person_of(portal.directory, email, name=_name_in(items, email))
    seen = (tickets["open"], tickets["solved"], tickets["ratings"], items, found["apps"])
    # No account and no ticket: nobody, so that the page confirms no guess.
    if not person["is_known"] and not any(seen):
        raise not_found()
    # As a ticket of theirs would be asked for, since stops are found for tickets.
    about = {"requester": email, "participants": (), "standing": "staff"}
    path = f"/people/{quote(email)}"
    return screens.page(
        request,
        "person.html",
        actor=actor,
        place="queue",
        person=person,
        stopped=list_stopped_mail(about, portal.directory, actor),
        apps=_with_owners(found["apps"], portal.directory),
        touching=_find_touching_incidents(found),
        tickets=tickets,
        found=found["list"],
        tabs=_tabs(path, tickets, is_open=is_open),
        is_open=is_open,
        is_later=bool(cursor),
        base_href=path,
        more_href=href(path, {"show": show, "cursor": found["list"]["next"] or ""}),
    )


def _name_in(items: list[dict[str, Any]], email: str) -> str:
    """What their tickets call somebody who has no account."""
    names = (
        str(item.get("requester_name") or "")
        for item in items
        if fold_address(item["requester"]) == email
    )
    return next((name for name in names if name), "")


def _with_owners(apps: list[dict[str, Any]], directory: Lookup) -> list[dict[str, Any]]:
    """Each app with its owner as `person_of` says it: the owner's plan may be another."""
    return [{**app, "owner": person_of(directory, str(app["owner"] or ""))} for app in apps]


def _find_touching_incidents(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The open incidents that reach any of their apps."""
    # The directory may hold a stage of a newer release.
    known = {stage.value for stage in Stage}
    stages = {Stage(app["stage"]) for app in found["apps"] if app["stage"] in known}
    addons = {slug for app in found["apps"] for slug in app["addons"]}
    return list_touching_incidents([to_ongoing(doc) for doc in found["incidents"]], addons, stages)


def _tabs(path: str, tickets: dict[str, Any], *, is_open: bool) -> list[dict[str, Any]]:
    n = f"{tickets['open_count']}{'+' if tickets['open_more'] else ''}"
    return [
        {"href": path, "label": "All", "n": None, "current": not is_open},
        {"href": href(path, {"show": "open"}), "label": "Open", "n": n, "current": is_open},
    ]
