"""A raw message as it is kept for staff: as it came, but for the secrets in it. Pure.

The original is in the mailbag alone, until the log says what became of it. Its hash stays the message's name. Text parts, attached
text files and the subject are masked; a part keeps its transfer encoding, and what is no text stays byte for byte.
"""

from __future__ import annotations

import binascii
import re

from services.intake.file_secrets import HEAD_BYTES, encoding_of, mask_all
from services.intake.mail.reading.decoding import content_of
from services.intake.mail.reading.shape import Reading, Trouble
from services.intake.mail.reading.structure import Part, split
from services.intake.mail.reading.words import header_text
from services.intake.mail.requests import MOST_QUOTED
from shared.events import AddReply, OpenTicket
from shared.text.redact import Masked, redact

_SUBJECT = re.compile(rb"(?im)^subject[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_LONGEST_SUBJECT = 2000
_BASE64_LINE = 57


def is_plain(raw: bytes, reading: Reading, request: OpenTicket | AddReply) -> bool:
    """Whether the texts of `request`, in which nothing was masked, are all there is in the message: then it can be kept as it came."""
    texts = (request.subject, request.body, request.quoted) if isinstance(request, OpenTicket) else (request.body, request.quoted)
    return (
        not any("[masked: " in text for text in texts)
        and reading.html is None
        and not reading.attachments
        and len(reading.quoted) <= MOST_QUOTED
        and Trouble.TEXT_CUT not in reading.troubles
        and b"multipart/" not in raw.lower()
    )


def without_secrets(raw: bytes) -> bytes:
    """The message with every secret masked; itself where there is none."""
    found: list[Masked] = []
    message = split(raw, [])
    parts, at = [_head(raw, message)], message.start
    for part in message.walk():
        if part.children or part.end <= part.start:
            continue
        content = content_of(raw, part, [])
        encoding = encoding_of(content[:HEAD_BYTES])
        safe = mask_all(content, encoding, found) if encoding is not None else content
        if safe != content:
            parts += [raw[at : part.start], _encoded(safe, part)]
            at = part.end
    return b"".join([*parts, raw[at:]])


def _head(raw: bytes, message: Part) -> bytes:
    """Everything before the body, the subject masked."""
    head = raw[: message.start]
    subject = redact(header_text(message.first("subject"), _LONGEST_SUBJECT))
    if not subject.found:
        return head
    line = b"Subject: =?utf-8?b?" + binascii.b2a_base64(subject.text.encode(), newline=False) + b"?="
    return _SUBJECT.sub(lambda _: line, head)


def _encoded(content: bytes, part: Part) -> bytes:
    """As the part says that it is encoded. A line break at the end keeps the boundary behind it on a line of its own."""
    said = part.first("content-transfer-encoding").decode("latin-1").partition(";")[0].strip().lower()
    if said == "base64":
        lines = [binascii.b2a_base64(content[at : at + _BASE64_LINE], newline=False) for at in range(0, len(content), _BASE64_LINE)]
        return b"\r\n".join(lines) + b"\r\n"
    if said == "quoted-printable":
        return binascii.b2a_qp(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return content
