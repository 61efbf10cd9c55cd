"""A message's bytes → its tree of parts: header fields and where each body lies. Nothing is decoded, nothing is copied twice.

Our own, since the standard library's parsers raise on real mail (LIBRARIES.md: 42 of 6,184 with `policy.default`, 2 with
`compat32`) and take seconds for small ones. Every step here is one pass over the bytes; depth, parts and headers are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.intake.mail.reading.shape import DEPTH_MOST, PARTS_MOST, Trouble

HEADERS_MOST = 256 * 1024
"""Bytes of one header block that are looked at."""
FIELDS_MOST = 1000

_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
_END = re.compile(rb"\n\r?\n")
_PARAMETER_MOST = 50


@dataclass(frozen=True)
class Parameters:
    """A value with parameters, such as Content-Type: the value in lower case, and the parameters by lower-case name."""

    value: str
    of: dict[str, str]


@dataclass
class Part:
    """A part of the message. `start:end` is its body in the raw bytes; `children` are the parts of a multipart."""

    fields: list[tuple[str, bytes]]
    start: int
    end: int
    depth: int
    children: list[Part] = field(default_factory=list)
    kind: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)

    def all(self, name: str) -> list[bytes]:
        """The values of a field, in their order. `name` is in lower case."""
        return [value for key, value in self.fields if key == name]

    def first(self, name: str) -> bytes:
        return next((value for key, value in self.fields if key == name), b"")

    def walk(self) -> Iterator[Part]:
        yield self
        for child in self.children:
            yield from child.walk()


def split(raw: bytes, troubles: list[Trouble]) -> Part:
    """The tree. What is wrong is added to `troubles`."""
    separated = raw.startswith((b"From ", b">From ")) and not _FIELD.match(raw)
    start = raw.find(b"\n") + 1 if separated else 0  # an mbox separator
    room = [PARTS_MOST]
    return _part(raw, start, len(raw), 0, "text/plain", room, troubles)


def _part(raw: bytes, start: int, end: int, depth: int, default: str, room: list[int], troubles: list[Trouble]) -> Part:
    fields, body = read_fields(raw, start, end, troubles)
    part = Part(fields, body, end, depth)
    declared = parse_parameters(part.first("content-type"))
    part.kind = declared.value if "/" in declared.value else default
    part.parameters = declared.of
    boundary = declared.of.get("boundary", "").encode("latin-1", "replace")
    if part.kind.startswith("multipart/") and boundary:
        if depth >= DEPTH_MOST:
            troubles.append(Trouble.TOO_DEEP)
            part.kind = "application/octet-stream"
            return part
        inner = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        for first, last in _sections(raw, body, end, boundary, troubles):
            if room[0] <= 0:
                troubles.append(Trouble.TOO_MANY_PARTS)
                break
            room[0] -= 1
            part.children.append(_part(raw, first, last, depth + 1, inner, room, troubles))
    if part.kind.startswith("multipart/") and not part.children:
        part.kind = "text/plain"  # a multipart without parts: what is there is its text
    return part


def read_fields(raw: bytes, start: int, end: int, troubles: list[Trouble]) -> tuple[list[tuple[str, bytes]], int]:
    """The header fields (name in lower case, value unfolded) and where the body begins."""
    if raw[start : start + 1] == b"\n":
        return [], start + 1
    if raw[start : start + 2] == b"\r\n":
        return [], start + 2
    found = _END.search(raw, start, end)
    stop, body = (found.start() + 1, found.end()) if found else (end, end)
    cut = stop - start > HEADERS_MOST
    if cut:
        troubles.append(Trouble.HEADERS_TOO_LARGE)
        stop = raw.rfind(b"\n", start, start + HEADERS_MOST) + 1 or start  # no field that was cut, or it would say something else
    fields: list[tuple[str, list[bytes]]] = []
    at = start
    for line in raw[start:stop].split(b"\n"):
        here, at = at, at + len(line) + 1
        line = line.removesuffix(b"\r")
        if line[:1] in (b" ", b"\t"):
            if fields:
                fields[-1][1].append(line)
            continue
        if not line:
            continue
        match = _FIELD.match(line)
        if match is None:
            troubles.append(Trouble.BAD_HEADER)
            if cut:
                continue
            body = here  # as the standard library has it: a line that is no header begins the body
            break
        if len(fields) >= FIELDS_MOST:
            troubles.append(Trouble.HEADERS_TOO_LARGE)
            break
        fields.append((match[1].decode("ascii").lower(), [line[match.end() :]]))
    return [(name, b"".join(lines).strip()) for name, lines in fields], min(body, end)


def _sections(raw: bytes, start: int, end: int, boundary: bytes, troubles: list[Trouble]) -> Iterator[tuple[int, int]]:
    """Where each part between the delimiter lines begins and ends."""
    mark = b"--" + boundary
    at, opened = start, -1
    while (found := raw.find(mark, at, end)) >= 0:
        line_end = raw.find(b"\n", found, end)
        line_end = end if line_end < 0 else line_end
        at = found + len(mark)
        rest = raw[at : min(line_end, at + 80)]
        closing = rest.startswith(b"--")
        if (found > start and raw[found - 1 : found] != b"\n") or (rest[2:] if closing else rest).strip(b" \t\r"):
            continue
        if opened >= 0:
            last = found - 1 if found > opened else opened  # the line break before a delimiter belongs to it
            yield opened, max(opened, last - 1 if raw[last - 1 : last] == b"\r" else last)
        if closing:
            return
        at = opened = min(line_end + 1, end)
    if opened >= 0:
        troubles.append(Trouble.UNFINISHED_PART)
        yield opened, end


def parse_parameters(value: bytes) -> Parameters:
    """RFC 2045 parameters with RFC 2231's continuations and character sets; what cannot be read is left out."""
    head, *rest = _split_quoted(value[:8192].decode("utf-8", "replace"))
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for item in rest[:_PARAMETER_MOST]:
        name, mark, text = item.partition("=")
        name, text = name.strip().lower(), text.strip()
        if not mark or not name:
            continue
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:].removesuffix('"'))
        match = re.fullmatch(r"([^*]+)(?:\*(\d{1,3}))?(\*)?", name)
        if match is None:
            continue
        if match[2] is None and match[3] is None:
            plain.setdefault(name, text)
        else:
            pieces.setdefault(match[1], {}).setdefault(int(match[2] or 0), (text, match[3] is not None))
    return Parameters(head.strip().lower(), plain | {name: _assembled(numbered) for name, numbered in pieces.items()})


def _split_quoted(text: str) -> Sequence[str]:
    """At semicolons outside of quotes."""
    parts, begin, quoted, escaped = [], 0, False, False
    for position, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\" and quoted:
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter == ";" and not quoted:
            parts.append(text[begin:position])
            begin = position + 1
    return [*parts, text[begin:]]


def _assembled(numbered: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231: `charset'language'percent-encoded`, in pieces."""
    charset, raw = "utf-8", bytearray()
    for number in sorted(numbered):
        text, encoded = numbered[number]
        if encoded and number == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        raw += _unquoted(text) if encoded else text.encode("utf-8", "replace")
    from services.intake.mail.reading.words import decode

    return decode(bytes(raw), charset)[0]


def _unquoted(text: str) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), text.encode("utf-8", "replace"))
