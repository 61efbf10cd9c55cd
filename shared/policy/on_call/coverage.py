"""What the rota promises over a time: its shifts, the minutes with nobody, the people who cannot be
reached, single points. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from shared.policy.on_call.document import OnCallPolicy
from shared.policy.on_call.rota import handover, person_by_turn, person_on, turn_at
from shared.policy.on_call.shifts import Layer, Period, Rotation, Schedule
from shared.policy.windows import WEEKDAYS

AHEAD = timedelta(days=90)
"""How far `findings` looks (issue: the next 90 days)."""

_FIRST_REACH, _MOST_REACH = timedelta(days=14), timedelta(days=366)
"""How far outside its window `whole_shifts` looks for the beginning and end of a shift."""
_TOGETHER = 32
"""Edges that are looked at with one choice of overrides and swaps."""

_QUARTER = timedelta(minutes=15)
"""Zones change their clocks on the quarter hour."""


@dataclass(frozen=True, slots=True)
class Shift:
    """`person` is on call in [since, until), in UTC; None: nobody is. `by_override`: not by their
    own turn.
    """

    person: str | None
    since: datetime
    until: datetime
    by_override: bool = False
    is_endless: bool = False
    """It began longer ago than anybody looks (`whole_shifts`)."""


@dataclass(frozen=True, slots=True)
class CoverageFinding:
    """Something that would leave a page unanswered. `since` and `until` where it is about a
    time.
    """

    kind: Literal["uncovered", "unreachable", "single-person", "single-method", "same-person"]
    where: str
    text: str
    since: datetime | None = None
    until: datetime | None = None


def shifts(policy: OnCallPolicy, schedule: str, since: datetime, until: datetime) -> list[Shift]:
    """Who is on call in [since, until), without gaps or overlaps; neighbours differ. KeyError for
    an unknown schedule.
    """
    found = policy.schedules[schedule]
    # The person can only change at an edge: asking once between two neighbours is enough.
    edges = sorted(
        {since, until} | {edge for edge in _edges(found, since, until) if since < edge < until}
    )
    shown: list[Shift] = []
    for number, (begins, ends) in enumerate(pairwise(edges)):
        # Every few edges, choose the overrides and swaps that can matter for the next ones.
        if number % _TOGETHER == 0:
            last = edges[min(number + _TOGETHER, len(edges) - 1)]
            nearby = _limit_to_period(policy, schedule, begins, last)
        person = person_on(nearby, schedule, begins)
        changed = person != person_by_turn(found, begins)
        # The same person in the same way goes on: one shift, not two.
        if shown and (shown[-1].person, shown[-1].by_override) == (person, changed):
            shown[-1] = Shift(person, shown[-1].since, ends, changed)
        else:
            shown.append(Shift(person, begins, ends, changed))
    return shown


def whole_shifts(
    policy: OnCallPolicy, schedule: str, since: datetime, until: datetime
) -> list[Shift]:
    """The shifts that overlap [since, until), each with its true beginning and end, up to a year
    outside. So a shift is the same whenever it is looked at. KeyError for an unknown schedule.
    """
    # Widen the window on the side where a shift is cut off, twice as far each time.
    begin, end, reach = since, until, _FIRST_REACH
    while True:
        found = [
            shift
            for shift in shifts(policy, schedule, begin, end)
            if shift.until > since and shift.since < until
        ]
        is_whole_before, is_whole_after = found[0].since > begin, found[-1].until < end
        if (is_whole_before and is_whole_after) or reach > _MOST_REACH:
            break
        begin = begin if is_whole_before else since - reach
        end = end if is_whole_after else until + reach
        reach *= 2
    if not is_whole_before:
        found[0] = replace(found[0], is_endless=True)
    return found


def _limit_to_period(
    policy: OnCallPolicy, schedule: str, since: datetime, until: datetime
) -> OnCallPolicy:
    """The same for every instant of [since, until], with those overrides and swaps alone that touch
    it: asking each of a thousand at each of a thousand edges takes half a minute.
    """
    found = policy.schedules[schedule]
    overrides = tuple(each for each in found.overrides if _touches(each, since, until))
    swaps = tuple(each for each in found.swaps if _touches(each, since, until))
    lean = found.model_copy(update={"overrides": overrides, "swaps": swaps})
    return policy.model_copy(update={"schedules": {schedule: lean}})


def _touches(during: Period, since: datetime, until: datetime) -> bool:
    return during.since <= until and during.until >= since


def findings(
    policy: OnCallPolicy, since: datetime, ahead: timedelta = AHEAD
) -> list[CoverageFinding]:
    """What is wrong with the rota from `since` on, the worst first; empty: every page of these days
    finds a person and a way.
    """
    planned = {name: shifts(policy, name, since, since + ahead) for name in policy.schedules}
    # The worst first: nobody at all, nobody reachable, one person behind all steps, one person or
    # way.
    return [
        *_find_uncovered(planned),
        *_unreachable(policy, planned),
        *_same_person(policy, planned, since),
        *_single(policy, planned),
    ]


def _find_uncovered(planned: dict[str, list[Shift]]) -> Iterator[CoverageFinding]:
    for name, found in planned.items():
        for shift in found:
            if shift.person is None:
                minutes = (shift.until - shift.since) // timedelta(minutes=1)
                yield CoverageFinding(
                    "uncovered",
                    f"schedules.{name}",
                    f"nobody is on call for {minutes} minutes",
                    shift.since,
                    shift.until,
                )


def _unreachable(
    policy: OnCallPolicy, planned: dict[str, list[Shift]]
) -> Iterator[CoverageFinding]:
    """People who are on call or stand in a step and have no verified contact method."""
    named = {
        shift.person: f"schedules.{name}"
        for name, found in planned.items()
        for shift in found
        if shift.person
    }
    for name, escalation in policy.escalation.items():
        named |= {step.person: f"escalation.{name}" for step in escalation.steps if step.person}
        # The fallback last: its place is the more important one to name.
        named[escalation.fallback] = f"escalation.{name}.fallback"
    for person, where in sorted(named.items()):
        if not any(method.verified for method in policy.people[person].methods):
            yield CoverageFinding(
                "unreachable",
                where,
                f"{person} has no verified contact method: a page would reach nobody",
            )


def _same_person(
    policy: OnCallPolicy, planned: dict[str, list[Shift]], since: datetime
) -> Iterator[CoverageFinding]:
    """A time in which every step of an escalation is one and the same person."""
    for name, escalation in policy.escalation.items():
        if len(escalation.steps) < 2:
            continue
        # People only change where a shift begins: these moments are all that can differ.
        used = [planned[step.schedule] for step in escalation.steps if step.schedule]
        moments = sorted({since, *(shift.since for found in used for shift in found)})
        for moment in moments:
            people = {
                step.person or _person_in(planned[step.schedule or ""], moment)
                for step in escalation.steps
            }
            if len(people) == 1 and None not in people:
                text = (
                    f"all {len(escalation.steps)} steps are {people.pop()}: nobody else is "
                    "tried before the fallback"
                )
                yield CoverageFinding("same-person", f"escalation.{name}", text, moment)
                # One finding for each escalation policy: the first such time is enough to act on.
                break


def _person_in(planned: list[Shift], moment: datetime) -> str | None:
    """Who is on call at `moment`, by shifts that cover it without gaps."""
    return planned[bisect_right(planned, moment, key=lambda shift: shift.since) - 1].person


def _single(policy: OnCallPolicy, planned: dict[str, list[Shift]]) -> Iterator[CoverageFinding]:
    # One person for the whole time is told apart from a gap (None), which is a finding by itself.
    for name, found in planned.items():
        people = {shift.person for shift in found}
        if len(people) == 1 and None not in people:
            yield CoverageFinding(
                "single-person",
                f"schedules.{name}",
                f"{people.pop()} is on call alone the whole time: nobody takes turns",
            )
    on_duty = {shift.person for found in planned.values() for shift in found if shift.person}
    for person in sorted(on_duty):
        methods = [method for method in policy.people[person].methods if method.verified]
        if len(methods) == 1:
            yield CoverageFinding(
                "single-method",
                f"people.{person}",
                f"{person} can be reached by {methods[0].name} alone: add a second way",
            )


def _edges(schedule: Schedule, since: datetime, until: datetime) -> Iterator[datetime]:
    """Every instant at which the person may change."""
    zone = ZoneInfo(schedule.zone)
    for during in (*schedule.overrides, *schedule.swaps):
        yield from (during.since.astimezone(UTC), during.until.astimezone(UTC))
    for layer in schedule.stack:
        yield from _handovers(layer.rotation, zone, since, until)
        if layer.week:
            yield from _window_edges(layer, zone, since, until)


def _handovers(
    rotation: Rotation, zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[datetime]:
    # Turns of one person change nothing.
    if len(rotation.people) == 1:
        return
    number = turn_at(rotation, zone, since)
    while (instant := handover(rotation, zone, number)) < until:
        yield instant
        number += 1


def _window_edges(
    layer: Layer, zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[datetime]:
    # One day earlier: a night's window of yesterday ends within the time asked about.
    day = since.astimezone(zone).date() - timedelta(days=1)
    while datetime.combine(day, time(0), zone) < until:
        begins = datetime.combine(day, time(0), zone)
        ends = datetime.combine(day + timedelta(days=1), time(0), zone)
        yield begins.astimezone(UTC)
        for window in layer.week.get(WEEKDAYS[day.weekday()], ()):
            yield datetime.combine(day, window.opens, zone).astimezone(UTC)
            last = day + timedelta(days=window.ends_next_day)
            yield datetime.combine(last, window.closes, zone).astimezone(UTC)
        # The night of a change of clocks: local times are skipped or come twice, so each quarter
        # hour may be an edge.
        if (
            begins.utcoffset() != ends.utcoffset()
        ):  # the night of a change: wall times are skipped, or come twice
            instant, last = begins.astimezone(UTC), ends.astimezone(UTC)
            while instant < last:
                yield instant
                instant += _QUARTER
        day += timedelta(days=1)
