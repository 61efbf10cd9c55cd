"""Windows of a week in local time. One that closes when it opens, or earlier, closes the next day.
Pure.

A night window belongs to the day it opens: 22:00 to 06:00 on Monday ends on Tuesday morning,
whatever Tuesday is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Literal

from shared.policy.part import PolicyPart
from shared.policy.scalars import TimeOfDay

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_WEEK = 7 * _DAY


class Window(PolicyPart):
    """[opens, closes) in the zone's local time; `closes` 00:00 means the day's end, and one not
    after `opens` means the next day.
    """

    opens: TimeOfDay
    closes: TimeOfDay

    @property
    def ends_next_day(self) -> bool:
        return self.closes <= self.opens


Week = Mapping[Weekday, tuple[Window, ...]]


def is_open(today: Sequence[Window], yesterday: Sequence[Window], clock: time) -> bool:
    """Whether `clock` lies in a window of the day, or in one of the day before that goes on."""
    # Two ways to be open: a window of today, or the rest of one of yesterday's that ends this
    # morning.
    return any(w.opens <= clock and (clock < w.closes or w.ends_next_day) for w in today) or any(
        w.ends_next_day and clock < w.closes for w in yesterday
    )


def is_open_at(week: Week, wall: datetime) -> bool:
    """Whether the naive local time `wall` lies in a window of the week."""
    day = wall.weekday()
    return is_open(week.get(WEEKDAYS[day], ()), week.get(WEEKDAYS[day - 1], ()), wall.time())


def overlaps_of(week: Week) -> Iterator[tuple[Weekday, time]]:
    """(day, opens) of each window that opens before the one before it has closed, Sunday night
    into Monday too.
    """
    found: list[tuple[timedelta, timedelta, Weekday, time]] = []
    # On one line of time from Monday 00:00, a window of the night is longer than its day.
    for number, day in enumerate(WEEKDAYS):
        for window in week.get(day, ()):
            opens, closes = _since_midnight(window.opens), _since_midnight(window.closes)
            length = closes - opens if closes > opens else closes - opens + _DAY
            begins = number * _DAY + opens
            found.append((begins, begins + length, day, window.opens))
    found.sort(key=lambda one: one[:2])
    for before, after in pairwise(found):
        if after[0] < before[1]:
            yield after[2], after[3]
    # The week is a ring: the last window may reach into the first of next Monday.
    if len(found) > 1 and found[0][0] + _WEEK < found[-1][1]:
        yield found[0][2], found[0][3]


def _since_midnight(clock: time) -> timedelta:
    return timedelta(
        hours=clock.hour,
        minutes=clock.minute,
        seconds=clock.second,
        microseconds=clock.microsecond,
    )
