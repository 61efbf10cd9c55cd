"""JSON at the door: what Kafka, BSON or a second parser could read differently is refused before
anything looks at it.

Refused: more than 256 KiB, anything but an object at the top, more than 20 levels or 20,000 parts,
the same key twice in one object, NaN, Infinity, numbers beyond a double, integers beyond signed 64
bits (BSON's), lone surrogates, NUL in a string, bad UTF-8.

The good case costs one `orjson.loads` and one regular expression: a body's text without its strings
is its skeleton, where each pair of an object is one colon and each level one bracket. Only a body
that looks wrong there is read a second time, slowly, to say what and where.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from shared.errors import Refused

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_PARTS = 20_000
"""Lists and objects of a body, all levels together: several times what the largest document has."""
_MOST, _LEAST = 2**63 - 1, -(2**63)

# Possessive (`*+`): no text makes it try twice. 19 digits are the shortest number that can pass 64
# bits.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_LONG_NUMBER = re.compile(rb"\d{19}")
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_ESCAPED_NUL = b"\\u0000"


def parse(raw: bytes) -> dict[str, Any]:
    """The object in `raw`. Raises Refused: `too-large` (413) or `malformed-json` (400) with what is
    wrong and where.
    """
    if len(raw) > MAX_BYTES:
        raise too_large()
    # orjson refuses by itself: NaN, Infinity, bad UTF-8, lone surrogates.
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _make_malformed(f"{error.msg} at line {error.lineno} column {error.colno}") from error
    if type(found) is not dict:
        raise _make_malformed("the top level must be an object")
    skeleton = _STRING.sub(b"", raw)
    openings = skeleton.count(b"{") + skeleton.count(b"[")
    if openings > MAX_PARTS:
        raise _make_malformed(f"more than {MAX_PARTS} lists and objects")
    if openings > MAX_DEPTH and _is_deep(skeleton):
        raise _make_malformed(f"more than {MAX_DEPTH} levels deep")
    # Signs of trouble, cheap and never wrong in calm: fewer pairs than colons (a key came twice), a
    # very long number, an escaped NUL.
    if (
        (openings > 1 and skeleton.count(b":") != _pairs(found))
        or (openings == 1 and skeleton.count(b":") != len(found))
        or _LONG_NUMBER.search(skeleton)
        or _ESCAPED_NUL in raw
    ):
        _look_closely(raw)
    return found


def canonical(value: object) -> bytes:
    """The same bytes for the same JSON value, however it was spaced or its keys ordered."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def too_large() -> Refused:
    return Refused(
        "too-large",
        f"the body may have {MAX_BYTES} bytes; send large texts as attachments",
        status=413,
    )


def _is_deep(skeleton: bytes) -> bool:
    """Whether there are more than MAX_DEPTH levels of brackets: each turn takes the innermost
    away.
    """
    # Both kinds of brackets become one kind: the parser has checked that they match.
    brackets = skeleton.translate(_AS_LISTS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _pairs(value: object) -> int:
    """How many key-value pairs there are in `value`, all levels together."""
    # A loop in place of recursion: the depth is checked, but this runs for every large body.
    count, left = 0, [value]
    while left:
        at = left.pop()
        if type(at) is dict:
            count += len(at)
            left.extend(v for v in at.values() if type(v) is dict or type(v) is list)
        elif type(at) is list:
            left.extend(v for v in at if type(v) is dict or type(v) is list)
    return count


def _look_closely(raw: bytes) -> None:
    """Raise Refused where there is a reason; the quick look may have been wrong in alarm, never in
    calm.
    """
    read = json.loads(raw, object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    for path, value in _walk(read, ""):
        # A bool is an int in Python, and is no number in JSON.
        if isinstance(value, str) and "\0" in value:
            raise _make_malformed(f"NUL in a string at {path}")
        if isinstance(value, int) and not isinstance(value, bool) and not _LEAST <= value <= _MOST:
            raise _make_malformed(f"an integer beyond 64 bits at {path}")
        if isinstance(value, float) and not math.isfinite(value):
            raise _make_malformed(f"a number beyond a double at {path}")


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, so that a repeated key is seen."""


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, inner in value:
            where = f"{path}/{key}"
            if key in seen:
                raise _make_malformed(f"the key {key!r} twice in one object at {where}")
            seen.add(key)
            yield where, key
            yield from _walk(inner, where)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{path}/{number}")
    else:
        yield path, value


def _refuse_constant(word: str) -> NoReturn:
    raise _make_malformed(f"{word} is not JSON")


def _make_malformed(what: str) -> Refused:
    return Refused("malformed-json", f"The body cannot be read: {what[:200]}.", status=400)
