"""The effective priority after opening: reviewed by staff, appealed by the customer, decided for good by another reviewer. Pure.

Seed 001: Heroku reviews the priority and may change it; the customer may appeal a change with additional information; then
it is reviewed once more and that is final.
"""

from __future__ import annotations

from services.router.decision import PolicyOf, about, moved, people
from services.router.ticket import TicketRow
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
from shared.policy import entitles_to_page


def on_review(row: TicketRow, request: ReviewPriority, policy_of: PolicyOf) -> list[Fact]:
    """Staff judge, so urgent is not refused for a staging app here (an appeal may succeed); it just wakes nobody."""
    moved(row, Move.REVIEW)
    _check_not_final(row)
    if row.appealed:
        raise Refused("appeal-open", "An appeal waits for its decision; a reviewer decides it, and with it the priority.")
    if request.priority is row.priority:
        raise Refused("same-priority", f"The priority is {row.priority} already.")
    return [_changed(row, request, policy_of)]


def on_appeal(row: TicketRow, request: AppealPriority, policy_of: PolicyOf) -> list[Fact]:
    """Once per change. A plan that cannot choose a priority has nothing to appeal unless somebody changed it."""
    moved(row, Move.APPEAL)
    _check_not_final(row)
    if row.appealed:
        raise Refused("already-appealed", "Your appeal is being looked at; a change can be appealed once.")
    if not row.changed_by:
        raise Refused("nothing-to-appeal", "The priority was not changed, so there is nothing to appeal.")
    return [
        PriorityAppealed(
            **about(request), information=request.information, priority=row.priority, changed_by=row.changed_by, subject=row.subject,
            requester=row.requester,
        )
    ]  # fmt: skip


def on_decide_appeal(row: TicketRow, request: DecideAppeal, policy_of: PolicyOf) -> list[Fact]:
    """The decision, and where it changes something the change itself, so that clocks and pages know one kind of change."""
    moved(row, Move.DECIDE_APPEAL)
    if not may_decide_appeals(request.actor):
        raise Refused("not-allowed", "Appeals are decided by reviewers.")
    _check_not_final(row)
    if not row.appealed:
        raise Refused("no-appeal", "There is no appeal to decide; to change the priority, review it.")
    if request.actor.email.lower() in {row.changed_by.lower(), row.requester.lower()}:
        raise Refused("same-reviewer", "Whoever changed the priority does not decide the appeal; another reviewer does.")
    decided = AppealDecided(
        **about(request), previous=row.priority, priority=request.priority, reason=request.reason, subject=row.subject,
        requester=row.requester,
    )  # fmt: skip
    return [decided] if request.priority is row.priority else [decided, _changed(row, request, policy_of, final=True)]


def _check_not_final(row: TicketRow) -> None:
    if row.final:
        raise Refused("final", f"An appeal was decided, and that is final: the priority stays {row.priority}.")


def _changed(row: TicketRow, request: ReviewPriority | DecideAppeal, policy_of: PolicyOf, *, final: bool = False) -> PriorityReviewed:
    pages = entitles_to_page(policy_of(request.policy), row.plan, row.stage, request.priority)
    return PriorityReviewed(
        **about(request), previous=row.priority, priority=request.priority, reason=request.reason, plan=row.plan, lane=row.lane,
        pages=pages, obligation=ids.obligation_id(request.key, request.id) if pages else None,
        cancels=() if request.priority is Priority.URGENT else row.obligations, final=final, **people(row),
    )  # fmt: skip
