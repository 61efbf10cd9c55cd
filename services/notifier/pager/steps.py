"""What a decision of the pager is made of: steps begun, attempts recorded, retries given up,
stand-downs. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.notifier.pager.lane import Attempt, AttemptState, Lane, Page, PageState, evolve
from services.notifier.pager.pace import (
    ESCALATES_BY_ITSELF,
    STAND_DOWN_TRIES,
    SWITCH_AFTER,
    PagingRules,
)
from shared.events import (
    AttemptOutcome,
    PageAttempted,
    PageEscalated,
    PageFact,
    PageFailed,
    PageReachedNobody,
    PageResolved,
)
from shared.ids import attempt_id, dedup_key
from shared.policy.on_call.document import ContactMethod
from shared.policy.on_call.steps import Step, next_method, next_step


class LaneDecision:
    """A decision under way: the facts so far, and the lane as they leave it."""

    def __init__(self, lane: Lane | None, rules: PagingRules, now: datetime) -> None:
        self.lane, self.rules, self.now = lane or Lane(), rules, now
        self.cause = ""
        self.facts: list[PageFact] = []

    def add(self, kind: type[PageFact], page: str, **fields: Any) -> None:
        # The cause is the timer or request that is being decided on.
        fact = kind(at=self.now, cause=self.cause, page=page, **fields)
        self.facts.append(fact)
        self.lane = evolve(self.lane, fact)


def begin_next_step(course: LaneDecision, page: str, reason: str) -> None:
    """Begin the step after the present one, and those after it that need not wait: it reached
    nobody, or its wait is nil. Without an escalation policy the page waits for one.
    """
    policy = course.rules.on_call
    if not course.rules.is_set_up:
        _wait_for_policy(course, course.lane.pages[page])
        return
    # More than one step can begin at once: some reach nobody, some do not wait.
    while True:
        now_at = course.lane.pages[page]
        step = next_step_of(course, now_at)
        method = next_method(policy, step.person)
        place = {"step": step.number, "round": step.round}
        # The fallback begins even where it reaches nobody: it comes round again.
        if method is not None or step.is_fallback:
            _supersede(course, page, step.person)
            to = (step.person,) if method else ()
            course.add(
                PageEscalated, page, **place, to=to, reason=reason, next_at=course.now + step.wait
            )
        if method is not None:
            attempt_first(course, page, step.person, method)
            reason = f"step {step.number} has no wait"
        else:
            course.add(PageReachedNobody, page, **place, reason=step.why_nobody)
            reason = f"step {step.number} reached nobody"
        # Waits: either for this person, or at the fallback's own pace.
        if step.is_fallback or (method is not None and step.wait):
            return


def _wait_for_policy(course: LaneDecision, page: Page) -> None:
    """It is due from now on, and begins as soon as `fire` finds an escalation policy."""
    course.add(
        PageReachedNobody,
        page.id,
        step=page.step,
        round=page.round,
        reason="no escalation policy is set up yet",
        next_at=course.now,
    )


def next_step_of(course: LaneDecision, page: Page) -> Step:
    """The step after the present one. Rounds are counted from where its course began, and never
    used twice: keys are made of them.
    """
    step = next_step(
        course.rules.on_call, page.escalation, page.step, page.round - page.base, course.now
    )
    return replace(step, round=page.base + step.round)


def attempt_first(course: LaneDecision, page: str, person: str, method: ContactMethod) -> None:
    now_at = course.lane.pages[page]
    key = dedup_key(page, now_at.step, now_at.round)
    attempt = Attempt(
        id=attempt_id(key, person, method.name, "page"),
        step=now_at.step,
        round=now_at.round,
        to=person,
        channel=method.channel,
        method=method.name,
        dedup_key=key,
        purpose="page",
        tries=1,
    )
    record_attempt(course, page, attempt)


def record_attempt(course: LaneDecision, page: str, attempt: Attempt) -> None:
    """Recorded before it is sent; the send is an effect of the row that results."""
    course.add(
        PageAttempted,
        page,
        attempt=attempt.id,
        step=attempt.step,
        round=attempt.round,
        to=attempt.to,
        channel=attempt.channel,
        method=attempt.method,
        dedup_key=attempt.dedup_key,
        purpose=attempt.purpose,
        tries=attempt.tries,
    )


def try_other_method(
    course: LaneDecision, page: str, failed: Attempt, event: AttemptOutcome
) -> None:
    """Refused, or silent for too long: the person's next method at once; where there is none left,
    the next step.
    """
    now_at = course.lane.pages[page]
    if (failed.step, failed.round) != (now_at.step, now_at.round):
        return  # a later step is under way
    # Not for good yet: other methods come in after `SWITCH_AFTER` tries.
    if event.outcome != "refused" and failed.tries != SWITCH_AFTER:
        return
    # Every method of this step has the same dedup key.
    of_step = [
        a
        for a in now_at.attempts.values()
        if a.dedup_key == failed.dedup_key and a.purpose == "page"
    ]
    method = next_method(course.rules.on_call, failed.to, {a.method for a in of_step})
    if method is not None:
        attempt_first(course, page, failed.to, method)
    elif all(a.sending is AttemptState.OVER and not a.doubtful for a in of_step):
        # All of them refused, and none may have arrived: nobody is reached by this step.
        why = f"every contact method of {failed.to} refused"
        if now_at.test_of:
            end(course, now_at, PageResolved, by="system", reason=f"it reached nobody: {why}")
            return
        course.add(PageReachedNobody, page, step=now_at.step, round=now_at.round, reason=why)
        # Without a policy there is no next step to begin.
        if not course.rules.is_set_up:
            return
        step = next_step_of(course, now_at)
        if (
            step.round == now_at.round or not step.is_fallback
        ):  # the fallback itself keeps to its pace
            begin_next_step(course, page, f"step {now_at.step} reached nobody")


def give_up(course: LaneDecision, page: str, attempt: Attempt, reason: str) -> None:
    course.add(PageFailed, page, attempt=attempt.id, reason=reason, retry_at=None)


def give_up_others(course: LaneDecision, page: str, accepted: Attempt) -> None:
    """They have been reached: what still waits to be tried again for this step would only wake them
    twice.
    """
    # Only sends that wait; one under way comes to its own outcome.
    for other in course.lane.pages[page].attempts.values():
        if (other.dedup_key, other.purpose) == (
            accepted.dedup_key,
            accepted.purpose,
        ) and other.sending is AttemptState.WAITING:
            give_up(course, page, other, f"reached by {accepted.method}")


def _supersede(course: LaneDecision, page: str, person: str) -> None:
    """What still waits to be tried again for `person` gives way to the step that now begins for
    them.
    """
    for attempt in course.lane.pages[page].attempts.values():
        if attempt.to == person and attempt.sending is AttemptState.WAITING:
            give_up(course, page, attempt, "a later step pages them again")


def is_worth_repeating(page: Page, failed: Attempt) -> bool:
    """A page: while it is open and no later step pages the same person. A stand-down: so many
    times.
    """
    if failed.purpose == "stand-down":
        return failed.tries < STAND_DOWN_TRIES
    # A later step that pages the same person has its own tries.
    later = any(
        a.to == failed.to and (a.round, a.step) > (failed.round, failed.step)
        for a in page.attempts.values()
    )
    return page.state is PageState.OPEN and not later


def stand_down(course: LaneDecision, page: Page) -> None:
    """Tell those `page` has reached, or may have, that nothing is needed; `page` is as it was
    before it ended.

    After an acknowledgement only far sides that go on by themselves are told. Each contact method
    is told once, but such a far side about each of its dedup keys. A send under way is followed by
    its stand-down when its outcome is known.
    """
    # The last attempt of each method counts; far sides that ring on count by dedup key.
    latest: dict[tuple[str, ...], Attempt] = {}
    for attempt in page.attempts.values():
        if attempt.purpose == "page" and (
            attempt.sending is AttemptState.ACCEPTED or attempt.doubtful
        ):
            own = (attempt.dedup_key,) if attempt.channel in ESCALATES_BY_ITSELF else ()
            latest[attempt.to, attempt.method, *own] = attempt
    for attempt in latest.values():
        _stand_down_one(course, page.id, attempt)


def end(course: LaneDecision, page: Page, kind: type[PageFact], **fields: Any) -> None:
    """`page` is over; who was woken for it, or may have been, is told where nobody has acknowledged
    it.
    """
    # First the end, so that the stand-downs below are sent under it.
    course.add(kind, page.id, **fields)
    if page.state is PageState.OPEN:
        stand_down(course, page)


def stand_down_late(course: LaneDecision, page: Page, attempt: Attempt) -> None:
    """The outcome of a send came after its page had ended."""
    if attempt.purpose == "page" and page.state is not PageState.OPEN:
        _stand_down_one(course, page.id, attempt)


def _stand_down_one(course: LaneDecision, page: str, attempt: Attempt) -> None:
    # After an acknowledgement people know; only far sides that ring on must be told.
    if (
        course.lane.pages[page].state is PageState.ACKNOWLEDGED
        and attempt.channel not in ESCALATES_BY_ITSELF
    ):
        return
    # The id is derived, so each attempt is stood down once.
    told = attempt_id(attempt.dedup_key, attempt.to, attempt.method, "stand-down")
    if told not in course.lane.pages[page].attempts:
        record_attempt(
            course,
            page,
            attempt.model_copy(update={"id": told, "purpose": "stand-down", "tries": 1}),
        )
