"""The facts of a message, with ids derived from its delivery: saying them again after a crash says
the same. Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake.mail.admission.admission import Quarantine
from services.intake.mail.admission.evidence import MailCase
from services.intake.mail.admission.naming import notice_of
from services.intake.mail.queue.copies import FirstCopy
from services.intake.mail.queue.delivery import Delivery
from services.intake.mail.reading.models import Authentication, MailContent
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
from shared.people.folding import fold_address
from shared.text.redact import redact

_NAMES = 20
"""Recipients, references and file names that are told of a message; the raw message has them
all.
"""


def make_received_fact(
    delivery: Delivery, reading: MailContent | None, authentication: Authentication, subject: str
) -> MailReceived:
    """`reading` None: a repeat, which is not read again. `subject` has no secrets any more."""
    envelope = delivery.envelope
    about: dict[str, Any] = {}
    # A repeat says only that it came: all else stands with the first one.
    if reading is not None:
        about = {
            "sender": fold_address(reading.from_address),
            "sender_name": reading.from_name[:200],
            "subject": subject[:200],
            "message_id": reading.message_id and reading.message_id[:500],
            "to": tuple(each.address for each in reading.to[:_NAMES]),
            "cc": tuple(each.address for each in reading.cc[:_NAMES]),
            "in_reply_to": tuple(each[:500] for each in reading.in_reply_to[:_NAMES]),
            # The last ones: the nearest messages of a thread stand at the end.
            "references": tuple(each[:500] for each in reading.references[-_NAMES:]),
            "date": reading.date,
            "automatic": reading.automatic.reason[:300] if reading.automatic else "",
            # `unsigned` is for the reader alone, and may be long.
            "authentication": MailAuthentication(**authentication.model_dump(exclude={"unsigned"})),
            "troubles": (
                *reading.troubles,
                *([reading.detail[:300]] if reading.unreadable else []),
            ),
            # A file's name can hold a secret too.
            "attachments": tuple(
                redact(each.filename).text for each in reading.attachments[:_NAMES]
            ),
        }
    return MailReceived(
        **_about(delivery, "MailReceived", envelope.received_at),
        blob=delivery.digest,
        size=delivery.size,
        via=delivery.via,
        mail_from=envelope.mail_from,
        rcpt_to=envelope.rcpt_to[:_NAMES],
        peer=envelope.peer,
        helo=envelope.helo[:300],
        gateway=envelope.authenticated_as,
        **about,
    )


def make_ticketed_fact(
    delivery: Delivery, request: OpenTicket, now: datetime, again: str = ""
) -> MailTicketed:
    return MailTicketed(
        **_about(delivery, f"MailTicketed{again}", now),
        ticket_id=request.key,
        request_id=request.id,
        sender=request.actor.email,
        verified=request.verified,
        no_receipt=request.no_receipt,
    )


def make_threaded_fact(
    delivery: Delivery, request: AddReply, now: datetime, again: str = ""
) -> MailThreaded:
    return MailThreaded(
        **_about(delivery, f"MailThreaded{again}", now),
        ticket_id=request.key,
        request_id=request.id,
        sender=request.actor.email,
        automatic=request.automatic,
        because=request.automatic_because,
    )


def make_copy_fact(
    delivery: Delivery, before: FirstCopy, sender: str, now: datetime
) -> MailTicketed | MailThreaded:
    """Another copy of a letter that was taken before."""
    about = {"ticket_id": before.ticket_id, "request_id": before.request_id, "sender": sender}
    if before.opens:
        return MailTicketed(
            **_about(delivery, "MailTicketed", now), **about, verified=before.vouched
        )
    return MailThreaded(**_about(delivery, "MailThreaded", now), **about)


def make_answer_fact(
    delivery: Delivery, request: Request, now: datetime, again: str = ""
) -> MailThreaded:
    """It answers a page, whose id is the request's key."""
    return MailThreaded(
        **_about(delivery, f"MailThreaded{again}", now),
        ticket_id="",
        page=request.key,
        request_id=request.id,
        sender=request.actor.email,
    )


def duplicate(delivery: Delivery, now: datetime) -> MailDuplicate:
    return MailDuplicate(**_about(delivery, "MailDuplicate", now))


def make_quarantined_fact(
    delivery: Delivery, found: Quarantine, case: MailCase | None, now: datetime
) -> MailQuarantined:
    """`case` None: nothing is known of the message. Its subject is told to a sender who is vouched
    for only: anybody else may be a forger's victim.
    """
    vouched = case is not None and case.is_vouched_for
    subject = redact(case.reading.subject).text[:200] if case is not None and vouched else ""
    return MailQuarantined(
        **_about(delivery, "MailQuarantined", now),
        why=found.cause,
        explanation=found.explanation,
        answerable=not found.unanswerable,
        unanswerable=found.unanswerable,
        sender=case.sender.address if case is not None else "",
        ticket_id=found.ticket_id,
        vouched=vouched,
        subject=subject,
        received_at=delivery.envelope.received_at,
    )


def make_released_fact(
    delivery: Delivery, by: str, cause: Cause, now: datetime, account: str = ""
) -> MailReleased:
    # The time in the id: a message may be released twice, after it was kept once more.
    return MailReleased(
        **_about(delivery, f"MailReleased{now.isoformat()}", now),
        by=by,
        cause_was=cause,
        received_at=delivery.envelope.received_at,
        account=account,
    )


def make_bounced_fact(
    delivery: Delivery, reading: MailContent, domain: str, proven: str | None, now: datetime
) -> MailBounced | None:
    """What a report says; None where it is none. `proven`: the notice by whose return path it came,
    or whose it quotes.
    """
    report = reading.bounce
    if report is None:
        return None
    failed = tuple(
        BouncedRecipient(
            address=fold_address(each.address),
            permanent=each.permanent,
            status=each.status,
            diagnostic=each.diagnostic[:500],
        )
        for each in report.recipients[:_NAMES]
    )
    return MailBounced(
        **_about(delivery, "MailBounced", now),
        recipients=failed,
        original_id=report.original_id,
        notice_id=proven or notice_of(report.original_id, domain),
        standard=report.standard,
        delayed=report.delayed,
        proven=proven is not None,
        complaint=report.complaint,
    )


def _about(delivery: Delivery, what: str, at: datetime) -> dict[str, Any]:
    return {
        # From the delivery and the kind of fact, so doing it again says the same.
        "id": derive("fct", delivery.id, what),
        "key": delivery.digest,
        "at": at,
        "delivery": delivery.id,
    }
