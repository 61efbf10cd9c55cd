"""Reports that a mail of ours was not delivered: RFC 3464 as Postfix, Exchange and most send it, and the letters of the rest."""

from __future__ import annotations

import re

from services.intake.mail.reading.decoding import content_of
from services.intake.mail.reading.shape import Bounce, Envelope, FailedRecipient
from services.intake.mail.reading.structure import Part, read_fields
from services.intake.mail.reading.words import decode, one_line

RECIPIENTS_MOST = 50
REPORT_MOST = 64 * 1024

_ID = re.compile(r"<[^<>\s]{1,500}>")
_ORIGINAL = re.compile(r"^[\s>]{0,10}Message-ID:\s{0,5}(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_CODE = re.compile(r"\b(?:(5)[0-5]\d|(4)[0-5]\d)[ -]")
_ADDRESS = re.compile(r"<?([^\s<>()\[\]:;,\"']{1,64}@[A-Za-z0-9._-]{1,253}[A-Za-z0-9])>?")
_DAEMON = re.compile(r"(?:mailer-daemon|mail-daemon|postmaster|double-bounce|mmdf|maildelivery)@", re.IGNORECASE)
_ONLY_REPORTS = re.compile(r"(?:mailer-daemon|mail-daemon|double-bounce|mdaemon|mail\.delivery\.(?:system|subsystem))@", re.IGNORECASE)
"""Names that send nothing but reports, whatever their subject."""
_FAILED_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|has failed|failure|report|problem)|fail(?:ed|ure) (?:notice|delivery)|returned mail"
    r"|mail delivery (?:failed|system)|could not (?:be delivered|send)|unzustellbar|nicht zustellbar|non remis|no entregado"
    r"|non recapitabile|配信(?:不能|エラー)|投递失败|退信",
    re.IGNORECASE,
)
_STILL_TRYING = re.compile(
    r"\bdelay(?:ed)?\b|will (?:be retried|keep trying)|still being (?:tried|attempted)|warning: message", re.IGNORECASE
)


def report_of(raw: bytes, message: Part, envelope: Envelope, sender: str, subject: str, text: str) -> Bounce | None:
    """The report that `message` is, or None. `text` is the mail's own text."""
    status = next((part for part in message.walk() if part.kind in ("message/delivery-status", "message/global-delivery-status")), None)
    reported = message.kind == "multipart/report" and message.parameters.get("report-type", "delivery-status").lower() == "delivery-status"
    if status is not None and (reported or _is_daemons(envelope, sender)):
        return _standard(raw, message, status)
    failed = [one_line(address) for value in message.all("x-failed-recipients") for address in _ADDRESS.findall(value.decode("latin-1"))]
    reports = _FAILED_SUBJECT.search(subject) or "qmail-send" in text[:200]
    if not (failed or _ONLY_REPORTS.match(sender) or (_is_daemons(envelope, sender) and reports)):
        return None
    return _guessed(raw, message, subject, text, failed)


def _is_daemons(envelope: Envelope, sender: str) -> bool:
    """From a mail system, with nobody to answer to (RFC 5321 section 4.5.5)."""
    return bool(_DAEMON.match(sender)) or (envelope.mail_from in ("", "<>") and bool(_DAEMON.match(f"{sender.partition('@')[0]}@")))


def _standard(raw: bytes, message: Part, status: Part) -> Bounce:
    content = content_of(raw, status, [])[:REPORT_MOST].replace(b"\r\n", b"\n")
    recipients = []
    for block in re.split(rb"\n(?:[ \t]*\n)+", content)[: RECIPIENTS_MOST + 1]:
        fields = dict(reversed(read_fields(block.strip() + b"\n\n", 0, len(block.strip()) + 2, [])[0]))
        address = _typed(fields.get("final-recipient", b"")) or _typed(fields.get("original-recipient", b""))
        if not address:
            continue
        found = _STATUS.search(fields.get("status", b"").decode("latin-1"))
        recipients.append(
            FailedRecipient(
                address=address,
                action=one_line(fields.get("action", b"").decode("latin-1").lower(), 20),
                status=found[1] if found else "",
                diagnostic=_typed(fields.get("diagnostic-code", b""), 300),
            )
        )
    mild = bool(recipients) and all(one.action in ("delayed", "delivered", "relayed", "expanded") for one in recipients)
    return Bounce(recipients=tuple(recipients), original_id=original_id(raw, message), standard=True, delayed=mild)


def _typed(value: bytes, most: int = 254) -> str:
    """`rfc822; ann@example.com` → the part behind the type."""
    kind, mark, rest = decode(value, "utf-8")[0].partition(";")
    return one_line(rest if mark else kind, most).strip("<> ")


def original_fields(raw: bytes, message: Part) -> list[tuple[str, bytes]]:
    """The header fields of the mail of ours that a report is about, which it carries whole or as headers; empty where it does not."""
    for part in message.walk():
        if part.kind in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"):
            content = content_of(raw, part, [])[:REPORT_MOST].lstrip()
            return read_fields(content, 0, len(content), [])[0]
    return []


def original_id(raw: bytes, message: Part) -> str | None:
    """The Message-ID of that mail."""
    for name, value in original_fields(raw, message):
        if name == "message-id" and (found := _ID.search(value.decode("latin-1"))):
            return one_line(found[0], 500)
    return None


def _guessed(raw: bytes, message: Part, subject: str, text: str, failed: list[str]) -> Bounce:
    """qmail's "failure notice", old Exchange's and Exim's letters: addresses, a code and the copy below."""
    text = text[:REPORT_MOST]
    own, copy = _copy_below(text)
    addresses = failed or [address for address in dict.fromkeys(_ADDRESS.findall(own)) if not _DAEMON.match(address)]
    status = _STATUS.search(own)
    code = _REPLY_CODE.search(own)
    word = status[1] if status else f"{code[1] or code[2]}.0.0" if code else ""
    found = _ORIGINAL.search(copy) or _ORIGINAL.search(own)
    delayed = bool(_STILL_TRYING.search(subject)) or word.startswith("4")
    recipients = tuple(
        FailedRecipient(address=one_line(a, 254), action="delayed" if delayed else "failed", status=word)
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
        text, re.IGNORECASE | re.MULTILINE,
    )  # fmt: skip
    return (text[: found.start()], text[found.start() :]) if found else (text, "")
