"""A page as mail through our relay. The Message-ID is the idempotency key, so a repeat is
recognisable.

Answering it acknowledges the page: Reply-To is an address made for this page and this person.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from shared.channels.line import ChannelContext
from shared.channels.outcome import (
    Accepted,
    Outcome,
    PageMessage,
    Rejected,
    TryLater,
    Unknown,
    shorten,
)
from shared.people.addresses import deliverable
from shared.signed.reply_address import page_reply_address


def message_for(line: ChannelContext, address: str, summons: PageMessage) -> EmailMessage:
    """Raises ValueError for an address, or a subject, that cannot stand in a header."""
    name, _, domain = deliverable(address).rpartition("@")
    # A line break in a header would begin another one.
    subject = " ".join(summons.subject.split())
    message = EmailMessage()
    message["From"] = line.mail_from
    message["To"] = Address(username=name, domain=domain)
    # The same key gives the same id: a repeat is recognised by mail programs.
    message["Message-ID"] = f"<{summons.key}@{line.mail_from.rpartition('@')[2]}>"
    message["Date"] = format_datetime(line.now())
    # Keeps out-of-office replies from answering (RFC 3834): an answer acknowledges.
    message["Auto-Submitted"] = "auto-generated"
    if summons.purpose == "verify":
        message["Subject"] = f"Your Signalbox code: {summons.code}"
        lines = [
            (
                f"{summons.code} is the code that confirms this address for pages to "
                f"{summons.person}. It is good for 15 minutes."
            ),
            "",
            "If you did not ask for it, do nothing: without the code this address is not used.",
        ]
    elif summons.purpose == "page":
        message["Subject"] = f"URGENT: {subject}"
        message["Importance"] = "high"
        about = [f"{summons.requester} needs help now: {subject}", *_began(summons)]
        # A test must never read like an emergency.
        if summons.is_test:
            about = [f"{summons.requester} tries whether pages reach you. Nothing is wrong."]
        lines = [*about, "", f"Acknowledge: {summons.ack_url}", f"Ticket: {summons.ticket_url}"]
        if line.answers_to:
            message["Reply-To"] = page_reply_address(
                line.secret, line.answers_to, summons.page_id, summons.person
            )
            lines += [
                "",
                (
                    "Answering this mail acknowledges, too. RESOLVE or ESCALATE alone in the "
                    "first line does that instead."
                ),
            ]
    else:
        message["Subject"] = f"No longer needed: {subject}"
        lines = [
            "You were paged about this ticket. Nothing is needed from you any more.",
            "",
            f"Ticket: {summons.ticket_url}",
        ]
    message.set_content("\n".join(lines) + "\n")
    return message


def _began(summons: PageMessage) -> list[str]:
    return [f"It began: {' '.join(summons.began.split())}"] if summons.began else []


async def send(line: ChannelContext, address: str, summons: PageMessage) -> Outcome:
    try:
        message = message_for(line, address, summons)
    except ValueError as error:
        return Rejected(f"not a mail that can be sent: {error}")
    total = summons.timeout.total_seconds()
    # Half the time for each of the two steps below.
    relay = aiosmtplib.SMTP(
        hostname=line.smtp_host, port=line.smtp_port, timeout=total / 2, start_tls=None
    )
    # Connecting first, by itself: where that fails, surely nothing was delivered.
    try:
        await relay.connect()
    except (aiosmtplib.SMTPException, OSError) as error:
        return TryLater(f"no connection to the relay: {shorten(str(error))}")
    try:
        _, said = await relay.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        first = error.recipients[0]
        return _judge(first.code, first.message)
    except aiosmtplib.SMTPNotSupported:
        return Rejected("the relay does not take letters outside ASCII before the @ (SMTPUTF8)")
    except aiosmtplib.SMTPResponseException as error:
        return _judge(error.code, error.message)
    # Cut off in the middle: the relay may have taken it.
    except (aiosmtplib.SMTPException, OSError) as error:
        return Unknown(f"cut off while sending: {shorten(str(error))}")
    finally:
        relay.close()
    return Accepted(shorten(said))


def _judge(code: int, said: str) -> Outcome:
    """A 4xx answer of a relay is for now, a 5xx for good (RFC 5321)."""
    reason = shorten(f"{code} {said}")
    return Rejected(reason) if code >= 500 else TryLater(reason)
