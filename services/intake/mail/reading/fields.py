"""A header block's bytes → its fields, as if the lines in it that are no header were not there.

Real mail has such lines: stray words of a relay, an mbox separator, a subject that a script broke
without a space, a byte order mark, a NUL, a lone CR as the end of a line. RFC 5322 section 2.2 says
what a field is; what to do with the rest is ours.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.intake.mail.reading.models import Trouble

HEADERS_MOST = 256 * 1024
"""Bytes of one header block that are looked at."""
# A thousand headers are no mail; each one costs time in every look below.
FIELDS_MOST = 1000

# A doubled CR shows in the first lines or nowhere.
_LOOKED_AT = 4096

# Any visible name, and spaces before the colon, which RFC 5322 forbids and some write.
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
# Names that mail really has: behind a broken line only these prove that the header goes on.
_NAMES = (
    rb"(?:from|to|cc|bcc|subject|date|sender|reply-to|message-id|in-reply-to|references|received"
    rb"|mime-version|return-path|delivered-to|envelope-to|dkim-signature|authentication-results"
    rb"|content-[a-z]+(?:-[a-z]+)?|x-[a-z0-9-]{1,60}|list-[a-z]+|arc-[a-z-]+|thread-[a-z]+"
    rb"|auto-submitted|precedence|importance|priority|user-agent|mailer|organization|errors-to"
    rb"|resent-[a-z-]+|feedback-id|domainkey-signature|received-spf|keywords|comments|status"
    rb"|disposition-notification-to|return-receipt-to|accept-language|delivery-date|lines)"
)
_KNOWN = re.compile(_NAMES + rb"[ \t]*:", re.IGNORECASE)
# A blank line ends the header; a NUL or a second CR in it changes nothing.
_END = re.compile(rb"\n[\r\x00]*\n")
_LONE_CR = re.compile(rb"\r(?=" + _NAMES + rb"[ \t]*:)", re.IGNORECASE)
_BLANK = re.compile(rb"[ \t\x00]*\r?\n")
# The line of an mbox file, quoted or not.
_SEPARATOR = re.compile(rb">{0,3}From [^\s:]")
# UTF-8's byte order mark.
_MARK = b"\xef\xbb\xbf"


class _Line(NamedTuple):
    """A line without its end, and where it begins in the raw bytes."""

    at: int
    text: bytes


def even_line_ends(raw: bytes) -> bytes:
    """The same number of bytes, with LF for the lone CRs of a message that ends most lines so, or
    of its body alone, and without the second CR of `CR CR LF`.
    """
    # Nearly all mail: nothing to repair.
    if b"\r" not in raw:
        return raw
    if _ends_in_cr(raw, 0):
        return _with_feeds(raw)
    # Same number of bytes, so that places in the raw message stay right.
    if b"\r\r\n" in raw[:_LOOKED_AT]:
        return raw.replace(b"\r\r\n", b"\x00\r\n")  # no text keeps a NUL
    end = _END.search(raw, 0, HEADERS_MOST)
    if end is not None and _ends_in_cr(raw, end.end()):
        return raw[: end.end()] + _with_feeds(raw[end.end() :])
    return raw


def _ends_in_cr(raw: bytes, start: int) -> bool:
    return raw.count(b"\r", start) - raw.count(b"\r\n", start) > raw.count(b"\n", start)


def _with_feeds(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\x00\n").replace(b"\r", b"\n")


def find_header(raw: bytes) -> int:
    """Where the header of a message begins: behind a byte order mark, an mbox separator, blank
    lines.
    """
    # A look at the beginning only: what lies further down is the body.
    at = len(_MARK) if raw.startswith(_MARK) else 0
    while found := _BLANK.match(raw, at, at + 1000):
        at = found.end()
        if at > 1000:
            return 0
    if raw.startswith(_MARK, at):
        at += len(_MARK)
    if _SEPARATOR.match(raw, at):
        at = raw.find(b"\n", at) + 1 or at
    return at if at == 0 or _FIELD.match(raw, at) else (len(_MARK) if raw[:3] == _MARK else 0)


def read_fields(
    raw: bytes, start: int, end: int, troubles: list[Trouble]
) -> tuple[list[tuple[str, bytes]], int]:
    """The header fields (name in lower case, value unfolded) and where the body begins."""
    # A blank line at once: a part without headers.
    if raw[start : start + 1] == b"\n":
        return [], start + 1
    if raw[start : start + 2] == b"\r\n":
        return [], start + 2
    found = _END.search(raw, start, end)
    stop, body = (found.start() + 1, found.end()) if found else (end, end)
    cut = stop - start > HEADERS_MOST
    if cut:
        troubles.append(Trouble.HEADERS_TOO_LARGE)
        stop = (
            raw.rfind(b"\n", start, start + HEADERS_MOST) + 1 or start
        )  # no field that was cut, or it would say something else
    lines = _lines(raw, start, stop)
    last = _last_field(lines, ended=found is not None or cut)
    # Folded lines are joined, lines that are no header are judged by what comes behind them.
    fields: list[tuple[str, list[bytes]]] = []
    for number, (at, line) in enumerate(lines):
        if line[:1] in (b" ", b"\t"):
            if fields:
                fields[-1][1].append(line)
            continue
        if not line:
            continue
        match = _FIELD.match(line)
        if match is None:
            troubles.append(Trouble.BAD_HEADER)
            if number <= last or cut:
                continue
            body = at  # the blank line is missing: here the body begins
            break
        # The rest is the header still, so the body does not begin here.
        if len(fields) >= FIELDS_MOST:
            troubles.append(Trouble.HEADERS_TOO_LARGE)
            break
        fields.append((match[1].decode("ascii").lower(), [line[match.end() :]]))
    return [(name, b"".join(value).strip()) for name, value in fields], min(body, end)


def _lines(raw: bytes, start: int, stop: int) -> list[_Line]:
    """A lone CR ends a line where a header that mail has begins behind it."""
    lines: list[_Line] = []
    at = start
    for whole in raw[start:stop].split(b"\n"):
        begin = at
        # Lone CRs as line ends only where a known header follows: a subject may hold one.
        for line in _LONE_CR.split(whole) if b"\r" in whole[:-1] else [whole]:
            lines.append(_Line(begin, line.rstrip(b"\r").replace(b"\x00", b"")))
            begin += len(line) + 1
        at += len(whole) + 1
    return lines


def _last_field(lines: list[_Line], *, ended: bool) -> int:
    """The number of the last line that surely belongs to the header.

    A line that is no header is skipped where a header that mail has comes behind it. A single one
    just above the blank line is skipped, too. Two and more, or one where no blank line comes, are
    the body.
    """
    # The last line that certainly is a header: what stands before it belongs to the header too.
    last = max((number for number, line in enumerate(lines) if _KNOWN.match(line.text)), default=-1)
    if last < 0:
        return last
    after = [
        number
        for number in range(last + 1, len(lines))
        if lines[number].text
        and lines[number].text[:1] not in b" \t"
        and not _FIELD.match(lines[number].text)
    ]
    is_last_line = bool(after) and not any(line.text for line in lines[after[0] + 1 :])
    if ended and len(after) == 1 and (is_last_line or _SEPARATOR.match(lines[after[0]].text)):
        return after[0]
    return last
