"""Bytes → text that is fit for everything behind us: character sets, RFC 2047 words, and no character that breaks a line,
a header, JSON or a terminal."""

from __future__ import annotations

import base64
import binascii
import codecs
import re

HEADER_MOST = 2000
"""Characters of one header's text that are kept."""

_NEVER = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem", "palmos"})
"""Codecs of Python that are no character set of a mail; two of them take quadratic time."""
_ALSO = {
    "x-sjis": "cp932", "shift_jis": "cp932", "shift-jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "windows-874": "cp874",
    "utf8mb4": "utf-8", "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "x-mac-roman": "mac-roman", "macintosh": "mac-roman",
    "x-user-defined": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "iso-8859-9": "cp1254",
    "ansi": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8", "7bit": "utf-8", "8bit": "utf-8", "binary": "utf-8", "default": "utf-8",
    "unknown-8bit": "utf-8", "x-unknown": "utf-8", "utf": "utf-8", "": "utf-8",
}  # fmt: skip
"""Names as mailers write them → the codec that reads what they send (the WHATWG's supersets)."""

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\r\n]{0,2000})\?=")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"\s+")


def known_charset(name: str) -> str | None:
    """The codec for a charset's name, or None where no such thing is known."""
    name = name.strip().strip("'\"").lower()[:40]
    name = _ALSO.get(name, name)
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if found.name.replace("_", "-") in _NEVER or not found._is_text_encoding:
        return None
    return found.name


def decode(raw: bytes, charset: str) -> tuple[str, bool]:
    """The text, and whether `charset` was known and fitted. What does not fit becomes U+FFFD, or is rescued as UTF-8 or Windows-1252."""
    codec = known_charset(charset)
    for attempt in dict.fromkeys((codec, "utf-8")):
        if attempt is None:
            continue
        try:
            return mended(raw.decode(attempt)), attempt == codec
        except (UnicodeError, ValueError):
            continue
    if codec in (None, "utf-8", "cp1252"):
        return mended(raw.decode("cp1252", "replace")), False
    assert codec is not None
    try:
        return mended(raw.decode(codec, "replace")), False
    except (UnicodeError, ValueError):  # UTF-7 and the ISO-2022 family give up now and then even so
        return mended(raw.decode("latin-1")), False


def mended(text: str) -> str:
    """No lone surrogate, no NUL or other control but tab and line feed; every line ends with a line feed."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", _BREAKS.sub("\n", _SURROGATE.sub("\ufffd", text.removeprefix("\ufeff"))))


def one_line(text: str, most: int = HEADER_MOST) -> str:
    """Fit to stand in a header, a log line or a list: no break, no change of direction, single spaces."""
    return _SPACES.sub(" ", _DIRECTION.sub("", mended(text))).strip()[:most].rstrip()


def header_text(raw: bytes, most: int = HEADER_MOST) -> str:
    """An unstructured field (Subject) as one line: RFC 2047 words decoded, raw 8-bit bytes rescued."""
    return one_line(decode_words(decode(raw[: most * 8], "utf-8")[0]), most)


def decode_words(text: str) -> str:
    """RFC 2047. Neighbours of one character set are joined before they are decoded: some mailers cut within a letter."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending: tuple[str, bytes] | None = None
    at = 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        charset, content = match[1].partition("*")[0].lower(), _word_bytes(match[2], match[3])
        if pending and (between.strip() or pending[0] != charset):
            out.append(decode(pending[1], pending[0])[0])
            pending = None
        if between.strip() or (at == 0 and between):
            out.append(between)
        pending = (charset, (pending[1] if pending else b"") + content)
        at = match.end()
    if pending:
        out.append(decode(pending[1], pending[0])[0])
    return "".join(out) + text[at:]


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return lenient_base64(raw)[0]


def lenient_base64(raw: bytes) -> tuple[bytes, bool]:
    """The bytes, and whether it was proper base64. What is no base64 is skipped, a torn end is mended."""
    try:
        return binascii.a2b_base64(raw), True
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]+", b"", raw)
        clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
        return base64.b64decode(clean + b"=" * (-len(clean) % 4)), False
