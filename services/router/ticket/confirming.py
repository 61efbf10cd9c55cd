"""The sender of a mail that opened a ticket confirms that it was theirs: from then on it counts
like any other. Pure.

RELIABILITY, Security: unverified mail makes no urgent page. What it asked for, and was entitled to,
happens at the confirmation.
"""

from __future__ import annotations

from services.router.ticket.decision import PolicyOf, about, make_refused, next_status
from services.router.ticket.row import TicketRow
from shared import ids
from shared.errors import Refused
from shared.events import ConfirmSender, Fact, OpenTicket, SenderConfirmed
from shared.lifecycle import Move
from shared.people.folding import is_same_address
from shared.policy import entitles_to_page


def on_confirm(row: TicketRow, request: ConfirmSender, policy_of: PolicyOf) -> list[Fact]:
    """Once, and by the requester alone. A ticket whose page a review has made already wakes nobody
    again.
    """
    if not is_same_address(request.actor.email, row.requester):
        raise Refused("not-allowed", "Only the sender of the mail can confirm it.")
    if row.verified:
        raise Refused("already-confirmed", "This ticket is confirmed already.")
    return _confirm_sender(row, request, policy_of)


def on_copy(row: TicketRow, request: OpenTicket, policy_of: PolicyOf) -> list[Fact]:
    """The mail that opened the ticket, unverified, came again by a path that vouches for its
    sender: that confirms it. A closed ticket stays as it is.
    """
    try:
        return _confirm_sender(row, request, policy_of)
    except Refused as refusal:
        return [make_refused(request, refusal)]


def _confirm_sender(
    row: TicketRow, request: ConfirmSender | OpenTicket, policy_of: PolicyOf
) -> list[Fact]:
    """Raises Refused."""
    next_status(row, Move.CONFIRM)
    # A review by staff may owe the page already; then the confirmation owes no second one.
    untouched = not row.obligations
    pages = untouched and entitles_to_page(
        policy_of(request.policy), row.plan, row.stage, row.priority
    )
    return [
        SenderConfirmed(
            **about(request),
            priority=row.priority,
            plan=row.plan,
            lane=row.lane,
            pages=pages,
            obligation=ids.obligation_id(request.key, request.id) if pages else None,
            subject=row.subject,
            requester=row.requester,
        )
    ]
