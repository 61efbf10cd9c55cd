"""Days and times of day as people write them: `Mar 2`, `02.03.2027`, `yesterday`, `7:55 am`,
`noon`. Pure.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTHS = {
    name[:length]: number for number, name in enumerate(_NAMES, 1) for length in (3, len(name))
} | {"sept": 9}
_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}

_MONTH = (
    r"(?P<mon>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"(?P<y>[12]\d{3})"
_TH = r"(?:st|nd|rd|th)?"

# The order of day and month is told by the form: dots are European, slashes are either.
_ISO_DAY = re.compile(rf"(?<!\d){_YEAR}[-/](?P<mo>\d\d?)[-/](?P<d>\d\d?)(?!\d)")
_DAY_FIRST = re.compile(
    rf"(?i)(?<!\d)(?P<d>\d\d?){_TH}(?:\s+of)?[\s\-]+{_MONTH}(?![a-z])(?:[\s,\-]+{_YEAR}(?!\d))?"
)
_MONTH_FIRST = re.compile(
    rf"(?i)(?<![a-z]){_MONTH}[\s\-]+(?P<d>\d\d?){_TH}(?![\d:])(?:,?\s+{_YEAR}(?![\d:]))?"
)
_DOTTED = re.compile(rf"(?<![\d.])(?P<d>\d\d?)\.\s?(?P<mo>\d\d?)\.\s?(?:{_YEAR}(?!\d))?(?!\d)")
_SLASHED = re.compile(
    rf"(?<![\d/])(?P<a>\d\d?)(?P<sep>[/\-])(?P<b>\d\d?)(?:(?P=sep)(?:{_YEAR}|"
    r"(?P<yy>\d\d)))?(?![\d/])"
)
_WEEKDAY = re.compile(
    r"(?i)\b(?P<w>mon|tue(?:s)?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b"
)
_SAID = re.compile(
    r"(?i)\b(?P<said>today|yesterday|day before yesterday|tonight|last night|this "
    r"(?:morning|afternoon|evening))\b"
)

# In this order; `_SLASHED` is not in it, since it can mean two days.
DATES = (_ISO_DAY, _DAY_FIRST, _MONTH_FIRST, _DOTTED)

_TWELVE = re.compile(
    r"(?i)(?<![\d:.])(?P<h>1[0-2]|0?[1-9])(?:[:.](?P<mi>[0-5]\d)(?::(?P<s>[0-5]\d))?)?\s?"
    r"(?P<half>[ap])\.?\s?m\b\.?"
)
_CLOCK = re.compile(
    r"(?<![\d:.])(?P<h>[01]?\d|2[0-3]):(?P<mi>[0-5]\d)(?::(?P<s>[0-5]\d)(?:[.,]\d{1,9})?)?(?![\d:])"
)
_HOUR_H = re.compile(r"(?i)(?<![\d:.])(?P<h>[01]?\d|2[0-3])\s?h\s?(?P<mi>[0-5]\d)(?P<s>)?(?!\d)")
_UHR = re.compile(r"(?i)(?<![\d:.])(?P<h>[01]?\d|2[0-3])(?:\.(?P<mi>[0-5]\d))?(?P<s>)?\s?Uhr\b")
_MILITARY = re.compile(
    r"(?<![\d:.\-/])(?P<h>[01]\d|2[0-3])(?P<mi>[0-5]\d)(?P<s>)?(?=\s?(?:Z|UTC|GMT|"
    r"[A-Z]{2,4}T|hrs|hours)\b)"
)
_NAMED = re.compile(r"(?i)\b(?P<named>noon|midnight)\b")

# Of two that begin at the same place the longer one wins, see `one_time`.
TIMES = (_TWELVE, _CLOCK, _HOUR_H, _UHR, _MILITARY)

Found = tuple[date | str | None, str]
"""A day (or the question to ask, or None where there is none), and the text without it."""


def one_time(text: str) -> tuple[time | None, str]:
    """The first time of day in a text, and the text without it."""
    matches = [match for pattern in TIMES if (match := pattern.search(text))]
    if not matches:
        # Only without figures: "noon" may stand beside a time.
        named = _NAMED.search(text)
        if named is None:
            return None, text
        return (time(12) if named["named"].lower() == "noon" else time(0)), _without(text, named)
    # The earliest; the longest of those that begin together (`7:55 am`, not `7:55`).
    match = min(matches, key=lambda found: (found.start(), -found.end()))
    parts = match.groupdict()
    hour = int(parts["h"])
    if half := parts.get("half"):
        # 12 am is 0, 12 pm is 12.
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    rest = _without(text, match)
    for pattern in TIMES:  # the end of a range is not part of the date
        rest = pattern.sub(" ", rest)
    return time(hour, int(parts["mi"] or 0), int(parts["s"] or 0)), rest


def one_date(text: str, at: datetime) -> Found:
    """The day that a text names, as seen at `at`."""
    # Exact forms first, then slashes, then words, which may be part of a sentence about something
    # else.
    for pattern in DATES:
        if match := pattern.search(text):
            day = _day(match, at)
            return (day if day is not None else "There is no such day."), _without(text, match)
    if match := _SLASHED.search(text):
        return _read_slashed(match, at), _without(text, match)
    if match := _SAID.search(text):
        back = {"yesterday": 1, "day before yesterday": 2}.get(match["said"].lower(), 0)
        # The one word that cannot be placed: the text is handed back whole, and the writer is
        # asked.
        if match["said"].lower() == "last night":
            return "We cannot tell whether it was before or after midnight.", text
        return at.date() - timedelta(days=back), _without(text, match)
    if match := _WEEKDAY.search(text):
        # The last such weekday; today where it is today.
        return at.date() - timedelta(
            days=(at.weekday() - _WEEKDAYS[match["w"].lower()[:3]]) % 7
        ), _without(text, match)
    return None, text


def _day(match: re.Match[str], at: datetime) -> date | None:
    parts = match.groupdict()
    month = MONTHS.get(parts["mon"].lower().rstrip(".")) if parts.get("mon") else int(parts["mo"])
    if month is None:
        month = MONTHS.get(parts["mon"].lower()[:3])
    return _make_date(int(parts["y"]) if parts.get("y") else None, month or 0, int(parts["d"]), at)


def _read_slashed(match: re.Match[str], at: datetime) -> date | str | None:
    """`3/14` and `14/3` can be one day only; `03/04` can be two."""
    # `3-14` alone may be a range of anything.
    if match["sep"] == "-" and not match["y"] and not match["yy"]:
        return None
    if match["yy"]:
        return f"We cannot tell year, month and day apart in {match[0]}."
    a, b, year = int(match["a"]), int(match["b"]), int(match["y"]) if match["y"] else None
    # Both readings that are days; a dictionary keeps 3/3 from counting twice.
    days = list(
        dict.fromkeys(
            day
            for month, number in ((a, b), (b, a))
            if (day := _make_date(year, month, number, at)) is not None
        )
    )
    if len(days) == 1:
        return days[0]
    if not days:
        return "There is no such day."
    return f"{match[0]} can be {days[0]:%-d %B} or {days[1]:%-d %B}."


def _make_date(year: int | None, month: int, day: int, at: datetime) -> date | None:
    """Without a year: the last such day until tomorrow (whoever writes may be a day ahead of
    UTC).
    """
    if year is not None:
        return _valid(year, month, day)
    # Five years back find a 29 February.
    found = (_valid(at.year + away, month, day) for away in (1, 0, -1, -2, -3, -4))
    return next(
        (one for one in found if one is not None and one <= at.date() + timedelta(days=1)), None
    )


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"
