"""The short code by which somebody answers a page: the last six characters of its id. Pure.

It tells pages of one person apart and proves nothing: who answers is proved by the gateway's
signature and the number.
"""

from __future__ import annotations

import re

_LENGTH = 6
# The whole text, not a part of it: "not ok yet" must not acknowledge.
_ANSWER = re.compile(
    r"\s*(?:ack|acknowledge|ok|yes)\b[\s.:!#]*([a-z2-7]{6})?\W*", re.IGNORECASE | re.ASCII
)


def code_of(page: str) -> str:
    """30 bits of the page's id, as letters and digits that are easy to type."""
    return page[-_LENGTH:]


def read_acknowledged_code(text: str) -> str | None:
    """The code of a text that acknowledges, empty where it names none; None: the text says
    something else.
    """
    found = _ANSWER.fullmatch(text)
    return None if found is None else (found[1] or "").lower()
