"""The effective priority after opening: reviewed by staff, appealed by the customer, decided for
good by another reviewer. Pure.

Seed 001: Heroku reviews the priority and may change it; the customer may appeal a change with
additional information; then it is reviewed once more and that is final.
"""

from __future__ import annotations

from services.router.ticket.decision import PolicyOf, about, next_status, people
from services.router.ticket.row import TicketRow
from shared import ids
from shared.access import may_decide_appeals
from shared.errors import Refused
from shared.events import (
    AppealDecided,
    AppealPriority,
    DecideAppeal,
    Fact,
    Priority,
    PriorityAppealed,
    PriorityReviewed,
    ReviewPriority,
)
from shared.lifecycle import Move
from shared.people.folding import fold_address
from shared.policy import page_on_review


def on_review(row: TicketRow, request: ReviewPriority, policy_of: PolicyOf) -> list[Fact]:
    """Staff judge, so urgent is not refused for a staging app here, and it pages as the plan
    says.
    """
    next_status(row, Move.REVIEW)
    _check_not_final(row)
    # A waiting appeal belongs to a reviewer: a plain review would decide it past that rule.
    if row.appealed:
        raise Refused(
            "appeal-open",
            "An appeal waits for its decision; a reviewer decides it, and with it the priority.",
        )
    if request.priority is row.priority:
        raise Refused("same-priority", f"The priority is {row.priority} already.")
    return [_make_reviewed(row, request, policy_of)]


def on_appeal(row: TicketRow, request: AppealPriority, policy_of: PolicyOf) -> list[Fact]:
    """Once per change. A plan that cannot choose a priority has nothing to appeal unless somebody
    changed it.
    """
    next_status(row, Move.APPEAL)
    _check_not_final(row)
    if row.appealed:
        raise Refused(
            "already-appealed", "Your appeal is being looked at; a change can be appealed once."
        )
    if not row.changed_by:
        raise Refused(
            "nothing-to-appeal", "The priority was not changed, so there is nothing to appeal."
        )
    return [
        PriorityAppealed(
            **about(request),
            information=request.information,
            priority=row.priority,
            changed_by=row.changed_by,
            subject=row.subject,
            requester=row.requester,
        )
    ]


def on_decide_appeal(row: TicketRow, request: DecideAppeal, policy_of: PolicyOf) -> list[Fact]:
    """The decision, and where it changes something the change itself, so that clocks and pages know
    one kind of change.
    """
    next_status(row, Move.DECIDE_APPEAL)
    if not may_decide_appeals(request.actor):
        raise Refused("not-allowed", "Appeals are decided by reviewers.")
    _check_not_final(row)
    if not row.appealed:
        raise Refused(
            "no-appeal", "There is no appeal to decide; to change the priority, review it."
        )
    # Nobody decides about their own change or their own ticket.
    if fold_address(request.actor.email) in {
        fold_address(row.changed_by),
        fold_address(row.requester),
    }:
        raise Refused(
            "same-reviewer",
            "Whoever changed the priority does not decide the appeal; another reviewer does.",
        )
    decided = AppealDecided(
        **about(request),
        previous=row.priority,
        priority=request.priority,
        reason=request.reason,
        subject=row.subject,
        requester=row.requester,
    )
    # The decision is told even where the priority stays; only a change touches clocks and pages.
    return (
        [decided]
        if request.priority is row.priority
        else [decided, _make_reviewed(row, request, policy_of, final=True)]
    )


def _check_not_final(row: TicketRow) -> None:
    if row.final:
        raise Refused(
            "final", f"An appeal was decided, and that is final: the priority stays {row.priority}."
        )


def _make_reviewed(
    row: TicketRow,
    request: ReviewPriority | DecideAppeal,
    policy_of: PolicyOf,
    *,
    final: bool = False,
) -> PriorityReviewed:
    pages, trail = page_on_review(
        policy_of(request.policy),
        row.plan,
        row.stage,
        request.priority,
        any_stage=request.any_stage,
    )
    # An imported review is history, and wakes nobody.
    pages = pages and not request.imported
    return PriorityReviewed(
        **about(request),
        previous=row.priority,
        priority=request.priority,
        reason=request.reason,
        trail=trail,
        plan=row.plan,
        lane=row.lane,
        pages=pages,
        obligation=ids.obligation_id(request.key, request.id) if pages else None,
        # A ticket that is no longer urgent takes back every page that is still owed.
        cancels=() if request.priority is Priority.URGENT else row.obligations,
        final=final,
        **people(row),
    )
