"""What the pager remembers of a lane: its pages, their attempts, the obligations. A function of the lane's facts alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from services.notifier.pager_steps import ESCALATES_BY_ITSELF
from shared.events import (
    ContactChecked,
    ContactCheckStarted,
    Instant,
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
    PageReopened,
    PageRequestRefused,
    PageResolved,
    Value,
)
from shared.policy.on_call import Channel
from shared.rows import Row


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"


class Sending(StrEnum):
    """`owed`: recorded, no outcome yet. `waiting`: to be tried again at `retry_at`. `over`: given up or refused."""

    OWED = "owed"
    WAITING = "waiting"
    ACCEPTED = "accepted"
    OVER = "over"


class Attempt(Value):
    """One contact method tried for one step. `doubtful`: a try of it may have reached them without a receipt."""

    id: str
    step: int
    round: int
    to: str
    channel: Channel
    method: str
    dedup_key: str
    purpose: Literal["page", "stand-down"]
    tries: int
    sending: Sending = Sending.OWED
    doubtful: bool = False
    retry_at: Instant | None = None

    @property
    def is_pending(self) -> bool:
        return self.sending in (Sending.OWED, Sending.WAITING)


class Page(Value):
    """`obligations` are those still owed; `by` is who ended or acknowledged it; `next_at` when the next step begins.

    `reopens_at`: when an acknowledged one is opened again.
    """

    id: str
    ticket_id: str
    subject: str
    requester: str
    app: str | None
    escalation: str
    accepted_at: Instant
    state: State = State.OPEN
    by: str = ""
    step: int = 0
    round: int = 0
    next_at: Instant | None = None
    obligations: tuple[str, ...]
    attempts: dict[str, Attempt] = Field(default_factory=dict)
    began: str = ""
    reopens_at: Instant | None = None


class Check(Value):
    """A code that is to be sent to a contact method, and has no outcome yet. `id` is that of the request."""

    id: str
    person: str
    method: str
    asked_at: Instant
    version: int


class Lane(Row):
    """`tombstones`: taken back before they were asked for. `settled`: no longer owed, nothing will come of them again.

    The lane of a person's contact methods has no pages, only `checks`.
    """

    pages: dict[str, Page] = Field(default_factory=dict)
    tombstones: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    checks: dict[str, Check] = Field(default_factory=dict)

    def open_page(self) -> Page | None:
        """The page nobody has acknowledged: a lane has two only where one was opened again."""
        return next((page for page in self.pages.values() if page.state is State.OPEN), None)

    def page_of(self, obligation: str) -> Page | None:
        """The page that still owes `obligation`."""
        return next((page for page in self.pages.values() if obligation in page.obligations), None)


def due_at(lane: Lane) -> datetime | None:
    """The earliest escalation or retry."""
    return min((at for page in lane.pages.values() for at in _instants(page)), default=None)


def _instants(page: Page) -> Iterator[datetime]:
    if page.next_at is not None:
        yield page.next_at
    if page.reopens_at is not None:
        yield page.reopens_at
    for attempt in page.attempts.values():
        if attempt.retry_at is not None:
            yield attempt.retry_at


def evolve(lane: Lane | None, fact: PageFact) -> Lane:
    """The lane after `fact`; `lane` is not changed."""
    return _EVOLVE[type(fact)](lane or Lane(), fact)


def _opened(lane: Lane, fact: PageOpened) -> Lane:
    return _with(
        lane,
        Page(
            id=fact.page, ticket_id=fact.ticket_id, subject=fact.subject, requester=fact.requester, app=fact.app,
            escalation=fact.escalation, accepted_at=fact.accepted_at, obligations=(fact.obligation,),
            began=fact.began,
        ),
    )  # fmt: skip


def _joined(lane: Lane, fact: PageJoined) -> Lane:
    page = lane.pages[fact.page]
    return _with(lane, page.model_copy(update={"obligations": (*page.obligations, fact.obligation)}))


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
    silenced = _silenced(lane.pages[fact.page], State.ACKNOWLEDGED, fact.by)
    return _with(lane, silenced.model_copy(update={"reopens_at": fact.reopens_at}))


def _reopened(lane: Lane, fact: PageReopened) -> Lane:
    return _with(lane, lane.pages[fact.page].model_copy(update={"state": State.OPEN, "by": "", "reopens_at": None}))


def _resolved(lane: Lane, fact: PageResolved) -> Lane:
    return _closed(lane, fact.page, State.RESOLVED, fact.by)


def _cancelled(lane: Lane, fact: PageCancelled) -> Lane:
    if fact.page:
        return _closed(lane, fact.page, State.CANCELLED, fact.by)
    owing = lane.page_of(fact.obligation)
    if owing is not None:
        left = tuple(each for each in owing.obligations if each != fact.obligation)
        lane = _with(lane, owing.model_copy(update={"obligations": left}))
    elif fact.obligation not in lane.tombstones:
        return lane.model_copy(update={"tombstones": (*lane.tombstones, fact.obligation)})
    tombstones = tuple(each for each in lane.tombstones if each != fact.obligation)
    return lane.model_copy(update={"tombstones": tombstones, "settled": (*lane.settled, fact.obligation)})


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
    PageReopened: _reopened,
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


def _silenced(page: Page, state: State, by: str) -> Page:
    """No step and no retry of a page follows any more; what is being sent now still gets its outcome."""
    stopped = {"sending": Sending.OVER, "retry_at": None}
    attempts = {
        name: attempt.model_copy(update=stopped) if attempt.sending is Sending.WAITING and attempt.purpose == "page" else attempt
        for name, attempt in page.attempts.items()
    }
    return page.model_copy(update={"state": state, "by": by, "next_at": None, "reopens_at": None, "attempts": attempts})


def _closed(lane: Lane, page_id: str, state: State, by: str) -> Lane:
    page = lane.pages[page_id]
    closed = _silenced(page, state, by).model_copy(update={"obligations": ()})
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
