"""A raw message as it is kept for staff: as it came, but for the secrets in it. Pure.

The original is in the mailbag alone, until the log says what became of it. Its hash stays the
message's name. Text parts, attached text files and the subject are masked; a part keeps its
transfer encoding, and what is no text stays byte for byte. A part that is packed (S/MIME,
winmail.dat, uuencode) goes whole when a secret is in it.
"""

from __future__ import annotations

import binascii
import re

from services.intake.files.mask_bytes import HEAD_BYTES, encoding_of, mask_all
from services.intake.mail.admission.requests import MOST_QUOTED, MOST_TEXT
from services.intake.mail.reading.fields import even_line_ends
from services.intake.mail.reading.models import MailContent, Trouble
from services.intake.mail.reading.packed.unpacking import unpack
from services.intake.mail.reading.structure import MimePart, split
from services.intake.mail.reading.text.decoding import content_of
from services.intake.mail.reading.text.words import header_text
from shared.events import AddReply, OpenTicket
from shared.text.redact import MaskedSecret, redact

# The header line and its continuation lines (RFC 5322 section 2.2.3).
_SUBJECT = re.compile(rb"(?im)^subject[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_LONGEST_SUBJECT = 2000
# Bytes that make a base64 line of 76 characters (RFC 2045 section 6.8).
_BASE64_LINE = 57
_NOT_KEPT = b"A secret was in this part, so that it is not kept. Its text is on the ticket.\r\n"


def is_plain(raw: bytes, reading: MailContent, request: OpenTicket | AddReply) -> bool:
    """Whether the texts of `request`, in which nothing was masked, are all there is in the message:
    then it can be kept as it came.
    """
    texts = (
        (request.subject, request.body, request.quoted)
        if isinstance(request, OpenTicket)
        else (request.body, request.quoted)
    )
    # Whatever is not shown in these texts may still hide a secret: then the message is searched.
    return (
        not any("[masked: " in text for text in texts)
        and reading.html is None
        and not reading.attachments
        and len(reading.text) <= MOST_TEXT
        and len(reading.quoted) <= MOST_QUOTED
        and (isinstance(request, OpenTicket) or bool(request.quoted) == bool(reading.quoted))
        and Trouble.TEXT_CUT not in reading.troubles
        and b"multipart/" not in raw.lower()
    )


def without_secrets(raw: bytes) -> bytes:
    """The message with every secret masked; itself where there is none."""
    found: list[MaskedSecret] = []
    message = split(raw, [])
    # Parts from the back of the last change on: what is not touched is never decoded and encoded
    # again.
    parts, at = [_head(raw, message)], message.start
    for part in message.walk():
        if part.children or part.end <= part.start:
            continue
        content = content_of(raw, part, [])
        encoding = encoding_of(content[:HEAD_BYTES])
        safe = mask_all(content, encoding, found) if encoding is not None else content
        # Packed content cannot be masked in place, so the part goes whole.
        if _hides_secrets(raw, part):
            safe = _NOT_KEPT
        if safe != content:
            parts += [raw[at : part.start], _encode_content(safe, part)]
            at = part.end
    return b"".join([*parts, raw[at:]])


def _hides_secrets(raw: bytes, part: MimePart) -> bool:
    """Whether there is one in what is packed within the part: S/MIME, winmail.dat, uuencode."""
    # A copy of the part: unpacking adds children to it, and the walk outside must not see them.
    packed = MimePart(
        part.fields, part.start, part.end, 0, kind=part.kind, parameters=part.parameters
    )
    unpack(raw, packed, [])
    found: list[MaskedSecret] = []
    for each in packed.walk() if packed.children else ():
        for leaf in (*each.spare, *(() if each.children else (each,))):
            content = content_of(raw, leaf, [])
            if (encoding := encoding_of(content[:HEAD_BYTES])) is not None:
                mask_all(content, encoding, found)
    return bool(found)


def _head(raw: bytes, message: MimePart) -> bytes:
    """Everything before the body, the subject masked."""
    # Where nothing is found, the head stays as it came, byte for byte.
    head = even_line_ends(raw)[: message.start]
    subject = redact(header_text(message.first("subject"), _LONGEST_SUBJECT))
    if not subject.found:
        return raw[: message.start]
    line = (
        b"Subject: =?utf-8?b?" + binascii.b2a_base64(subject.text.encode(), newline=False) + b"?="
    )
    return _SUBJECT.sub(lambda _: line, head)


def _encode_content(content: bytes, part: MimePart) -> bytes:
    """As the part says that it is encoded. A line break at the end keeps the boundary behind it on
    a line of its own.
    """
    said = (
        part.first("content-transfer-encoding").decode("latin-1").partition(";")[0].strip().lower()
    )
    # The same encoding as before, or the header of the part would lie about it.
    if said == "base64":
        lines = [
            binascii.b2a_base64(content[at : at + _BASE64_LINE], newline=False)
            for at in range(0, len(content), _BASE64_LINE)
        ]
        return b"\r\n".join(lines) + b"\r\n"
    if said == "quoted-printable":
        return binascii.b2a_qp(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return content
