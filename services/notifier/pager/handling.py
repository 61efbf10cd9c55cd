"""What people do about a page besides acknowledging it: work on its ticket, notes, handing it to
somebody else. Pure.

| what | the page |
|---|---|
| solved, resolved, no longer urgent | ends (`decide.py`) |
| acknowledged again | its `ack_timeout` begins anew (`decide.py`) |
| an answer, a note on the ticket, given to a provider, taken back, by one of ours | `ack_timeout`
  begins anew |
| a note on the page | the same, where it is acknowledged |
| handed over | is open, `to` is paged now by their first method, whoever had it has it no more |
| anything by the customer, a provider, a machine or a timer | goes on |

PagerDuty (support.pagerduty.com, "Acknowledgement Timeouts"): the time runs from the
acknowledgement, only resolving ends it, and acknowledging again or snoozing begins it anew. A note
or a reassignment there says nothing of the kind, because PagerDuty cannot see the work. Here the
work is on the ticket, so that what shows somebody of ours at it counts like acknowledging once
more. Nothing of it acknowledges: an open page goes on until somebody answers it.

Handing over takes a round of its own: its keys are new, so no far side takes the page for a repeat.
It is refused where `to` cannot be reached: nobody would be woken, and the page would seem handled.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.notifier.pager.row import AttemptState, Page, PageState
from services.notifier.pager.steps import LaneDecision, attempt_first, give_up
from shared.events import ActivitySeen, PageAttended, PageNoted, PageReassigned, PageRequestRefused
from shared.policy.on_call.steps import FALLBACK_EVERY, next_method

BEGINS_ANEW = frozenset({"answer", "note", "hand-over", "take"})
"""Activities that are a sign of somebody at work. What is absent is none."""


def on_activity_seen(course: LaneDecision, event: ActivitySeen) -> None:
    if event.activity not in BEGINS_ANEW:
        return
    # Every page of the lane that the work is about; one of them may be acknowledged.
    for page in course.lane.pages.values():
        if (
            page.state is PageState.ACKNOWLEDGED
            and page.reopens_at is not None
            and set(page.obligations) & set(event.obligations)
        ):
            course.add(
                PageAttended,
                page.id,
                by=event.by,
                activity=event.activity,
                reopens_at=reopens_at(course, page),
            )


def reopens_at(course: LaneDecision, page: Page) -> datetime | None:
    """When an acknowledgement, or a sign of work, of now is forgotten; None: never."""
    escalation = course.rules.on_call.escalation.get(page.escalation)
    return course.now + escalation.ack_timeout if escalation and escalation.ack_timeout else None


def note(course: LaneDecision, page: Page, by: str, body: str) -> None:
    course.add(PageNoted, page.id, by=by, body=body, reopens_at=_reopens_later(course, page))


def hand_over(course: LaneDecision, page: Page, by: str, to: str) -> None:
    """`page` is alive. A refusal is recorded where it cannot be done."""
    # A silenced page would ring again the moment it is handed over.
    if page.state is PageState.SILENCED:
        reason = "a maintenance silences it: let it ring first"
        course.add(PageRequestRefused, page.id, code="silenced", reason=reason)
        return
    # Refused before anything changes: the page must not lose its owner to nobody.
    method = next_method(course.rules.on_call, to)
    if method is None:
        reason = f"{to} is nobody of the rota, or has no verified contact method"
        course.add(PageRequestRefused, page.id, code="cannot-be-reached", reason=reason)
        return
    # The people paged so far are not tried again; what they were sent stays.
    for attempt in page.attempts.values():
        if attempt.purpose == "page" and attempt.sending is AttemptState.WAITING:
            give_up(course, page.id, attempt, f"handed to {to}")
    course.add(
        PageReassigned,
        page.id,
        by=by,
        to=to,
        # Step 0 is "not begun"; after the hand-over it has begun.
        step=max(1, page.step),
        round=page.round + 1,
        next_at=course.now + wait_of(course, page),
    )
    attempt_first(course, page.id, to, method)


def wait_of(course: LaneDecision, page: Page) -> timedelta:
    """How long the step that the page is at waits; the fallback's pace where that is nil."""
    escalation = course.rules.on_call.escalation.get(page.escalation)
    steps = escalation.steps if escalation else ()
    number = max(1, page.step)
    # A step that waits for nothing would go on at once, so the fallback's pace counts.
    return (steps[number - 1].wait if number <= len(steps) else FALLBACK_EVERY) or FALLBACK_EVERY


def _reopens_later(course: LaneDecision, page: Page) -> datetime | None:
    return reopens_at(course, page) if page.reopens_at is not None else None
