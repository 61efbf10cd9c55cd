"""What the pager decides: `decide` on inputs and outcomes, `fire` on timers. Pure; the rules are DESIGN section 3, Pages.

Every obligation ends in exactly one of: a page opened for it, a page it joined, a record that nobody is woken for it.
An input that changes nothing because what it asks for already stands (the row proves it) gives no fact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from services.notifier.pager_activity import on_activity_seen, reopens_at
from services.notifier.pager_checks import on_check_outcome, on_contact_check_wanted
from services.notifier.pager_course import (
    Course,
    begin_next_step,
    end,
    give_up_others,
    is_worth_repeating,
    record_attempt,
    stand_down,
    stand_down_late,
    try_other_method,
)
from services.notifier.pager_direct import on_direct_page_seen
from services.notifier.pager_lane import Lane, Page, Sending, State
from services.notifier.pager_silence import hush, on_joined, on_restore_asked, on_silence_asked, on_told_again, restore, silence
from services.notifier.pager_steps import Rules
from shared.events import (
    AckAsked,
    ActivitySeen,
    AttemptOutcome,
    ContactCheckWanted,
    DirectPageSeen,
    DowngradeSeen,
    EscalateAsked,
    Event,
    PageAccepted,
    PageAcknowledged,
    PageCancelled,
    PageFact,
    PageFailed,
    PageJoined,
    PageOpened,
    PageReopened,
    PageRequestRefused,
    PageResolved,
    PageWanted,
    ResolveAsked,
    RestoreAsked,
    SilenceAsked,
    SolveSeen,
)
from shared.ids import firing_id, page_id
from shared.policy.steps import pause_after


def decide(lane: Lane | None, event: Event, rules: Rules, now: datetime) -> Sequence[PageFact]:
    """The facts that `event` leads to, unstamped."""
    course = Course(lane, rules, now)
    DECISIONS[type(event)](course, event)
    return course.facts


def fire(lane: Lane, rules: Rules, now: datetime) -> Sequence[PageFact]:
    """Begin the steps and repeat the sends that are due; each fact names its timer as its cause."""
    course = Course(lane, rules, now)
    for page in lane.pages.values():
        if page.next_at is not None and page.next_at <= now:
            course.cause = firing_id(page.id, "escalation", page.next_at)
            begin_next_step(course, page.id, "nobody acknowledged in time")
        if page.reopens_at is not None and page.reopens_at <= now:
            course.cause = firing_id(page.id, "acknowledgement", page.reopens_at)
            _reopen(course, page)
        for attempt in course.lane.pages[page.id].attempts.values():
            if attempt.retry_at is not None and attempt.retry_at <= now:
                course.cause = firing_id(page.id, attempt.id, attempt.retry_at)
                record_attempt(course, page.id, attempt.model_copy(update={"tries": attempt.tries + 1}))
    return course.facts


def on_page_wanted(course: Course, event: PageWanted) -> None:
    lane = course.lane
    if event.obligation in lane.settled:
        return
    if (known := lane.page_of(event.obligation)) is not None:
        on_told_again(course, known, event)
        return
    if event.obligation in lane.tombstones:
        reason = "it was taken back before it was asked for: nobody is woken"
        course.add(PageCancelled, "", obligation=event.obligation, by="system", reason=reason)
        return
    about = {
        "ticket_id": event.ticket_id, "obligation": event.obligation, "subject": event.subject, "requester": event.requester,
        "components": event.components,
    }  # fmt: skip
    if (page := lane.open_page() or lane.silenced_page()) is not None:
        course.add(PageJoined, page.id, **about)
        on_joined(course, page.id, event)
        return
    new = page_id(event.key, event.obligation)
    asked = event.escalation if event.escalation in course.rules.on_call.escalation else None
    course.add(
        PageOpened, new, **about, request_id=event.request_id, app=event.app, accepted_at=event.accepted_at,
        escalation=asked or course.rules.escalation, policy={**event.policy, **course.rules.stamp}, incident_id=event.incident_id,
        severity=event.severity, began=event.began,
    )  # fmt: skip
    if event.silenced_by is not None:
        silence(course, course.lane.pages[new], event.silenced_by, [event.obligation], "it began during a maintenance of what it is about")
    else:
        begin_next_step(course, new, "opened")


def _reopen(course: Course, page: Page) -> None:
    """Under a maintenance that covers it, it waits for the end of that instead."""
    reason = "acknowledged, and neither solved nor resolved in time"
    if page.is_muted():
        hush(course, page.id, f"{reason}; a maintenance of what it is about is under way")
        return
    course.add(PageReopened, page.id, by=page.by, reason=reason)
    begin_next_step(course, page.id, reason)


def on_ack_asked(course: Course, event: AckAsked) -> None:
    page = _page_to_handle(course, event)
    if page is None:
        return
    if page.state is State.ACKNOWLEDGED and page.reopens_at is None:
        _refuse(course, page.id, "already-acknowledged", f"{page.by} has acknowledged it already")
        return
    course.add(PageAcknowledged, page.id, by=event.by, via=event.via, reopens_at=reopens_at(course, page))
    if page.state is State.OPEN:  # once more is a sign of life: it puts off the reopening, and everybody was told before
        stand_down(course, page)


def on_resolve_asked(course: Course, event: ResolveAsked) -> None:
    page = _page_to_handle(course, event)
    if page is not None:
        end(course, page, PageResolved, by=event.by)


def on_escalate_asked(course: Course, event: EscalateAsked) -> None:
    page = _page_to_handle(course, event)
    if page is None:
        return
    if page.state is State.ACKNOWLEDGED:
        _refuse(course, page.id, "already-acknowledged", f"{page.by} has acknowledged it: there is no next step")
        return
    asked = f"asked for by {event.by}"
    if page.state is State.SILENCED:
        restore(course, page, page.obligations, by=event.by, silenced_by="", resumed=True, reason=asked)
    else:
        begin_next_step(course, page.id, asked)


def on_downgrade_seen(course: Course, event: DowngradeSeen) -> None:
    """Unacknowledged: cancelled, and the people paged are told. Acknowledged: nobody need be told, it is resolved."""
    for obligation in event.cancels:
        page = _taken_back(course, obligation, event.by, event.reason)
        if page is not None and page.state is State.OPEN:
            end(course, page, PageCancelled, obligation=obligation, by=event.by, reason=event.reason)
        elif page is not None:
            end(course, page, PageResolved, by=event.by, reason=f"no longer urgent: {event.reason}")


def on_solve_seen(course: Course, event: SolveSeen) -> None:
    for obligation in event.obligations:
        page = _taken_back(course, obligation, event.by, "the ticket was solved")
        if page is not None:
            end(course, page, PageResolved, by=event.by, reason="the ticket was solved")


def on_attempt_outcome(course: Course, event: AttemptOutcome) -> None:
    if event.attempt in course.lane.checks:
        on_check_outcome(course, event)
        return
    page = course.lane.pages.get(event.page)
    attempt = page.attempts.get(event.attempt) if page else None
    if page is None or attempt is None or attempt.sending is not Sending.OWED or attempt.tries != event.tries:
        return  # a repeat: the outcome of this very try is known
    if event.outcome == "accepted":
        course.add(PageAccepted, page.id, attempt=attempt.id, receipt=event.receipt, accepted_at=event.at)
        give_up_others(course, page.id, attempt)
        stand_down_late(course, page, attempt)
        return
    unknown = event.outcome == "unknown"
    again = event.outcome != "refused" and is_worth_repeating(page, attempt)
    retry_at = course.now + pause_after(attempt.tries) if again else None
    course.add(PageFailed, page.id, attempt=attempt.id, reason=event.reason, unknown=unknown, retry_at=retry_at)
    if attempt.purpose == "page" and page.state is State.OPEN:
        try_other_method(course, page.id, attempt, event)
    elif unknown:
        stand_down_late(course, page, attempt)


DECISIONS: dict[type[Event], Callable[[Course, Any], None]] = {
    PageWanted: on_page_wanted,
    DirectPageSeen: on_direct_page_seen,
    AckAsked: on_ack_asked,
    ResolveAsked: on_resolve_asked,
    EscalateAsked: on_escalate_asked,
    DowngradeSeen: on_downgrade_seen,
    SolveSeen: on_solve_seen,
    SilenceAsked: on_silence_asked,
    RestoreAsked: on_restore_asked,
    ActivitySeen: on_activity_seen,
    ContactCheckWanted: on_contact_check_wanted,
    AttemptOutcome: on_attempt_outcome,
}


def _page_to_handle(course: Course, event: AckAsked | ResolveAsked | EscalateAsked) -> Page | None:
    """The page that `event` is about, if it is alive and the asker may; else a refusal is recorded."""
    page = course.lane.pages.get(event.page)
    if page is None:  # the fact names no page, or else readers would begin one
        _refuse(course, "", "unknown-page", f"there is no page {event.page}")
    elif not event.may:
        _refuse(course, page.id, "not-on-call", "pages are handled by those on call, ops and admins")
    elif page.state in (State.CANCELLED, State.RESOLVED):
        _refuse(course, event.page, f"already-{page.state}", f"it was {page.state} by {page.by}")
    else:
        return page
    return None


def _refuse(course: Course, page: str, code: str, reason: str) -> None:
    course.add(PageRequestRefused, page, code=code, reason=reason)


def _taken_back(course: Course, obligation: str, by: str, reason: str) -> Page | None:
    """The page that owes nothing else; None if that is not so: then only the obligation is recorded as taken back."""
    lane = course.lane
    if obligation in lane.settled or obligation in lane.tombstones:
        return None
    page = lane.page_of(obligation)
    if page is not None and page.obligations == (obligation,):
        return page
    course.add(PageCancelled, "", obligation=obligation, by=by, reason=reason)
    if page is not None and page.state is State.OPEN:
        hush(course, page.id, "a maintenance covers all that is left of it")
    return None
