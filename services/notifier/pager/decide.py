"""What the pager decides: `decide` on inputs and outcomes, `fire` on timers. Pure; the rules are
DESIGN section 3, Pages.

Every obligation ends in exactly one of: a page opened for it, a page it joined, a record that
nobody is woken for it. An input that changes nothing because what it asks for already stands (the
row proves it) gives no fact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from services.notifier.pager import alerts
from services.notifier.pager import test_pages as tests
from services.notifier.pager.contact_checks import on_check_outcome, on_contact_check_wanted
from services.notifier.pager.direct import on_direct_page_seen
from services.notifier.pager.handling import hand_over, note, on_activity_seen, reopens_at
from services.notifier.pager.lane import AttemptState, Lane, Page, PageState
from services.notifier.pager.pace import PagingRules
from services.notifier.pager.silence import (
    on_joined,
    on_restore_asked,
    on_silence_asked,
    on_told_again,
    restore,
    silence,
    stop_if_all_muted,
)
from services.notifier.pager.steps import (
    LaneDecision,
    begin_next_step,
    end,
    give_up_others,
    is_worth_repeating,
    record_attempt,
    stand_down,
    stand_down_late,
    try_other_method,
)
from shared.events import (
    AckAsked,
    ActivitySeen,
    AlertEpisode,
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
    PageNoteAsked,
    PageOpened,
    PageReopened,
    PageRequestRefused,
    PageResolved,
    PageWanted,
    ReassignAsked,
    ResolveAsked,
    RestoreAsked,
    SilenceAsked,
    SolveSeen,
)
from shared.ids import firing_id, page_id
from shared.policy.on_call.steps import pause_after


def decide(
    lane: Lane | None, event: Event, rules: PagingRules, now: datetime
) -> Sequence[PageFact]:
    """The facts that `event` leads to, unstamped."""
    course = LaneDecision(lane, rules, now)
    DECISIONS[type(event)](course, event)
    return course.facts


def fire(lane: Lane, rules: PagingRules, now: datetime) -> Sequence[PageFact]:
    """Begin the steps and repeat the sends that are due; each fact names its timer as its cause."""
    course = LaneDecision(lane, rules, now)
    for page in lane.pages.values():
        # First what ends a page: nothing else of it is due then.
        if page.kept_until is not None and page.kept_until <= now:
            course.cause = firing_id(page.id, "kept", page.kept_until)
            reason = "its alert ended, and did not begin again"
            end(course, page, PageResolved, by="system", reason=reason)
            continue
        # A test page has no next step; its time is over.
        if page.test_of and page.next_at is not None and page.next_at <= now:
            course.cause = firing_id(page.id, "test", page.next_at)
            end(course, page, PageResolved, by="system", reason=tests.UNANSWERED)
            continue
        # Without an escalation policy the page stays due, and begins when there is one.
        if page.next_at is not None and page.next_at <= now and rules.is_set_up:
            course.cause = firing_id(page.id, "escalation", page.next_at)
            waited = (
                "nobody acknowledged in time" if page.step else "an escalation policy is set up"
            )
            begin_next_step(course, page.id, waited)
        # Acknowledged, and nothing was done for too long: it rings again.
        if page.reopens_at is not None and page.reopens_at <= now:
            course.cause = firing_id(page.id, "acknowledgement", page.reopens_at)
            _reopen(course, page)
        # Read anew: the steps above may have given some attempts up.
        for attempt in course.lane.pages[page.id].attempts.values():
            if attempt.retry_at is not None and attempt.retry_at <= now:
                course.cause = firing_id(page.id, attempt.id, attempt.retry_at)
                record_attempt(
                    course, page.id, attempt.model_copy(update={"tries": attempt.tries + 1})
                )
    return course.facts


def on_page_wanted(course: LaneDecision, event: PageWanted) -> None:
    if event.alert:
        _on_alert_wanted(course, event)
    else:
        _on_urgent_wanted(course, event)


def _on_alert_wanted(course: LaneDecision, event: PageWanted) -> None:
    """By the table of `pager_alerts`."""
    lane = course.lane
    known = lane.alerts.get(event.alert)
    # It goes on: the page that owes it may only need to be silenced or restored.
    if known is not None and alerts.goes_on(lane, known, event):
        if (page := lane.page_of(known.obligation)) is not None:
            on_told_again(course, page, known.obligation, event.silenced_by)
        return
    # Its end came first, so it is over already.
    if known is not None and alerts.is_over_already(known, event):
        alerts.refuse_overtaken(course, event, known)
        return
    episode = alerts.next_episode(known, event)
    # It begins. Join a page of the same trouble, or open one.
    if (joined := alerts.page_to_join(lane, known, event)) is not None:
        page, reason = joined
        course.add(PageJoined, page.id, **_about(event), reason=reason, episode=episode)
        on_joined(course, page.id, event)
    else:
        _open(course, event, episode)
    # It began again before its end was read: the earlier episode owes nothing any more.
    if known is not None and known.firing:
        alerts.settle(course, known.obligation, "system", alerts.BEGAN_AGAIN, event.at, None)


def _on_urgent_wanted(course: LaneDecision, event: PageWanted) -> None:
    lane = course.lane
    # No longer owed: it was settled before this copy of it was read.
    if event.obligation in lane.settled:
        return
    if (known := lane.page_of(event.obligation)) is not None:
        on_told_again(course, known, event.obligation, event.silenced_by)
        return
    # Taken back first, asked for later: the record says that nobody is woken.
    if event.obligation in lane.tombstones:
        reason = "it was taken back before it was asked for: nobody is woken"
        course.add(PageCancelled, "", obligation=event.obligation, by="system", reason=reason)
        return
    # One open page wakes people for everything in its lane.
    if (page := lane.open_page() or lane.silenced_page()) is not None:
        course.add(PageJoined, page.id, **_about(event))
        on_joined(course, page.id, event)
    else:
        _open(course, event, None)


def _about(event: PageWanted) -> dict[str, Any]:
    return {
        "ticket_id": event.ticket_id,
        "obligation": event.obligation,
        "subject": event.subject,
        "requester": event.requester,
        "components": event.components,
    }


def _open(course: LaneDecision, event: PageWanted, episode: AlertEpisode | None) -> None:
    new = page_id(event.key, event.obligation)
    # A name that the on-call document does not have falls back to the desk's.
    asked = event.escalation if event.escalation in course.rules.on_call.escalation else None
    course.add(
        PageOpened,
        new,
        **_about(event),
        episode=episode,
        request_id=event.request_id,
        app=event.app,
        accepted_at=event.accepted_at,
        escalation=asked or course.rules.escalation,
        policy={**event.policy, **course.rules.stamp},
        incident_id=event.incident_id,
        severity=event.severity,
        began=event.began,
        test_of=event.test_of,
    )
    # Who is called first: one person as a test, nobody during a maintenance, else the first step.
    if event.test_of:
        tests.call(course, new, event.test_of)
    elif event.silenced_by is not None:
        silence(
            course,
            course.lane.pages[new],
            event.silenced_by,
            [event.obligation],
            "it began during a maintenance of what it is about",
        )
    else:
        begin_next_step(course, new, "opened")


def _reopen(course: LaneDecision, page: Page) -> None:
    """Under a maintenance that covers it, it waits for the end of that instead."""
    reason = "acknowledged, and neither solved nor resolved in time"
    # A maintenance that covers everything it owes keeps it quiet for now.
    if page.is_muted():
        stop_if_all_muted(
            course, page.id, f"{reason}; a maintenance of what it is about is under way"
        )
        return
    course.add(PageReopened, page.id, by=page.by, reason=reason)
    begin_next_step(course, page.id, reason)


def on_ack_asked(course: LaneDecision, event: AckAsked) -> None:
    page = _page_to_handle(course, event)
    if page is None:
        return
    # Where an acknowledgement never runs out, a second one says nothing new.
    if page.state is PageState.ACKNOWLEDGED and page.reopens_at is None:
        _refuse(course, page.id, "already-acknowledged", f"{page.by} has acknowledged it already")
        return
    course.add(
        PageAcknowledged, page.id, by=event.by, via=event.via, reopens_at=reopens_at(course, page)
    )
    if (
        page.state is PageState.OPEN
    ):  # once more is a sign of life: it puts off the reopening, and everybody was told before
        stand_down(course, page)
    if page.test_of:
        course.add(PageResolved, page.id, by=event.by, reason=tests.ANSWERED)


def on_resolve_asked(course: LaneDecision, event: ResolveAsked) -> None:
    page = _page_to_handle(course, event)
    if page is not None:
        end(course, page, PageResolved, by=event.by)


def on_escalate_asked(course: LaneDecision, event: EscalateAsked) -> None:
    page = _page_to_handle(course, event)
    if page is None:
        return
    # Somebody has it, so nobody else is called.
    if page.state is PageState.ACKNOWLEDGED:
        _refuse(
            course,
            page.id,
            "already-acknowledged",
            f"{page.by} has acknowledged it: there is no next step",
        )
        return
    if page.test_of:
        _refuse(course, page.id, "test-page", tests.ONE_ALONE)
        return
    asked = f"asked for by {event.by}"
    # Somebody wants it to ring in spite of the maintenance.
    if page.state is PageState.SILENCED:
        restore(
            course, page, page.obligations, by=event.by, silenced_by="", resumed=True, reason=asked
        )
    else:
        begin_next_step(course, page.id, asked)


def on_page_note_asked(course: LaneDecision, event: PageNoteAsked) -> None:
    page = _page_to_handle(course, event)
    if page is not None:
        note(course, page, event.by, event.body)


def on_reassign_asked(course: LaneDecision, event: ReassignAsked) -> None:
    page = _page_to_handle(course, event)
    if page is not None and page.test_of:
        _refuse(course, page.id, "test-page", tests.ONE_ALONE)
    elif page is not None:
        hand_over(course, page, event.by, event.to)


def on_downgrade_seen(course: LaneDecision, event: DowngradeSeen) -> None:
    """Unacknowledged: cancelled, and the people paged are told. Acknowledged: nobody need be told,
    it is resolved.
    """
    for obligation in event.cancels:
        page = _take_back(course, obligation, event.by, event.reason)
        # Open: the people paged must hear that nothing is needed.
        if page is not None and page.state is PageState.OPEN:
            end(
                course, page, PageCancelled, obligation=obligation, by=event.by, reason=event.reason
            )
        elif page is not None:
            end(course, page, PageResolved, by=event.by, reason=f"no longer urgent: {event.reason}")


def on_solve_seen(course: LaneDecision, event: SolveSeen) -> None:
    owed = event.obligations
    if event.alert:
        alerts.on_alert_ended(course, event)
        # Settled above by the alert's name; what is left is owed by pages of before it had one.
        owed = tuple(each for each in owed if course.lane.page_of(each) is not None)
    reason = event.reason or "the ticket was solved"
    for obligation in owed:
        page = _take_back(course, obligation, event.by, reason)
        if page is not None:
            end(course, page, PageResolved, by=event.by, reason=reason)


def on_attempt_outcome(course: LaneDecision, event: AttemptOutcome) -> None:
    # The outcome of a code, not of a page.
    if event.attempt in course.lane.checks:
        on_check_outcome(course, event)
        return
    page = course.lane.pages.get(event.page)
    attempt = page.attempts.get(event.attempt) if page else None
    if (
        page is None
        or attempt is None
        or attempt.sending is not AttemptState.OWED
        or attempt.tries != event.tries
    ):
        return  # a repeat: the outcome of this very try is known
    if event.outcome == "accepted":
        course.add(
            PageAccepted, page.id, attempt=attempt.id, receipt=event.receipt, accepted_at=event.at
        )
        give_up_others(course, page.id, attempt)
        stand_down_late(course, page, attempt)
        return
    unknown = event.outcome == "unknown"
    # A refusal is for good; anything else is tried again as long as it can help.
    again = event.outcome != "refused" and is_worth_repeating(page, attempt)
    retry_at = course.now + pause_after(attempt.tries) if again else None
    course.add(
        PageFailed,
        page.id,
        attempt=attempt.id,
        reason=event.reason,
        unknown=unknown,
        retry_at=retry_at,
    )
    # While the page is open another method may do better.
    if attempt.purpose == "page" and page.state is PageState.OPEN:
        try_other_method(course, page.id, attempt, event)
    # It may have reached them after the page had ended: tell them that it is over.
    elif unknown:
        stand_down_late(course, page, attempt)


DECISIONS: dict[type[Event], Callable[[LaneDecision, Any], None]] = {
    # What wakes somebody.
    PageWanted: on_page_wanted,
    DirectPageSeen: on_direct_page_seen,
    # What people do about a page.
    AckAsked: on_ack_asked,
    ResolveAsked: on_resolve_asked,
    EscalateAsked: on_escalate_asked,
    PageNoteAsked: on_page_note_asked,
    ReassignAsked: on_reassign_asked,
    # What ends the reason for it.
    DowngradeSeen: on_downgrade_seen,
    SolveSeen: on_solve_seen,
    # What a maintenance does.
    SilenceAsked: on_silence_asked,
    RestoreAsked: on_restore_asked,
    # What else was seen, and what became of sends.
    ActivitySeen: on_activity_seen,
    ContactCheckWanted: on_contact_check_wanted,
    AttemptOutcome: on_attempt_outcome,
}


def _page_to_handle(
    course: LaneDecision,
    event: AckAsked | ResolveAsked | EscalateAsked | PageNoteAsked | ReassignAsked,
) -> Page | None:
    """The page that `event` is about, if it is alive and the asker may; else a refusal is
    recorded.
    """
    page = course.lane.pages.get(event.page)
    if page is None:  # the fact names no page, or else readers would begin one
        _refuse(course, "", "unknown-page", f"there is no page {event.page}")
    elif not event.may:
        _refuse(
            course, page.id, "not-on-call", "pages are handled by those on call, ops and admins"
        )
    elif page.state in (PageState.CANCELLED, PageState.RESOLVED):
        _refuse(course, event.page, f"already-{page.state}", f"it was {page.state} by {page.by}")
    else:
        return page
    return None


def _refuse(course: LaneDecision, page: str, code: str, reason: str) -> None:
    course.add(PageRequestRefused, page, code=code, reason=reason)


def _take_back(course: LaneDecision, obligation: str, by: str, reason: str) -> Page | None:
    """The page that owes nothing else; None if that is not so: then only the obligation is recorded
    as taken back.
    """
    lane = course.lane
    if obligation in lane.settled or obligation in lane.tombstones:
        return None
    page = lane.page_of(obligation)
    # It owed this alone, so the page itself ends.
    if page is not None and page.obligations == (obligation,):
        return page
    course.add(PageCancelled, "", obligation=obligation, by=by, reason=reason)
    # All that is left of it may be silent already.
    if page is not None and page.state is PageState.OPEN:
        stop_if_all_muted(course, page.id, "a maintenance covers all that is left of it")
    return None
