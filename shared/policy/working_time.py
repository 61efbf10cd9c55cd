"""Working time: when `target` of it has passed since an instant, and how much of it lies between
two. Pure.

A calendar's windows are wall-clock times of its zone (a night's window belongs to the day it opens,
and a day with hours of its own has no others); the arithmetic is on instants in UTC. A minute
counts as worked where the zone's clocks then show a time inside a window of a day that is worked,
so a window across a change of daylight saving is an hour shorter or longer, as it is for the people
in it. Days are worked out once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from shared.policy.desk import Calendar
from shared.policy.windows import WEEKDAYS, Window

DAYS = WEEKDAYS
_DAY = timedelta(days=1)
_ZERO = timedelta(0)
HORIZON = timedelta(days=3660)
"""A target that is not reached in ten years is a mistake in the calendar, not a promise."""


class Span(NamedTuple):
    """Working time without a break, [opens, closes), in UTC."""

    opens: datetime
    closes: datetime


class WorkingTime:
    """A calendar with what has been worked out of it. Make one per calendar with `working_time`."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._zone = ZoneInfo(calendar.zone)
        self._days: dict[date, tuple[Span, ...]] = {}
        # "Observed": a holiday on a Sunday is off on the Monday after.
        self._closed = (
            holidays.country_holidays(calendar.holidays, observed=True)
            if calendar.holidays
            else None
        )
        self._extra = frozenset(date.fromisoformat(day) for day in calendar.extra_holidays)
        self._not = frozenset(date.fromisoformat(day) for day in calendar.not_holidays)
        self._special = calendar.special_days
        nights = (*calendar.week.values(), *self._special.values())
        # Two days: a night's window begins a day earlier, and zones move that by up to a day more.
        # Nothing to look for where no window passes midnight.
        self._looks_back = (
            2 * _DAY
            if any(w.ends_next_day and w.closes > time(0) for ws in nights for w in ws)
            else _ZERO
        )

    def due_at(self, started_at: datetime, target: timedelta) -> datetime:
        """The instant at which `target` of working time has passed since `started_at`.

        Work that ends with the day is due when the day closes, not when the next one opens. Raises
        ValueError for a calendar in which it never is.
        """
        if self.calendar.always or target <= _ZERO:
            return started_at + target
        left = target
        for span in self._spans_from(started_at):
            opens = max(span.opens, started_at)
            length = span.closes - opens
            # "At most", not "less": a target that ends with the day is due when it closes.
            if left <= length:
                return opens + left
            left -= length
        raise ValueError(
            f"{target} of working time is not reached within {HORIZON.days} days of "
            f"{started_at.isoformat()}"
        )

    def spans(self, since: datetime, until: datetime) -> list[Span]:
        """The working time in [since, until), cut to it."""
        if until <= since:
            return []
        if self.calendar.always:
            return [Span(since, until)]
        found = []
        for span in self._spans_from(since):
            if span.opens >= until:
                break
            found.append(Span(max(span.opens, since), min(span.closes, until)))
        return found

    def worked(self, since: datetime, until: datetime) -> timedelta:
        """How much working time lies in [since, until)."""
        return sum((span.closes - span.opens for span in self.spans(since, until)), _ZERO)

    def _spans_from(self, instant: datetime) -> Iterator[Span]:
        """Every span that ends after `instant`, in order, none over another, as far as the
        horizon.
        """
        day = instant.astimezone(self._zone).date()
        last = day + HORIZON
        day -= self._looks_back  # a night's window goes on in the morning
        while day <= last:
            spans = self._days.get(day)
            if spans is None:
                spans = self._days[day] = self._work_out(day)
            for span in spans:
                if span.closes > instant:
                    # A day's own hours may begin before the night before has ended.
                    yield span if span.opens >= instant else Span(instant, span.closes)
                    # Where two windows share time it counts once.
                    instant = span.closes
            day += _DAY

    def _windows_of(self, day: date) -> tuple[Window, ...]:
        if day in self._special:
            return self._special[day]
        # A day with hours of its own wins over holidays and over the week.
        return () if self._is_holiday(day) else self.calendar.week.get(DAYS[day.weekday()], ())

    def _work_out(self, day: date) -> tuple[Span, ...]:
        windows = self._windows_of(day)
        if not windows:
            return ()
        found = []
        # One pass for each UTC offset of the day: windows are cut at the change of clocks.
        for begin, end, offset in self._offsets(day):
            for window in windows:
                opens = datetime.combine(day, window.opens)
                closes = datetime.combine(
                    day + _DAY if window.ends_next_day else day, window.closes
                )
                span = Span(
                    max((opens - offset).replace(tzinfo=UTC), begin),
                    min((closes - offset).replace(tzinfo=UTC), end),
                )
                # Nothing is left of a window that lies wholly under the other offset.
                if span.opens < span.closes:
                    found.append(span)
        return _merge_spans(sorted(found))

    def _offsets(self, day: date) -> list[tuple[datetime, datetime, timedelta]]:
        """The UTC offsets that hold around `day`: (from, until, offset). Nearly always one; two
        where the clocks change.
        """
        # From a day before to two days after: this covers every zone, and a window that ends the
        # next day.
        begin = datetime.combine(day, time(0), UTC) - _DAY
        end = begin + 4 * _DAY
        pieces = []
        while begin < end:
            offset = self._offset(begin)
            until = self._change_after(begin, end, offset)
            pieces.append((begin, until, offset))
            begin = until
        return pieces

    def _change_after(self, begin: datetime, end: datetime, offset: timedelta) -> datetime:
        """When `offset` stops to hold, to the second; `end` where it does not. Zones change at most
        once in four days.
        """
        # Then halve the time until the second of the change is found.
        if self._offset(end) == offset:
            return end
        low, high = begin, end
        while high - low > timedelta(seconds=1):
            middle = (low + (high - low) / 2).replace(microsecond=0)
            low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
        return high

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self._zone).utcoffset() or _ZERO

    def _is_holiday(self, day: date) -> bool:
        if day in self._not:
            return False
        return day in self._extra or (self._closed is not None and day in self._closed)


def _merge_spans(spans: list[Span]) -> tuple[Span, ...]:
    """Spans that touch made one."""
    made: list[Span] = []
    for span in spans:
        if made and made[-1].closes == span.opens:
            made[-1] = Span(made[-1].opens, span.closes)
        else:
            made.append(span)
    return tuple(made)


# Never emptied: calendars come from few policy documents.
_KNOWN: dict[int, WorkingTime] = {}


def working_time(calendar: Calendar) -> WorkingTime:
    """The calendar's working time; the same object for the same calendar, so that its days are
    worked out once.
    """
    known = _KNOWN.get(id(calendar))
    if known is None:  # it holds the calendar, so the id cannot pass to another one
        known = _KNOWN[id(calendar)] = WorkingTime(calendar)
    return known


def warm_up() -> None:
    """Load the tables of all countries now: it takes 0.3 s, once, and a worker's loop must not
    stand still for it.
    """
    holidays.country_holidays("US")


def due_at(calendar: Calendar, started_at: datetime, target: timedelta) -> datetime:
    """See `WorkingTime.due_at`."""
    return working_time(calendar).due_at(started_at, target)


def measure_worked(calendar: Calendar, since: datetime, until: datetime) -> timedelta:
    """See `WorkingTime.measure_worked`."""
    return working_time(calendar).worked(since, until)
