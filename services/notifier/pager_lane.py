"""What the pager remembers of a lane: its pages, their attempts, the obligations. A function of the lane's facts alone. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.notifier.pager_row import Attempt, Check, Lane, Page, Sending, State, due_at
from services.notifier.pager_steps import ESCALATES_BY_ITSELF
from shared.events import (
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
    PageOpened,
    PageReachedNobody,
    PageReopened,
    PageRequestRefused,
    PageResolved,
    PageRestored,
    PageSilenced,
)
from shared.policy.on_call import Channel

__all__ = ["Attempt", "Check", "Lane", "Page", "Sending", "State", "due_at", "evolve"]


def evolve(lane: Lane | None, fact: PageFact) -> Lane:
    """The lane after `fact`; `lane` is not changed."""
    return _EVOLVE[type(fact)](lane or Lane(), fact)


def _opened(lane: Lane, fact: PageOpened) -> Lane:
    return _with(
        lane,
        Page(
            id=fact.page, ticket_id=fact.ticket_id, subject=fact.subject, requester=fact.requester, app=fact.app,
            escalation=fact.escalation, accepted_at=fact.accepted_at, obligations=(fact.obligation,),
            began=fact.began, touches=_touched(fact),
        ),
    )  # fmt: skip


def _joined(lane: Lane, fact: PageJoined) -> Lane:
    page = lane.pages[fact.page]
    owes = {"obligations": (*page.obligations, fact.obligation), "touches": {**page.touches, **_touched(fact)}}
    return _with(lane, page.model_copy(update=owes))


def _touched(fact: PageOpened | PageJoined) -> dict[str, tuple[str, ...]]:
    return {fact.obligation: fact.components} if fact.components else {}


def _escalated(lane: Lane, fact: PageEscalated) -> Lane:
    return _with(lane, lane.pages[fact.page].model_copy(update={"step": fact.step, "round": fact.round, "next_at": fact.next_at}))


def _reached_nobody(lane: Lane, fact: PageReachedNobody) -> Lane:
    return _with(lane, lane.pages[fact.page].model_copy(update={"step": fact.step, "round": fact.round}))


def _attempted(lane: Lane, fact: PageAttempted) -> Lane:
    page = lane.pages[fact.page]
    before = page.attempts.get(fact.attempt)
    attempt = Attempt(
        id=fact.attempt, step=fact.step, round=fact.round, to=fact.to, channel=Channel(fact.channel), method=fact.method,
        dedup_key=fact.dedup_key, purpose=fact.purpose, tries=fact.tries, doubtful=before.doubtful if before else False,
    )  # fmt: skip
    return _with(lane, _with_attempt(page, attempt))


def _accepted(lane: Lane, fact: PageAccepted) -> Lane:
    return _settle(lane, fact, sending=Sending.ACCEPTED, retry_at=None)


def _failed(lane: Lane, fact: PageFailed) -> Lane:
    sending = Sending.OVER if fact.retry_at is None else Sending.WAITING
    doubt = {"doubtful": True} if fact.unknown else {}
    return _settle(lane, fact, sending=sending, retry_at=fact.retry_at, **doubt)


def _acknowledged(lane: Lane, fact: PageAcknowledged) -> Lane:
    stopped = _stopped(lane.pages[fact.page], State.ACKNOWLEDGED, fact.by)
    return _with(lane, stopped.model_copy(update={"reopens_at": fact.reopens_at}))


def _attended(lane: Lane, fact: PageAttended) -> Lane:
    return _with(lane, lane.pages[fact.page].model_copy(update={"reopens_at": fact.reopens_at}))


def _reopened(lane: Lane, fact: PageReopened) -> Lane:
    return _with(lane, lane.pages[fact.page].model_copy(update={"state": State.OPEN, "by": "", "reopens_at": None}))


def _silenced(lane: Lane, fact: PageSilenced) -> Lane:
    page = lane.pages[fact.page]
    muted = {**page.muted, **{owed: (*page.muted.get(owed, ()), fact.silenced_by) for owed in fact.obligations}}
    page = page.model_copy(update={"muted": muted})
    return _with(lane, _stopped(page, State.SILENCED, fact.silenced_by) if fact.stopped else page)


def _restored(lane: Lane, fact: PageRestored) -> Lane:
    """Named: that maintenance silences them no more. Unnamed: none does."""
    page = lane.pages[fact.page]
    left = {owed: tuple(each for each in by if fact.silenced_by and each != fact.silenced_by) for owed, by in page.muted.items()}
    muted = {owed: left[owed] if owed in fact.obligations else by for owed, by in page.muted.items()}
    change: dict[str, Any] = {"muted": {owed: by for owed, by in muted.items() if by}}
    if fact.resumed:
        change |= {"state": State.OPEN, "by": "", "reopens_at": None, "step": 0, "round": fact.round, "base": fact.round}
    return _with(lane, page.model_copy(update=change))


def _resolved(lane: Lane, fact: PageResolved) -> Lane:
    return _closed(lane, fact.page, State.RESOLVED, fact.by)


def _cancelled(lane: Lane, fact: PageCancelled) -> Lane:
    if fact.page:
        return _closed(lane, fact.page, State.CANCELLED, fact.by)
    owing = lane.page_of(fact.obligation)
    if owing is not None:
        lane = _with(lane, owing.model_copy(update=_owing_no_more(owing, fact.obligation)))
    elif fact.obligation not in lane.tombstones:
        return lane.model_copy(update={"tombstones": (*lane.tombstones, fact.obligation)})
    tombstones = tuple(each for each in lane.tombstones if each != fact.obligation)
    return lane.model_copy(update={"tombstones": tombstones, "settled": (*lane.settled, fact.obligation)})


def _owing_no_more(page: Page, obligation: str) -> dict[str, Any]:
    return {
        "obligations": tuple(each for each in page.obligations if each != obligation),
        "touches": {owed: what for owed, what in page.touches.items() if owed != obligation},
        "muted": {owed: by for owed, by in page.muted.items() if owed != obligation},
    }


def _unchanged(lane: Lane, fact: PageRequestRefused) -> Lane:
    return lane


def _check_started(lane: Lane, fact: ContactCheckStarted) -> Lane:
    check = Check(id=fact.check, person=fact.person, method=fact.method, asked_at=fact.asked_at, version=fact.version)
    return lane.model_copy(update={"checks": {**lane.checks, check.id: check}})


def _checked(lane: Lane, fact: ContactChecked) -> Lane:
    return lane.model_copy(update={"checks": {name: check for name, check in lane.checks.items() if name != fact.check}})


_EVOLVE: dict[type[PageFact], Callable[[Lane, Any], Lane]] = {
    PageOpened: _opened,
    PageJoined: _joined,
    PageEscalated: _escalated,
    PageReachedNobody: _reached_nobody,
    PageAttempted: _attempted,
    PageAccepted: _accepted,
    PageFailed: _failed,
    PageAcknowledged: _acknowledged,
    PageAttended: _attended,
    PageReopened: _reopened,
    PageSilenced: _silenced,
    PageRestored: _restored,
    PageCancelled: _cancelled,
    PageResolved: _resolved,
    PageRequestRefused: _unchanged,
    ContactCheckStarted: _check_started,
    ContactChecked: _checked,
}


def _with(lane: Lane, page: Page) -> Lane:
    return lane.model_copy(update={"pages": {**lane.pages, page.id: _trimmed(page)}})


def _with_attempt(page: Page, attempt: Attempt) -> Page:
    return page.model_copy(update={"attempts": {**page.attempts, attempt.id: attempt}})


def _settle(lane: Lane, fact: PageAccepted | PageFailed, **changes: object) -> Lane:
    page = lane.pages[fact.page]
    attempt = page.attempts.get(fact.attempt)
    return lane if attempt is None else _with(lane, _with_attempt(page, attempt.model_copy(update=changes)))


def _stopped(page: Page, state: State, by: str) -> Page:
    """No step and no retry of a page follows any more; what is being sent now still gets its outcome."""
    stopped = {"sending": Sending.OVER, "retry_at": None}
    attempts = {
        name: attempt.model_copy(update=stopped) if attempt.sending is Sending.WAITING and attempt.purpose == "page" else attempt
        for name, attempt in page.attempts.items()
    }
    return page.model_copy(update={"state": state, "by": by, "next_at": None, "reopens_at": None, "attempts": attempts})


def _closed(lane: Lane, page_id: str, state: State, by: str) -> Lane:
    page = lane.pages[page_id]
    closed = _stopped(page, state, by).model_copy(update={"obligations": (), "touches": {}, "muted": {}})
    return _with(lane.model_copy(update={"settled": (*lane.settled, *page.obligations)}), closed)


def _trimmed(page: Page) -> Page:
    """A page that ended keeps no finished attempts, an open one the last of each contact method: rows stay small for ever."""
    if page.state is not State.OPEN:
        kept = page.attempts if any(attempt.is_pending for attempt in page.attempts.values()) else {}
    else:
        last = {(attempt.to, attempt.method, attempt.purpose): attempt.id for attempt in page.attempts.values()}
        kept = {
            name: attempt
            for name, attempt in page.attempts.items()
            if attempt.is_pending or attempt.channel in ESCALATES_BY_ITSELF or last[attempt.to, attempt.method, attempt.purpose] == name
        }
    return page if len(kept) == len(page.attempts) else page.model_copy(update={"attempts": kept})
