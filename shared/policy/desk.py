"""The policy document `default`: how tickets are routed, who may ask for what, and what is promised.

The seeds give no targets: those in `deploy/policies/default.yaml` are ours and say so.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from enum import StrEnum
from functools import cache, cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from shared.events import ClockName, Plan, Priority, Stage

ALWAYS = "always"
"""The calendar of plain elapsed time. Auto-close goes by it, so a policy cannot mean another one by the name."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_span(value: object) -> object:
    """`45s`, `30m`, `4h`, `2d` → timedelta; anything else is left to pydantic."""
    if isinstance(value, str) and value[-1:] in _UNITS and value[:-1].isdigit():
        try:
            return timedelta(**{_UNITS[value[-1]]: int(value[:-1])})
        except OverflowError as error:
            raise ValueError("a time longer than any calendar") from error
    return value


Span = Annotated[timedelta, BeforeValidator(read_span), Field(gt=timedelta(0))]


class Part(BaseModel):
    """A part of a policy document: unknown fields are an error, so a typing mistake is found and not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(Part):
    """Working time of one weekday, [opens, closes) in the calendar's zone; closes 00:00 means the day's end."""

    opens: time
    closes: time


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Calendar(Part):
    """Working time. `always` ignores the rest: plain elapsed time.

    `holidays` is a country of the `holidays` package (its federal ones, observed days included); `extra_holidays` are
    further closed days (ISO dates), `not_holidays` are days worked all the same.
    """

    always: bool = False
    zone: str = "UTC"
    week: dict[Weekday, tuple[Window, ...]] = {}
    holidays: str | None = None
    extra_holidays: tuple[str, ...] = ()
    not_holidays: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_a_calendar(self) -> Self:
        if self.always:
            return self
        if self.holidays is not None and self.holidays not in _countries():
            raise ValueError(f"holidays {self.holidays!r} is no country the `holidays` package knows; an example is US")
        if self.zone not in available_timezones():
            raise ValueError(f"zone {self.zone!r} is not in the IANA database; an example is America/New_York")
        if not any(self.week.values()):
            raise ValueError("a calendar needs at least one window of working time, or `always: true`")
        for day, windows in self.week.items():
            spans = sorted((w.opens, w.closes if w.closes != time(0) else time.max) for w in windows)
            for opens, closes in spans:
                if closes <= opens:
                    raise ValueError(f"{day}: a window must close after it opens ({opens} to {closes})")
            for (_, before), (after, _) in pairwise(spans):
                if after < before:
                    raise ValueError(f"{day}: windows overlap at {after}")
        return self

    @field_validator("extra_holidays", "not_holidays")
    @classmethod
    def _are_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            date.fromisoformat(day)
        return days

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


@cache
def _countries() -> frozenset[str]:
    """Names and codes of all countries. The package is large, and only few policies name one it must be asked about."""
    from holidays.registry import COUNTRIES

    return frozenset(name for names in COUNTRIES.values() for name in names)


class Target(Part):
    """What is promised to `plan` at `priority`: `within` of working time on `calendar`."""

    plan: Plan
    priority: Priority
    within: Span
    calendar: str


class ProviderTarget(Part):
    """The provider's first answer, from assignment, on their clock; the customer's goes on."""

    within: Span
    calendar: str


class Strength(StrEnum):
    """`certain` assigns at once; `suggest` only suggests, for an agent to confirm (DESIGN section 6, 3)."""

    CERTAIN = "certain"
    SUGGEST = "suggest"


class RoutingRule(Part):
    """A rule of `services/router/rules.py` by its name, and how much it counts. Tried in the order listed."""

    rule: str
    strength: Strength


class DeskPolicy(Part):
    """The whole document. Every calendar a target names must exist; every plan needs an initial response for every priority.

    `next_reply` and `resolution` may leave plans out: they are promised nothing then. A plan that is in has every priority, so
    that a review always finds a target.
    """

    routing: tuple[RoutingRule, ...]
    may_choose_priority: frozenset[Plan]
    urgent_stages: frozenset[Stage]
    pages: frozenset[Plan]
    """Plans whose urgent tickets wake the on-call engineer (seed 001: Legacy Enterprise and Premier)."""
    first_in_queue: frozenset[Plan]
    architects: frozenset[Plan]
    """Plans whose architecture questions go to the solutions architects."""
    pointers: tuple[str, ...] = (
        "The Dev Center answers most questions about the platform: https://devcenter.heroku.com/",
        "Consulting partners do such work: our sales team helps to choose one from the partner program.",
    )
    """Where help is to be had for what support does not cover (seed 000, section 1; seed 001)."""
    default_priority: Priority = Priority.NORMAL
    escalation: str = "support"
    """The escalation policy of document `on-call` that urgent tickets use."""
    calendars: dict[str, Calendar]
    targets: tuple[Target, ...]
    """Initial response."""
    next_reply: tuple[Target, ...] = ()
    resolution: tuple[Target, ...] = ()
    provider_answer: ProviderTarget
    warn_at: tuple[int, ...] = (50, 75, 90)
    """Percent of a target at which a warning is recorded."""

    reopen_window: Span = timedelta(days=7)
    """How long a solved ticket can be reopened, in plain elapsed time; then it is closed."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        promises: tuple[Target | ProviderTarget, ...] = (*self.targets, *self.next_reply, *self.resolution, self.provider_answer)
        for target in promises:
            if target.calendar not in self.calendars:
                raise ValueError(f"calendar {target.calendar!r} is named by a target but not defined; defined: {sorted(self.calendars)}")
        if ALWAYS in self.calendars and not self.calendars[ALWAYS].always:
            raise ValueError(f"calendar {ALWAYS!r} is plain elapsed time: `always: true`, or another name")
        _check_targets("targets", self.targets, frozenset(Plan))
        _check_targets("next_reply", self.next_reply, frozenset(t.plan for t in self.next_reply))
        _check_targets("resolution", self.resolution, frozenset(t.plan for t in self.resolution))
        if any(not 0 < percent < 100 for percent in self.warn_at):
            raise ValueError("warn_at: percents between 1 and 99")
        return self

    def target_for(self, plan: Plan, priority: Priority) -> Target:
        """The initial response: every plan is promised one."""
        return self._promises[ClockName.INITIAL_RESPONSE, plan, priority]

    def promise(self, clock: str, plan: Plan, priority: Priority) -> Target | None:
        """What `clock` is promised; None: nothing."""
        return self._promises.get((clock, plan, priority))

    @cached_property
    def _promises(self) -> dict[tuple[str, Plan, Priority], Target]:
        lists = {ClockName.INITIAL_RESPONSE: self.targets, ClockName.NEXT_REPLY: self.next_reply, ClockName.RESOLUTION: self.resolution}
        return {(clock, target.plan, target.priority): target for clock, targets in lists.items() for target in targets}


def _check_targets(field: str, targets: tuple[Target, ...], plans: frozenset[Plan]) -> None:
    """One target for each priority of each of the plans. Raises ValueError."""
    have = {(t.plan, t.priority) for t in targets}
    if len(have) != len(targets):
        raise ValueError(f"{field}: two targets for the same plan and priority")
    if lacking := sorted(f"{plan}/{priority}" for plan in plans for priority in Priority if (plan, priority) not in have):
        raise ValueError(f"{field}: no target for {', '.join(lacking)}")
