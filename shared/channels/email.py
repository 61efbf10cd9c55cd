"""A page as mail through our relay. The Message-ID is the idempotency key, so a repeat is recognisable.

Answering it acknowledges the page: Reply-To is an address made for this page and this person.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from shared.channels.line import Line
from shared.channels.outcome import Accepted, Outcome, Refused, Summons, TryLater, Unknown, shortened
from shared.reply_address import page_reply_address


def message_for(line: Line, address: str, summons: Summons) -> EmailMessage:
    """Raises ValueError for an address, or a subject, that cannot stand in a header."""
    name, _, domain = address.rpartition("@")
    if not name or not domain:
        raise ValueError(f"{address!r} is no mail address")
    subject = " ".join(summons.subject.split())
    message = EmailMessage()
    message["From"] = line.mail_from
    message["To"] = Address(username=name, domain=domain)
    message["Message-ID"] = f"<{summons.key}@{line.mail_from.rpartition('@')[2]}>"
    message["Date"] = format_datetime(line.now())
    message["Auto-Submitted"] = "auto-generated"
    if summons.purpose == "verify":
        message["Subject"] = f"Your Signalbox code: {summons.code}"
        lines = [
            f"{summons.code} is the code that confirms this address for pages to {summons.person}. It is good for 15 minutes.",
            "",
            "If you did not ask for it, do nothing: without the code this address is not used.",
        ]
    elif summons.purpose == "page":
        message["Subject"] = f"URGENT: {subject}"
        message["Importance"] = "high"
        about = [f"{summons.requester} needs help now: {subject}", *_began(summons)]
        lines = [*about, "", f"Acknowledge: {summons.ack_url}", f"Ticket: {summons.ticket_url}"]
        if line.answers_to:
            message["Reply-To"] = page_reply_address(line.secret, line.answers_to, summons.page_id, summons.person)
            lines += ["", "Answering this mail acknowledges, too. RESOLVE or ESCALATE alone in the first line does that instead."]
    else:
        message["Subject"] = f"No longer needed: {subject}"
        lines = ["You were paged about this ticket. Nothing is needed from you any more.", "", f"Ticket: {summons.ticket_url}"]
    message.set_content("\n".join(lines) + "\n")
    return message


def _began(summons: Summons) -> list[str]:
    return [f"It began: {' '.join(summons.began.split())}"] if summons.began else []


async def send(line: Line, address: str, summons: Summons) -> Outcome:
    try:
        message = message_for(line, address, summons)
    except ValueError as error:
        return Refused(f"not a mail that can be sent: {error}")
    total = summons.timeout.total_seconds()
    relay = aiosmtplib.SMTP(hostname=line.smtp_host, port=line.smtp_port, timeout=total / 2, start_tls=None)
    try:
        await relay.connect()
    except (aiosmtplib.SMTPException, OSError) as error:
        return TryLater(f"no connection to the relay: {shortened(str(error))}")
    try:
        _, said = await relay.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        first = error.recipients[0]
        return _judge(first.code, first.message)
    except aiosmtplib.SMTPResponseException as error:
        return _judge(error.code, error.message)
    except (aiosmtplib.SMTPException, OSError) as error:
        return Unknown(f"cut off while sending: {shortened(str(error))}")
    finally:
        relay.close()
    return Accepted(shortened(said))


def _judge(code: int, said: str) -> Outcome:
    """A 4xx answer of a relay is for now, a 5xx for good (RFC 5321)."""
    reason = shortened(f"{code} {said}")
    return Refused(reason) if code >= 500 else TryLater(reason)
