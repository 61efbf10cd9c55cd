"""Addresses in a text as links. Pure, linear. Only http and https ever become one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import escape

REL = "nofollow noopener noreferrer"
LONGEST = 2_000
"""A longer address stays text: nobody follows it, and somebody pasted something."""

# Up to a blank, a quote, a bracket of wide scripts, or a sign that changes the direction of
# reading.
_URL = re.compile(
    (
        r"(?<![A-Za-z0-9])https?://"
        r"[^\s<>\"'`\\|^{}\u3000-\u3003\u3008-\u301f\uff00-\uff0f"
        r"\uff1a-\uff1f\u200e\u200f\u202a-\u202e\u2066-\u2069]{1,2100}"
    ),
    re.IGNORECASE,
)
_ENDS = ".,;:!?…*_~"
_PAIRS = {")": "(", "]": "["}


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each address begins and ends. What ends a sentence is not of it, nor a bracket that was
    opened before it.
    """
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        start, end = match.span()
        end = _trim_end(text, start, end)
        if len("https://") < end - start <= LONGEST:
            yield start, end


def _trim_end(text: str, start: int, end: int) -> int:
    # Counted once, and down from the end: a bracket stays only where its partner is in the address.
    opened = {mark: text.count(mark, start, end) for mark in "()[]"}
    while end > start:
        last = text[end - 1]
        if last in _PAIRS and opened[last] > opened[_PAIRS[last]]:
            opened[last] -= 1
        elif last not in _ENDS:
            break
        end -= 1
    return end


def link_addresses(text: str) -> str:
    """The text escaped for HTML, its addresses as links."""
    made: list[str] = []
    at = 0
    for start, end in spans(text):
        url = escape(text[start:end])
        made.append(f'{escape(text[at:start])}<a href="{url}" rel="{REL}">{url}</a>')
        at = end
    made.append(str(escape(text[at:])))
    return "".join(made)
