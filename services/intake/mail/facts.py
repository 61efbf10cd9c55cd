"""The facts of a message, with ids derived from its delivery: saying them again after a crash says the same. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake.mail.admission import Quarantine
from services.intake.mail.delivery import Delivery
from services.intake.mail.naming import notice_of
from services.intake.mail.reading.shape import Authentication, Reading
from shared.events import (
    AddReply,
    BouncedRecipient,
    MailAuthentication,
    MailBounced,
    MailDuplicate,
    MailQuarantined,
    MailReceived,
    MailReleased,
    MailThreaded,
    MailTicketed,
    OpenTicket,
    Request,
)
from shared.events.mail import Cause
from shared.ids import derive
from shared.text.redact import redact

_NAMES = 20
"""Recipients, references and file names that are told of a message; the raw message has them all."""


def received(delivery: Delivery, reading: Reading | None, authentication: Authentication, subject: str) -> MailReceived:
    """`reading` None: a repeat, which is not read again. `subject` has no secrets any more."""
    envelope = delivery.envelope
    about: dict[str, Any] = {}
    if reading is not None:
        about = {
            "sender": reading.from_address.lower(), "sender_name": reading.from_name[:200], "subject": subject[:200],
            "message_id": reading.message_id and reading.message_id[:500],
            "to": tuple(each.address for each in reading.to[:_NAMES]), "cc": tuple(each.address for each in reading.cc[:_NAMES]),
            "in_reply_to": tuple(each[:500] for each in reading.in_reply_to[:_NAMES]),
            "references": tuple(each[:500] for each in reading.references[-_NAMES:]), "date": reading.date,
            "automatic": reading.automatic.reason[:300] if reading.automatic else "",
            "authentication": MailAuthentication(**authentication.model_dump()),
            "troubles": (*reading.troubles, *([reading.detail[:300]] if reading.unreadable else [])),
            "attachments": tuple(redact(each.filename).text for each in reading.attachments[:_NAMES]),
        }  # fmt: skip
    return MailReceived(
        **_about(delivery, "MailReceived", envelope.received_at), blob=delivery.digest, size=delivery.size, via=delivery.via,
        mail_from=envelope.mail_from, rcpt_to=envelope.rcpt_to[:_NAMES], peer=envelope.peer, helo=envelope.helo[:300],
        gateway=envelope.authenticated_as, **about,
    )  # fmt: skip


def ticketed(delivery: Delivery, request: OpenTicket, now: datetime, again: str = "") -> MailTicketed:
    return MailTicketed(
        **_about(delivery, f"MailTicketed{again}", now), ticket_id=request.key, request_id=request.id, sender=request.actor.email,
        verified=request.verified,
    )  # fmt: skip


def threaded(delivery: Delivery, request: AddReply, now: datetime, again: str = "") -> MailThreaded:
    return MailThreaded(
        **_about(delivery, f"MailThreaded{again}", now), ticket_id=request.key, request_id=request.id, sender=request.actor.email,
        automatic=request.automatic,
    )  # fmt: skip


def answered(delivery: Delivery, request: Request, now: datetime, again: str = "") -> MailThreaded:
    """It answers a page, whose id is the request's key."""
    return MailThreaded(
        **_about(delivery, f"MailThreaded{again}", now), ticket_id="", page=request.key, request_id=request.id, sender=request.actor.email,
    )  # fmt: skip


def duplicate(delivery: Delivery, now: datetime) -> MailDuplicate:
    return MailDuplicate(**_about(delivery, "MailDuplicate", now))


def quarantined(delivery: Delivery, found: Quarantine, sender: str, now: datetime) -> MailQuarantined:
    return MailQuarantined(
        **_about(delivery, "MailQuarantined", now), why=found.cause, explanation=found.explanation, answerable=not found.unanswerable,
        unanswerable=found.unanswerable, sender=sender, ticket_id=found.ticket_id,
    )  # fmt: skip


def released(delivery: Delivery, by: str, cause: Cause, now: datetime) -> MailReleased:
    return MailReleased(
        **_about(delivery, f"MailReleased{now.isoformat()}", now), by=by, cause_was=cause, received_at=delivery.envelope.received_at
    )


def bounced(delivery: Delivery, reading: Reading, domain: str, proven: str | None, now: datetime) -> MailBounced | None:
    """What a report says; None where it is none. `proven`: the notice by whose return path it came, or whose it quotes."""
    report = reading.bounce
    if report is None:
        return None
    failed = tuple(
        BouncedRecipient(address=each.address.lower(), permanent=each.permanent, status=each.status, diagnostic=each.diagnostic[:500])
        for each in report.recipients[:_NAMES]
    )
    return MailBounced(
        **_about(delivery, "MailBounced", now), recipients=failed, original_id=report.original_id,
        notice_id=proven or notice_of(report.original_id, domain), standard=report.standard, delayed=report.delayed,
        proven=proven is not None, complaint=report.complaint,
    )  # fmt: skip


def _about(delivery: Delivery, what: str, at: datetime) -> dict[str, Any]:
    return {"id": derive("fct", delivery.id, what), "key": delivery.digest, "at": at, "delivery": delivery.id}
