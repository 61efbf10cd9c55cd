"""What the pager makes of a page that intake sent by itself while Kafka was away. Pure.

It opens the page with the attempts already made and their outcomes, so nobody is woken a second
time and the certificate counts what really went out. Where the pager was quicker with its own, both
are recorded: two receipts under one key are two.
"""

from __future__ import annotations

from datetime import timedelta

from services.notifier.pager.lane import AttemptState, Page, PageState
from services.notifier.pager.steps import (
    LaneDecision,
    begin_next_step,
    end,
    give_up_others,
    stand_down_late,
)
from shared.events import (
    DirectAttempt,
    DirectPageSeen,
    PageAccepted,
    PageAttempted,
    PageCancelled,
    PageEscalated,
    PageFailed,
    PageJoined,
    PageOpened,
)

GRACE = timedelta(minutes=1)
"""Before the next step begins: an acknowledgement may stand behind this in the log. Ours."""


def on_direct_page_seen(course: LaneDecision, event: DirectPageSeen) -> None:
    lane = course.lane
    # Ended before the pager heard of it: intake has woken people all the same.
    taken_back = event.obligation in lane.tombstones or event.obligation in lane.settled
    # The page that intake named; else the one that owes the same; else one that is open anyway.
    page = (
        lane.pages.get(event.page)
        or lane.page_of(event.obligation)
        or (None if taken_back else lane.open_page())
    )
    about = {
        "ticket_id": event.ticket_id,
        "obligation": event.obligation,
        "subject": event.subject,
        "requester": event.requester,
    }
    if page is None:
        course.add(
            PageOpened,
            event.page,
            **about,
            request_id=event.request_id,
            app=event.app,
            accepted_at=event.accepted_at,
            escalation=event.escalation,
            policy={**event.policy, **course.rules.stamp},
            began=event.began,
        )
        page_id = event.page
    else:
        page_id = page.id
        if event.obligation not in page.obligations and not taken_back:
            course.add(PageJoined, page_id, **about)
    # Each attempt as it was made, so that keys and tries count on from there.
    for attempt in event.attempts:
        if page is None:
            _begin_step(course, page_id, attempt, event)
        _record(course, page_id, attempt)
    # The attempts have changed the page.
    now_at = course.lane.pages[page_id]
    # Nobody knew yet that it was taken back, so the people intake paged are told now.
    if taken_back and now_at.state is PageState.OPEN and page is None:
        end(
            course,
            now_at,
            PageCancelled,
            obligation=event.obligation,
            by="system",
            reason="it was taken back meanwhile",
        )
    elif page is None and not any(_may_have_reached(now_at)):
        # Nobody can have been reached: the pager goes on where intake stopped.
        begin_next_step(
            course, page_id, "intake's own page reached nobody" if event.attempts else "opened"
        )


def _begin_step(
    course: LaneDecision, page: str, attempt: DirectAttempt, event: DirectPageSeen
) -> None:
    now_at = course.lane.pages[page]
    # A second attempt of the same step does not begin the step again.
    if (now_at.round, now_at.step) != (attempt.round, attempt.step):
        course.add(
            PageEscalated,
            page,
            step=attempt.step,
            round=attempt.round,
            to=(attempt.to,),
            reason="paged by intake: Kafka was away",
            # Not before an acknowledgement that may stand behind this in the log was read.
            next_at=max(event.next_at, course.now + GRACE),
        )


def _record(course: LaneDecision, page: str, made: DirectAttempt) -> None:
    """The attempt and its outcome. One that may not have reached them is the pager's to repeat."""
    known = course.lane.pages[page].attempts.get(made.attempt)
    course.add(
        PageAttempted,
        page,
        attempt=made.attempt,
        step=made.step,
        round=made.round,
        to=made.to,
        channel=made.channel,
        method=made.method,
        dedup_key=made.dedup_key,
        # Tries count on from what the pager had made itself.
        tries=(known.tries if known else 0) + 1,
        sent_by="intake",
    )
    if made.outcome == "accepted":
        course.add(
            PageAccepted, page, attempt=made.attempt, receipt=made.receipt, accepted_at=made.at
        )
        give_up_others(course, page, course.lane.pages[page].attempts[made.attempt])
    else:
        # Only an open page is worth another try.
        again = made.outcome != "refused" and course.lane.pages[page].state is PageState.OPEN
        unknown = made.outcome == "unknown"
        course.add(
            PageFailed,
            page,
            attempt=made.attempt,
            reason=made.reason,
            unknown=unknown,
            retry_at=course.now if again else None,
        )
    # It may have rung after the page had ended.
    if made.outcome in ("accepted", "unknown"):
        now_at = course.lane.pages[page]
        stand_down_late(course, now_at, now_at.attempts[made.attempt])


def _may_have_reached(page: Page) -> list[bool]:
    return [
        attempt.sending in (AttemptState.ACCEPTED, AttemptState.WAITING)
        for attempt in page.attempts.values()
    ]
