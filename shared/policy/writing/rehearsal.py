"""A document is tried out before it counts: every rota of 90 days, every target on its calendar.
Pure.

Whatever raises here would stop a page or a clock later, so it is refused in words. Readers of the
log try the same at the time at which a version was published, so all of them agree on whether it
can be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import BaseModel

from shared.errors import FAULTS
from shared.policy.desk import Calendar, DeskPolicy, ProviderTarget, Target
from shared.policy.on_call.coverage import AHEAD, CoverageFinding, findings, shifts
from shared.policy.on_call.document import OnCallPolicy
from shared.policy.on_call.rota import on_call
from shared.policy.on_call.shifts import Schedule
from shared.policy.on_call.steps import next_method, next_step
from shared.policy.working_time import WorkingTime
from shared.policy.writing.checks import LONGEST_PROMISE, Mistake, Place

MOST_WORK = 2_000_000
"""Changes of a schedule in 90 days, times the layers and stand-ins each has to be looked up in."""

_MONTH, _YEAR = timedelta(days=28), timedelta(days=365)
# Later years too: a calendar may run out of days (holidays, special days) long after it is
# published.
_STARTS = (timedelta(0), timedelta(days=1), AHEAD, _YEAR, 2 * _YEAR, 3 * _YEAR)
"""From when on a target must be reachable."""


def why_unusable(policy: BaseModel, at: datetime) -> str | None:
    """What a decision under this document would raise, in words; None where it can be used."""
    match policy:
        case DeskPolicy():
            # The start at the time of publishing alone, and no bound: a reader must only know
            # whether it raises.
            found = next((said for _, said in _of_desk(policy, at, (timedelta(0),), None)), None)
        case OnCallPolicy():
            found = next((said for _, said in _of_on_call(policy, at)), None)
        case _:
            found = None
    return found


def rehearse(policy: BaseModel, now: datetime) -> list[Mistake]:
    """What is wrong with a document that is to be published, found by deciding with it."""
    match policy:
        case DeskPolicy():
            return list(_of_desk(policy, now, _STARTS, LONGEST_PROMISE))
        case OnCallPolicy():
            # Whether pages reach somebody is asked only of a rota that can be worked out.
            return list(_of_on_call(policy, now)) or list(_pages_nobody(policy, now))
        case _:
            return []


def warnings_about(policy: BaseModel, now: datetime) -> list[CoverageFinding]:
    """What a rehearsed document leaves open: nothing that is refused, but people should know."""
    return findings(policy, now) if isinstance(policy, OnCallPolicy) else []


def _of_desk(
    policy: DeskPolicy,
    now: datetime,
    starts: tuple[timedelta, ...],
    longest: timedelta | None,
) -> Iterator[Mistake]:
    """One due date for each target, of each start; later than `longest` is a mistake as well."""
    # By calendar, so that its days are worked out once.
    by_calendar: dict[str, list[tuple[timedelta, Place]]] = {}
    for place, target in _promises(policy):
        by_calendar.setdefault(target.calendar, []).append((target.within, (*place, "within")))
    for name, promised in by_calendar.items():
        yield from _of_calendar(policy.calendars[name], name, promised, now, starts, longest)
    try:
        now + policy.reopen_window
    except FAULTS:
        yield ("reopen_window",), "it ends after the end of all calendars"


def _promises(policy: DeskPolicy) -> Iterator[tuple[Place, Target | ProviderTarget]]:
    lists = {
        "targets": policy.targets,
        "next_reply": policy.next_reply,
        "resolution": policy.resolution,
    }
    for field, targets in lists.items():
        for number, target in enumerate(targets):
            yield (field, number), target
    yield ("provider_answer",), policy.provider_answer


def _of_calendar(
    calendar: Calendar,
    name: str,
    promised: list[tuple[timedelta, Place]],
    now: datetime,
    starts: tuple[timedelta, ...],
    longest: timedelta | None,
) -> Iterator[Mistake]:
    try:
        hours = WorkingTime(calendar)
    except FAULTS as error:
        yield ("calendars", name), f"it cannot be counted by: {error}"
        return
    for start in starts:
        too_late: timedelta | None = None
        # Shortest first: once one is out of reach, all longer ones are too, without asking.
        for within, place in sorted(promised, key=lambda one: one[0]):
            if too_late is None:
                too_late = within if _is_beyond(hours, now + start, within, longest) else None
            if too_late is not None:
                yield (
                    place,
                    f"{within // timedelta(minutes=1)} minutes of working time on calendar "
                    f"{name!r} is not reached within a year "
                    f"of {(now + start).date()}: choose a shorter target, or more hours",
                )
        # One start is enough: later ones would repeat the same message.
        if too_late is not None:
            return


def _is_beyond(
    hours: WorkingTime, since: datetime, within: timedelta, longest: timedelta | None
) -> bool:
    try:
        due = hours.due_at(since, within)
        return longest is not None and due - since > longest
    except FAULTS:
        return True


def _of_on_call(policy: OnCallPolicy, now: datetime) -> Iterator[Mistake]:
    for name, schedule in policy.schedules.items():
        place: Place = ("schedules", name)
        # Estimated before it is done: working it out is what could take minutes.
        if _work_of(schedule) > MOST_WORK:
            yield (
                place,
                "it changes too often in 90 days for so many layers and stand-ins: "
                "make the turns longer, or leave out stand-ins that are over",
            )
            return
        try:
            shifts(policy, name, now, now + AHEAD)
        except FAULTS as error:
            yield place, f"who is on call cannot be worked out: {error}"
    try:
        # Values are thrown away: this is about what raises.
        on_call(policy, now)
        findings(policy, now, timedelta(days=7))
        for escalation, steps in policy.escalation.items():
            step, round_ = 0, 0
            # Every step of every round, and two more: the fallback, and the fallback again.
            for _ in range((len(steps.steps) + 1) * (steps.repeat + 1) + 2):
                after = next_step(policy, escalation, step, round_, now)
                now + after.wait
                next_method(policy, after.person)
                step, round_ = after.number, after.round
            now + steps.ack_timeout
    except FAULTS as error:
        yield ("escalation",), f"who is paged next cannot be worked out: {error}"


def _work_of(schedule: Schedule) -> int:
    """About how many comparisons 90 days of it cost."""
    stand_ins = len(schedule.overrides) + len(schedule.swaps)
    # Each stand-in has two ends, each turn one, each window two a week; the 7: midnights.
    changes = 2 * stand_ins
    for layer in schedule.stack:
        rotation = layer.rotation
        length = rotation.months * _MONTH if rotation.months else rotation.every
        if len(rotation.people) > 1:
            changes += AHEAD // max(length, timedelta(seconds=1))
        windows = sum(map(len, layer.week.values()))
        changes += (AHEAD.days // 7 + 1) * (2 * windows + 7) if layer.week else 0
    return changes * (len(schedule.stack) + stand_ins + 1)


def _pages_nobody(policy: OnCallPolicy, now: datetime) -> Iterator[Mistake]:
    """An escalation policy that can reach nobody: no step and no fallback has a verified way."""
    on_duty = {
        name: {shift.person for shift in shifts(policy, name, now, now + AHEAD)}
        for name in policy.schedules
    }
    for name, escalation in policy.escalation.items():
        # Everybody whom any step could reach in 90 days.
        tried: set[str | None] = {escalation.fallback}
        for step in escalation.steps:
            tried |= {step.person} if step.person else on_duty.get(step.schedule or "", set())
        if not any(person and next_method(policy, person) for person in tried):
            yield (
                ("escalation", name),
                "it can reach nobody: of all people it names, none has a verified contact method",
            )
