"""`GET /tickets/{id}/merge`: a ticket beside the one that it should go on in, before somebody says
yes. The yes itself is a request like any other on a ticket (`tickets/pages/action_page.py`). Staff only.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.desk.listing import by_id
from services.portal.people.reads import read_tickets
from services.portal.search.spoken_ids import read_spelled_id
from services.portal.web.visitors import Drawn, Parts, Staff, not_found
from shared.events import Actor, Priority, Status
from shared.ids import is_ticket
from shared.lifecycle import LIVE
from shared.people.folding import fold_address, is_same_address
from shared.storage.store import Store

Shape = Mapping[str, Any]

NONE_NAMED = "There is no ticket with this id. Copy the id or the address from its page."
SEVERAL_NAMED = "More than one ticket begins so. Give more of its id."
_ADDRESS = re.compile(r"/tickets/(tkt_[a-z2-7]{26})(?![a-z2-7])")
_FIELDS = dict.fromkeys(
    (
        "subject",
        "status",
        "requester",
        "requester_name",
        "participants",
        "people",
        "priority",
        "queue",
        "opened_at",
        "opened_key",
        "verified",
    ),
    1,
)

router = APIRouter(include_in_schema=False)


@router.get("/tickets/{ticket_id}/merge")
async def merge_page(
    ticket_id: str, request: Request, actor: Staff, portal: Parts, screens: Drawn, into: str = ""
) -> Response:
    """`into`: what somebody wrote or picked: an id, its beginning, or the address of its page."""
    found = await portal.store["tickets"].find(
        {"_id": ticket_id, "opened_key": {"$gt": ""}}, fields=_FIELDS, limit=1
    )
    if not found:
        raise not_found()
    ticket = _shown(found[0])
    other, mistake = await _named(portal.store, actor, into)
    if other is not None:
        mistake = why_not(ticket, other)
    theirs = await read_tickets(portal.store, ticket["requester"], besides=ticket_id)
    return screens.page(
        request,
        "merge.html",
        actor=actor,
        place="queue",
        ticket=ticket,
        other=other,
        into=into,
        mistake=mistake or why_not_at_all(ticket),
        warnings=warnings_for(ticket, other) if other else [],
        theirs=theirs["open"],
        idempotency_key=secrets.token_urlsafe(18),
    )


async def _named(store: Store, actor: Actor, text: str) -> tuple[Shape | None, str]:
    """(the ticket that `text` names, what is wrong with it); (None, "") where nothing is written."""
    if not text.strip():
        return None, ""
    where = by_id(actor, id_in(text))
    found = await store["tickets"].find(where, fields=_FIELDS, limit=2) if where else []
    if not found:
        return None, NONE_NAMED
    return (_shown(found[0]), "") if len(found) == 1 else (None, SEVERAL_NAMED)


def id_in(text: str) -> str:
    """The id, or its beginning, that somebody wrote: by itself, spelled, or in an address."""
    in_address = _ADDRESS.search(text)
    if in_address:
        return in_address[1]
    return read_spelled_id(text) or text.strip()


def why_not_at_all(ticket: Shape) -> str:
    """Why the ticket can go on in no other one; empty: it can."""
    return "This ticket is closed for good." if ticket["status"] == Status.CLOSED else ""


def why_not(ticket: Shape, other: Shape) -> str:
    """Why it cannot go on in `other`; empty: it can. The router says the same."""
    if other["id"] == ticket["id"]:
        return "That is this ticket itself."
    if other["status"] not in LIVE:
        return f"That ticket is {other['status']}. Reopen it first, or choose another."
    return ""


def warnings_for(ticket: Shape, other: Shape) -> list[str]:
    """What somebody should know before they say yes, what matters most first."""
    found = []
    if not is_same_address(ticket["requester"], other["requester"]):
        is_on_it = fold_address(ticket["requester"]) in other["people"]
        found.append(
            "The other ticket is another person's. "
            + (
                f"{ticket['requester']} is on it, and is told that it goes on there."
                if is_on_it
                else f"{ticket['requester']} does not see it and is told nothing of it: answer "
                "them here first. Neither reads what the other wrote."
            )
        )
    elif ticket.get("verified") is False:
        found.append(
            "Its sender has not confirmed the mail that opened it, so they are told nothing."
        )
    if ticket["priority"] == Priority.URGENT:
        found.append("It is urgent. If somebody is being paged for it, that ends.")
    others = [person for person in ticket["participants"] if person not in other["people"]]
    if others:
        found.append(f"Not on the other ticket, and not joined to it: {', '.join(others)}.")
    return found


def _shown(doc: Shape) -> Shape:
    assert is_ticket(doc["_id"]), doc["_id"]
    return {**doc, "id": doc["_id"]}
