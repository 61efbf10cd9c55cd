"""The second implementation: minute by minute, with nothing clever in it. For comparison with
`services/sla`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from hypothesis import strategies as st

from shared.policy import Calendar, Window
from shared.policy.working_time import DAYS

MINUTE = timedelta(minutes=1)


class Slow:
    """A minute is worked where the zone's clocks show a time in a window of a day that is worked."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar, self._zone = calendar, ZoneInfo(calendar.zone)
        self._closed = (
            holidays.country_holidays(calendar.holidays, years=range(2023, 2029))
            if calendar.holidays
            else {}
        )
        self.is_worked = lru_cache(maxsize=300_000)(self._is_worked)

    def _is_worked(self, minute: datetime) -> bool:
        local = minute.astimezone(self._zone)
        if self._calendar.always:
            return True
        today = self._windows(local.date())
        yesterday = self._windows(local.date() - timedelta(days=1))
        return any(
            w.opens <= local.time() and (local.time() < w.closes or w.closes <= w.opens)
            for w in today
        ) or any(w.closes <= w.opens and local.time() < w.closes for w in yesterday)

    def _windows(self, day: date) -> tuple[Window, ...]:
        said = self._calendar.special.get(day.isoformat())
        if said is not None:
            pairs = [] if said == "closed" else [part.split("-") for part in said.split(", ")]
            return tuple(
                Window(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))
                for opens, closes in pairs
            )
        if day in self._closed:
            return ()
        return self._calendar.week.get(DAYS[day.weekday()], ())  # type: ignore[call-overload,no-any-return]

    def due_at(self, start: datetime, minutes: int) -> datetime:
        while minutes:
            minutes -= self.is_worked(start)
            start += MINUTE
        return start

    def worked(self, since: datetime, until: datetime) -> timedelta:
        total = 0
        while since < until:
            total += self.is_worked(since)
            since += MINUTE
        return timedelta(minutes=total)


def _calendar(
    zone: str,
    *windows: tuple[str, str],
    days: tuple[str, ...] = DAYS[:5],
    country: str | None = None,
    special: dict[str, str] | None = None,
) -> Calendar:
    made = tuple(
        Window(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))
        for opens, closes in windows
    )
    return Calendar(
        zone=zone, week=dict.fromkeys(days, made), holidays=country, special=special or {}
    )  # type: ignore[arg-type]


CALENDARS = [
    Calendar(always=True),
    _calendar("America/New_York", ("09:00", "21:00"), country="US"),
    _calendar("America/New_York", ("00:00", "02:30"), ("02:45", "00:00"), days=DAYS),
    _calendar(
        "Europe/Berlin",
        ("01:15", "02:15"),
        ("02:30", "03:30"),
        ("22:00", "00:00"),
        days=DAYS,
        country="DE",
    ),
    _calendar("Australia/Lord_Howe", ("01:00", "02:20"), ("08:00", "12:00"), days=DAYS),
    _calendar("Africa/Cairo", ("00:00", "01:00"), ("23:00", "00:00"), days=DAYS),
    _calendar("Pacific/Chatham", ("02:00", "04:00"), days=DAYS),
    _calendar("Asia/Kathmandu", ("10:00", "18:00"), days=("sun", "mon", "tue", "wed", "thu")),
    _calendar("America/Santiago", ("23:00", "00:00"), ("00:00", "01:30"), days=DAYS),
    _calendar("Europe/Berlin", ("22:00", "06:00"), ("09:00", "12:00"), days=DAYS[:6], country="DE"),
    _calendar("America/New_York", ("01:30", "01:30"), days=("sat", "tue")),
    _calendar(
        "America/New_York",
        ("20:00", "05:00"),
        days=DAYS,
        country="US",
        special={
            "2025-07-03": "09:00-13:00",
            "2025-07-04": "closed",
            "2025-12-24": "03:00-08:00, 22:00-02:00",
            "2025-12-25": "01:00-02:30",
            "2025-11-02": "00:30-02:30",
            "2025-03-09": "23:00-23:00",
        },
    ),
]
YEARS = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 12, 1, tzinfo=UTC))
MINUTES = int((YEARS[1] - YEARS[0]) / timedelta(minutes=1))
CHANGES = [
    int((datetime(*day, tzinfo=UTC) - YEARS[0]) / timedelta(minutes=1))
    for day in (
        (2025, 3, 9),
        (2025, 11, 2),
        (2025, 3, 30),
        (2025, 10, 26),
        (2025, 4, 5),
        (2025, 10, 4),
        (2025, 4, 24),
        (2025, 10, 30),
        (2025, 9, 27),
        (2025, 9, 6),
        (2025, 4, 6),
        (2025, 7, 3),
        (2025, 12, 24),
    )
]
starts = st.one_of(
    st.integers(0, MINUTES),
    st.sampled_from(CHANGES).flatmap(lambda change: st.integers(change - 1440, change + 2880)),
).map(lambda minute: YEARS[0] + timedelta(minutes=minute))


@dataclass
class SlowClock:
    """One clock as a counter of worked minutes. `reached`: when each count was reached since the
    count was last touched.
    """

    calendar: Slow
    target: int
    now: datetime
    state: str = "running"
    ran: int = 0
    warned: set[int] = field(default_factory=set)
    said: list[tuple[object, ...]] = field(default_factory=list)
    reached: dict[int, datetime] = field(default_factory=dict)

    def touch(self) -> None:
        self.reached = {self.ran: self.now}

    def minute(self) -> None:
        """A minute goes by."""
        worked = self.state in ("running", "breached") and self.calendar.is_worked(self.now)
        self.now += MINUTE
        if worked:
            self.ran += 1
            self.reached.setdefault(self.ran, self.now)

    def look(self, percents: tuple[int, ...], ends: str) -> None:
        """Say what is due by now; `ends` is what its deadline is called."""
        if self.state != "running":
            return
        if self.ran >= self.target:
            self.said.append((ends, self.reached.get(self.target, min(self.reached.values()))))
            self.state = "breached"
            return
        for percent in percents:
            if percent not in self.warned and self.ran * 100 >= percent * self.target:
                self.warned.add(percent)
                self.said.append(("Warned", percent, self.now))
