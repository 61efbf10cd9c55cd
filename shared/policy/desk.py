"""The policy document `default`: how tickets are routed, who may ask for what, and what is promised.

The seeds give no targets: those in `deploy/policies/default.yaml` are ours and say so.
"""

from __future__ import annotations

from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.events import Plan, Priority, Stage

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_span(value: object) -> object:
    """`45s`, `30m`, `4h`, `2d` → timedelta; anything else is left to pydantic."""
    if isinstance(value, str) and value[-1:] in _UNITS and value[:-1].isdigit():
        return timedelta(**{_UNITS[value[-1]]: int(value[:-1])})
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
        if self.zone not in available_timezones():
            raise ValueError(f"zone {self.zone!r} is not in the IANA database; an example is America/New_York")
        if not any(self.week.values()):
            raise ValueError("a calendar needs at least one window of working time, or `always: true`")
        for day, windows in self.week.items():
            spans = sorted((w.opens, w.closes if w.closes != time(0) else time.max) for w in windows)
            for opens, closes in spans:
                if closes <= opens:
                    raise ValueError(f"{day}: a window must close after it opens ({opens} to {closes})")
            for (_, before), (after, _) in zip(spans, spans[1:], strict=False):
                if after < before:
                    raise ValueError(f"{day}: windows overlap at {after}")
        return self

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Target(Part):
    """The initial response promised to `plan` at `priority`: `within` of working time on `calendar`."""

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
    """The whole document. Every calendar a target names must exist; every plan needs a target for every priority."""

    routing: tuple[RoutingRule, ...]
    may_choose_priority: frozenset[Plan]
    urgent_stages: frozenset[Stage]
    pages: frozenset[Plan]
    """Plans whose urgent tickets wake the on-call engineer (seed 001: Legacy Enterprise and Premier)."""
    first_in_queue: frozenset[Plan]
    architects: frozenset[Plan]
    """Plans whose architecture questions go to the solutions architects."""
    default_priority: Priority = Priority.NORMAL
    escalation: str = "support"
    """The escalation policy of document `on-call` that urgent tickets use."""
    calendars: dict[str, Calendar]
    targets: tuple[Target, ...]
    provider_answer: ProviderTarget
    warn_at: tuple[int, ...] = (50, 75, 90)
    """Percent of a target at which a warning is recorded."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        promises: tuple[Target | ProviderTarget, ...] = (*self.targets, self.provider_answer)
        for target in promises:
            if target.calendar not in self.calendars:
                raise ValueError(f"calendar {target.calendar!r} is named by a target but not defined; defined: {sorted(self.calendars)}")
        have = {(t.plan, t.priority) for t in self.targets}
        if len(have) != len(self.targets):
            raise ValueError("two targets for the same plan and priority")
        if lacking := sorted(f"{plan}/{priority}" for plan in Plan for priority in Priority if (plan, priority) not in have):
            raise ValueError(f"no target for {', '.join(lacking)}")
        if any(not 0 < percent < 100 for percent in self.warn_at):
            raise ValueError("warn_at: percents between 1 and 99")
        return self

    def target_for(self, plan: Plan, priority: Priority) -> Target:
        return next(t for t in self.targets if (t.plan, t.priority) == (plan, priority))
