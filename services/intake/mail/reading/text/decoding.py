"""A part's body → its bytes, and its bytes → its text."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from services.intake.mail.reading.models import TEXT_MOST, Trouble
from services.intake.mail.reading.packed.uuencode import find_uuencoded_files
from services.intake.mail.reading.structure import MimePart
from services.intake.mail.reading.text.charsets import decode_bytes, find_codec, hints_of_languages
from services.intake.mail.reading.text.words import (
    clean_text,
    header_string,
    lenient_base64,
    words_in,
)

# Names for no encoding at all, with the mistakes that mailers make.
_IDENTITY = {"", "7bit", "8bit", "binary", "7bits", "8bits", "none", "text", "plain", "utf8"}
_CHARSET_IN_MARKUP = re.compile(
    rb"<meta[^>]{0,200}charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
# Spaces before the line end were put there on the way; RFC 2045 says to drop them.
_SOFT_BREAK = re.compile(rb"=[ \t]{1,20}(?=\r?\n)")
# Controls that no text has: their presence tells bytes from letters.
_NO_LETTERS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_SPACE_WITHIN = re.compile(rb"[^\s][ \t]+[^\s]")
# Headers that people write in their own language.
_HINTED_IN = ("subject", "from", "to", "cc", "reply-to")
_HINTS_MOST = 12
_META_WITHIN = 4096


def hints_of(raw: bytes, message: MimePart) -> tuple[str, ...]:
    """The codecs that the whole message makes likely, for what does not say its own: those of
    encoded words, of parts, of HTML's meta, of the language. UTF-8 is none, since it is seen.
    """
    found: dict[str, None] = {}
    for name in _hints_in(raw, message):
        codec = find_codec(name)
        if codec is not None and codec not in ("utf-8", "ascii", "iso2022_jp"):
            found[codec] = None
        elif codec == "iso2022_jp":
            # Japanese mail in seven bits also has raw bytes, in one of these two sets.
            found |= {"cp932": None, "euc_jp": None}
    return tuple(found)[:_HINTS_MOST]


def _hints_in(raw: bytes, message: MimePart) -> Iterator[str]:
    for field in _HINTED_IN:
        yield from words_in(header_string(message.first(field)[:8000]))
    for part in message.walk():
        if part.kind.startswith("text/"):
            yield part.parameters.get("charset", "")
            if part.kind == "text/html":
                source = raw if part.source is None else part.source
                start = source[part.start : min(part.end, part.start + _META_WITHIN)]
                yield from (name.decode("ascii") for name in _CHARSET_IN_MARKUP.findall(start))
    yield from hints_of_languages(message.first("content-language").decode("latin-1")[:200])


def content_of(raw: bytes, part: MimePart, troubles: list[Trouble]) -> bytes:
    """The body with its transfer encoding undone; what is broken is rescued as far as it goes."""
    body = part.body(raw)
    encoding = transfer_encoding(part)
    if encoding in _IDENTITY:
        return body
    if encoding == "base64":
        return _from_base64(body, part, troubles)
    if encoding == "quotedprintable":
        return binascii.a2b_qp(_SOFT_BREAK.sub(b"=", body))
    if encoding in ("xuuencode", "uuencode", "xuue", "uue"):
        return _from_uuencode(body, troubles)
    # An unknown encoding: the bytes are shown as they are.
    troubles.append(Trouble.BAD_ENCODING)
    return body


def transfer_encoding(part: MimePart) -> str:
    """In lower case, with letters and digits alone: mailers write `quoted/printable`, too."""
    said = part.first("content-transfer-encoding").decode("latin-1")[:100].lower()
    return re.sub(r"[^a-z0-9]", "", said.partition(";")[0].partition("(")[0])


def _from_base64(body: bytes, part: MimePart, troubles: list[Trouble]) -> bytes:
    """Some mailers say base64 and send the text as it is."""
    content, good = lenient_base64(body)
    # Proper base64 has neither other letters nor spaces within a line.
    odd = len(_NO_BASE64.findall(body[:8192]))
    if not good or odd or _SPACE_WITHIN.search(body[:8192]):
        if _is_plain(body, content, part, odd):
            troubles.append(Trouble.BAD_ENCODING)
            return body
        if not good:
            troubles.append(Trouble.BAD_ENCODING)
    return content


def _is_plain(body: bytes, content: bytes, part: MimePart, odd: int) -> bool:
    """Whether `body`, which is no proper base64, makes more sense than `content`, which is what
    base64 makes of it.
    """
    if not part.kind.startswith("text/"):
        return odd * 10 > len(body[:8192])
    charset = part.parameters.get("charset", "")
    if _NO_LETTERS.search(body) or find_codec(charset) in ("utf-16", "utf-16-le", "utf-16-be"):
        return False
    if _NO_LETTERS.search(content):
        return True
    return not decode_bytes(content[:8192], charset or "utf-8").fits


def _from_uuencode(body: bytes, troubles: list[Trouble]) -> bytes:
    found = next(find_uuencoded_files(body), None)
    if found is None:
        troubles.append(Trouble.BAD_ENCODING)
        return body
    if not found.whole:
        troubles.append(Trouble.BAD_ENCODING)
    return found.content


def text_of(
    raw: bytes, part: MimePart, troubles: list[Trouble], hints: tuple[str, ...] = ()
) -> str:
    """A text part as text, at most `TEXT_MOST` characters of it."""
    content = content_of(raw, part, troubles)
    # Four bytes a letter at most, so this is enough for all that is kept.
    if len(content) > 4 * TEXT_MOST:
        content = content[: 4 * TEXT_MOST]
        troubles.append(Trouble.TEXT_CUT)
    charset = part.parameters.get("charset", "")
    # The page's own word: it wins only where the header says nothing.
    if part.kind == "text/html" and (found := _CHARSET_IN_MARKUP.search(content[:_META_WITHIN])):
        own = found[1].decode("ascii")
        if not charset:
            charset = own
        elif (codec := find_codec(own)) is not None:
            hints = (codec, *hints)
    text, known, fits = decode_bytes(content, charset, hints)
    if charset and not known and find_codec(charset) is None:
        troubles.append(Trouble.UNKNOWN_CHARSET)
    elif not fits:
        troubles.append(Trouble.BAD_CHARSET)
    text = clean_text(text)
    if len(text) > TEXT_MOST:
        text = text[:TEXT_MOST]
        troubles.append(Trouble.TEXT_CUT)
    if part.kind == "text/plain" and part.parameters.get("format", "").lower() == "flowed":
        return _join_flowed_lines(text, delete=part.parameters.get("delsp", "").lower() == "yes")
    return text


def _join_flowed_lines(text: str, *, delete: bool) -> str:
    """RFC 3676: a line that ends with a space goes on in the next one of the same quote depth."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        stripped = line.lstrip(">")
        depth = len(line) - len(stripped)
        content = stripped.removeprefix(" ")
        # The signature's mark ends with a space, and does not flow.
        flows = content.endswith(" ") and content != "-- "
        if open_depth == depth and content != "-- ":
            out[-1] += content
        else:
            out.append(">" * depth + (" " if depth and content else "") + content)
        if flows and delete:
            out[-1] = out[-1][:-1]
        open_depth = depth if flows else -1
    return "\n".join(out)
