"""Dates with the month's name in other languages, by dateparser: a proposal, never more (it guesses
the order of day and month).

It is asked about the rest of a short field only, in a few languages, and never about figures alone.
The first call takes 0.3 s (it loads its languages), later ones a few milliseconds: `warm_up` at the
start of a process.
"""

from __future__ import annotations

import re
from datetime import date, datetime

_LANGUAGES = ["de", "fr", "es", "pt", "it", "nl", "sv", "pl"]
_LONGEST = 40
# A word of three letters and a day: without both, dateparser makes a date of nearly anything.
_WORD_AND_FIGURE = re.compile(r"(?=.*[^\W\d_]{3})(?=.*\b\d{1,2}\b)")


def foreign_date(text: str, at: datetime) -> date | None:
    """The day, or None. No year: the last such day before `at`."""
    text = " ".join(text.split())
    if len(text) > _LONGEST or not _WORD_AND_FIGURE.match(text):
        return None
    # Only when it is needed: it is large.
    import dateparser

    settings = {
        "RELATIVE_BASE": at.replace(tzinfo=None),
        "PREFER_DATES_FROM": "past",
        "REQUIRE_PARTS": ["day", "month"],
        # No relative dates ("2 days ago"): other code reads those, and asks back.
        "PARSERS": ["absolute-time"],
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    found = dateparser.parse(text, languages=_LANGUAGES, settings=settings)
    return found.date() if found else None


def warm_up(at: datetime) -> None:
    """Load the languages."""
    foreign_date("2 marzo 2027", at)
