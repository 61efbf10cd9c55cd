"""Files that stand in a text as `begin 644 name` … `end`, as old mailers and cron jobs send
them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

# Mode and name, at the start of a line.
_BEGIN = re.compile(rb"(?m)^begin(?:-base64)? [0-7]{3,4}(?: ([^\r\n]{0,200}))?\r?\n")
# The last line, after an empty data line or two.
_END = re.compile(rb"(?:[` ]?\r?\n){0,2}(?:end|====)[ \t]{0,20}(?:\r?\n|\Z)")

_FULL, _FULL_WIDTH = 45, 61
"""Bytes of a full line: three of them are no chance, even where the end is missing."""

# A full line begins with `M` (45 bytes); line ends of either kind.
_FULL_LINES = (
    (re.compile(rb"(?:M[\x20-\x60]{60}\n)+"), _FULL_WIDTH + 1),
    (re.compile(rb"(?:M[\x20-\x60]{60}\r\n)+"), _FULL_WIDTH + 2),
)
_SHORT_MOST = 20_000
"""Lines that are not full, of one file: base64 has such alone."""


class EncodedFile(NamedTuple):
    """`start:end` is where it stands. `whole` false: a line is broken, or the end is missing."""

    start: int
    end: int
    name: bytes
    content: bytes
    whole: bool


def find_uuencoded_files(body: bytes) -> Iterator[EncodedFile]:
    """Each file in `body`, in order. Words that only look like a beginning are none."""
    at = 0
    while begin := _BEGIN.search(body, at):
        at = begin.end()
        pieces, end, whole = _content(body, at, body.startswith(b"begin-base64", begin.start()))
        # Without an end it still is a file where three full lines prove it.
        if whole or (sum(len(piece) == _FULL for piece in pieces) >= 3):
            yield EncodedFile(
                begin.start(), end, (begin[1] or b"").strip(), b"".join(pieces), whole
            )
            at = end


def _content(body: bytes, at: int, is_base64: bool) -> tuple[list[bytes], int, bool]:
    """The content of each line, where the file ends, and whether it says so itself."""
    pieces: list[bytes] = []
    for _ in range(_SHORT_MOST):
        if not is_base64:
            # A file has thousands of full lines; one at a time would take far longer.
            at = _full_lines(body, at, pieces)
        if ending := _END.match(body, at):
            return pieces, ending.end(), True
        line_end = body.find(b"\n", at) + 1 or len(body)
        content = _content_of(body[at:line_end].rstrip(b"\r\n"), is_base64)
        if content is None or line_end == at:
            break
        pieces.append(content)
        at = line_end
    return pieces, at, False


def _full_lines(body: bytes, at: int, pieces: list[bytes]) -> int:
    """Full lines are nearly all lines, and taken at once. Gives where they end."""
    for pattern, step in _FULL_LINES:
        if run := pattern.match(body, at):
            lines = range(at, run.end(), step)
            pieces += [binascii.a2b_uu(body[start : start + _FULL_WIDTH]) for start in lines]
            return run.end()
    return at


def _content_of(line: bytes, is_base64: bool) -> bytes | None:
    """None where the line is no line of such a file."""
    try:
        if is_base64:
            return binascii.a2b_base64(line) or None
        # The first letter says how many bytes the line holds.
        size = (line[0] - 32) & 63 if line else 0
        # Some encoders leave up to two letters more at the end of a line.
        room = (size + 2) // 3 * 4
        return binascii.a2b_uu(line[: room + 1]) if len(line) <= room + 3 else None
    except (binascii.Error, IndexError):
        return None
