"""What every decision stands on: the row, who asks, whether the state has room for it, and whether
the ticket is still as the asker saw it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from services.router.ticket.row import TicketRow
from shared.access import Standing, find_standing
from shared.errors import Refused
from shared.events import AsSeen, Request, RequestRefused, Status, Via
from shared.lifecycle import Move, after
from shared.people.folding import is_same_address
from shared.policy import DeskPolicy

PolicyOf = Callable[[dict[str, int]], DeskPolicy]
"""A request's policy stamp → the desk policy of that version; may raise Unavailable (not read
yet).
"""

UNCONFIRMED = "A ticket that came by mail and is not confirmed yet"
"""Its subject in everything that is told of it: a forger's words go to nobody."""
_HINTS = {
    Status.SOLVED: "; reopen it first",
    Status.CLOSED: " for good; open a new ticket and name this one in it",
}


def about(request: Request) -> dict[str, Any]:
    """What every fact says of the request it comes from."""
    return {
        "at": request.at,
        "by": request.actor.email,
        "policy": request.policy,
        "imported": request.imported,
    }


def people(row: TicketRow) -> dict[str, Any]:
    """What a fact says so that its notices need no look-up."""
    return {
        "subject": row.subject if row.verified else UNCONFIRMED,
        "requester": row.requester,
        "participants": row.participants,
    }


def work_on(row: TicketRow, request: Request) -> dict[str, Any]:
    """What a fact says of the pages owed, where one of ours is at work: a machine, a timer and
    anybody else is not.
    """
    # An automatic reply is sent in a person's name, but nobody is at work because of it.
    is_person = request.actor.via is not Via.SYSTEM and not getattr(request, "automatic", False)
    if not row.obligations or not is_person or side_of(row, request) != Standing.STAFF.value:
        return {}
    return {"lane": row.lane, "obligations": row.obligations}


def standing_of(row: TicketRow, request: Request) -> Standing | None:
    return find_standing(
        request.actor, requester=row.requester, participants=row.participants, provider=row.provider
    )


def side_of(row: TicketRow, request: Request) -> Any:
    """The side that acts. Staff who opened the ticket themselves are its customer: their word is no
    answer to it.
    """
    if is_same_address(request.actor.email, row.requester):
        return Standing.CUSTOMER.value
    who = standing_of(row, request)
    return who.value if who else Standing.CUSTOMER.value


def next_status(row: TicketRow, move: Move) -> Status:
    """The status after `move`. Raises Refused where the lifecycle has no such move."""
    assert row.status is not None
    status = after(row.status, move)
    if status is None:
        raise Refused(
            "not-in-this-state", f"The ticket is {row.status}{_HINTS.get(row.status, '')}."
        )
    return status


def make_refused(request: Request, refusal: Refused) -> RequestRefused:
    return RequestRefused(
        **about(request),
        request_type=request.type,
        code=refusal.code,
        reason=refusal.detail,
        mail=request.mail,
    )


def check_as_seen(row: TicketRow, request: Request) -> None:
    """Raises Refused `moved-on`, which says what is otherwise. Whoever takes back what they did
    means the ticket as they left it: what a colleague or the customer did since is left alone.
    """
    seen: AsSeen | None = getattr(request, "only_if", None)
    if seen is not None:
        for otherwise in _differences(row, seen):
            raise Refused("moved-on", otherwise)


def _differences(row: TicketRow, seen: AsSeen) -> Iterator[str]:
    """A sentence for each thing that is not as it was seen, what matters most first."""
    # Closed counts as solved here: closing follows a solving, and does not undo it.
    if seen.solved_at is not None and (
        row.status not in (Status.SOLVED, Status.CLOSED) or row.solved_at != seen.solved_at
    ):
        yield f"It was reopened meanwhile and is {row.status} now."
    if seen.owner is not None and not _has_owner(row, seen.owner):
        yield f"{row.owner_name or row.owner or 'Nobody'} has it now."
    if seen.queue is not None and row.queue != seen.queue:
        yield f"It is in the queue {row.queue} now."
    if seen.priority is not None and row.priority is not seen.priority:
        yield f"Its priority is {row.priority} now."


def _has_owner(row: TicketRow, owner: str) -> bool:
    """`owner` empty: nobody."""
    if row.owner is None or not owner:
        return row.owner is None and not owner
    return is_same_address(row.owner, owner)
