"""What the pager decides: `decide` on inputs and outcomes, `fire` on timers. Pure; the rules are DESIGN section 3, Pages.

Every obligation ends in exactly one of: a page opened for it, a page it joined, a record that nobody is woken for it.
An input that changes nothing because what it asks for already stands (the row proves it) gives no fact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from services.notifier.pager_lane import Attempt, Lane, Page, Sending, State, evolve
from services.notifier.pager_steps import (
    ESCALATES_BY_ITSELF,
    STAND_DOWN_TRIES,
    SWITCH_AFTER,
    Rules,
    following,
    next_method,
    pause_after,
)
from shared.events import (
    AckAsked,
    AttemptOutcome,
    DowngradeSeen,
    EscalateAsked,
    Event,
    PageAccepted,
    PageAcknowledged,
    PageAttempted,
    PageCancelled,
    PageEscalated,
    PageFact,
    PageFailed,
    PageJoined,
    PageOpened,
    PageReachedNobody,
    PageRequestRefused,
    PageResolved,
    PageWanted,
    ResolveAsked,
    SolveSeen,
)
from shared.ids import dedup_key, derive, firing_id, page_id
from shared.policy.on_call import ContactMethod


class Course:
    """A decision under way: the facts so far, and the lane as they leave it."""

    def __init__(self, lane: Lane | None, rules: Rules, now: datetime) -> None:
        self.lane, self.rules, self.now = lane or Lane(), rules, now
        self.cause = ""
        self.facts: list[PageFact] = []

    def add(self, kind: type[PageFact], page: str, **fields: Any) -> None:
        fact = kind(at=self.now, cause=self.cause, page=page, **fields)
        self.facts.append(fact)
        self.lane = evolve(self.lane, fact)


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
            _begin_next_step(course, page.id, "nobody acknowledged in time")
        for attempt in course.lane.pages[page.id].attempts.values():
            if attempt.retry_at is not None and attempt.retry_at <= now:
                course.cause = firing_id(page.id, attempt.id, attempt.retry_at)
                _record_attempt(course, page.id, attempt.model_copy(update={"tries": attempt.tries + 1}))
    return course.facts


def on_page_wanted(course: Course, event: PageWanted) -> None:
    lane = course.lane
    if lane.page_of(event.obligation) or event.obligation in lane.settled:
        return
    if event.obligation in lane.tombstones:
        reason = "it was taken back before it was asked for: nobody is woken"
        course.add(PageCancelled, "", obligation=event.obligation, by="system", reason=reason)
        return
    about = {"ticket_id": event.ticket_id, "obligation": event.obligation, "subject": event.subject, "requester": event.requester}
    if (page := lane.open_page()) is not None:
        course.add(PageJoined, page.id, **about)
        return
    new = page_id(event.key, event.obligation)
    course.add(
        PageOpened, new, **about, request_id=event.request_id, app=event.app, accepted_at=event.accepted_at,
        escalation=course.rules.escalation, policy={**event.policy, **course.rules.stamp},
    )  # fmt: skip
    _begin_next_step(course, new, "opened")


def on_ack_asked(course: Course, event: AckAsked) -> None:
    page = _page_to_handle(course, event)
    if page is None:
        return
    if page.state is State.ACKNOWLEDGED:
        _refuse(course, page.id, "already-acknowledged", f"{page.by} has acknowledged it already")
        return
    course.add(PageAcknowledged, page.id, by=event.by, via=event.via)
    _stand_down(course, page)


def on_resolve_asked(course: Course, event: ResolveAsked) -> None:
    page = _page_to_handle(course, event)
    if page is not None:
        _end(course, page, PageResolved, by=event.by)


def on_escalate_asked(course: Course, event: EscalateAsked) -> None:
    page = _page_to_handle(course, event)
    if page is None:
        return
    if page.state is State.ACKNOWLEDGED:
        _refuse(course, page.id, "already-acknowledged", f"{page.by} has acknowledged it: there is no next step")
        return
    _begin_next_step(course, page.id, f"asked for by {event.by}")


def on_downgrade_seen(course: Course, event: DowngradeSeen) -> None:
    """Unacknowledged: cancelled, and the people paged are told. Acknowledged: nobody need be told, it is resolved."""
    for obligation in event.cancels:
        page = _taken_back(course, obligation, event.by, event.reason)
        if page is not None and page.state is State.OPEN:
            _end(course, page, PageCancelled, obligation=obligation, by=event.by, reason=event.reason)
        elif page is not None:
            _end(course, page, PageResolved, by=event.by, reason=f"no longer urgent: {event.reason}")


def on_solve_seen(course: Course, event: SolveSeen) -> None:
    for obligation in event.obligations:
        page = _taken_back(course, obligation, event.by, "the ticket was solved")
        if page is not None:
            _end(course, page, PageResolved, by=event.by, reason="the ticket was solved")


def on_attempt_outcome(course: Course, event: AttemptOutcome) -> None:
    page = course.lane.pages.get(event.page)
    attempt = page.attempts.get(event.attempt) if page else None
    if page is None or attempt is None or attempt.sending is not Sending.OWED or attempt.tries != event.tries:
        return  # a repeat: the outcome of this very try is known
    if event.outcome == "accepted":
        course.add(PageAccepted, page.id, attempt=attempt.id, receipt=event.receipt, accepted_at=event.at)
        _give_up_others(course, page.id, attempt)
        _stand_down_late(course, page, attempt)
        return
    unknown = event.outcome == "unknown"
    again = event.outcome != "refused" and _is_worth_repeating(page, attempt)
    retry_at = course.now + pause_after(attempt.tries) if again else None
    course.add(PageFailed, page.id, attempt=attempt.id, reason=event.reason, unknown=unknown, retry_at=retry_at)
    if attempt.purpose == "page" and page.state is State.OPEN:
        _try_other_method(course, page.id, attempt, event)
    elif unknown:
        _stand_down_late(course, page, attempt)


DECISIONS: dict[type[Event], Callable[[Course, Any], None]] = {
    PageWanted: on_page_wanted,
    AckAsked: on_ack_asked,
    ResolveAsked: on_resolve_asked,
    EscalateAsked: on_escalate_asked,
    DowngradeSeen: on_downgrade_seen,
    SolveSeen: on_solve_seen,
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
    return None


def _end(course: Course, page: Page, kind: type[PageFact], **fields: Any) -> None:
    course.add(kind, page.id, **fields)
    if page.state is State.OPEN:
        _stand_down(course, page)


def _begin_next_step(course: Course, page: str, reason: str) -> None:
    """Begin the step after the present one, and those after it that need not wait: it reached nobody, or its wait is nil."""
    policy = course.rules.on_call
    while True:
        now_at = course.lane.pages[page]
        step = following(policy, now_at.escalation, now_at.step, now_at.round, course.now)
        method = next_method(policy, step.person)
        place = {"step": step.number, "round": step.round}
        if method is not None or step.is_fallback:
            _supersede(course, page, step.person)
            to = (step.person,) if method else ()
            course.add(PageEscalated, page, **place, to=to, reason=reason, next_at=course.now + step.wait)
        if method is not None:
            _attempt_first(course, page, step.person, method)
            reason = f"step {step.number} has no wait"
        else:
            course.add(PageReachedNobody, page, **place, reason=f"{step.person} has no verified contact method")
            reason = f"step {step.number} reached nobody"
        if step.is_fallback or (method is not None and step.wait):
            return


def _attempt_first(course: Course, page: str, person: str, method: ContactMethod) -> None:
    now_at = course.lane.pages[page]
    key = dedup_key(page, now_at.step, now_at.round)
    attempt = Attempt(
        id=derive("att", key, person, method.name, "page"), step=now_at.step, round=now_at.round, to=person,
        channel=method.channel, method=method.name, dedup_key=key, purpose="page", tries=1,
    )  # fmt: skip
    _record_attempt(course, page, attempt)


def _record_attempt(course: Course, page: str, attempt: Attempt) -> None:
    """Recorded before it is sent; the send is an effect of the row that results."""
    course.add(
        PageAttempted, page, attempt=attempt.id, step=attempt.step, round=attempt.round, to=attempt.to, channel=attempt.channel,
        method=attempt.method, dedup_key=attempt.dedup_key, purpose=attempt.purpose, tries=attempt.tries,
    )  # fmt: skip


def _try_other_method(course: Course, page: str, failed: Attempt, event: AttemptOutcome) -> None:
    """Refused, or silent for too long: the person's next method at once; where there is none left, the next step."""
    now_at = course.lane.pages[page]
    if (failed.step, failed.round) != (now_at.step, now_at.round):
        return  # a later step is under way
    if event.outcome != "refused" and failed.tries != SWITCH_AFTER:
        return
    of_step = [a for a in now_at.attempts.values() if a.dedup_key == failed.dedup_key and a.purpose == "page"]
    method = next_method(course.rules.on_call, failed.to, {a.method for a in of_step})
    if method is not None:
        _attempt_first(course, page, failed.to, method)
    elif all(a.sending is Sending.OVER and not a.doubtful for a in of_step):
        why = f"every contact method of {failed.to} refused"
        course.add(PageReachedNobody, page, step=now_at.step, round=now_at.round, reason=why)
        step = following(course.rules.on_call, now_at.escalation, now_at.step, now_at.round, course.now)
        if step.round == now_at.round or not step.is_fallback:  # the fallback itself keeps to its pace
            _begin_next_step(course, page, f"step {now_at.step} reached nobody")


def _give_up(course: Course, page: str, attempt: Attempt, reason: str) -> None:
    course.add(PageFailed, page, attempt=attempt.id, reason=reason, retry_at=None)


def _give_up_others(course: Course, page: str, accepted: Attempt) -> None:
    """They have been reached: what still waits to be tried again for this step would only wake them twice."""
    for other in course.lane.pages[page].attempts.values():
        if (other.dedup_key, other.purpose) == (accepted.dedup_key, accepted.purpose) and other.sending is Sending.WAITING:
            _give_up(course, page, other, f"reached by {accepted.method}")


def _supersede(course: Course, page: str, person: str) -> None:
    """What still waits to be tried again for `person` gives way to the step that now begins for them."""
    for attempt in course.lane.pages[page].attempts.values():
        if attempt.to == person and attempt.sending is Sending.WAITING:
            _give_up(course, page, attempt, "a later step pages them again")


def _is_worth_repeating(page: Page, failed: Attempt) -> bool:
    """A page: while it is open and no later step pages the same person. A stand-down: so many times."""
    if failed.purpose == "stand-down":
        return failed.tries < STAND_DOWN_TRIES
    later = any(a.to == failed.to and (a.round, a.step) > (failed.round, failed.step) for a in page.attempts.values())
    return page.state is State.OPEN and not later


def _stand_down(course: Course, page: Page) -> None:
    """Tell those `page` has reached, or may have, that nothing is needed; `page` is as it was before it ended.

    After an acknowledgement only far sides that go on by themselves are told. Each contact method is told once, but such
    a far side about each of its dedup keys. A send under way is followed by its stand-down when its outcome is known.
    """
    latest: dict[tuple[str, ...], Attempt] = {}
    for attempt in page.attempts.values():
        if attempt.purpose == "page" and (attempt.sending is Sending.ACCEPTED or attempt.doubtful):
            own = (attempt.dedup_key,) if attempt.channel in ESCALATES_BY_ITSELF else ()
            latest[attempt.to, attempt.method, *own] = attempt
    for attempt in latest.values():
        _stand_down_one(course, page.id, attempt)


def _stand_down_late(course: Course, page: Page, attempt: Attempt) -> None:
    """The outcome of a send came after its page had ended."""
    if attempt.purpose == "page" and page.state is not State.OPEN:
        _stand_down_one(course, page.id, attempt)


def _stand_down_one(course: Course, page: str, attempt: Attempt) -> None:
    if course.lane.pages[page].state is State.ACKNOWLEDGED and attempt.channel not in ESCALATES_BY_ITSELF:
        return
    told = derive("att", attempt.dedup_key, attempt.to, attempt.method, "stand-down")
    if told not in course.lane.pages[page].attempts:
        _record_attempt(course, page, attempt.model_copy(update={"id": told, "purpose": "stand-down", "tries": 1}))
