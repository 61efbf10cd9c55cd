"""What the pager remembers of a lane: its pages, their attempts, the obligations. A function of the
lane's facts alone. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.notifier.pager.pace import ESCALATES_BY_ITSELF
from services.notifier.pager.row import Attempt, AttemptState, Check, Lane, Page, PageState, due_at
from shared.events import (
    AlertEpisode,
    ContactChecked,
    ContactCheckStarted,
    PageAccepted,
    PageAcknowledged,
    PageAttempted,
    PageAttended,
    PageCancelled,
    PageEscalated,
    PageFact,
    PageFailed,
    PageJoined,
    PageNoted,
    PageOpened,
    PageReachedNobody,
    PageReassigned,
    PageReopened,
    PageRequestRefused,
    PageResolved,
    PageRestored,
    PageSilenced,
)
from shared.policy.on_call.document import Channel

# Bounded, because a monitor can make up new names without end.
MOST_ENDED = 500
"""Alerts of a lane that ended and are still known by name."""

__all__ = ["Attempt", "AttemptState", "Check", "Lane", "Page", "PageState", "due_at", "evolve"]


def evolve(lane: Lane | None, fact: PageFact) -> Lane:
    """The lane after `fact`; `lane` is not changed."""
    after = _EVOLVE[type(fact)](lane or Lane(), fact)
    episode = getattr(fact, "episode", None)
    return after if episode is None else _with_episode(after, episode)


def _with_episode(lane: Lane, episode: AlertEpisode) -> Lane:
    """With the alert's last episode. Of those that ended only the newest are kept: rows stay
    small.
    """
    alerts = {name: known for name, known in lane.alerts.items() if name != episode.alert}
    # In the order in which they were told last, so the first ones are the oldest.
    ended = [name for name, known in alerts.items() if not known.firing]
    for name in ended[: max(0, len(ended) - MOST_ENDED)]:
        del alerts[name]
    return lane.model_copy(update={"alerts": {**alerts, episode.alert: episode}})


def _on_opened(lane: Lane, fact: PageOpened) -> Lane:
    return _with(
        lane,
        Page(
            id=fact.page,
            ticket_id=fact.ticket_id,
            subject=fact.subject,
            requester=fact.requester,
            app=fact.app,
            escalation=fact.escalation,
            accepted_at=fact.accepted_at,
            obligations=(fact.obligation,),
            began=fact.began,
            touches=_touches_of(fact),
            about_alerts=fact.episode is not None,
            test_of=fact.test_of,
        ),
    )


def _on_joined(lane: Lane, fact: PageJoined) -> Lane:
    page = lane.pages[fact.page]
    owes = {
        "obligations": (*page.obligations, fact.obligation),
        "touches": {**page.touches, **_touches_of(fact)},
        # It owes something again, so it is no longer kept for a flapping alert.
        "kept_until": None,
    }
    return _with(lane, page.model_copy(update=owes))


def _touches_of(fact: PageOpened | PageJoined) -> dict[str, tuple[str, ...]]:
    return {fact.obligation: fact.components} if fact.components else {}


def _on_escalated(lane: Lane, fact: PageEscalated) -> Lane:
    return _with(
        lane,
        lane.pages[fact.page].model_copy(
            update={"step": fact.step, "round": fact.round, "next_at": fact.next_at}
        ),
    )


def _on_reached_nobody(lane: Lane, fact: PageReachedNobody) -> Lane:
    place: dict[str, Any] = {"step": fact.step, "round": fact.round}
    # Without a time of its own the step that is under way keeps its time.
    if fact.next_at is not None:
        place["next_at"] = fact.next_at
    return _with(lane, lane.pages[fact.page].model_copy(update=place))


def _on_attempted(lane: Lane, fact: PageAttempted) -> Lane:
    page = lane.pages[fact.page]
    before = page.attempts.get(fact.attempt)
    attempt = Attempt(
        id=fact.attempt,
        step=fact.step,
        round=fact.round,
        to=fact.to,
        channel=Channel(fact.channel),
        method=fact.method,
        dedup_key=fact.dedup_key,
        purpose=fact.purpose,
        tries=fact.tries,
        # A try that may have reached them leaves its doubt on the attempt for good.
        doubtful=before.doubtful if before else False,
    )
    return _with(lane, _with_attempt(page, attempt))


def _on_accepted(lane: Lane, fact: PageAccepted) -> Lane:
    return _settle(lane, fact, sending=AttemptState.ACCEPTED, retry_at=None)


def _on_failed(lane: Lane, fact: PageFailed) -> Lane:
    sending = AttemptState.OVER if fact.retry_at is None else AttemptState.WAITING
    doubt = {"doubtful": True} if fact.unknown else {}
    return _settle(lane, fact, sending=sending, retry_at=fact.retry_at, **doubt)


def _on_acknowledged(lane: Lane, fact: PageAcknowledged) -> Lane:
    stopped = _stop_page(lane.pages[fact.page], PageState.ACKNOWLEDGED, fact.by)
    return _with(lane, stopped.model_copy(update={"reopens_at": fact.reopens_at}))


def _on_attended(lane: Lane, fact: PageAttended) -> Lane:
    return _with(lane, lane.pages[fact.page].model_copy(update={"reopens_at": fact.reopens_at}))


def _on_noted(lane: Lane, fact: PageNoted) -> Lane:
    # A note on a page that is not acknowledged moves nothing.
    if fact.reopens_at is None:
        return lane
    return _with(lane, lane.pages[fact.page].model_copy(update={"reopens_at": fact.reopens_at}))


def _on_reassigned(lane: Lane, fact: PageReassigned) -> Lane:
    """A round of its own, and as many rounds left as before."""
    page = lane.pages[fact.page]
    change: dict[str, Any] = {
        "state": PageState.OPEN,
        "by": "",
        "reopens_at": None,
        "step": fact.step,
        "round": fact.round,
        # `base` moves with the round: the number of rounds that are left stays.
        "base": page.base + fact.round - page.round,
        "next_at": fact.next_at,
    }
    return _with(lane, page.model_copy(update=change))


def _on_reopened(lane: Lane, fact: PageReopened) -> Lane:
    return _with(
        lane,
        lane.pages[fact.page].model_copy(
            update={"state": PageState.OPEN, "by": "", "reopens_at": None}
        ),
    )


def _on_silenced(lane: Lane, fact: PageSilenced) -> Lane:
    page = lane.pages[fact.page]
    muted = {
        **page.muted,
        **{owed: (*page.muted.get(owed, ()), fact.silenced_by) for owed in fact.obligations},
    }
    page = page.model_copy(update={"muted": muted})
    return _with(
        lane, _stop_page(page, PageState.SILENCED, fact.silenced_by) if fact.stopped else page
    )


def _on_restored(lane: Lane, fact: PageRestored) -> Lane:
    """Named: that maintenance silences them no more. Unnamed: none does."""
    page = lane.pages[fact.page]
    left = {
        owed: tuple(each for each in by if fact.silenced_by and each != fact.silenced_by)
        for owed, by in page.muted.items()
    }
    muted = {
        # Only what the fact names: other maintenances still silence the rest.
        owed: left[owed] if owed in fact.obligations else by
        for owed, by in page.muted.items()
    }
    change: dict[str, Any] = {"muted": {owed: by for owed, by in muted.items() if by}}
    # It begins again from the first step, in a round of its own.
    if fact.resumed:
        change |= {
            "state": PageState.OPEN,
            "by": "",
            "reopens_at": None,
            "step": 0,
            "round": fact.round,
            "base": fact.round,
        }
    return _with(lane, page.model_copy(update=change))


def _on_resolved(lane: Lane, fact: PageResolved) -> Lane:
    return _close_page(lane, fact.page, PageState.RESOLVED, fact.by)


def _on_cancelled(lane: Lane, fact: PageCancelled) -> Lane:
    # With a page the page ends; without one only an obligation does.
    if fact.page:
        return _close_page(lane, fact.page, PageState.CANCELLED, fact.by)
    owing = lane.page_of(fact.obligation)
    if owing is not None:
        change = _without_obligation(owing, fact.obligation)
        if owing.id == fact.kept:
            change["kept_until"] = fact.kept_until
        lane = _with(lane, owing.model_copy(update=change))
    elif fact.episode is not None:  # an alert's: it is told from others by its episode
        return lane
    # Nobody owes it yet: remember that it was taken back, for when it is asked for.
    elif fact.obligation not in lane.tombstones:
        return lane.model_copy(update={"tombstones": (*lane.tombstones, fact.obligation)})
    # It was owed, or asked for and taken back: either way it is settled.
    tombstones = tuple(each for each in lane.tombstones if each != fact.obligation)
    return lane.model_copy(
        update={"tombstones": tombstones, "settled": (*lane.settled, fact.obligation)}
    )


def _without_obligation(page: Page, obligation: str) -> dict[str, Any]:
    return {
        "obligations": tuple(each for each in page.obligations if each != obligation),
        "touches": {owed: what for owed, what in page.touches.items() if owed != obligation},
        "muted": {owed: by for owed, by in page.muted.items() if owed != obligation},
    }


def _keep_lane(lane: Lane, fact: PageRequestRefused) -> Lane:
    return lane


def _on_check_started(lane: Lane, fact: ContactCheckStarted) -> Lane:
    check = Check(
        id=fact.check,
        person=fact.person,
        method=fact.method,
        asked_at=fact.asked_at,
        version=fact.version,
    )
    return lane.model_copy(update={"checks": {**lane.checks, check.id: check}})


def _on_checked(lane: Lane, fact: ContactChecked) -> Lane:
    return lane.model_copy(
        update={
            "checks": {name: check for name, check in lane.checks.items() if name != fact.check}
        }
    )


_EVOLVE: dict[type[PageFact], Callable[[Lane, Any], Lane]] = {
    # A page begins and goes up its steps.
    PageOpened: _on_opened,
    PageJoined: _on_joined,
    PageEscalated: _on_escalated,
    PageReachedNobody: _on_reached_nobody,
    # Tries, and what became of them.
    PageAttempted: _on_attempted,
    PageAccepted: _on_accepted,
    PageFailed: _on_failed,
    # What people do about it.
    PageAcknowledged: _on_acknowledged,
    PageAttended: _on_attended,
    PageReopened: _on_reopened,
    PageNoted: _on_noted,
    PageReassigned: _on_reassigned,
    # What a maintenance does.
    PageSilenced: _on_silenced,
    PageRestored: _on_restored,
    # How it ends, or what is refused.
    PageCancelled: _on_cancelled,
    PageResolved: _on_resolved,
    PageRequestRefused: _keep_lane,
    # Codes for contact methods.
    ContactCheckStarted: _on_check_started,
    ContactChecked: _on_checked,
}


def _with(lane: Lane, page: Page) -> Lane:
    return lane.model_copy(update={"pages": {**lane.pages, page.id: _trim_page(page)}})


def _with_attempt(page: Page, attempt: Attempt) -> Page:
    return page.model_copy(update={"attempts": {**page.attempts, attempt.id: attempt}})


def _settle(lane: Lane, fact: PageAccepted | PageFailed, **changes: object) -> Lane:
    page = lane.pages[fact.page]
    attempt = page.attempts.get(fact.attempt)
    # The attempt may be trimmed away; its outcome changes nothing then.
    return (
        lane
        if attempt is None
        else _with(lane, _with_attempt(page, attempt.model_copy(update=changes)))
    )


def _stop_page(page: Page, state: PageState, by: str) -> Page:
    """No step and no retry of a page follows any more; what is being sent now still gets its
    outcome.
    """
    stopped = {"sending": AttemptState.OVER, "retry_at": None}
    # Stand-downs go on: people must still hear that nothing is needed.
    attempts = {
        name: attempt.model_copy(update=stopped)
        if attempt.sending is AttemptState.WAITING and attempt.purpose == "page"
        else attempt
        for name, attempt in page.attempts.items()
    }
    return page.model_copy(
        update={"state": state, "by": by, "next_at": None, "reopens_at": None, "attempts": attempts}
    )


def _close_page(lane: Lane, page_id: str, state: PageState, by: str) -> Lane:
    page = lane.pages[page_id]
    closed = _stop_page(page, state, by).model_copy(
        update={"obligations": (), "touches": {}, "muted": {}, "kept_until": None}
    )
    return _with(lane.model_copy(update={"settled": (*lane.settled, *page.obligations)}), closed)


def _trim_page(page: Page) -> Page:
    """A page that ended keeps no finished attempts, an open one the last of each contact method:
    rows stay small for ever.
    """
    # A page that rings no more keeps its attempts only while one of them has no outcome.
    if page.state is not PageState.OPEN:
        kept = (
            page.attempts if any(attempt.is_pending for attempt in page.attempts.values()) else {}
        )
    else:
        # The last of each method says what was tried; older ones matter only where the far side
        # rings on.
        last = {
            (attempt.to, attempt.method, attempt.purpose): attempt.id
            for attempt in page.attempts.values()
        }
        kept = {
            name: attempt
            for name, attempt in page.attempts.items()
            if attempt.is_pending
            or attempt.channel in ESCALATES_BY_ITSELF
            or last[attempt.to, attempt.method, attempt.purpose] == name
        }
    return page if len(kept) == len(page.attempts) else page.model_copy(update={"attempts": kept})
