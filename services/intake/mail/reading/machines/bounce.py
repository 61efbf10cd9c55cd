"""Reports that a mail of ours was not delivered: RFC 3464 as Postfix, Exchange and most send it,
and the letters of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.intake.mail.reading.fields import even_line_ends, read_fields
from services.intake.mail.reading.models import Bounce, Envelope, FailedRecipient
from services.intake.mail.reading.structure import MimePart
from services.intake.mail.reading.text.decoding import content_of
from services.intake.mail.reading.text.words import decode, one_line

# Bounds: a report of a lost campaign may name thousands.
RECIPIENTS_MOST = 50
REPORT_MOST = 64 * 1024

# A Message-ID in a header, and one that stands in a quoted copy.
_ID = re.compile(r"<[^<>\s]{1,500}>")
_ORIGINAL = re.compile(
    r"^[\s>]{0,10}Message-ID:\s{0,5}(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE
)
# An enhanced status code (RFC 3463), else the three digits of SMTP.
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_CODE = re.compile(r"\b(?:(5)[0-5]\d|(4)[0-5]\d)[ -]")
_ADDRESS = re.compile(
    r"<?(?:(?i:smtp)=)?([^\s<>()\[\]:;,\"']{1,64}@"
    r"[A-Za-z0-9_-]{0,63}[A-Za-z0-9](?:\.[A-Za-z0-9_-]{0,63}[A-Za-z0-9]){0,20})>?"
)
"""Without the mark of Exchange before it, and without the dots of Sendmail behind it."""
# Who signs reports; postmaster is a person at some houses, so it is not among those below.
_DAEMON = re.compile(
    r"(?:mailer-daemon|mail-daemon|postmaster|double-bounce|mmdf|maildelivery)@", re.IGNORECASE
)
_ONLY_REPORTS = re.compile(
    r"(?:mailer-daemon|mail-daemon|double-bounce|mdaemon|mail\.delivery\.(?:system|subsystem))@",
    re.IGNORECASE,
)
"""Names that send nothing but reports, whatever their subject."""
_FAILED_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|has failed|failure|report|problem)|fail(?:ed|ure) (?:notice"
    r"|delivery|mail)|returned mail"
    r"|mail delivery (?:failed|system)|could not (?:be delivered|send)|unzustellbar"
    r"|nicht zustellbar|non remis|no entregado"
    r"|non recapitabile|配信(?:不能|エラー)|投递失败|退信",
    re.IGNORECASE,
)
# Warnings: the mail is on its way still.
_STILL_TRYING = re.compile(
    r"\bdelay(?:ed)?\b|will (?:be retried|keep trying)|still being (?:tried|attempted)"
    r"|warning: message",
    re.IGNORECASE,
)


def report_of(
    raw: bytes, message: MimePart, envelope: Envelope, sender: str, subject: str, text: str
) -> Bounce | None:
    """The report that `message` is, or None. `text` is the mail's own text."""
    # The standard report is believed first: it says more than words do.
    status = next(
        (
            part
            for part in message.walk()
            if part.kind in ("message/delivery-status", "message/global-delivery-status")
        ),
        None,
    )
    reported = (
        message.kind == "multipart/report"
        and message.parameters.get("report-type", "delivery-status").lower() == "delivery-status"
    )
    daemon = _is_daemons(envelope, sender) or _is_nobodys(message, sender)
    if status is not None and (reported or daemon):
        # Some write the form and leave its fields empty: then the words below are all there is.
        found = _standard(raw, message, status)
        return found if found.recipients else _guess_bounce(raw, message, subject, text, [])
    failed = [
        one_line(address)
        for value in message.all("x-failed-recipients")
        for address in _ADDRESS.findall(value.decode("latin-1"))
    ]
    # Without a standard form: qmail, Exim and old Exchange.
    reports = _FAILED_SUBJECT.search(subject) or "qmail-send" in text[:200]
    # X-Failed-Recipients alone is no report: a person may pass such a header on
    if not (_ONLY_REPORTS.match(sender) or ((daemon or not sender) and (failed or reports))):
        return None
    return _guess_bounce(raw, message, subject, text, failed)


def _is_daemons(envelope: Envelope, sender: str) -> bool:
    """From a mail system, with nobody to answer to (RFC 5321 section 4.5.5)."""
    return bool(_DAEMON.match(sender)) or (
        envelope.mail_from in ("", "<>") and bool(_DAEMON.match(f"{sender.partition('@')[0]}@"))
    )


def _is_nobodys(message: MimePart, sender: str) -> bool:
    """`From: <>` or `From: MAILER-DAEMON`: there is no address to answer to."""
    return not sender and b"@" not in message.first("from")


def _standard(raw: bytes, message: MimePart, status: MimePart) -> Bounce:
    content = even_line_ends(content_of(raw, status, [])[:REPORT_MOST]).replace(b"\r\n", b"\n")
    # One block for each recipient; the first one is about the message (RFC 3464 section 2.1).
    recipients = []
    for block in re.split(rb"\n(?:[ \t]*\n)+", content)[: RECIPIENTS_MOST + 1]:
        # Reversed, so that the first of two fields of one name stays in the dict.
        fields = dict(
            reversed(read_fields(block.strip() + b"\n\n", 0, len(block.strip()) + 2, [])[0])
        )
        address = _recipient(fields)
        if not address:
            continue
        found = _STATUS.search(fields.get("status", b"").decode("latin-1"))
        recipients.append(
            FailedRecipient(
                address=address,
                action=one_line(fields.get("action", b"").decode("latin-1").lower(), 20),
                status=found[1] if found else "",
                diagnostic=_strip_type(fields.get("diagnostic-code", b""), 300),
            )
        )
    # A receipt, or a mail on its way: nobody has lost anything.
    mild = bool(recipients) and all(
        one.action in ("delayed", "delivered", "relayed", "expanded") for one in recipients
    )
    return Bounce(
        recipients=tuple(recipients),
        original_id=original_id(raw, message),
        standard=True,
        delayed=mild,
    )


def _recipient(fields: Mapping[str, bytes]) -> str:
    """The address that we wrote to (RFC 3464 section 2.3.1). The final one may be where that was
    forwarded to, or a name of the other system's own.
    """
    original = _strip_type(fields.get("original-recipient", b""))
    final = _strip_type(fields.get("final-recipient", b""))
    # An original recipient that is no address is a name of the other system's own.
    return original if _ADDRESS.fullmatch(original) else final or original


def _strip_type(value: bytes, most: int = 254) -> str:
    """`rfc822; ann@example.com` → the part behind the type."""
    kind, mark, rest = decode(value, "utf-8")[0].partition(";")
    return one_line(rest if mark else kind, most).strip("<> ")


def original_fields(raw: bytes, message: MimePart) -> list[tuple[str, bytes]]:
    """The header fields of the mail of ours that a report is about, which it carries whole or as
    headers; empty where it does not.
    """
    for part in message.walk():
        if part.kind in (
            "message/rfc822",
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global",
            "message/global-headers",
        ):
            content = even_line_ends(content_of(raw, part, [])[:REPORT_MOST]).lstrip()
            return read_fields(content, 0, len(content), [])[0]
    return []


def original_id(raw: bytes, message: MimePart) -> str | None:
    """The Message-ID of that mail."""
    for name, value in original_fields(raw, message):
        if name == "message-id" and (found := _ID.search(value.decode("latin-1"))):
            return one_line(found[0], 500)
    return None


def _guess_bounce(
    raw: bytes, message: MimePart, subject: str, text: str, failed: list[str]
) -> Bounce:
    """qmail's "failure notice", old Exchange's and Exim's letters: addresses, a code and the copy
    below.
    """
    text = text[:REPORT_MOST]
    # Addresses are looked for above the copy, since the copy names many who have nothing to do with
    # it.
    own, copy = _copy_below(text)
    addresses = failed or [
        address for address in dict.fromkeys(_ADDRESS.findall(own)) if not _DAEMON.match(address)
    ]
    status = _STATUS.search(own)
    code = _REPLY_CODE.search(own)
    # `5.0.0`: permanent, of unknown kind (RFC 3463 section 3.1).
    word = status[1] if status else f"{code[1] or code[2]}.0.0" if code else ""
    found = _ORIGINAL.search(copy) or _ORIGINAL.search(own)
    delayed = bool(_STILL_TRYING.search(subject)) or word.startswith("4")
    recipients = tuple(
        FailedRecipient(
            address=one_line(a, 254), action="delayed" if delayed else "failed", status=word
        )
        for a in addresses[:RECIPIENTS_MOST]
    )
    return Bounce(
        recipients=recipients,
        original_id=original_id(raw, message) or (one_line(found[1]) if found else None),
        standard=False,
        delayed=delayed,
    )


def _copy_below(text: str) -> tuple[str, str]:
    """The daemon's own words, and the copy of the mail that came back."""
    found = re.search(
        r"^[ \t]*(?:-{2,}.{0,60}(?:copy of (?:the|your) message|original message"
        r"|unsent message|message header|returned message).{0,60}"
        r"|Return-Path: <.{0,200}|Received: from .{0,200})$",
        text,
        re.IGNORECASE | re.MULTILINE,
    )
    return (text[: found.start()], text[found.start() :]) if found else (text, "")
