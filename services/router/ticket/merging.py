"""One ticket goes on in another: this one ends, and the other says so. Pure.

Each ticket is decided on by itself. Of the one that ends the facts say all that the other needs;
intake turns them into a request on the other (`services/intake/followers/on_merge.py`), which is
noted in whatever state that ticket is by then. Nobody is joined to a ticket by a merge.
"""

from __future__ import annotations

from services.router.ticket.conversation import reopening
from services.router.ticket.decision import PolicyOf, about, next_status
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import (
    AccessEnded,
    Fact,
    MergeNoted,
    MergeTicket,
    NoteMerge,
    Status,
    TicketClosed,
    TicketMerged,
)
from shared.lifecycle import LIVE, Move, after
from shared.people.folding import fold_address


def on_merge(row: TicketRow, request: MergeTicket, policy_of: PolicyOf) -> list[Fact]:
    """The end of a ticket that goes on elsewhere: its pages end, and so does access to the app."""
    next_status(row, Move.MERGE)
    if request.into == request.key:
        raise Refused("merge-into-itself", "A ticket cannot be merged into itself.")
    if request.into_status is None:
        raise Refused("no-such-ticket", "There is no ticket that it could be merged into.")
    if request.into_status not in LIVE:
        raise Refused(
            "not-live",
            f"The other ticket is {request.into_status}: it would go on where nobody works. "
            "Reopen that one first, or choose another.",
        )
    is_shared = _is_shared(row, request)
    merged = TicketMerged(
        **about(request),
        into=request.into,
        is_shared=is_shared,
        waits=is_shared and row.status in (Status.NEW, Status.OPEN),
        subject=row.subject,
        requester=row.requester,
        lane=row.lane,
        obligations=row.obligations,
    )
    reason = "it was merged into another ticket"
    ended = [AccessEnded(**about(request), reason=reason)] if row.access else []
    return [merged, *ended, TicketClosed(**about(request), reason=reason)]


def on_note_merge(row: TicketRow, request: NoteMerge, policy_of: PolicyOf) -> list[Fact]:
    """What the other ticket says of it. A customer who waits for an answer does so here now, as if
    they had written here; a ticket that was closed meanwhile stays closed.
    """
    assert row.status is not None
    move = Move.CUSTOMER_REPLY if request.waits else Move.INTERNAL
    status = after(row.status, move) or row.status
    noted = MergeNoted(
        **about(request),
        merged=request.merged,
        status=status,
        waits=request.waits and status is not Status.CLOSED,
        priority=row.priority,
    )
    if row.status is Status.SOLVED and status is Status.OPEN:
        return [reopening(row, request, "another ticket was merged into it"), noted]
    return [noted]


def _is_shared(row: TicketRow, request: MergeTicket) -> bool:
    """Whether the requester is on the other ticket. Who is not confirmed may be a forger's word."""
    people = {fold_address(person) for person in request.into_people}
    return row.verified and fold_address(row.requester) in people
