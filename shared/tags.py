"""Tags of tickets: short words by which staff find alike tickets again. Pure."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 40
"""Characters of one tag."""
MOST = 20
"""Tags of one ticket."""

# Letters and digits of any script, `_`, `.` and `+`: `c++` and `2.0` stay what they are.
_WORD = re.compile(r"[\w.+]+")


def as_tag(text: str) -> str:
    """`text` as a tag: lower-case, its words joined by `-`. `Needs Info!` is `needs-info`. Empty
    where it has no word. It may be longer than `LONGEST`: see `mistake_of_tag`.
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return "-".join(words)


def mistake_of_tag(text: str) -> str:
    """Why `text` cannot be a tag, as a sentence; empty: it can."""
    tag = as_tag(text)
    if not tag:
        return "A tag needs a letter or a digit."
    if len(tag) > LONGEST:
        return f"A tag has at most {LONGEST} characters; this one has {len(tag)}."
    return ""


def tags_in(text: str) -> list[str]:
    """The tags of what somebody typed into one field: parted by commas or lines, each once, in
    their order.
    """
    parts = (part.strip() for part in re.split(r"[,\n]", text))
    return list(dict.fromkeys(part for part in parts if part))
