"""Working time: the examples of journey J2, the edges, and 10,000 comparisons with a slow second
implementation.
"""

from __future__ import annotations

import os
import time as clock
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.directory import policies
from shared.policy import DESK, Calendar, DeskPolicy, Window
from shared.policy.working_time import due_at, measure_worked, working_time
from tests.support.examples import examples
from tests.unit.sla.slow import CALENDARS, Slow, starts

EASTERN = ZoneInfo("America/New_York")
EXAMPLES = int(
    os.environ.get("CALENDAR_EXAMPLES") or examples(150)
)  # R13 asks for 10,000: CALENDAR_EXAMPLES=10000


@cache
def business() -> Calendar:
    return DeskPolicy.model_validate(policies()[DESK]).calendars["business"]


def eastern(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


DUE = [
    ("J2: over Independence Day", "2025-07-03 20:30", 240, "2025-07-07 12:30"),
    ("J2: clocks go forward", "2025-03-07 20:00", 120, "2025-03-10 10:00"),
    ("J2: clocks go back", "2025-10-31 20:00", 120, "2025-11-03 10:00"),
    ("within one day", "2025-07-08 10:00", 240, "2025-07-08 14:00"),
    ("before opening", "2025-07-08 03:00", 60, "2025-07-08 10:00"),
    ("at opening", "2025-07-08 09:00", 60, "2025-07-08 10:00"),
    ("at closing", "2025-07-08 21:00", 60, "2025-07-09 10:00"),
    (
        "to the last minute: due at closing, not next morning",
        "2025-07-08 09:00",
        720,
        "2025-07-08 21:00",
    ),
    ("over a weekend", "2025-07-11 20:59", 2, "2025-07-14 09:01"),
    ("Saturday", "2025-07-12 12:00", 30, "2025-07-14 09:30"),
    (
        "a holiday observed on Monday (5 July 2021 for Sunday the 4th)",
        "2021-07-02 20:30",
        60,
        "2021-07-06 09:30",
    ),
    (
        "New Year of 2022 is observed on Friday 31 December 2021",
        "2021-12-30 20:30",
        60,
        "2022-01-03 09:30",
    ),
    ("Thanksgiving", "2025-11-26 20:00", 120, "2025-11-28 10:00"),
    ("24 business hours are two days", "2025-07-08 12:00", 24 * 60, "2025-07-10 12:00"),
]


@pytest.mark.parametrize(("why", "start", "minutes", "due"), DUE, ids=[why for why, *_ in DUE])
def test_due(why: str, start: str, minutes: int, due: str) -> None:
    assert due_at(business(), eastern(start), timedelta(minutes=minutes)) == eastern(due)


def test_the_two_daylight_saving_examples_in_utc() -> None:
    assert due_at(business(), eastern("2025-03-07 20:00"), timedelta(minutes=120)) == datetime(
        2025, 3, 10, 14, tzinfo=UTC
    )
    assert due_at(business(), eastern("2025-10-31 20:00"), timedelta(minutes=120)) == datetime(
        2025, 11, 3, 15, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("why", "start", "minutes"), [row[:3] for row in DUE], ids=[why for why, *_ in DUE]
)
def test_round_the_clock_is_plain_elapsed_time(why: str, start: str, minutes: int) -> None:
    began, target = eastern(start).astimezone(UTC), timedelta(minutes=minutes)
    assert due_at(Calendar(always=True), began, target) == began + target


def test_extra_holidays_and_days_worked_all_the_same() -> None:
    changed = business().model_copy(
        update={"extra_holidays": ("2025-07-07",), "not_holidays": ("2025-07-04",)}
    )
    assert due_at(changed, eastern("2025-07-03 20:30"), timedelta(hours=4)) == eastern(
        "2025-07-04 12:30"
    )
    assert due_at(changed, eastern("2025-07-04 20:30"), timedelta(hours=4)) == eastern(
        "2025-07-08 12:30"
    )


def test_a_calendar_that_never_works_is_said() -> None:
    days = tuple((date(2025, 1, 1) + timedelta(days=i)).isoformat() for i in range(4100))
    never = Calendar(week={"mon": (Window(opens=time(9), closes=time(17)),)}, extra_holidays=days)
    with pytest.raises(ValueError, match="not reached"):
        due_at(never, datetime(2025, 1, 1, tzinfo=UTC), timedelta(hours=1))


# --- against the slow one
# --------------------------------------------------------------------------------------------

SLOW = [Slow(calendar) for calendar in CALENDARS]


@settings(max_examples=EXAMPLES)
@given(which=st.integers(0, len(CALENDARS) - 1), start=starts, minutes=st.integers(1, 900))
def test_due_as_the_slow_one_says(which: int, start: datetime, minutes: int) -> None:
    assert due_at(CALENDARS[which], start, timedelta(minutes=minutes)) == SLOW[which].due_at(
        start, minutes
    )


@settings(max_examples=EXAMPLES)
@given(which=st.integers(0, len(CALENDARS) - 1), start=starts, minutes=st.integers(0, 2000))
def test_worked_as_the_slow_one_says(which: int, start: datetime, minutes: int) -> None:
    until = start + timedelta(minutes=minutes)
    assert measure_worked(CALENDARS[which], start, until) == SLOW[which].worked(start, until)


@settings(max_examples=EXAMPLES)
@given(which=st.integers(0, len(CALENDARS) - 1), start=starts, seconds=st.integers(1, 10**6))
def test_what_is_worked_until_due_is_the_target(which: int, start: datetime, seconds: int) -> None:
    target = timedelta(seconds=seconds)
    due = due_at(CALENDARS[which], start, target)
    assert measure_worked(CALENDARS[which], start, due) == target
    assert measure_worked(CALENDARS[which], start, due - timedelta(microseconds=1)) < target


def test_a_call_takes_microseconds() -> None:
    """50 µs is the goal; the bound here leaves room for a busy machine."""
    hours, start, target = (
        working_time(business()),
        datetime(2025, 7, 3, 12, tzinfo=UTC),
        timedelta(hours=24),
    )
    hours.due_at(start, target)
    best = min(_seconds_for(hours.due_at, start, target) for _ in range(5))
    assert best / 1000 < 100e-6, f"{best * 1e3:.1f} µs a call"


def _seconds_for(function: object, *arguments: object) -> float:
    begun = clock.thread_time()
    for _ in range(1000):
        function(*arguments)  # type: ignore[operator]
    return clock.thread_time() - begun
