"""Working time: when `target` of it has passed since an instant, and how much of it lies between two. Pure.

A calendar's windows are wall-clock times of its zone; the arithmetic is on instants in UTC. A minute counts as worked where
the zone's clocks then show a time inside a window of a day that is worked, so a window across a change of daylight saving is
an hour shorter or longer, as it is for the people in it. Days are worked out once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from shared.policy import Calendar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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
        self._closed = holidays.country_holidays(calendar.holidays, observed=True) if calendar.holidays else None
        self._extra = frozenset(date.fromisoformat(day) for day in calendar.extra_holidays)
        self._not = frozenset(date.fromisoformat(day) for day in calendar.not_holidays)

    def due_at(self, started_at: datetime, target: timedelta) -> datetime:
        """The instant at which `target` of working time has passed since `started_at`.

        Work that ends with the day is due when the day closes, not when the next one opens. Raises ValueError for a
        calendar in which it never is.
        """
        if self.calendar.always or target <= _ZERO:
            return started_at + target
        left = target
        for span in self._spans_from(started_at):
            opens = max(span.opens, started_at)
            length = span.closes - opens
            if left <= length:
                return opens + left
            left -= length
        raise ValueError(f"{target} of working time is not reached within {HORIZON.days} days of {started_at.isoformat()}")

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
        """Every span that ends after `instant`, in order, as far as the horizon."""
        day = instant.astimezone(self._zone).date()
        last = day + HORIZON
        while day <= last:
            spans = self._days.get(day)
            if spans is None:
                spans = self._days[day] = self._work_out(day)
            for span in spans:
                if span.closes > instant:
                    yield span
            day += _DAY

    def _work_out(self, day: date) -> tuple[Span, ...]:
        windows = self.calendar.week.get(DAYS[day.weekday()], ())  # type: ignore[call-overload]
        if not windows or self._is_holiday(day):
            return ()
        midnight = datetime.combine(day, time(0))
        found = []
        for begin, end, offset in self._offsets(day):
            for window in windows:
                opens = datetime.combine(day, window.opens)
                closes = midnight + _DAY if window.closes == time(0) else datetime.combine(day, window.closes)
                span = Span(max((opens - offset).replace(tzinfo=UTC), begin), min((closes - offset).replace(tzinfo=UTC), end))
                if span.opens < span.closes:
                    found.append(span)
        return _joined(sorted(found))

    def _offsets(self, day: date) -> list[tuple[datetime, datetime, timedelta]]:
        """The UTC offsets that hold around `day`: (from, until, offset). Nearly always one; two where the clocks change."""
        begin = datetime.combine(day, time(0), UTC) - _DAY
        end = begin + 3 * _DAY
        pieces = []
        while begin < end:
            offset = self._offset(begin)
            until = self._change_after(begin, end, offset)
            pieces.append((begin, until, offset))
            begin = until
        return pieces

    def _change_after(self, begin: datetime, end: datetime, offset: timedelta) -> datetime:
        """When `offset` stops to hold, to the second; `end` where it does not. Zones change at most once in three days."""
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


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Spans that touch made one."""
    made: list[Span] = []
    for span in spans:
        if made and made[-1].closes == span.opens:
            made[-1] = Span(made[-1].opens, span.closes)
        else:
            made.append(span)
    return tuple(made)


_KNOWN: dict[int, WorkingTime] = {}


def working_time(calendar: Calendar) -> WorkingTime:
    """The calendar's working time; the same object for the same calendar, so that its days are worked out once."""
    known = _KNOWN.get(id(calendar))
    if known is None:  # it holds the calendar, so the id cannot pass to another one
        known = _KNOWN[id(calendar)] = WorkingTime(calendar)
    return known


def warm_up() -> None:
    """Load the tables of all countries now: it takes 0.3 s, once, and a worker's loop must not stand still for it."""
    holidays.country_holidays("US")


def due_at(calendar: Calendar, started_at: datetime, target: timedelta) -> datetime:
    """See `WorkingTime.due_at`."""
    return working_time(calendar).due_at(started_at, target)


def worked(calendar: Calendar, since: datetime, until: datetime) -> timedelta:
    """See `WorkingTime.worked`."""
    return working_time(calendar).worked(since, until)
