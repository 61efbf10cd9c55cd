"""What the pager decides of a code that is to be sent to one's own contact method. Pure.

It is recorded before it is sent, and its outcome afterwards. It wakes nobody for anything, so it is
not repeated: whoever waits for a code in vain asks for another.
"""

from __future__ import annotations

from services.notifier.pager.steps import LaneDecision
from shared.events import AttemptOutcome, ContactChecked, ContactCheckStarted, ContactCheckWanted


def on_contact_check_wanted(course: LaneDecision, event: ContactCheckWanted) -> None:
    course.add(
        ContactCheckStarted,
        "",
        check=event.id,
        person=event.person,
        method=event.method,
        asked_at=event.asked_at,
        version=event.version,
    )


def on_check_outcome(course: LaneDecision, event: AttemptOutcome) -> None:
    """`event.attempt` is a check that is owed."""
    check = course.lane.checks[event.attempt]
    # An outcome has no cause of its own in the log, so the fact names the request.
    course.cause = check.id
    course.add(
        ContactChecked,
        "",
        check=check.id,
        person=check.person,
        method=check.method,
        outcome=event.outcome,
        receipt=event.receipt,
        reason=event.reason,
    )
