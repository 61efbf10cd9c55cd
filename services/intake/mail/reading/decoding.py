"""A part's body → its bytes, and its bytes → its text."""

from __future__ import annotations

import binascii
import re

from services.intake.mail.reading.shape import TEXT_MOST, Trouble
from services.intake.mail.reading.structure import Part
from services.intake.mail.reading.words import decode, known_charset, lenient_base64

_IDENTITY = {"", "7bit", "8bit", "binary", "7-bit", "8-bit"}
_CHARSET_IN_MARKUP = re.compile(rb"<meta[^>]{0,200}charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def content_of(raw: bytes, part: Part, troubles: list[Trouble]) -> bytes:
    """The body with its transfer encoding undone; what is broken is rescued as far as it goes."""
    body = raw[part.start : part.end]
    encoding = part.first("content-transfer-encoding").decode("latin-1").partition(";")[0].strip().lower()
    if encoding in _IDENTITY:
        return body
    if encoding == "base64":
        content, good = lenient_base64(body)
        if not good:
            troubles.append(Trouble.BAD_ENCODING)
        return content
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uudecoded(body, troubles)
    troubles.append(Trouble.BAD_ENCODING)
    return body


def _uudecoded(body: bytes, troubles: list[Trouble]) -> bytes:
    out, begun = [], False
    for line in body.split(b"\n"):
        line = line.rstrip(b"\r")
        if not begun:
            begun = re.match(rb"begin [0-7]{3,4} ", line) is not None
        elif line in (b"end", b"`", b""):
            break
        else:
            try:
                out.append(binascii.a2b_uu(line))
            except binascii.Error:
                troubles.append(Trouble.BAD_ENCODING)
                break
    return b"".join(out) if begun else body


def text_of(raw: bytes, part: Part, troubles: list[Trouble]) -> str:
    """A text part as text, at most `TEXT_MOST` characters of it."""
    content = content_of(raw, part, troubles)
    if len(content) > 4 * TEXT_MOST:
        content = content[: 4 * TEXT_MOST]
        troubles.append(Trouble.TEXT_CUT)
    charset = part.parameters.get("charset", "")
    if not charset and part.kind == "text/html" and (found := _CHARSET_IN_MARKUP.search(content[:4096])):
        charset = found[1].decode("ascii")
    text, fitted = decode(content, charset)
    if charset and known_charset(charset) is None:
        troubles.append(Trouble.UNKNOWN_CHARSET)
    elif not fitted:
        troubles.append(Trouble.BAD_CHARSET)
    if len(text) > TEXT_MOST:
        text = text[:TEXT_MOST]
        troubles.append(Trouble.TEXT_CUT)
    if part.kind == "text/plain" and part.parameters.get("format", "").lower() == "flowed":
        return _unflowed(text, delete=part.parameters.get("delsp", "").lower() == "yes")
    return text


def _unflowed(text: str, *, delete: bool) -> str:
    """RFC 3676: a line that ends with a space goes on in the next one of the same quote depth."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        stripped = line.lstrip(">")
        depth = len(line) - len(stripped)
        content = stripped.removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        if open_depth == depth and content != "-- ":
            out[-1] += content
        else:
            out.append(">" * depth + (" " if depth and content else "") + content)
        if flows and delete:
            out[-1] = out[-1][:-1]
        open_depth = depth if flows else -1
    return "\n".join(out)
