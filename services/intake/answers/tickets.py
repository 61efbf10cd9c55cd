"""Tickets, pages, attachments, imports and mail: what is recorded and answered with 202."""

from __future__ import annotations

from typing import Any, Literal

from services.intake.forms import PAGE_ACTIONS, TICKET_ACTIONS
from shared.http.openapi.calls import AnswerShape, Call, Calls, QueryField

Where = Literal["logged", "spooled"]
"""In Kafka, or on this machine's disk until Kafka is back. Both are kept."""


class RequestLinks(AnswerShape):
    """`self`: what the request is about; `request`: what became of it; `web`: its page."""

    self: str
    web: str
    request: str


class ArticleLink(AnswerShape):
    """An article that may help."""

    title: str
    url: str


class LinkedIncident(AnswerShape):
    """An open incident that the ticket was linked to."""

    id: str
    title: str
    url: str


class _TicketAccepted(AnswerShape):
    request_id: str
    accepted: Where
    warnings: list[str]
    suggestions: list[ArticleLink]
    incidents: list[LinkedIncident]
    links: RequestLinks


class OpenedTicket(_TicketAccepted):
    """`warnings` say what was changed or left out; `masked` names the kinds of secrets that were
    masked; `missing` are items of the urgent guide that nobody filled in.
    """

    ticket_id: str
    masked: list[str]
    missing: list[str]


class TicketAsked(_TicketAccepted):
    """Recorded; `GET /v1/requests/{request_id}` says whether it was done. `url`: of a share, the
    link to give to somebody.
    """

    ticket_id: str
    url: str = ""


class PageAsked(_TicketAccepted):
    """Recorded; `GET /v1/requests/{request_id}` says whether it was done."""

    page_id: str


class ConfirmedSender(AnswerShape):
    """Recorded; `GET /v1/requests/{request_id}` says whether it was done."""

    ticket_id: str
    request_id: str
    accepted: Where
    links: RequestLinks


class TicketImported(AnswerShape):
    """`requests`: one for the ticket, one for each reply and step."""

    ticket_id: str
    requests: list[str]
    accepted: Where
    warnings: list[str]


class FileUploaded(AnswerShape):
    """`id` goes into `attachments` of a ticket or reply. `scan`: `unscanned` where the virus
    scanner was away, `not-scanned` where there is none. `masked`: kinds of secrets that were
    masked.
    """

    id: str
    name: str
    type: str
    size: int
    scan: Literal["clean", "unscanned", "not-scanned"]
    masked: list[str]
    warnings: list[str]


class MailLinks(AnswerShape):
    """`self`: the message, for staff."""

    self: str


class MailStored(AnswerShape):
    """`id` is the SHA-256 of the message; `GET /v1/mail/{id}` says what became of it."""

    id: str
    delivery_id: str
    accepted: Literal["stored"]
    links: MailLinks


class ReleasedMail(AnswerShape):
    """It is a ticket or reply now, or answers a page."""

    id: str
    request_id: str
    ticket_id: str = ""
    page_id: str = ""


_TICKETS = {
    "replies": "Answer a ticket, or leave a note for staff",
    "assign": "Give a ticket to a provider or to a queue",
    "hand-back": "Give a ticket back, as the provider that has it",
    "take-back": "Take a ticket back from a provider",
    "take": "Become the owner of a ticket",
    "hand-over": "Make a colleague the owner of a ticket",
    "release": "Leave a ticket without an owner",
    "tag": "Add and remove tags",
    "merge": "Merge a ticket into another, for good",
    "insist": "Say that a ticket is covered after all",
    "dismiss": "Turn down a suggested provider or queue",
    "accept": "Follow the suggested queue",
    "review": "Change the priority, as staff",
    "appeal": "Ask for another look at a changed priority",
    "decide-appeal": "Decide an appeal",
    "solve": "Say how a ticket was solved",
    "reopen": "Open a solved ticket again",
    "rate": "Rate how a ticket was handled",
    "share": "Make a link by which somebody joins a ticket",
    "unshare": "End the link of a share",
    "join": "Join a ticket by the link of a share",
    "ask": "Ask somebody by mail to take part in a ticket",
    "remove": "Take somebody off a ticket, or leave it",
    "access": "Allow staff to look into the app, or not any more",
    "link": "Link a ticket to an incident",
    "unlink": "Take a ticket off an incident",
}
_OF_TICKET = {
    "replies": ("422 no-such-attachment", "422 no-attachments"),
    "join": ("410 share-gone", "503 no-secret"),
    "share": ("503 no-secret",),
    "merge": ("422 no-such-ticket",),
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "replies": {"body": "It began after the last deploy, at 14:10 UTC."},
    "assign": {"provider": "acme-postgres"},
    "hand-back": {"reason": "The database is well; the router drops the connections."},
    "take-back": {"reason": "The customer needs an answer today."},
    "take": {},
    "hand-over": {"to": "ada@example.com", "reason": "You know this app."},
    "release": {"reason": "My shift is over."},
    "tag": {"add": ["needs-info"], "remove": []},
    "merge": {"into": "tkt_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
    "insist": {"information": "It fails on the platform's own sample app, too."},
    "dismiss": {"reason": "The add-on is well."},
    "accept": {"queue": "csa"},
    "review": {"priority": "high", "reason": "One of two dynos still answers."},
    "appeal": {"information": "Nobody can log in since 14:10 UTC."},
    "decide-appeal": {"priority": "urgent", "reason": "All logins fail."},
    "solve": {"resolution": "Raised the connection limit to 200."},
    "reopen": {"reason": "It is back since 16:00 UTC."},
    "rate": {"score": 5, "comment": "Quick and clear."},
    "share": {},
    "unshare": {},
    "join": {"share_token": "shr_example"},
    "ask": {"email": "colleague@example.com"},
    "remove": {"email": "colleague@example.com"},
    "access": {"granted": True},
    "link": {"incident_id": "inc_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
    "unlink": {"incident_id": "inc_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
}
_PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "acknowledge": ("Say that you have a page; nobody else is woken", {}),
    "resolve": ("Say that what a page was about is over", {}),
    "escalate": ("Page the next person now", {}),
    "note": ("Write a note on a page", {"body": "Restarted the primary; watching it."}),
    "reassign": ("Page somebody else instead", {"to": "lead"}),
}

CALLS: Calls = {
    "POST /v1/tickets": Call(
        "Open a ticket",
        "Tickets",
        OpenedTicket,
        (
            "403 forbidden",
            "403 not-a-collaborator",
            "422 no-such-account",
            "422 no-such-addon",
            "422 no-such-attachment",
            "422 no-attachments",
            "503 disk-full",
        ),
        {"subject": "Deploys hang", "body": "Since 14:10 UTC, in the build step.", "app": "shop"},
    ),
    **{
        f"POST /v1/tickets/{{ticket_id}}/{action}": Call(
            _TICKETS[action],
            "Tickets",
            TicketAsked,
            ("403 forbidden", "409 closed", *_OF_TICKET.get(action, ())),
            _EXAMPLES[action],
        )
        for action in TICKET_ACTIONS
    },
    "POST /v1/tickets/{ticket_id}/confirm": Call(
        "Confirm that a mail which opened a ticket was yours",
        "Tickets",
        ConfirmedSender,
        ("403 forbidden", "409 closed"),
        {},
        who="either",
    ),
    "POST /v1/tickets/{ticket_id}/answer-ask": Call(
        "Say whether you take part in a ticket, after you were asked by mail",
        "Tickets",
        TicketAsked,
        ("422 no-such-account",),
        {"agree": True},
        who="either",
    ),
    **{
        f"POST /v1/pages/{{page_id}}/{action}": Call(
            *(_PAGES[action][0], "Pages", PageAsked),
            example=_PAGES[action][1],
            who="either" if action == "acknowledge" else "account",
        )
        for action in PAGE_ACTIONS
    },
    "POST /v1/import/tickets": Call(
        "Import a ticket of another help desk",
        "Tickets",
        TicketImported,
        ("403 forbidden", "422 no-such-account", "404 no-such-incident", "503 busy"),
        {
            "source": "zendesk",
            "id": "4711",
            "requester": "ada@example.com",
            "subject": "Deploys hang",
            "body": "Since the morning.",
            "at": "2026-01-12T09:30:00Z",
        },
    ),
    "POST /v1/attachments": Call(
        "Upload a file",
        "Attachments",
        FileUploaded,
        (
            *("400 bad-request", "408 request-timeout", "413 too-large", "422 empty"),
            *("422 infected", "503 no-attachments", "503 busy"),
        ),
    ),
    "POST /v1/mail": Call(
        "Hand in a message, as a mail gateway",
        "Mail",
        MailStored,
        (
            *("400 bad-request", "403 forbidden", "408 request-timeout", "413 too-large"),
            *("415 unsupported-media-type", "422 invalid", "503 busy", "503 disk-full"),
        ),
    ),
    "POST /v1/mail/{message_id}/release": Call(
        "Let a message out of quarantine",
        "Mail",
        ReleasedMail,
        ("409 not-quarantined", "409 still-quarantined", "422 no-such-account"),
        {},
    ),
    "POST /v1/channels/twilio/sms": Call(
        "A text message that answers a page, from the phone gateway",
        "Pages",
        refuses=(
            "400 bad-request",
            "401 bad-signature",
            "413 too-large",
            "415 unsupported-media-type",
        ),
        media="text/xml",
        who="anybody",
    ),
    "POST /v1/channels/twilio/voice": Call(
        "A key pressed in a call that pages, from the phone gateway",
        "Pages",
        refuses=(
            *("400 bad-request", "401 bad-signature", "401 unauthenticated", "404 not-found"),
            *("413 too-large", "415 unsupported-media-type"),
        ),
        query=(
            QueryField("page", "the page that is called about"),
            QueryField("token", "the token of the signed link"),
        ),
        media="text/xml",
        who="anybody",
    ),
}
