"""Mail that came in, figures and reports, disabled webhooks, articles, and one's notifications."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.http.openapi.calls import AnswerShape, Call, Calls, OpenAnswerShape


class MailListed(AnswerShape):
    """A message. `cause`: why it is in quarantine; `deliveries`: how often it came."""

    id: str
    sender: str = Field(alias="from")
    from_name: str
    subject: str
    state: Literal["received", "ticketed", "threaded", "quarantined", "duplicate"]
    cause: str | None
    ticket_id: str | None
    page_id: str | None
    received_at: str
    deliveries: int
    size: int
    released_by: str | None


class MailCounts(AnswerShape):
    """Of all deliveries. `balanced`: every one of them is accounted for."""

    received: int
    ticketed: int
    threaded: int
    quarantined: int
    duplicate: int
    in_hand: int
    balanced: bool
    causes: dict[str, int]


class MailList(AnswerShape):
    """The latest first."""

    items: list[MailListed]
    counts: MailCounts
    next: str | None


class MailShown(OpenAnswerShape):
    """A message with its envelope, what its headers say, who vouched for it, what became of it and
    why.
    """

    id: str
    subject: str
    state: str
    cause: str | None
    explanation: str | None
    answer: str | None
    verified: bool | None
    ticket_id: str | None
    page_id: str | None
    request_id: str | None
    received_at: str
    deliveries: int
    size: int
    history: list[dict[str, Any]]
    releasable: bool


class FigureAt(AnswerShape):
    """A value of one minute or hour."""

    at: str
    value: float


class DueInHour(AnswerShape):
    """How many tickets are due in the hour that ends at `until`."""

    until: str
    n: int


class Deadlines(AnswerShape):
    """`breached`: tickets whose time is over; `hours`: the next eight."""

    breached: int
    hours: list[DueInHour]


class DashboardShown(OpenAnswerShape):
    """Operations at a glance. `figures`: figure → group → values; `lag`: process → records."""

    at: str
    tickets_per_minute: list[FigureAt]
    figures: dict[str, dict[str, list[FigureAt]]]
    counts: dict[str, Any]
    deadlines: Deadlines
    pages: dict[str, int]
    notices: dict[str, int]
    dead_letters: int
    lag: dict[str, int]


class ReportsShown(AnswerShape):
    """Report → rows; a row has a member for each column of the page `/reports`."""

    days: Literal[7, 30, 90]
    reports: dict[str, list[dict[str, Any]]]


class DisabledWebhook(AnswerShape):
    """A webhook that answered 410 Gone. `said`: what it answered."""

    id: str
    receiver: str
    url: str
    said: str
    notice: str
    disabled_at: str


class DisabledWebhooks(AnswerShape):
    """The latest first."""

    items: list[DisabledWebhook]


class ArticleListed(AnswerShape):
    """An article and its address."""

    slug: str
    title: str
    url: str
    excerpt: str


class ArticleList(AnswerShape):
    """`items` fit `q`, best first; `trending` are those of use lately."""

    items: list[ArticleListed]
    trending: list[ArticleListed]


class ArticleShown(ArticleListed):
    """An article as Markdown and as HTML."""

    topic: str
    audience: str
    codes: list[str]
    tags: list[str]
    updated: str
    body: str
    html: str


class MailStopped(AnswerShape):
    """Why no mail is sent to the account, and since when."""

    why: str
    said: str
    since: str


class ComponentChosen(AnswerShape):
    """Whether status updates about it are wanted."""

    id: str
    name: str
    chosen: bool


class UpdatesWanted(AnswerShape):
    """`waits`: the subscription is not confirmed yet; none chosen while on: every update."""

    on: bool
    since: str | None
    waits: bool
    components: list[ComponentChosen]


class ProviderNews(AnswerShape):
    """Whether announcements of a provider that can be left are wanted."""

    provider: str
    name: str
    apps: list[str]
    wanted: bool
    since: str | None


class MailSent(AnswerShape):
    """One of the last mails to the account."""

    at: str | None
    template: str | None
    state: str | None
    reason: str | None
    ticket: str | None


class NotificationsShown(AnswerShape):
    """What the account is told, why, and what of it can be stopped."""

    email: str
    side: Literal["staff", "provider", "customer"]
    mailbox: str | None
    webhook: str | None
    webhook_disabled: DisabledWebhook | None
    stopped: MailStopped | None
    status: UpdatesWanted
    announcements: list[ProviderNews]
    sent: list[MailSent]


CALLS: Calls = {
    "GET /v1/mail": Call(
        "List mail that came in",
        "Mail",
        MailList,
        ("404 not-found", "422 bad-parameter", "422 bad-cursor"),
    ),
    "GET /v1/mail/{message_id}": Call("Read what became of a message", "Mail", MailShown),
    "GET /v1/mail/{message_id}/raw": Call(
        "Save a message as it came",
        "Mail",
        refuses=("410 gone", "503 raw-mail-unavailable"),
        media="message/rfc822",
    ),
    "GET /v1/dashboard": Call(
        "Read operations at a glance", "Operations", DashboardShown, ("404 not-found",)
    ),
    "GET /v1/reports": Call(
        "Read the reports of the desk",
        "Operations",
        ReportsShown,
        ("404 not-found", "422 bad-parameter"),
    ),
    "GET /v1/endpoints": Call(
        "List disabled webhooks", "Operations", DisabledWebhooks, ("404 not-found",)
    ),
    "GET /v1/articles": Call("Find articles", "Help", ArticleList, who="anybody"),
    "GET /v1/articles/{slug}": Call("Read an article", "Help", ArticleShown, who="anybody"),
    "GET /v1/account/notifications": Call(
        "Read what you are told by mail, and why", "Account", NotificationsShown
    ),
}
