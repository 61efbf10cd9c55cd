"""Tickets, their history, and what became of a request."""

from __future__ import annotations

from typing import Any, Literal

from shared.events import Audience, ClockName, Kind, Priority, Status
from shared.http.openapi.calls import AnswerShape, Call, Calls, OpenAnswerShape


class ClockShown(AnswerShape):
    """A promise about a time. `paused` has no `due_at`; `stopped` says why. The members with a
    default come with `/clocks`; `warned` (percent) is for staff.
    """

    name: ClockName
    calendar: str
    state: Literal["running", "paused", "met", "breached", "stopped"]
    started_at: str | None
    due_at: str | None
    met_at: str | None
    breached_at: str | None
    target_seconds: int = 0
    late: bool = False
    paused_at: str | None = None
    stopped: str | None = None
    provider: str | None = None
    warned: list[int] = []


class ClockList(AnswerShape):
    """The clocks of a ticket that you may see."""

    items: list[ClockShown]


class ReplyShown(AnswerShape):
    """A reply, or a note (`audience` staff). To a customer `author` is an address of their own
    side, else `support` or `provider`.
    """

    id: str
    author: str | None
    author_name: str
    side: str
    audience: Audience
    via: str
    automatic: bool
    automatic_because: str
    doubtful: bool
    attachments: list[str]
    at: str
    body: str
    quoted: str


class LastSaid(OpenAnswerShape):
    """Who spoke last. For staff."""

    by: str
    name: str
    side: str
    at: str
    seq: int


class SuggestedProvider(OpenAnswerShape):
    """Who it may be for, and why."""

    provider: str
    because: list[Any]
    confidence: float


class SuggestedQueue(OpenAnswerShape):
    """The queue it may belong to, and why."""

    queue: str
    because: list[Any]
    confidence: float


class Appeal(OpenAnswerShape):
    """A changed priority that can be appealed, was, or was decided on."""

    state: Literal["possible", "open", "decided"]
    changed_by: str | None = None


class Rating(OpenAnswerShape):
    """What the customer gave, 1 to 5."""

    score: int
    comment: str
    at: str


class PagingShown(AnswerShape):
    """What a customer learns of the pages for their ticket."""

    state: Literal["paged", "handled"]
    paged_at: str
    handled_since: str | None
    answer_by: str | None


class MailStop(AnswerShape):
    """Somebody of the customer's side who gets no mail, and why."""

    email: str
    why: str
    said: str
    since: str


class TimeSpent(AnswerShape):
    """Seconds with each; together they are the ticket's age until it was solved."""

    requester: float
    platform: float
    provider: float


class TicketKnown(AnswerShape):
    """What a ticket's page and a line of a list have in common."""

    id: str
    subject: str
    status: Status
    queue: str
    provider: str | None
    requested_priority: Priority | None
    priority: Priority
    kind: Kind
    app: str | None
    addon: str | None
    plan: str
    requester: str
    requester_name: str
    suggestion: SuggestedProvider | None
    queue_suggestion: SuggestedQueue | None
    opened_at: str
    updated_at: str
    seq: int
    owner: str | None = None
    owner_name: str | None = None
    tags: list[str] | None = None
    last: LastSaid | None = None
    insisted: bool | None = None


class PersonAsked(AnswerShape):
    """Somebody who was asked to take part; they can say yes `until` then."""

    email: str
    until: str


class TicketShown(TicketKnown):
    """One ticket as you may see it: `standing` says what you are to it. `opened_by`: who of our
    staff opened it for its requester. `follows`: the closed ticket that it takes up again. `asked`: who was asked by mail to take part
    and has not answered.
    `merged_into`: the ticket that it goes on in. Null for a provider: appeal, rating, rateable,
    shared_until, asked, access_granted, follows, merged_into. For staff alone: pages, owner, owner_name,
    tags, last, insisted, merged (tickets that go on in it).
    """

    priority_reason: str
    scope: str
    stage: str | None
    participants: list[str]
    incident_ids: list[str]
    attachments: list[str]
    via: str
    verified: bool | None
    doubtful_reply: dict[str, Any] | None
    clocks: list[ClockShown]
    replies: list[ReplyShown]
    standing: Literal["staff", "customer", "provider"]
    time_with: TimeSpent
    appeal: Appeal | None
    rating: Rating | None
    rateable: bool | None
    shared_until: str | None
    asked: list[PersonAsked] | None
    access_granted: bool | None
    opened_by: str | None
    opened_by_name: str | None
    follows: str | None
    merged_into: str | None
    paging: PagingShown | None
    mail_stopped: list[MailStop]
    body: str = ""
    urgent: dict[str, Any] | None = None
    quoted: str = ""
    times: list[dict[str, Any]] = []
    pages: list[str] = []
    merged: list[str] = []


class TimelineEntry(AnswerShape):
    """Something that happened; `data` holds what it says, as far as you may know it."""

    id: str
    ticket_id: str | None
    page_id: str | None
    incident_id: str | None
    topic: str
    seq: int
    type: str
    at: str
    by: str | None
    side: str | None
    audience: str | None
    order: str
    data: dict[str, Any]


class Timeline(AnswerShape):
    """Oldest first. `next`: send it as `cursor` for what comes after."""

    items: list[TimelineEntry]
    next: str | None


class DecisionShown(AnswerShape):
    """What was decided and why; `trail` lists the rules tried, where you may see them."""

    seq: int
    type: str
    at: str
    by: str | None
    decided: dict[str, Any]
    reason: str
    policy: dict[str, Any]
    trail: list[dict[str, Any]]
    trace_id: str | None


class Explanation(AnswerShape):
    """Every decision about a ticket."""

    ticket_id: str
    decisions: list[DecisionShown]


class RequestOutcome(OpenAnswerShape):
    """What became of a request; with `ticket_id`, `page_id` or `incident_id` it says what it was
    about. `facts`: ids of what it led to.
    """

    id: str
    type: str | None
    state: Literal["pending", "done", "refused"]
    code: str | None
    reason: str | None
    facts: list[str]
    at: str | None


CALLS: Calls = {
    "GET /v1/tickets/{ticket_id}": Call("Read a ticket", "Tickets", TicketShown),
    "GET /v1/tickets/{ticket_id}/events": Call(
        "Read everything that happened to a ticket", "Tickets", Timeline
    ),
    "GET /v1/tickets/{ticket_id}/explain": Call(
        "Read why each thing was decided", "Tickets", Explanation
    ),
    "GET /v1/tickets/{ticket_id}/clocks": Call(
        "Read the promises about a ticket and how they stand", "Tickets", ClockList
    ),
    "GET /v1/requests/{request_id}": Call(
        "Read what became of a request", "Following", RequestOutcome
    ),
    "GET /v1/stream": Call(
        "Follow what happens, as server-sent events", "Following", media="text/event-stream"
    ),
    "GET /v1/attachments/{attachment_id}": Call(
        "Download a file", "Attachments", refuses=("503 file-unavailable",), media="*/*"
    ),
}
