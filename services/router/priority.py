"""The effective priority after opening: reviewed by staff. Pure."""

from __future__ import annotations

from services.router.decision import PolicyOf, about, moved, people
from services.router.ticket import TicketRow
from shared import ids
from shared.errors import Refused
from shared.events import Fact, Priority, PriorityReviewed, ReviewPriority
from shared.lifecycle import Move
from shared.policy import entitles_to_page


def on_review(row: TicketRow, request: ReviewPriority, policy_of: PolicyOf) -> list[Fact]:
    """Staff judge, so urgent is not refused for a staging app here (an appeal may succeed); it just wakes nobody."""
    moved(row, Move.REVIEW)
    if request.priority is row.priority:
        raise Refused("same-priority", f"The priority is {row.priority} already.")
    pages = entitles_to_page(policy_of(request.policy), row.plan, row.stage, request.priority)
    return [
        PriorityReviewed(
            **about(request), previous=row.priority, priority=request.priority, reason=request.reason, plan=row.plan, lane=row.lane,
            pages=pages, obligation=ids.obligation_id(request.key, request.id) if pages else None,
            cancels=() if request.priority is Priority.URGENT else row.obligations, **people(row),
        )
    ]  # fmt: skip
