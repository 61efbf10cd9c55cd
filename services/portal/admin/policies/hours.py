"""A calendar of the policy `default` as a form: a week in lines, holidays, days with hours of their
own. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from shared.policy.desk import CLOSED, Calendar, windows_in
from shared.policy.windows import WEEKDAYS, Window

Document = Mapping[str, Any]

DAY_WORDS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
# A day, then hours; people write a colon between them or none.
_SPECIAL = re.compile(r"\s*(\d{4}-\d\d-\d\d)\s*:?\s*(.*)")


def calendars_of(document: Document) -> list[str]:
    """The calendars that have hours: those of plain elapsed time have none."""
    found: Mapping[str, Document] = document.get("calendars", {})
    return [name for name, calendar in found.items() if not calendar.get("always")]


def values_of(calendar: Document) -> dict[str, str]:
    """The fields of the form."""
    week: Mapping[str, Sequence[Document]] = calendar.get("week", {})
    return {
        "zone": str(calendar.get("zone", "UTC")),
        **{day: hours_of(week.get(day, ())) for day in WEEKDAYS},
        "holidays": str(calendar.get("holidays") or ""),
        "extra_holidays": "\n".join(calendar.get("extra_holidays", ())),
        "not_holidays": "\n".join(calendar.get("not_holidays", ())),
        "special": "\n".join(
            f"{day} {hours}" for day, hours in sorted(calendar.get("special", {}).items())
        ),
    }


def hours_of(windows: Sequence[Document]) -> str:
    """`09:00-12:00, 13:00-17:00`; `closed` where there is none."""
    said = ", ".join(f"{_short(one['opens'])}-{_short(one['closes'])}" for one in windows)
    return said or CLOSED


def _short(at: object) -> str:
    text = str(at)
    # Times of a document may have seconds; a form has none.
    return text.removesuffix(":00") if len(text) > len("09:00") else text


def calendar_of(fields: Mapping[str, str], standing: Document) -> tuple[Document, dict[str, str]]:
    """The calendar as the form says it, and what is wrong, by field. What the form does not show
    stays.
    """
    errors: dict[str, str] = {}
    week = {}
    for day in WEEKDAYS:
        # An empty line and "closed" are the same.
        said = fields.get(day, "").strip() or CLOSED
        try:
            # Texts that were pasted have long dashes.
            windows = windows_in(said.replace("–", "-"))
        except ValueError as error:
            errors[day] = str(error)
            continue
        if windows:
            week[day] = [_window_to_fields(window) for window in windows]
    # Over what stands there: fields that the form does not show stay.
    made: dict[str, Any] = {**standing, "zone": fields.get("zone", "").strip(), "week": week}
    made["holidays"] = fields.get("holidays", "").strip() or None
    for name in ("extra_holidays", "not_holidays"):
        days, wrong = _days(fields.get(name, ""))
        made[name] = days
        if wrong:
            errors[name] = wrong
    made["special"], wrong = _special(fields.get("special", ""))
    if wrong:
        errors["special"] = wrong
    # Empty means absent, but a calendar needs its week even where every day is closed.
    kept = {name: value for name, value in made.items() if value not in (None, [], {})}
    return kept | {"week": week}, errors


def _window_to_fields(window: Window) -> dict[str, str]:
    return {
        "opens": window.opens.isoformat("minutes"),
        "closes": window.closes.isoformat("minutes"),
    }


def _days(text: str) -> tuple[list[str], str]:
    days = []
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        if not _is_day(line):
            return [], f"“{line}” is no day: write it as 2026-12-24."
        days.append(line)
    return days, ""


def _special(text: str) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        read = _SPECIAL.fullmatch(line)
        if read is None or not _is_day(read[1]):
            return {}, f"“{line}” is no day with hours: write 2026-12-24 09:00-13:00, or closed."
        hours = read[2].strip() or CLOSED
        try:
            # Read only to see whether it can be: the document keeps the words.
            windows_in(hours)
        except ValueError as error:
            return {}, f"{read[1]}: {error}."
        found[read[1]] = hours
    return found, ""


def _is_day(text: str) -> bool:
    try:
        # Other ways to write a date are not for a document that people compare.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def closed_days(calendar: Calendar, year: int) -> Iterator[tuple[str, str]]:
    """(day, why) of the closed days of a year and of the days with hours of their own, in order."""
    found: dict[str, str] = {}
    if calendar.holidays:
        # Imported here: it is large, and only this page needs it.
        from holidays import country_holidays

        known = country_holidays(calendar.holidays, years=year, observed=True)
        found = {day.isoformat(): name for day, name in known.items()}
    # Each line is stronger than those before it: the country's days, the desk's own, those taken
    # out, and days with hours of their own.
    found |= dict.fromkeys((str(day) for day in calendar.extra_holidays), "closed")
    for day in calendar.not_holidays:
        found.pop(str(day), None)
    found |= {str(day): f"open {said}" for day, said in calendar.special.items() if said != CLOSED}
    found |= {str(day): CLOSED for day, said in calendar.special.items() if said == CLOSED}
    yield from sorted(entry for entry in found.items() if entry[0].startswith(f"{year}-"))
