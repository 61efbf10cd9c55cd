"""The sender of a mail that opened a ticket confirms that it was theirs: from then on it counts like any other. Pure.

RELIABILITY, Security: unverified mail makes no urgent page. What it asked for, and was entitled to, happens at the confirmation.
"""

from __future__ import annotations

from services.router.decision import PolicyOf, about, moved
from services.router.ticket import TicketRow
from shared import ids
from shared.errors import Refused
from shared.events import ConfirmSender, Fact, SenderConfirmed
from shared.lifecycle import Move
from shared.policy import entitles_to_page


def on_confirm(row: TicketRow, request: ConfirmSender, policy_of: PolicyOf) -> list[Fact]:
    """Once, and by the requester alone. A ticket that staff have answered meanwhile is in hands already and wakes nobody."""
    if request.actor.email.lower() != row.requester.lower():
        raise Refused("not-allowed", "Only the sender of the mail can confirm it.")
    if row.verified:
        raise Refused("already-confirmed", "This ticket is confirmed already.")
    moved(row, Move.CONFIRM)
    untouched = not row.obligations
    pages = untouched and entitles_to_page(policy_of(request.policy), row.plan, row.stage, row.priority)
    return [
        SenderConfirmed(
            **about(request), priority=row.priority, plan=row.plan, lane=row.lane, pages=pages,
            obligation=ids.obligation_id(request.key, request.id) if pages else None, subject=row.subject, requester=row.requester,
        )
    ]  # fmt: skip
