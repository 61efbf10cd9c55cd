"""The policy document `default`: how tickets are routed, who may ask for what, and what is
promised.

The seeds give no targets: those in `deploy/policies/default.yaml` are ours and say so.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from enum import StrEnum
from functools import cache, cached_property
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.events import ClockName, Plan, Priority, Stage
from shared.policy.part import PolicyPart
from shared.policy.scalars import Day, Span
from shared.policy.windows import WEEKDAYS, Weekday, Window, overlaps_of

ALWAYS = "always"
"""The calendar of plain elapsed time. Auto-close goes by it, so a policy cannot mean another one by
the name.
"""

CLOSED = "closed"
# Two times of a day with a dash; 24:00 is not known, 00:00 as the end means midnight.
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def windows_in(hours: str) -> tuple[Window, ...]:
    """`09:00-13:00`, `09:00-12:00, 13:00-17:00` or `closed` as windows of a day. Raises
    ValueError.
    """
    if hours == CLOSED:
        return ()
    found = []
    for part in hours.split(","):
        read = _HOURS.fullmatch(part.strip())
        if read is None:
            raise ValueError(f'{hours!r} are no hours: write "09:00-13:00", or closed')
        opens, closes = time(int(read[1]), int(read[2])), time(int(read[3]), int(read[4]))
        found.append(Window(opens=opens, closes=closes))
    # A week of one day finds overlaps within this day, a night window included.
    for _, opens in overlaps_of({WEEKDAYS[0]: tuple(found)}):
        raise ValueError(f"{hours!r}: windows overlap at {opens}")
    return tuple(found)


def _hours(said: str) -> str:
    windows_in(said)
    return said


Hours = Annotated[str, AfterValidator(_hours)]

# What kinds of skills routing knows; the part behind the colon is not checked, since add-ons come
# and go.
Skill = Annotated[str, StringConstraints(pattern=r"^(addon|kind|plan|priority):[a-z0-9-]+$")]


class Calendar(PolicyPart):
    """Working time. `always` ignores the rest: plain elapsed time.

    `holidays` is a country of the `holidays` package (its federal ones, observed days included);
    `extra_holidays` are further closed days (ISO dates), `not_holidays` are days worked all the
    same. `special` are days with hours of their own, whatever else is said of them:
    `2026-12-24: "09:00-13:00"`, more windows with a comma, or `closed`.
    """

    always: bool = False
    zone: str = "UTC"
    week: dict[Weekday, tuple[Window, ...]] = {}
    holidays: str | None = None
    extra_holidays: tuple[Day, ...] = ()
    not_holidays: tuple[Day, ...] = ()
    special: dict[Day, Hours] = {}

    @model_validator(mode="after")
    def _is_a_calendar(self) -> Self:
        if self.always:
            # The other fields are not used then, so they may hold anything.
            return self
        if self.holidays is not None and self.holidays not in _countries():
            raise ValueError(
                f"holidays {self.holidays!r} is no country the `holidays` package knows; "
                "an example is US"
            )
        if self.zone not in available_timezones():
            raise ValueError(
                f"zone {self.zone!r} is not in the IANA database; an example is America/New_York"
            )
        if not any(self.week.values()):
            raise ValueError(
                "a calendar needs at least one window of working time, or `always: true`"
            )
        for day, opens in overlaps_of(self.week):
            raise ValueError(f"{day}: windows overlap at {opens}")
        return self

    @property
    def special_days(self) -> dict[date, tuple[Window, ...]]:
        """The days with hours of their own; no windows where the day is closed."""
        return {date.fromisoformat(day): windows_in(said) for day, said in self.special.items()}

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


@cache
def _countries() -> frozenset[str]:
    """Names and codes of all countries. The package is large, and only few policies name one it
    must be asked about.
    """
    from holidays.registry import COUNTRIES

    return frozenset(name for names in COUNTRIES.values() for name in names)


class Target(PolicyPart):
    """What is promised to `plan` at `priority`: `within` of working time on `calendar`."""

    plan: Plan
    priority: Priority
    within: Span
    calendar: str


class ProviderTarget(PolicyPart):
    """The provider's first answer, from assignment, on their clock; the customer's goes on."""

    within: Span
    calendar: str


class Assignee(PolicyPart):
    """Somebody of our staff who is given tickets.

    `hours`: the calendar they work by. `skills`: `addon:redisco`, `kind:architecture`,
    `plan:premier`, `priority:urgent`; whoever has more of what a ticket is about comes first.
    """

    email: str
    name: str = ""
    teams: tuple[Literal["platform", "csa"], ...] = ("platform",)
    skills: frozenset[Skill] = frozenset()
    hours: str


class Assign(StrEnum):
    """Whom a new ticket is given to, of those who are at work and fit best."""

    OFF = "off"
    IN_TURN = "in-turn"
    LEAST_LOADED = "least-loaded"


class Ownership(PolicyPart):
    """Who of our staff has a ticket, beyond what they say themselves. All of it is off unless the
    document turns it on.
    """

    first_answer_takes: bool = False
    """Whoever answers a ticket that nobody has, has it then."""
    assign: Assign = Assign.OFF
    people: tuple[Assignee, ...] = ()


class AskRules(PolicyPart):
    """How people may be asked by mail to take part in a ticket. A mail that somebody makes us send
    to an address of their choice needs a ceiling.

    `good_for`: how long they can say yes. `names_subject`: whether the mail says what the ticket is
    about; it never has its text. `on_ticket`: asks in the whole life of a ticket. `by_person`,
    `to_address`: asks that one person makes, and that one address gets, within a day.
    """

    good_for: Span = timedelta(days=14)
    names_subject: bool = True
    on_ticket: Annotated[int, Field(ge=0, le=100)] = 10
    by_person: Annotated[int, Field(ge=0, le=1_000)] = 20
    to_address: Annotated[int, Field(ge=0, le=100)] = 3


class Strength(StrEnum):
    """`certain` assigns at once; `suggest` only suggests, for an agent to confirm (DESIGN section
    6, 3).
    """

    CERTAIN = "certain"
    SUGGEST = "suggest"


class RoutingRule(PolicyPart):
    """A rule of `services/router/team/rules.py` by its name, and how much it counts. Tried in the
    order listed.
    """

    rule: str
    strength: Strength


class DeskPolicy(PolicyPart):
    """The whole document. Every calendar a target names must exist; every plan needs an initial
    response for every priority.

    `next_reply` and `resolution` may leave plans out: they are promised nothing then. A plan that
    is in has every priority, so that a review always finds a target.
    """

    routing: tuple[RoutingRule, ...]
    may_choose_priority: frozenset[Plan]
    urgent_stages: frozenset[Stage]
    pages: frozenset[Plan]
    """Plans whose urgent tickets wake the on-call engineer (seed 001: Legacy Enterprise and
    Premier).
    """
    first_in_queue: frozenset[Plan]
    architects: frozenset[Plan]
    """Plans whose architecture questions go to the solutions architects."""
    pointers: tuple[str, ...] = (
        "The Dev Center answers most questions about the platform: https://devcenter.heroku.com/",
        (
            "Consulting partners do such work: our sales team helps to choose one from the "
            "partner program."
        ),
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
    ownership: Ownership = Ownership()
    asks: AskRules = AskRules()
    warn_at: tuple[int, ...] = (50, 75, 90)
    """Percent of a target at which a warning is recorded."""

    tell_of_paging: bool = True
    """Whether customers read on their ticket that somebody was paged, since when somebody has it,
    and by when the first answer is due.
    """

    reopen_window: Span = timedelta(days=7)
    """How long a solved ticket can be reopened, in plain elapsed time; then it is closed."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        # Every place that names a calendar: each must exist, or a clock could not start.
        promises: tuple[Target | ProviderTarget, ...] = (
            *self.targets,
            *self.next_reply,
            *self.resolution,
            self.provider_answer,
        )
        for person in self.ownership.people:
            if person.hours not in self.calendars:
                raise ValueError(
                    f"ownership: {person.email} works by the calendar {person.hours!r}, "
                    "which is not defined"
                )
        for target in promises:
            if target.calendar not in self.calendars:
                raise ValueError(
                    f"calendar {target.calendar!r} is named by a target but not defined; "
                    f"defined: {sorted(self.calendars)}"
                )
        # The name is reserved: auto-close goes by it without asking the document.
        if ALWAYS in self.calendars and not self.calendars[ALWAYS].always:
            raise ValueError(
                f"calendar {ALWAYS!r} is plain elapsed time: `always: true`, or another name"
            )
        _check_targets("targets", self.targets, frozenset(Plan))
        # Optional promises: complete for each plan that is in, and a plan may be left out.
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

    # Documents are frozen, so this stays true.
    @cached_property
    def _promises(self) -> dict[tuple[str, Plan, Priority], Target]:
        lists = {
            ClockName.INITIAL_RESPONSE: self.targets,
            ClockName.NEXT_REPLY: self.next_reply,
            ClockName.RESOLUTION: self.resolution,
        }
        return {
            (clock, target.plan, target.priority): target
            for clock, targets in lists.items()
            for target in targets
        }


def _check_targets(field: str, targets: tuple[Target, ...], plans: frozenset[Plan]) -> None:
    """One target for each priority of each of the plans. Raises ValueError."""
    have = {(t.plan, t.priority) for t in targets}
    if len(have) != len(targets):
        raise ValueError(f"{field}: two targets for the same plan and priority")
    if lacking := sorted(
        f"{plan}/{priority}"
        for plan in plans
        for priority in Priority
        if (plan, priority) not in have
    ):
        raise ValueError(f"{field}: no target for {', '.join(lacking)}")
