"""What every decision stands on: the row, who asks, whether the state has room for it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.router.ticket import TicketRow
from shared.access import Standing, standing
from shared.errors import Refused
from shared.events import Request, RequestRefused, Status, Via
from shared.lifecycle import Move, after
from shared.policy import DeskPolicy

PolicyOf = Callable[[dict[str, int]], DeskPolicy]
"""A request's policy stamp → the desk policy of that version; may raise Unavailable (not read yet)."""

UNCONFIRMED = "A ticket that came by mail and is not confirmed yet"
"""Its subject in everything that is told of it: a forger's words go to nobody."""
_HINTS = {Status.SOLVED: "; reopen it first", Status.CLOSED: " for good; open a new ticket and name this one in it"}


def about(request: Request) -> dict[str, Any]:
    """What every fact says of the request it comes from."""
    return {"at": request.at, "by": request.actor.email, "policy": request.policy, "imported": request.imported}


def people(row: TicketRow) -> dict[str, Any]:
    """What a fact says so that its notices need no look-up."""
    return {"subject": row.subject if row.verified else UNCONFIRMED, "requester": row.requester, "participants": row.participants}


def work_on(row: TicketRow, request: Request) -> dict[str, Any]:
    """What a fact says of the pages owed, where one of ours is at work: a machine, a timer and anybody else is not."""
    is_person = request.actor.via is not Via.SYSTEM and not getattr(request, "automatic", False)
    if not row.obligations or not is_person or side_of(row, request) != Standing.STAFF.value:
        return {}
    return {"lane": row.lane, "obligations": row.obligations}


def standing_of(row: TicketRow, request: Request) -> Standing | None:
    return standing(request.actor, requester=row.requester, participants=row.participants, provider=row.provider)


def side_of(row: TicketRow, request: Request) -> Any:
    """Whose the act is. Staff who opened the ticket themselves are its customer: their word is no answer to it."""
    if request.actor.email.lower() == row.requester.lower():
        return Standing.CUSTOMER.value
    who = standing_of(row, request)
    return who.value if who else Standing.CUSTOMER.value


def moved(row: TicketRow, move: Move) -> Status:
    """The status after `move`. Raises Refused where the lifecycle has no such move."""
    assert row.status is not None
    status = after(row.status, move)
    if status is None:
        raise Refused("not-in-this-state", f"The ticket is {row.status}{_HINTS.get(row.status, '')}.")
    return status


def refused(request: Request, refusal: Refused) -> RequestRefused:
    return RequestRefused(**about(request), request_type=request.type, code=refusal.code, reason=refusal.detail, mail=request.mail)
