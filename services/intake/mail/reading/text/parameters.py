"""`text/plain; charset=utf-8` → the value and its parameters (RFC 2045, RFC 2231), as mailers write
them: with a missing semicolon, an open quote, a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.intake.mail.reading.text.charsets import decode_bytes

FIELD_MOST = 8192
# Real headers have a handful.
_PARAMETERS_MOST = 50
_KNOWN = (
    r"(?:boundary|charset|name|filename|format|delsp|type|start|start-info|report-type|protocol"
    r"|micalg|smime-type|method|reply-type|creation-date|modification-date|size)"
)
_NEXT = re.compile(rf"[\s,]+(?={_KNOWN}(?:\*\d*\*?)?\s{{0,5}}=)", re.IGNORECASE)
"""Where the next parameter begins although no semicolon says so."""
# A name, the number of its piece, and the star of an encoded one (RFC 2231).
_NAME = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Parameters:
    """A value with parameters, such as Content-Type: the value in lower case, and the parameters by
    lower-case name. A raw byte of them that is no UTF-8 is a lone surrogate (`header_string`).
    """

    value: str
    of: dict[str, str]


def parse_parameters(value: bytes) -> Parameters:
    """What cannot be read is left out."""
    head, *rest = _split_outside_quotes(value[:FIELD_MOST].decode("utf-8", "surrogateescape"))
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for item in rest[:_PARAMETERS_MOST]:
        name, mark, text = item.partition("=")
        # Some write a colon for the equals sign.
        if not mark:
            name, mark, text = item.partition(":")
        name, text = name.strip().lower(), text.strip().lstrip("=").strip()
        if not mark or not name:
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        text = _without_quotes(text)
        # A plain value, or a piece of a longer one.
        if match[2] is None and match[3] is None:
            plain.setdefault(name, text)
        else:
            pieces.setdefault(match[1], {}).setdefault(
                int(match[2] or 0), (text, match[3] is not None)
            )
    return Parameters(
        (head.split() or [""])[0].strip("\"',").lower(),
        plain | {name: _join_pieces(numbered) for name, numbered in pieces.items()},
    )


def _split_outside_quotes(text: str) -> Iterator[str]:
    """At semicolons, and before a known parameter that misses its semicolon."""
    begin, quoted, escaped, depth = 0, False, False, 0
    last = None
    for position, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\" and quoted:
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "(" and (last is None or last.isspace() or depth):
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif depth:
            continue
        elif letter == ";":
            yield text[begin:position]
            begin = position + 1
        elif _begins_gap(letter, last) and (found := _NEXT.match(text, position)):
            # Only for names that are known: a file name may hold spaces and commas.
            if text[begin:position].strip():
                yield text[begin:position]
            begin = found.end()
        last = letter
    rest = text[begin:]
    if quoted and (closed := re.fullmatch(r'([^="]{1,40}=\s{0,5}"[^";]*);(.*)', rest, re.DOTALL)):
        yield closed[1]  # a quote that nobody closed ends before the next parameter
        yield from closed[2].split(";")
    else:
        yield rest


def _begins_gap(letter: str, last: str | None) -> bool:
    """Only the first of many spaces is looked at, so that the whole takes one pass."""
    return (letter.isspace() or letter == ",") and not (last and (last.isspace() or last == ","))


def _without_quotes(text: str) -> str:
    if text.startswith('"'):
        closing = re.match(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
        return re.sub(r"\\(.)", r"\1", closing[1] if closing else text[1:])
    # Single quotes are no quotes by RFC 2045, but mailers write them.
    if len(text) > 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    return text


def _join_pieces(numbered: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231: `charset'language'percent-encoded`, in pieces."""
    charset, raw = "", bytearray()
    for number in sorted(numbered):
        text, encoded = numbered[number]
        # Only the first piece names the character set.
        if encoded and number == min(numbered) and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        content = text.encode("utf-8", "surrogateescape")
        raw += _PERCENT.sub(_byte, content) if encoded else content
    if charset or any(encoded for _, encoded in numbered.values()):
        return decode_bytes(bytes(raw), charset).text
    return bytes(raw).decode("utf-8", "surrogateescape")


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])
