"""Opening hours in words for customers, from the policy in force. Pure."""

from __future__ import annotations

from itertools import groupby

from shared.events import Plan, Priority
from shared.policy import DeskPolicy
from shared.policy.desk import Calendar
from shared.policy.windows import WEEKDAYS, Window

_DAYS = dict(
    zip(
        WEEKDAYS,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)


def hours_words(calendar: Calendar) -> str:
    """`09:00 to 21:00, Monday to Friday (America/New York), except holidays`; `at all times`."""
    if calendar.always:
        return "at all times"
    weeks = [(day, _windows(calendar.week.get(day, ()))) for day in WEEKDAYS]
    parts = []
    # Neighbouring days with the same hours make one part.
    for hours, group in groupby(weeks, key=lambda entry: entry[1]):
        days = [_DAYS[day] for day, _ in group]
        if hours:
            parts.append(f"{hours}, {days[0]}{f' to {days[-1]}' if len(days) > 1 else ''}")
    has_holidays = calendar.holidays is not None or calendar.extra_holidays
    zone = calendar.zone.replace("_", " ")
    return f"{'; '.join(parts)} ({zone}){', except holidays' if has_holidays else ''}"


def _windows(windows: tuple[Window, ...]) -> str:
    return " and ".join(
        f"{one.opens.isoformat('minutes')} to {one.closes.isoformat('minutes')}" for one in windows
    )


def hours_of(desk: DeskPolicy | None, plan: Plan) -> str:
    """When tickets of a plan are answered; empty where nothing is promised yet."""
    if desk is None:
        return ""
    # The normal priority speaks for the plan: others may have hours of their own.
    return hours_words(desk.calendars[desk.target_for(plan, Priority.NORMAL).calendar])


def plans_by_hours(desk: DeskPolicy | None) -> list[tuple[str, list[Plan]]]:
    """(hours in words, plans), those with hours first."""
    found: dict[str, list[Plan]] = {}
    for plan in Plan if desk is not None else ():
        found.setdefault(hours_of(desk, plan), []).append(plan)
    # False sorts first, so plans with hours stand above.
    return sorted(found.items(), key=lambda entry: entry[0] == "at all times")
