"""The rota as a calendar: weeks of days, in each who is on call, from when, and the hours with
nobody. Pure; the shifts are those of `Rota.shifts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.web.filters import instant, span

Shape = dict[str, Any]

# This week and the two after it.
WEEKS = 3


def first_monday(now: datetime, zone: ZoneInfo) -> datetime:
    """Where the calendar begins: midnight of this week's Monday, by the clock of `zone`."""
    today = now.astimezone(zone).date()
    return _midnight(today - timedelta(days=today.weekday()), zone)


def end_of(begin: datetime, zone: ZoneInfo) -> datetime:
    return _midnight(begin.astimezone(zone).date() + timedelta(weeks=WEEKS), zone)


def weeks_of(
    planned: Iterable[Mapping[str, Any]],
    begin: datetime,
    now: datetime,
    zone: ZoneInfo,
    *,
    names: Mapping[str, str],
    mine: Collection[str] = (),
) -> list[list[Shape]]:
    """`WEEKS` weeks of seven days: `{date, is_today, is_past, lines: [{schedule, person, name,
    since, nobody, mine, stand_in}]}`. `since`: `09:00` where it begins that day; empty at midnight.
    `nobody`: how long, in words. `names`: what people are called; `mine`: who looks.
    """
    today, first = now.astimezone(zone).date(), begin.astimezone(zone).date()
    rows = list(planned)
    # Dates and not spans of 24 hours: a day may have 23 or 25.
    days = [first + timedelta(days=n) for n in range(7 * WEEKS)]
    drawn = [
        {
            "date": day,
            "is_today": day == today,
            "is_past": day < today,
            "lines": [line for row in rows for line in _lines(row, day, zone, names, mine)],
        }
        for day in days
    ]
    return [drawn[n : n + 7] for n in range(0, len(drawn), 7)]


def _lines(
    row: Mapping[str, Any],
    day: date,
    zone: ZoneInfo,
    names: Mapping[str, str],
    mine: Collection[str],
) -> Sequence[Shape]:
    begins, ends = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    found = []
    for shift in row["shifts"]:
        # The part of the shift that lies in this day.
        since, until = max(instant(shift["since"]), begins), min(instant(shift["until"]), ends)
        if since >= until:
            continue
        person = shift["person"]
        found.append(
            {
                "schedule": row["schedule"],
                "person": person,
                "name": names.get(person, person) if person else "",
                "since": f"{since.astimezone(zone):%H:%M}" if since > begins else "",
                # A gap of seconds is a gap all the same.
                "nobody": "" if person else span(until - since) or "1 min",
                "mine": person in mine if person else False,
                "stand_in": bool(shift["stand_in"]),
            }
        )
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
