"""Header bytes → text that is fit for everything behind us: RFC 2047 words, and no character that
breaks a line, a header, JSON or a terminal.

A header that is still to be taken apart is kept as `header_string`: UTF-8, with each byte that is
none as a lone surrogate (Python's `surrogateescape`). `decode_words` makes text of it.
"""

from __future__ import annotations

import base64
import binascii
import re

from services.intake.mail.reading.text.charsets import decode_bytes, find_codec
from shared.text.ansi import without_escapes

HEADER_MOST = 2000
"""Characters of one header's text that are kept."""

_WORD = re.compile(
    r"=\?([^?\s=]{1,60})\?([bBqQ])\?"
    r"((?:[^?=\r\n]|=(?!\?[^?\s=]{1,60}\?[bBqQ]\?)|\?(?!=)){0,2000})\?="
)
"""An encoded word. Some mailers leave spaces, `?` and raw bytes within it, as RFC 2047 forbids."""
_SURROGATE = re.compile("[\ud800-\udfff]")
# Controls but tab and what `_BREAKS` turns into line feeds.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Marks that change the direction: they could make a name read as another one.
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"\s+")


def decode(raw: bytes, charset: str, hints: tuple[str, ...] = ()) -> tuple[str, bool]:
    """The text, and whether `charset` was known and fitted. What does not fit is found out by
    `hints` (codecs) and a detector.
    """
    text, _, fits = decode_bytes(raw, charset, hints)
    return clean_text(text), fits


def clean_text(text: str) -> str:
    """No lone surrogate, no colour of a terminal, no NUL or other control but tab and line feed;
    every line ends with a line feed.
    """
    # Nearly all text: nothing to mend.
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(
        "",
        _BREAKS.sub("\n", _SURROGATE.sub("\ufffd", without_escapes(text.removeprefix("\ufeff")))),
    )


def one_line(text: str, most: int = HEADER_MOST) -> str:
    """Fit to stand in a header, a log line or a list: no break, no change of direction, single
    spaces.
    """
    return _SPACES.sub(" ", _DIRECTION.sub("", clean_text(text))).strip()[:most].rstrip()


def header_text(raw: bytes, most: int = HEADER_MOST, hints: tuple[str, ...] = ()) -> str:
    """An unstructured field (Subject) as one line: RFC 2047 words decoded, raw bytes read by
    `hints`.
    """
    return one_line(decode_words(header_string(raw[: most * 8]), hints), most)


def header_string(raw: bytes) -> str:
    """A header to be taken apart: its bytes can be had again, with `plain_text` or
    `decode_words`.
    """
    return raw.decode("utf-8", "surrogateescape")


def plain_text(text: str, hints: tuple[str, ...] = ()) -> str:
    """A `header_string`, or a piece of one, without encoded words: its raw bytes become letters."""
    if text.isascii() and "\x1b" not in text:
        return text
    return decode_bytes(text.encode("utf-8", "surrogateescape"), "", hints).text


def words_in(text: str) -> list[str]:
    """The character sets that encoded words of a `header_string` name, in lower case."""
    return [match[1].partition("*")[0].lower() for match in _WORD.finditer(text)]


def decode_words(text: str, hints: tuple[str, ...] = ()) -> str:
    """RFC 2047. Neighbours of one character set are joined before they are decoded: some mailers
    cut within a letter.
    """
    if "=?" not in text:
        return plain_text(text, hints)
    out: list[str] = []
    pending: list[tuple[str, str, str]] = []
    at = 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        charset = match[1].partition("*")[0].lower()
        # Words of another set, or with text between them, are decoded by themselves.
        if pending and (between.strip() or not _is_same(pending[0][0], charset)):
            out.append(_decode_neighbours(pending, hints))
            pending = []
        # Blanks between two encoded words are not part of the text (RFC 2047 section 6.2).
        if between.strip() or (at == 0 and between):
            out.append(plain_text(between, hints))
        pending.append((charset, match[2].lower(), match[3]))
        at = match.end()
    if pending:
        out.append(_decode_neighbours(pending, hints))
    return "".join(out) + plain_text(text[at:], hints)


def _is_same(one: str, other: str) -> bool:
    return one == other or (find_codec(one) or one) == (find_codec(other) or other)


def _decode_neighbours(words: list[tuple[str, str, str]], hints: tuple[str, ...]) -> str:
    """Words of one set, as (charset, encoding, content)."""
    raw, torn = b"", ""
    for _, encoding, content in words:
        if encoding == "q":
            raw += _of_base64(torn) + binascii.a2b_qp(_bytes_of(content), header=True)
            torn = ""
        elif len((torn + content).strip().rstrip("=")) % 4 and not content.endswith("="):
            torn += content.strip()  # the mailer cut within a group of base64
        else:
            raw, torn = raw + _of_base64(torn + content), ""
    return decode(raw + _of_base64(torn), words[0][0], hints)[0]


def _of_base64(text: str) -> bytes:
    return lenient_base64(_bytes_of(text))[0] if text else b""


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def lenient_base64(raw: bytes) -> tuple[bytes, bool]:
    """The bytes, and whether it was proper base64. What is no base64 is skipped, a torn end is
    mended.
    """
    try:
        return binascii.a2b_base64(raw), True
    except binascii.Error:
        # Foreign signs go, and a rest of one letter holds no byte.
        clean = re.sub(rb"[^A-Za-z0-9+/]+", b"", raw)
        clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
        return base64.b64decode(clean + b"=" * (-len(clean) % 4)), False
