"""Which characters of a text a feed, a calendar or a page can hold. Pure.

XML 1.0 (section 2.2, production 2) has no control characters but tab, line feed and carriage
return, no surrogates, no U+FFFE and U+FFFF. HTML calls the other control characters (C1) and
noncharacters errors. iCalendar (RFC 5545, section 3.1) has no control character in a text but tab.
"""

from __future__ import annotations

import re
from typing import TypeVar

T = TypeVar("T")

INSTEAD = "\ufffd"
"""The replacement character: a reader sees that something stood there."""

# U+FFFE and U+FFFF of each of the 17 planes.
_LAST_OF_PLANES = "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_INVALID = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef{_LAST_OF_PLANES}]"
)


def valid(text: str) -> str:
    """`text` with `INSTEAD` for every character that XML or HTML cannot hold. Markup stays
    markup.
    """
    if _INVALID.search(text) is None:
        return text
    # jinja's Markup is a str: it must stay Markup, or it would be escaped again.
    return type(text)(_INVALID.sub(INSTEAD, str(text)))


def valid_value(value: T) -> T:
    """The same for whatever a template prints: only text is changed. For Jinja's `finalize`."""
    return valid(value) if isinstance(value, str) else value  # type: ignore[return-value]


def one_line(text: str) -> str:
    """Valid, on one line, with single spaces: for names and titles."""
    return " ".join(valid(text).split())
