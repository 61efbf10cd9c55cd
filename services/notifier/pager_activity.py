"""What people do about a page that was acknowledged, and what that does to `ack_timeout`. Pure.

PagerDuty (support.pagerduty.com, "Acknowledgement Timeouts"): the time runs from the acknowledgement, only resolving ends it, and
acknowledging again or snoozing begins it anew. A note or a reassignment there says nothing of the kind, because PagerDuty cannot
see the work. Here the work is on the ticket, so that what shows somebody of ours at it counts like acknowledging once more.
Nothing here acknowledges: an open page goes on until somebody answers it.

| what | the time |
|---|---|
| solved, resolved, no longer urgent | ends with the page (`domain.py`) |
| acknowledged again | begins anew (`domain.py`) |
| an answer, a note, given to a provider, taken back, by one of ours | begins anew |
| anything by the customer, a provider, a machine or a timer | goes on |
"""

from __future__ import annotations

from datetime import datetime

from services.notifier.pager_course import Course
from services.notifier.pager_row import Page, State
from shared.events import ActivitySeen, PageAttended

BEGINS_ANEW = frozenset({"answer", "note", "hand-over", "take"})
"""Activities that are a sign of somebody at work. What is absent is none."""


def on_activity_seen(course: Course, event: ActivitySeen) -> None:
    if event.activity not in BEGINS_ANEW:
        return
    for page in course.lane.pages.values():
        if page.state is State.ACKNOWLEDGED and page.reopens_at is not None and set(page.obligations) & set(event.obligations):
            course.add(PageAttended, page.id, by=event.by, activity=event.activity, reopens_at=reopens_at(course, page))


def reopens_at(course: Course, page: Page) -> datetime | None:
    """When an acknowledgement, or a sign of work, of now is forgotten; None: never."""
    escalation = course.rules.on_call.escalation.get(page.escalation)
    return course.now + escalation.ack_timeout if escalation and escalation.ack_timeout else None
