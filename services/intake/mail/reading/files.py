"""A part that is not the mail's own text → an attachment with a harmless name and a type that was
looked at, not believed.
"""

from __future__ import annotations

import codecs
import hashlib
import mimetypes
import re
import unicodedata

import filetype

from services.intake.mail.reading.models import Attachment, Trouble
from services.intake.mail.reading.structure import MimePart
from services.intake.mail.reading.text.decoding import content_of
from services.intake.mail.reading.text.parameters import parse_parameters
from services.intake.mail.reading.text.words import decode_words, one_line

NAME_MOST = 120
# The start of a file shows its type.
SNIFFED = 8192

# What Windows and shells refuse or read otherwise.
_FORBIDDEN = re.compile(r'[<>:"|?*\\/]')
# Names of devices on Windows: a file of such a name cannot be saved there.
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
# Where a name is missing, the extension that opens the right program.
_EXTENSIONS = {
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/plain": ".txt",
    "text/html": ".html",
    "image/jpeg": ".jpg",
    "application/ms-tnef": ".dat",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
    "application/octet-stream": ".bin",
    "application/pgp-signature": ".asc",
    "application/pkcs7-signature": ".p7s",
    "message/global": ".eml",
}
# A comment may stand before a page, and browsers look behind it.
_COMMENT = rb"(?:<!--.{0,500}?-->\s{0,100})?"
# In this order: SVG may run scripts, so it is known before other XML.
_MARKUP = (
    (
        rb"(?:<\?xml[^>]{0,200}\?>\s{0,100})?"
        + _COMMENT
        + rb"(?:<!DOCTYPE svg[^>]{0,300}>\s{0,100})?<svg[\s>]",
        "image/svg+xml",
    ),
    (
        _COMMENT + rb"<(?:!doctype\s+html|html|head|body|script|iframe|img|a|table|div|p)[\s>]",
        "text/html",
    ),
    (rb"<\?xml\s", "application/xml"),
)
_SHOWN = tuple(
    (re.compile(rb"\s{0,100}" + pattern, re.IGNORECASE | re.DOTALL), kind)
    for pattern, kind in _MARKUP
)


def attachment(
    raw: bytes, part: MimePart, number: int, troubles: list[Trouble], hints: tuple[str, ...] = ()
) -> Attachment:
    """`number` counts from 1 and names what has no name."""
    content = content_of(raw, part, troubles)
    disposition = parse_parameters(part.first("content-disposition"))
    kind = sniff_type(content, part.kind)
    return Attachment(
        filename=safe_name(
            disposition.of.get("filename") or part.parameters.get("name") or "",
            kind,
            number,
            hints,
        ),
        content_type=kind,
        declared_type=one_line(part.kind, 100),
        inline=disposition.value == "inline"
        or (not disposition.value and bool(part.first("content-id"))),
        content_id=one_line(part.first("content-id").decode("latin-1"), 200).strip("<>"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )


def sniff_type(content: bytes, declared: str) -> str:
    """The type that the bytes show. Text that could run in a browser is called what a browser would
    take it for.
    """
    start = content[:SNIFFED]
    # TNEF by its signature, since mailers call it by many types.
    if start.startswith(b"\x78\x9f\x3e\x22"):
        return "application/ms-tnef"
    found = filetype.guess_mime(start) if start else None
    if found:
        return str(found)
    # Browsers pass over a byte order mark when they sniff.
    for pattern, kind in _SHOWN:
        if pattern.match(start.removeprefix(b"\xef\xbb\xbf")):
            return kind
    # Text forms of mail that their bytes do not show.
    if declared in (
        "message/rfc822",
        "message/delivery-status",
        "message/global",
        "text/rfc822-headers",
        "application/pgp-signature",
    ):
        return declared
    if b"\x00" in start or not _is_utf8(start):
        return "application/octet-stream"
    if start.lstrip()[:15].upper() == b"BEGIN:VCALENDAR":
        return "text/calendar"
    # Only text types that cannot run; any other name is not believed.
    return (
        declared
        if declared
        in ("text/csv", "text/calendar", "application/json", "text/markdown", "text/x-log")
        else "text/plain"
    )


def _is_utf8(start: bytes) -> bool:
    """A start that was cut within a letter is still text."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) < SNIFFED)
    except UnicodeDecodeError:
        return False
    return True


def safe_name(declared: str, kind: str, number: int, hints: tuple[str, ...] = ()) -> str:
    """No path, no control or direction character, no leading or trailing dot, no reserved name; the
    extension survives a cut.
    """
    # Composed letters, so the same name is the same bytes.
    name = one_line(unicodedata.normalize("NFC", decode_words(declared, hints)), 1000)
    name = _FORBIDDEN.sub("_", re.split(r"[\\/]", name)[-1]).strip(" .")
    if not name or _RESERVED.match(name):
        extension = _EXTENSIONS.get(kind) or mimetypes.guess_extension(kind, strict=False) or ".bin"
        return f"attachment-{number}{extension}"
    # The extension survives the cut: it says what opens the file.
    if len(name) > NAME_MOST:
        stem, dot, extension = name.rpartition(".")
        ending = dot + extension if dot and len(extension) <= 10 else ""
        name = (stem if ending else name)[: NAME_MOST - len(ending)].rstrip(" .") + ending
    return name
