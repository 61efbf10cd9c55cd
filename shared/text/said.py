"""Times that people say in the middle of a text: found by their form, read like any other. Pure.

Only what names a day and a time, or a time with its zone: "at 10:30" by itself is left alone, it
would be asked back too often.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from shared.text.times import TimeReading, exact_times, read_time

MOST = 4
"""Times of a text that are read."""
_MOST_TEXT = 20_000

_FULL_CLOCK = (
    r"(?:(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[ap]\.?m\b\.?)?|(?:0?[1-9]|1[0-2]) ?"
    r"[ap]\.?m\b\.?)"
)
_ZONE = (
    r"(?: ?(?:UTC|GMT)(?: ?[+-]\d{1,2}(?::?\d\d)?)?| ?[+-]\d\d:?\d\d\b| ?Z\b"
    r"| (?:[A-Z]{2,4}T|BST|CST|IST|MSK|JST|(?i:eastern|pacific|central|mountain)(?: time)?)\b)"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DAY = (
    r"(?:[12]\d{3}-[01]?\d-[0-3]?\d|[0-3]?\d[/.][0-3]?\d(?:[/.](?:[12]\d)?\d\d)?"
    rf"|[0-3]?\d(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? [12]\d{{3}})?|{_MONTH} [0-3]?\d(?:st"
    rf"|nd|rd|th)?(?:,? [12]\d{{3}})?"
    r"|(?i:yesterday|today|last night|this morning))"
)
# Day then time, or time then day or zone. A time alone is in neither.
_DATED = rf"{_DAY}(?:,? (?:at |@ ?|around |about )?|T){_FULL_CLOCK}{_ZONE}?"
_TIMED = rf"{_FULL_CLOCK}{_ZONE}(?:,? (?:on )?{_DAY})?|{_FULL_CLOCK}{_ZONE}?,? (?:on )?{_DAY}"
_CLOCK = re.compile(r"\d(?::[0-5]\d| ?[ap]\.?m)")
"""What every time that is said has in it."""
_SAID = re.compile(rf"(?<![\w:./+-])(?:{_DATED}|{_TIMED})(?![\w:])")


def find_times(text: str, at: datetime, zone: tzinfo | None = None) -> tuple[TimeReading, ...]:
    """The first times said in `text`, each as `read_time` reads it; log lines have their own
    reading (`exact_times`).
    """
    # A cheap question first: most texts name no time.
    if _CLOCK.search(text, 0, _MOST_TEXT) is None:
        return ()
    exact = {read.original for read in exact_times(text[:_MOST_TEXT])}
    found: dict[str, TimeReading] = {}
    for match in _SAID.finditer(text[:_MOST_TEXT]):
        original = match.group().strip(" ,")
        # A log line's time was read exactly already.
        if original not in found and not any(original in known for known in exact):
            found[original] = read_time(original, at, zone)
        if len(found) == MOST:
            break
    return tuple(found.values())
