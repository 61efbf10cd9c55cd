"""Test pages: one person is called by each of their ways in turn, as a real page would, and nobody
else. Pure.

| what happens | the page |
|---|---|
| they acknowledge | is over: it worked |
| nobody does within `WAIT` | is over, and says so |
| no way of theirs can be used | is over at once, and says so |
"""

from __future__ import annotations

from datetime import timedelta

from services.notifier.pager.steps import LaneDecision, attempt_first, end
from shared.events import PageEscalated, PageResolved
from shared.policy.on_call.steps import next_method

WAIT = timedelta(minutes=15)
ANSWERED = "the test page was answered"
UNANSWERED = "nobody answered the test page in time"
UNREACHABLE = "the test page reached nobody"
ONE_ALONE = "a test page calls one person, and nobody else"


def call(course: LaneDecision, page: str, person: str) -> None:
    """Page `person` by the first way that is proved."""
    method = next_method(course.rules.on_call, person)
    if method is None:
        reason = f"{UNREACHABLE}: {person} has no verified contact method"
        end(course, course.lane.pages[page], PageResolved, by="system", reason=reason)
        return
    # Step 1 of round 0, as a real page begins.
    course.add(
        PageEscalated,
        page,
        step=1,
        round=0,
        to=(person,),
        reason="a test page",
        next_at=course.now + WAIT,
    )
    attempt_first(course, page, person, method)
