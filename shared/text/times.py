"""Times as people and machines write them, read into UTC and shown beside the original (seed 001
asks for a time with its zone).

Strict forms first (ISO 8601, the logs of Heroku, syslog, nginx, Apache, Rails, PostgreSQL, epochs):
they are read exactly. What people write is taken apart into date, time and zone; where one of them
is missing or can mean two things, it is asked back and not guessed: a `TimeReading` without `utc`. A
`TimeReading` with both `utc` and a reason is a proposal to confirm. Pure: `at` is when it was written,
`zone` that of the writer's account, if known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from shared.text.clock_words import MONTHS, one_date, one_time
from shared.text.foreign_dates import foreign_date
from shared.text.zones import Zone, zones_in

LONGEST = 300
"""Signs of a field that are looked at for the time it holds."""

# Clocks differ; a later time was probably meant for another day.
_FUTURE = timedelta(minutes=10)


class TimeReading(NamedTuple):
    """`original` as written; `utc` None: it cannot be told, and `ambiguous_because` is what to ask.
    Both: a proposal to confirm.
    """

    original: str
    utc: datetime | None
    ambiguous_because: str = ""


NO_TIME = "It names no time of day."
NO_ZONE = "It names no time zone."
NO_DATE = "It names no day; we took the last one before you wrote."
IN_THE_FUTURE = "It is later than when you wrote."
NO_TIME_AT_ALL = "We find no time in it. The best form is 2015-01-01 12:00:00 UTC."

# "UTC+2" is not UTC: the sign must not follow. The last part keeps `+02` from being read out of
# `+02:30:15`.
_OFFSET = r"(?P<zone>Z|(?:UTC|GMT)(?!\s?[+\-−]\s?\d)|[+\-−]\d\d:?(?:[0-5]\d)?)(?![\w:])"
_ISO = re.compile(
    r"(?<![\d.\-/])(?P<y>[12]\d{3})-(?P<mo>[01]\d)-(?P<d>[0-3]\d)(?:[Tt ]|\s{1,3})"
    r"(?P<h>[0-2]\d):(?P<mi>[0-5]\d)"
    r"(?::(?P<s>[0-6]\d)(?:[.,](?P<f>\d{1,9}))?)?\s?" + _OFFSET
)
_BASIC = re.compile(
    (
        r"(?<!\w)(?P<y>[12]\d{3})(?P<mo>[01]\d)(?P<d>[0-3]\d)T(?P<h>[0-2]\d)(?P<mi>[0-5]\d)"
        r"(?:(?P<s>[0-6]\d))?(?P<f>)"
    )
    + _OFFSET
)
_CLF = re.compile(
    (
        r"(?P<d>[0-3]\d)/(?P<mon>[A-Z][a-z]{2})/(?P<y>[12]\d{3}):(?P<h>[0-2]\d):"
        r"(?P<mi>[0-5]\d):(?P<s>[0-6]\d)(?P<f>) "
    )
    + _OFFSET
)
_RFC = re.compile(
    (
        r"(?<!\w)(?P<d>[0-3]?\d) (?P<mon>[A-Z][a-z]{2}) (?P<y>[12]\d{3}) (?P<h>[0-2]\d):"
        r"(?P<mi>[0-5]\d)(?::(?P<s>[0-6]\d))?(?P<f>) "
    )
    + _OFFSET
)
_CTIME = re.compile(
    r"(?<!\w)(?P<mon>[A-Z][a-z]{2}) {1,2}(?P<d>[0-3]?\d) (?P<h>[0-2]\d):(?P<mi>[0-5]\d):"
    r"(?P<s>[0-6]\d)(?P<f>)"
    r" (?P<zone>UTC|GMT) (?P<y>[12]\d{3})"
)
# `(?P<f>)` in some: each has the same groups, so that one function reads all.
_EXACT = (_ISO, _BASIC, _CLF, _RFC, _CTIME)
_YEAR = re.compile(r"[12]\d{3}")
"""Every exact form holds a year or an epoch: most texts hold neither, and are looked through once
instead of six times.
"""
_EPOCH = re.compile(r"(?P<s>[12]\d{9})(?:(?P<ms>\d{3})|\.(?P<f>\d{1,9}))?")
_EPOCH_IN_LOG = re.compile(
    r"(?m)(?:^|\b(?:ts|time|timestamp|epoch|unixtime)[\"']?[:= ]\s?\"?|[\[({])"
    r"(?P<e>[12]\d{9}(?:\d{3}|\.\d{1,9})?)(?![\w.])"
)
_AGO = re.compile(
    r"(?i)\b(?P<n>\d{1,3}|an?|one|two|three|five|ten|fifteen|twenty|thirty|half an|a half"
    r"|half a|a couple of|a few)\s*"
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)\s+ago\b"
)
# Words that `_AGO` takes; "half" is read apart.
_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "five": 5,
    "ten": 10,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
}
# A part of a day: it is asked which hour, and not whether there is a time at all.
_VAGUE = re.compile(
    r"(?i)\b(?:this |yesterday |last |in the |early |late |mid-?)?(?:morning|afternoon"
    r"|evening|night|noonish|midday|lunch ?time|tonight)\b"
)
# Words that may stand around a time. What is left after them with a figure in it could be a date.
_FILLER = re.compile(
    r"(?i)\b(?:since|around|about|approx(?:imately)?|roughly|circa|ca|at|from|on|the|it"
    r"|began|begun|started?|starting|first|seen|noticed|was|is|of|and|"
    r"between|until|till|to|time|local|hours?|hrs?|uhr|h|exactly|today|we|our|in|ongoing"
    r"|now|still)\b|[^\w]+"
)


def read_time(text: str, at: datetime, zone: tzinfo | None = None) -> TimeReading:
    """The one time that a short text is about (`began_at` of the urgent form)."""
    # From the surest form to the vaguest.
    original = " ".join(text.split())[:LONGEST]
    exact = next(exact_times(original), None)
    if exact is not None:
        return _sane(TimeReading(original, exact.utc), at)
    if epoch := _EPOCH.fullmatch(original):
        return _sane(TimeReading(original, _epoch(epoch)), at)
    if ago := _AGO.search(original):
        return _ago(original, ago, at)
    return _sane(_put_together(original, at, zone), at)


def exact_times(text: str) -> Iterator[TimeReading]:
    """Every time in a strict form with its zone, in the order of the text's forms; for logs as
    well.
    """
    # One search in place of six, for the many texts without a time.
    if _YEAR.search(text) is None:
        return
    for pattern in _EXACT:
        for match in pattern.finditer(text):
            utc = _exact(match)
            if utc is not None:
                yield TimeReading(match[0].strip(), utc)
    for match in _EPOCH_IN_LOG.finditer(text):
        inner = _EPOCH.fullmatch(match["e"])
        assert inner is not None
        yield TimeReading(match["e"], _epoch(inner))


def span_of(text: str) -> tuple[TimeReading, TimeReading] | None:
    """The earliest and the latest exact time of a log; None where it has none."""
    found = sorted((read.utc, read) for read in exact_times(text) if read.utc is not None)
    return (found[0][1], found[-1][1]) if found else None


def _exact(match: re.Match[str]) -> datetime | None:
    parts = match.groupdict()
    month = MONTHS.get(parts["mon"].lower()) if parts.get("mon") else int(parts["mo"])
    # Nanoseconds are cut to microseconds.
    fraction = int((parts["f"] or "0")[:6].ljust(6, "0"))
    try:
        # A leap second is the second after.
        second = int(parts["s"] or 0)
        naive = datetime(
            int(parts["y"]),
            month or 0,
            int(parts["d"]),
            int(parts["h"]),
            int(parts["mi"]),
            min(second, 59),
            fraction,
            UTC,
        )
        return naive + timedelta(seconds=second - min(second, 59)) - _offset(parts["zone"])
    except (ValueError, OverflowError):
        return None


def _offset(written: str) -> timedelta:
    """Of `Z`, `UTC`, `+0530`, `-08:00`, `+02`."""
    if not written[1:2].isdigit():
        return timedelta(0)
    digits = written[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    # Caught by `_exact`: such a match is no time.
    if hours > 14:
        raise ValueError(f"no zone is {hours} hours away")
    away = timedelta(hours=hours, minutes=minutes)
    return away if written[0] == "+" else -away


def _epoch(match: re.Match[str]) -> datetime:
    fraction = (
        int(match["ms"].ljust(6, "0"))
        if match["ms"]
        else int((match["f"] or "0")[:6].ljust(6, "0"))
    )
    return datetime.fromtimestamp(int(match["s"]), UTC) + timedelta(microseconds=fraction)


def _ago(original: str, match: re.Match[str], at: datetime) -> TimeReading:
    written, unit = match["n"].lower(), match["unit"].lower()[0]
    # Days and weeks say no time of day.
    if unit in "dw":
        return TimeReading(original, None, NO_TIME)
    if written.startswith(("a couple", "a few")):
        return TimeReading(original, None, "It says neither a number nor a time.")
    many = (
        0.5
        if "half" in written
        else float(written)
        if written.isdecimal()
        else float(_NUMBERS[written])
    )
    return TimeReading(
        original,
        at.astimezone(UTC)
        - timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours"}[unit]: many}),
    )


def _put_together(original: str, at: datetime, zone: tzinfo | None) -> TimeReading:
    """Date + time + zone, each found by itself."""
    clock, rest = one_time(original)
    # A day or a part of a day is something to ask about; nothing at all is another question.
    if clock is None:
        return TimeReading(
            original,
            None,
            NO_TIME if _VAGUE.search(original) or one_date(original, at)[0] else NO_TIME_AT_ALL,
        )
    zones = zones_in(original)
    # "PST (Pacific)" names one zone twice; "PST / CET" names two.
    named = {found.name for found in zones}
    day, rest = one_date(rest, at)
    if isinstance(day, str):
        return TimeReading(original, None, day)
    if len(named) > 1:
        return TimeReading(
            original, None, f"It names several time zones ({', '.join(sorted(named))})."
        )
    # The writer's own zone wins. That of the account is a proposal, and said so.
    because = ""
    if zones:
        used = zones[0]
        if used.ambiguous:
            return TimeReading(original, None, used.ambiguous)
    elif zone is not None:
        used = Zone(str(zone), zone)
        because = f"It names no time zone; we took your account's, {zone}."
    else:
        return TimeReading(original, None, NO_ZONE)
    # No day in a form known here. Where figures are left over there may be one in another language.
    if day is None:
        leftover = _FILLER.sub(" ", _without_zones(rest, zones))
        if re.search(r"\d", leftover):
            day = foreign_date(leftover, at)
            if day is None:
                return TimeReading(original, None, "We do not know how to read its date.")
            because = because or "We read its date as well as we could."
    return _in_zone(original, day, clock, used, at, because)


def _without_zones(text: str, zones: list[Zone]) -> str:
    for found in zones:
        text = text.replace(found.written, " ")
    return text


def _in_zone(
    original: str, day: date | None, clock: time, used: Zone, at: datetime, because: str
) -> TimeReading:
    assert used.tz is not None
    here = at.astimezone(used.tz)
    if day is None:
        # The last time this clock time was, seen from the writer.
        day = here.date() if clock <= here.time() else here.date() - timedelta(days=1)
        because = because or NO_DATE
    local = datetime.combine(day, clock, used.tz)
    wrong = used.why_not(local)
    if wrong:
        return TimeReading(original, None, wrong)
    try:
        return TimeReading(original, local.astimezone(UTC), because)
    # Year 9999 in a zone behind UTC.
    except OverflowError:
        return TimeReading(original, None, NO_TIME_AT_ALL)


def _sane(read: TimeReading, at: datetime) -> TimeReading:
    if read.utc is not None and read.utc > at + _FUTURE:
        return read._replace(ambiguous_because=IN_THE_FUTURE)
    return read
