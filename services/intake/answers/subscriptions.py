"""Subscriptions to the status, mail that somebody wants or not, and notices sent once more."""

from __future__ import annotations

from typing import Literal

from shared.http.openapi.calls import AnswerShape, Call, Calls, QueryField


class SubscriptionLinks(AnswerShape):
    """`self`: what DELETE ends."""

    self: str


class SubscriptionAsked(AnswerShape):
    """The same whether or not the address has a subscription. Nothing is sent before its link is
    used.
    """

    subscription_id: str
    components: list[str]
    state: Literal["to-be-confirmed"]
    detail: str
    links: SubscriptionLinks


class SubscriptionOn(AnswerShape):
    """`components` by id; none: every status update."""

    subscription_id: str
    state: Literal["confirmed"]
    components: list[str]


class SubscriptionEnded(AnswerShape):
    """No status update is sent any more."""

    subscription_id: str
    state: Literal["ended"]


class SubscriptionLeft(AnswerShape):
    """A subscription ended, or a provider's announcements are not sent any more."""

    state: Literal["ended", "opted-out"]
    subscription_id: str = ""
    provider: str = ""


class SubscriptionResumed(AnswerShape):
    """The webhook is told again."""

    subscription_id: str
    state: Literal["enabled"]


class StopLifted(AnswerShape):
    """Mail to the address is sent again."""

    id: str
    state: Literal["lifted"]


class WebhookEnabled(AnswerShape):
    """The webhook is told again."""

    id: str
    state: Literal["enabled"]


class AnnouncementsChosen(AnswerShape):
    """Whether announcements of this provider that can be left are sent."""

    provider: str
    state: Literal["opted-out", "opted-in"]


class MailResumed(AnswerShape):
    """Mail is sent again; where it comes back, it stops again."""

    email: str
    state: Literal["sent-again"]


class NoticeRedelivered(AnswerShape):
    """`GET /v1/requests/{request_id}` says what became of it."""

    notice_id: str
    request_id: str
    accepted: Literal["logged"]


_TOKEN = {"token": "from the link"}
_QUERY = (QueryField("token", "the token, where the body does not say it"),)
_BY_LINK = ("403 link-not-valid", "503 no-secret")

CALLS: Calls = {
    "POST /v1/subscriptions": Call(
        "Ask for status updates by mail or webhook",
        "Subscriptions",
        SubscriptionAsked,
        ("422 no-such-component",),
        {"email": "ada@example.com", "components": []},
        who="anybody",
    ),
    "POST /v1/subscriptions/{key}/confirm": Call(
        "Confirm a subscription",
        "Subscriptions",
        SubscriptionOn,
        _BY_LINK,
        _TOKEN,
        who="anybody",
        query=_QUERY,
    ),
    "POST /v1/subscriptions/{key}/unsubscribe": Call(
        "End a subscription with one click (RFC 8058)",
        "Subscriptions",
        SubscriptionLeft,
        _BY_LINK,
        _TOKEN,
        who="anybody",
        query=_QUERY,
    ),
    "DELETE /v1/subscriptions/{key}": Call(
        "End a subscription",
        "Subscriptions",
        SubscriptionLeft,
        _BY_LINK,
        _TOKEN,
        who="anybody",
        query=_QUERY,
    ),
    "POST /v1/subscriptions/{key}/resume": Call(
        "Tell a webhook again that had answered 410 Gone",
        "Subscriptions",
        SubscriptionResumed,
        _BY_LINK,
        _TOKEN,
        who="anybody",
        query=_QUERY,
    ),
    "POST /v1/subscriptions/{key}/lift": Call(
        "Send mail again to an address that had bounced",
        "Subscriptions",
        StopLifted,
        ("403 forbidden",),
    ),
    "POST /v1/endpoints/{key}/enable": Call(
        "Enable a webhook that had answered 410 Gone",
        "Operations",
        WebhookEnabled,
        ("403 forbidden",),
    ),
    "POST /v1/notices/{notice_id}/redeliver": Call(
        "Send a notice once more",
        "Operations",
        NoticeRedelivered,
        ("409 not-over", "409 delivered", "503 no-view"),
        {},
    ),
    "PUT /v1/account/status-updates": Call(
        "Have status updates by mail",
        "Account",
        SubscriptionOn,
        ("422 no-such-component",),
        {"components": []},
    ),
    "DELETE /v1/account/status-updates": Call(
        "Have no status updates any more", "Account", SubscriptionEnded
    ),
    "PUT /v1/account/opt-outs/{provider}": Call(
        "Have only what you must know of a provider",
        "Account",
        AnnouncementsChosen,
        ("404 no-such-provider",),
    ),
    "DELETE /v1/account/opt-outs/{provider}": Call(
        "Have all announcements of a provider again", "Account", AnnouncementsChosen
    ),
    "DELETE /v1/account/mail-stop": Call(
        "Have mail again after it had bounced", "Account", MailResumed
    ),
}
