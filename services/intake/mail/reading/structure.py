"""A message's bytes → its tree of parts: header fields and where each body lies. Nothing is
decoded, nothing is copied twice.

Our own, since the standard library's parsers raise on real mail and take seconds for small ones,
and a foreign parser chooses the text by form (docs/decisions/0016). Every step here is one pass
over the bytes; depth, parts and headers are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.intake.mail.reading.fields import even_line_ends, find_header, read_fields
from services.intake.mail.reading.models import DEPTH_MOST, PARTS_MOST, Trouble
from services.intake.mail.reading.text.parameters import parse_parameters

# Two dashes and what looks like a boundary, with a header or a blank line behind it.
_BOUNDARY_SEEN = re.compile(
    rb"(?mi)^--([^\s][^\r\n]{0,69}?)[ \t]*\r?\n(?=content-[a-z-]{1,30}:|\r?\n)"
)
_LOOKED_AT = 64 * 1024
"""Bytes of a multipart in which a boundary that its header does not name is looked for."""


@dataclass
class MimePart:
    """A part of the message. `start:end` is its body in the raw bytes; `children` are the parts of
    a multipart.

    A part that was unpacked from another one has its bytes in `source`. `spare` are texts to read
    where nothing else in the message says anything. `beyond`: of the whole message, how many parts
    were not looked at.
    """

    fields: list[tuple[str, bytes]]
    start: int
    end: int
    depth: int
    children: list[MimePart] = field(default_factory=list)
    kind: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    source: bytes | None = field(default=None, repr=False)
    spare: list[MimePart] = field(default_factory=list)
    beyond: int = 0

    def all(self, name: str) -> list[bytes]:
        """The values of a field, in their order. `name` is in lower case."""
        return [value for key, value in self.fields if key == name]

    def first(self, name: str) -> bytes:
        return next((value for key, value in self.fields if key == name), b"")

    def walk(self) -> Iterator[MimePart]:
        yield self
        for child in self.children:
            yield from child.walk()

    def body(self, raw: bytes) -> bytes:
        """`raw` is the message that the part is of."""
        return (raw if self.source is None else self.source)[self.start : self.end]


@dataclass
class _Room:
    """How many parts may still be looked at, and how many were not."""

    left: int = PARTS_MOST
    beyond: int = 0


def split(raw: bytes, troubles: list[Trouble]) -> MimePart:
    """The tree. What is wrong is added to `troubles`."""
    # Places in the tree are those of the message as it came: the repair keeps its length.
    raw = even_line_ends(raw)
    room = _Room()
    message = _part(raw, find_header(raw), len(raw), 0, "text/plain", room, troubles)
    message.beyond = room.beyond
    return message


def split_inner(content: bytes, depth: int, troubles: list[Trouble]) -> MimePart:
    """The tree of a part that was unpacked at `depth`; every part of it has `content` as source."""
    content = even_line_ends(content)
    inner = _part(content, 0, len(content), depth, "text/plain", _Room(), troubles)
    # Its places are in its own bytes, and not in those of the message.
    for part in inner.walk():
        part.source = content
    return inner


def _part(
    raw: bytes,
    start: int,
    end: int,
    depth: int,
    default: str,
    room: _Room,
    troubles: list[Trouble],
) -> MimePart:
    fields, body = read_fields(raw, start, end, troubles)
    part = MimePart(fields, body, end, depth)
    declared = parse_parameters(part.first("content-type"))
    # A type without a slash is no type.
    part.kind = declared.value if "/" in declared.value else default
    part.parameters = declared.of
    if part.kind.startswith("multipart/"):
        # Nested deeper than any mail: the rest is kept as bytes.
        if depth >= DEPTH_MOST:
            troubles.append(Trouble.TOO_DEEP)
            part.kind = "application/octet-stream"
            return part
        # RFC 2046 section 5.1.5: parts of a digest are messages.
        inner = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        for first, last in _sections_of(raw, part, troubles):
            # Counted and not read: how many were left out is told to the reader of the ticket.
            if room.left <= 0:
                if not room.beyond:
                    troubles.append(Trouble.TOO_MANY_PARTS)
                room.beyond += 1
                continue
            room.left -= 1
            part.children.append(_part(raw, first, last, depth + 1, inner, room, troubles))
    if part.kind.startswith("multipart/") and not part.children:
        part.kind = "text/plain"  # a multipart without parts: what is there is its text
    return part


def _sections_of(raw: bytes, part: MimePart, troubles: list[Trouble]) -> Iterator[tuple[int, int]]:
    """By the boundary that the header names; where there is none, by the one that is seen."""
    boundary = part.parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
    # A boundary that occurs nowhere is a wrong header: then one that is seen is used.
    if boundary and raw.find(b"--" + boundary, part.start, part.end) >= 0:
        yield from _sections(raw, part.start, part.end, boundary, troubles)
    elif seen := _BOUNDARY_SEEN.search(raw, part.start, min(part.end, part.start + _LOOKED_AT)):
        yield from _sections(raw, part.start, part.end, seen[1], troubles)


def _sections(
    raw: bytes, start: int, end: int, boundary: bytes, troubles: list[Trouble]
) -> Iterator[tuple[int, int]]:
    """Where each part between the delimiter lines begins and ends."""
    mark = b"--" + boundary
    at, opened = start, -1
    while (found := raw.find(mark, at, end)) >= 0:
        line_end = raw.find(b"\n", found, end)
        line_end = end if line_end < 0 else line_end
        at = found + len(mark)
        rest = raw[at : min(line_end, at + 80)]
        closing = rest.startswith(b"--")
        # In the middle of a line, or with words behind it: text, and no delimiter.
        if (found > start and raw[found - 1 : found] != b"\n") or (
            rest[2:] if closing else rest
        ).strip(b" \t\r\x00"):
            continue
        if opened >= 0:
            last = (
                found - 1 if found > opened else opened
            )  # the line break before a delimiter belongs to it
            yield opened, max(opened, last - 1 if raw[last - 1 : last] == b"\r" else last)
        if closing:
            return
        at = opened = min(line_end + 1, end)
    # The closing delimiter is missing: what is there is taken.
    if opened >= 0:
        troubles.append(Trouble.UNFINISHED_PART)
        yield opened, end
