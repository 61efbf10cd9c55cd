"""Values as people read them: the filters of the templates, purely. Instants are ISO 8601 strings;
`now` is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.text.ansi import readable

# From here on a deadline is amber.
SOON = timedelta(hours=1)
# Lengths of time as pydantic writes them in JSON (ISO 8601, no months).
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def instant(text: str) -> datetime:
    """The aware datetime of an ISO 8601 string; one without a zone counts as UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def utc(text: str) -> str:
    """`22 Nov 2026, 02:41 UTC`."""
    return instant(text).astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


def utc_field(text: str) -> str:
    """An instant as a `datetime-local` field has it, in UTC; what is none, and nothing,
    as it is.
    """
    try:
        return instant(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if text else ""
    except ValueError:
        # It is what somebody typed into the field: they see it again.
        return text


def relative(text: str, now: datetime) -> str:
    """`in 2 h 10 min`, `5 min ago`, `just now`: two units at most."""
    away = instant(text) - now
    words = span(abs(away))
    if words == "":
        return "just now"
    return f"in {words}" if away > timedelta(0) else f"{words} ago"


def countdown(text: str, now: datetime) -> str:
    """`in 2 h 10 min`; below ten minutes with seconds: `in 4 min 5 s`; `any moment` when
    it is due.
    """
    away = instant(text) - now
    seconds = int(away.total_seconds())
    if seconds < 1:
        return "any moment"
    # Seconds change too fast to be of use further away.
    if seconds >= 600:
        return f"in {span(away)}"
    parts = (f"{seconds // 60} min" if seconds >= 60 else "", f"{seconds % 60} s")
    return "in " + " ".join(part for part in parts if part and not part.startswith("0 "))


def span(length: timedelta) -> str:
    """A length of time in its two largest units; empty below a minute."""
    minutes = int(length.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        # After a week the hours say nothing any more.
        return f"{days} d {hours} h" if hours and days < 7 else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else ""


def format_seconds(seconds: float) -> str:
    """A number of seconds as `span` says it."""
    return span(timedelta(seconds=seconds)) or "0 min"


def is_past(text: str, now: datetime) -> bool:
    return instant(text) <= now


def tone(due_at: str, now: datetime) -> str:
    """The signal colour of a deadline: red when it is over, amber within the hour, else none."""
    away = instant(due_at) - now
    return "red" if away <= timedelta(0) else "amber" if away <= SOON else ""


def percent_run(clock: Mapping[str, Any], now: datetime) -> int:
    """How much of a running clock's span has gone by, 0 to 100 (of plain time: the bar is a
    picture, not the arithmetic).
    """
    started, due = instant(clock["started_at"]), instant(clock["due_at"])
    whole = (due - started).total_seconds()
    return (
        100
        if whole <= 0
        else max(0, min(100, round(100 * (now - started).total_seconds() / whole)))
    )


def short_id(name: str) -> str:
    """The first eight characters of an id behind its prefix: enough to tell tickets apart
    in talk.
    """
    return name.rpartition("_")[2][:8]


def split_camel_case(name: str) -> str:
    """`PriorityReviewed` → `Priority reviewed`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).split()
    return " ".join([words[0], *(word.lower() for word in words[1:])]) if words else ""


def plain(value: object) -> str:
    """A fact's value as text: yes and no, lists with commas, lengths of time and instants
    in words.
    """
    match value:
        case bool():
            # `str` would say True and False.
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(plain(each) for each in value)
        # A word that only begins with a P stays a word.
        case str() if value.startswith("P") and (found := _SPAN.fullmatch(value)):
            days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
            return (
                span(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)) or value
            )
        case str() if _ISO.match(value):
            try:
                return utc(value)
            except ValueError:
                return value
        case _:
            return str(value)


def group_digits(n: float) -> str:
    """A number with thin spaces between thousands."""
    return f"{n:,.0f}".replace(",", "\u202f")


def as_json(value: object) -> str:
    return orjson.dumps(value).decode()


class FactView(dict[str, Any]):
    """What a fact says, leniently: a field that it lacks (an older event, or one for staff only) is
    None.
    """

    def __missing__(self, name: str) -> None:
        return None


def board(found: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The dashboard's numbers with what the screen adds: the chart's columns (every minute of the
    hour), sums and maxima.
    """
    # The last full hour, with the minute that has just begun as its last.
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=59)
    minutes = [first + timedelta(minutes=n) for n in range(60)]
    values = {
        instant(point["at"]).replace(second=0, microsecond=0): float(point["value"])
        for point in found["tickets_per_minute"]
    }
    column = [values.get(minute, 0.0) for minute in minutes]
    solved = sum(
        point["value"] for point in found["figures"].get("tickets-solved", {}).get("all", [])
    )
    breaches = found["figures"].get("clocks-breached-hourly", {}).get("all", [])
    slowest = found["figures"].get("time-to-route-p95", {}).get("all", [])
    hours: Sequence[Mapping[str, Any]] = found["deadlines"]["hours"]
    return {
        **found,
        "series": [[int(minute.timestamp()) for minute in minutes], column] if values else [[], []],
        "hour": sum(column),
        "solved": solved,
        "breached_day": sum(point["value"] for point in breaches),
        "route_ms": 1000 * slowest[-1]["value"] if slowest else None,
        "peak": max(column),
        "ahead": sum(hour["n"] for hour in hours),
        # At least 1, since bars are drawn as a part of it.
        "densest": max([1, *(hour["n"] for hour in hours)]),
        "deepest": max([1, *found["counts"]["queues"].values()]),
    }


# The names that templates use.
FILTERS = {
    "utc": utc,
    "relative": relative,
    "countdown": countdown,
    "utc_field": utc_field,
    "is_past": is_past,
    "tone": tone,
    "percent_run": percent_run,
    "short_id": short_id,
    "spaced": split_camel_case,
    "plain": plain,
    "readable": readable,
    "spent": format_seconds,
    "grouped": group_digits,
    "json": as_json,
}


def rota_rows(
    planned: Sequence[Mapping[str, Any]], since: datetime, days: int
) -> list[dict[str, Any]]:
    """Schedules as bars over `days` from `since`: each shift with its `x` and `width` in percent
    and a `tint` by person (0 to 5).
    """
    whole = timedelta(days=days)
    # By name, so that a person has the same colour in every row and on every reload.
    people = sorted(
        {shift["person"] for row in planned for shift in row["shifts"] if shift["person"]}
    )
    tints = {person: number % 6 for number, person in enumerate(people)}

    def bar(shift: Mapping[str, Any]) -> dict[str, Any]:
        begins, ends = instant(shift["since"]), instant(shift["until"])
        x, width = (begins - since) / whole * 100, (ends - begins) / whole * 100
        return {
            **shift,
            "x": round(x, 3),
            "width": round(width, 3),
            "tint": tints.get(shift["person"]),
        }

    return [{**row, "shifts": [bar(shift) for shift in row["shifts"]]} for row in planned]
