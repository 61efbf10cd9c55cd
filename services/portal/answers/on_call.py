"""Pages, their certificates, the rota, and what was sent to somebody."""

from __future__ import annotations

from typing import Any, Literal

from shared.certificate import Certificate
from shared.http.openapi.calls import AnswerShape, Call, Calls, OpenAnswerShape


class PageAttempt(OpenAnswerShape):
    """One send, and what became of it."""

    id: str
    to: str
    channel: str
    at: str
    outcome: Literal["pending", "accepted", "failed", "retrying", "unknown"]
    receipt: str
    reason: str
    step: int
    round: int
    purpose: str
    dedup_key: str


class PageShown(OpenAnswerShape):
    """A page. `next_at`: when the next person is paged, unless somebody acknowledges it."""

    id: str
    lane: str
    state: Literal["open", "acknowledged", "silenced", "cancelled", "resolved"]
    ticket_id: str | None
    ticket_ids: list[str]
    subject: str
    requester: str
    app: str | None
    escalation: str
    opened_at: str | None
    step: int
    round: int
    attempts: list[PageAttempt]
    dedup_key: str
    next_at: str | None
    acknowledged_by: str | None
    acknowledged_at: str | None
    ended_by: str | None
    ended_at: str | None
    reason: str


class PageList(AnswerShape):
    """Open ones first, then the latest."""

    items: list[PageShown]
    next: str | None


class PageCertificate(Certificate):
    """What the log proves about a page: was exactly one person's device reached, once?"""

    page_id: str


class OnDuty(AnswerShape):
    """Null: nobody is."""

    schedule: str
    person: str | None
    email: str | None
    override: bool


class OnCallNow(AnswerShape):
    """Who is on call at `at`."""

    at: str
    items: list[OnDuty]


class ShiftShown(AnswerShape):
    """`stand_in`: not by their turn, but instead of somebody."""

    person: str | None
    since: str
    until: str
    stand_in: bool


class ScheduleShifts(AnswerShape):
    """The shifts of one schedule."""

    schedule: str
    zone: str
    shifts: list[ShiftShown]


class ShiftList(AnswerShape):
    """By schedule."""

    items: list[ScheduleShifts]


class CoverageGap(AnswerShape):
    """Something that would leave a page unanswered."""

    kind: Literal["uncovered", "unreachable", "single-person", "single-method", "same-person"]
    where: str
    text: str
    since: str | None
    until: str | None


class CoverageList(AnswerShape):
    """The worst first."""

    items: list[CoverageGap]


class CoverAsked(AnswerShape):
    """An ask for cover. `of` null: of anybody of `asked`. `moot`: the rota has changed meanwhile;
    `expired`: its time has begun. Unless it is `accepted`, whoever asked stays on call. `steps`:
    what the caller can do.
    """

    id: str
    schedule: str
    by: str
    of: str | None
    asked: list[str]
    since: str
    until: str
    word: str
    asked_at: str
    state: Literal["open", "accepted", "declined", "withdrawn", "expired", "moot"]
    declined: list[str]
    ended_by: str | None
    ended_at: str | None
    steps: list[Literal["accept", "decline", "withdraw"]]


class AskList(AnswerShape):
    """Those that wait first, the next on top."""

    items: list[CoverAsked]


class PersonLoad(AnswerShape):
    """`median_seconds`: from the page to their own acknowledgement."""

    person: str
    pages: int
    at_night: int
    acknowledged: int
    median_seconds: float | None


class LoadList(AnswerShape):
    """The most woken first."""

    items: list[PersonLoad]


class SentToSomebody(AnswerShape):
    """A page, stand-down, mail or webhook, what came of it, and why it was sent."""

    at: str
    kind: Literal["page", "stand-down", "mail", "webhook"]
    what: str
    ticket_id: str | None
    page_id: str | None
    channel: str
    dedup_key: str
    outcome: str
    said: str | None
    because: Any


class SilentPage(AnswerShape):
    """A page that was open and did not ring for this person, and why not."""

    page_id: str
    ticket_id: str | None
    subject: str
    opened_at: str | None
    state: str
    because: Any


class SentList(AnswerShape):
    """Oldest first. `on_call`: their schedules at `since`; `more`: there was too much for an answer."""

    email: str
    since: str
    until: str
    on_call: list[str]
    items: list[SentToSomebody]
    silent: list[SilentPage]
    more: bool


CALLS: Calls = {
    "GET /v1/pages": Call("List pages", "Pages", PageList, ("404 not-found", "422 bad-cursor")),
    "GET /v1/pages/{page_id}": Call("Read a page", "Pages", PageShown),
    "GET /v1/pages/{page_id}/certificate": Call(
        "Read what the log proves about a page", "Pages", PageCertificate
    ),
    "GET /v1/on-call": Call(
        "Read who is on call", "On call", OnCallNow, ("404 not-found", "422 bad-parameter")
    ),
    "GET /v1/on-call/shifts": Call(
        "List the shifts to come", "On call", ShiftList, ("404 not-found", "422 bad-parameter")
    ),
    "GET /v1/on-call/coverage": Call(
        "List what the rota leaves open", "On call", CoverageList, ("404 not-found",)
    ),
    "GET /v1/on-call/asks": Call("List who asks for cover", "On call", AskList, ("404 not-found",)),
    "GET /v1/on-call/load": Call(
        "Read how often pages woke each person", "On call", LoadList, ("404 not-found",)
    ),
    "GET /v1/people/{email}/notices": Call(
        "Read what was sent to somebody, and why", "On call", SentList, ("422 bad-parameter",)
    ),
}
