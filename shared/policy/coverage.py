"""What the rota promises over a time: its shifts, the minutes with nobody, the people who cannot be reached, single points. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from shared.policy.on_call import OnCallPolicy
from shared.policy.rota import WEEKDAYS, handover, person_by_turn, person_on, turn_at
from shared.policy.shifts import Layer, Rotation, Schedule

AHEAD = timedelta(days=90)
"""How far `findings` looks (issue: the next 90 days)."""

_QUARTER = timedelta(minutes=15)
"""Zones change their clocks on the quarter hour."""


@dataclass(frozen=True, slots=True)
class Shift:
    """`person` is on call in [since, until), in UTC; None: nobody is. `by_override`: not by their own turn."""

    person: str | None
    since: datetime
    until: datetime
    by_override: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that would leave a page unanswered. `since` and `until` where it is about a time."""

    kind: Literal["uncovered", "unreachable", "single-person", "single-method", "same-person"]
    where: str
    text: str
    since: datetime | None = None
    until: datetime | None = None


def shifts(policy: OnCallPolicy, schedule: str, since: datetime, until: datetime) -> list[Shift]:
    """Who is on call in [since, until), without gaps or overlaps; neighbours differ. KeyError for an unknown schedule."""
    found = policy.schedules[schedule]
    edges = sorted({since, until} | {edge for edge in _edges(found, since, until) if since < edge < until})
    shown: list[Shift] = []
    for begins, ends in pairwise(edges):
        person = person_on(policy, schedule, begins)
        changed = person != person_by_turn(found, begins)
        if shown and (shown[-1].person, shown[-1].by_override) == (person, changed):
            shown[-1] = Shift(person, shown[-1].since, ends, changed)
        else:
            shown.append(Shift(person, begins, ends, changed))
    return shown


def findings(policy: OnCallPolicy, since: datetime, ahead: timedelta = AHEAD) -> list[Finding]:
    """What is wrong with the rota from `since` on, the worst first; empty: every page of these days finds a person and a way."""
    planned = {name: shifts(policy, name, since, since + ahead) for name in policy.schedules}
    return [*_uncovered(planned), *_unreachable(policy, planned), *_same_person(policy, planned, since), *_single(policy, planned)]


def _uncovered(planned: dict[str, list[Shift]]) -> Iterator[Finding]:
    for name, found in planned.items():
        for shift in found:
            if shift.person is None:
                minutes = (shift.until - shift.since) // timedelta(minutes=1)
                yield Finding("uncovered", f"schedules.{name}", f"nobody is on call for {minutes} minutes", shift.since, shift.until)


def _unreachable(policy: OnCallPolicy, planned: dict[str, list[Shift]]) -> Iterator[Finding]:
    """People who are on call or stand in a step and have no verified contact method."""
    named = {shift.person: f"schedules.{name}" for name, found in planned.items() for shift in found if shift.person}
    for name, escalation in policy.escalation.items():
        named |= {step.person: f"escalation.{name}" for step in escalation.steps if step.person}
        named[escalation.fallback] = f"escalation.{name}.fallback"
    for person, where in sorted(named.items()):
        if not any(method.verified for method in policy.people[person].methods):
            yield Finding("unreachable", where, f"{person} has no verified contact method: a page would reach nobody")


def _same_person(policy: OnCallPolicy, planned: dict[str, list[Shift]], since: datetime) -> Iterator[Finding]:
    """A time in which every step of an escalation is one and the same person."""
    for name, escalation in policy.escalation.items():
        if len(escalation.steps) < 2:
            continue
        used = [planned[step.schedule] for step in escalation.steps if step.schedule]
        moments = sorted({since, *(shift.since for found in used for shift in found)})
        for moment in moments:
            people = {step.person or person_on(policy, step.schedule or "", moment) for step in escalation.steps}
            if len(people) == 1 and None not in people:
                text = f"all {len(escalation.steps)} steps are {people.pop()}: nobody else is tried before the fallback"
                yield Finding("same-person", f"escalation.{name}", text, moment)
                break


def _single(policy: OnCallPolicy, planned: dict[str, list[Shift]]) -> Iterator[Finding]:
    for name, found in planned.items():
        people = {shift.person for shift in found}
        if len(people) == 1 and None not in people:
            yield Finding("single-person", f"schedules.{name}", f"{people.pop()} is on call alone the whole time: nobody takes turns")
    on_duty = {shift.person for found in planned.values() for shift in found if shift.person}
    for person in sorted(on_duty):
        methods = [method for method in policy.people[person].methods if method.verified]
        if len(methods) == 1:
            yield Finding("single-method", f"people.{person}", f"{person} can be reached by {methods[0].name} alone: add a second way")


def _edges(schedule: Schedule, since: datetime, until: datetime) -> Iterator[datetime]:
    """Every instant at which the person may change."""
    zone = ZoneInfo(schedule.zone)
    for during in (*schedule.overrides, *schedule.swaps):
        yield from (during.since.astimezone(UTC), during.until.astimezone(UTC))
    for layer in schedule.stack:
        yield from _handovers(layer.rotation, zone, since, until)
        if layer.week:
            yield from _window_edges(layer, zone, since, until)


def _handovers(rotation: Rotation, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    if len(rotation.people) == 1:
        return
    number = turn_at(rotation, zone, since)
    while (instant := handover(rotation, zone, number)) < until:
        yield instant
        number += 1


def _window_edges(layer: Layer, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    day = since.astimezone(zone).date() - timedelta(days=1)
    while datetime.combine(day, time(0), zone) < until:
        begins = datetime.combine(day, time(0), zone)
        ends = datetime.combine(day + timedelta(days=1), time(0), zone)
        yield begins.astimezone(UTC)
        for window in layer.week.get(WEEKDAYS[day.weekday()], ()):
            yield datetime.combine(day, window.opens, zone).astimezone(UTC)
            yield datetime.combine(day, window.closes, zone).astimezone(UTC)
        if begins.utcoffset() != ends.utcoffset():  # the night of a change: wall times are skipped, or come twice
            instant, last = begins.astimezone(UTC), ends.astimezone(UTC)
            while instant < last:
                yield instant
                instant += _QUARTER
        day += timedelta(days=1)
