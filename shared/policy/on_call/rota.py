"""Who is on call: the layer that covers the moment, whose turn it is in local wall time, then
swaps, then overrides. Pure.

A schedule with a layer that always counts has exactly one person on call in every instant, before
the rotation's start too: turns are counted backwards there. `coverage.py` finds where a schedule of
part-time layers has nobody.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.policy.on_call.document import OnCallPolicy
from shared.policy.on_call.shifts import Layer, Rotation, Schedule
from shared.policy.windows import is_open_at

_LONGEST_JUMP = timedelta(hours=25)
"""No zone has ever moved its wall clock by more (Samoa skipped a day in 2011)."""


def on_call(policy: OnCallPolicy, at: datetime) -> dict[str, str | None]:
    """Schedule → the person (by their name in the document) on call at the aware instant `at`;
    None: nobody is.
    """
    return {schedule: person_on(policy, schedule, at) for schedule in policy.schedules}


def person_on(policy: OnCallPolicy, schedule: str, at: datetime) -> str | None:
    """The person on call for `schedule` at `at`: an override first, else whose turn it is. KeyError
    for an unknown schedule.
    """
    # An override wins over swaps: it names a person for this time, whoever else would be on.
    override = policy.override_at(schedule, at)
    if override is not None:
        return override.person
    found = policy.schedules[schedule]
    person = person_by_turn(found, at)
    # One after the other: a swap may pass on what an earlier one has moved.
    for swap in found.swaps:
        if person is not None and swap.covers(at):
            person = swap.instead_of(person)
    return person


def person_by_turn(schedule: Schedule, at: datetime) -> str | None:
    """By layers and rotations alone."""
    zone = ZoneInfo(schedule.zone)
    # `stack` has the layer that wins first.
    layer = next((layer for layer in schedule.stack if is_within(layer, zone, at)), None)
    if layer is None:
        return None
    people = layer.rotation.people
    return people[turn_at(layer.rotation, zone, at) % len(people)]


def is_within(layer: Layer, zone: ZoneInfo, at: datetime) -> bool:
    """Whether the layer counts at `at`."""
    if not layer.week:
        return True
    return is_open_at(layer.week, at.astimezone(zone))


def turn_at(rotation: Rotation, zone: ZoneInfo, at: datetime) -> int:
    """The number of the turn that covers `at`: the last one whose hand-over is not after it;
    negative before the start.

    Searched from above, since in the hour a zone skips hand-overs can fall together, and in the one
    it repeats the same wall time comes twice (the first one counts).
    """
    wall, first = at.astimezone(zone).replace(tzinfo=None), _first(rotation, zone)
    # Begin surely too high: two turns more than the calendar says, or the longest jump of a clock
    # more, then count down.
    if rotation.months:
        number = ((wall.year - first.year) * 12 + wall.month - first.month) // rotation.months + 2
    else:
        number = (wall - first) // rotation.every + _LONGEST_JUMP // rotation.every + 1
    while handover(rotation, zone, number) > at:
        number -= 1
    return number


def handover(rotation: Rotation, zone: ZoneInfo, number: int) -> datetime:
    """The instant turn `number` begins, in UTC: the same local time whatever the season.

    A wall time that does not exist that day counts with the offset before the jump, one that comes
    twice is its first.
    """
    first = _first(rotation, zone)
    wall = (
        _months_later(first, number * rotation.months)
        if rotation.months
        else first + number * rotation.every
    )
    # fold is 0: Python then reads a skipped time with the offset before the jump, and a repeated
    # one as the first.
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _months_later(wall: datetime, months: int) -> datetime:
    """The same day of the month and time; the last day of a month that is too short."""
    years, month = divmod(wall.month - 1 + months, 12)
    year = wall.year + years
    return wall.replace(
        year=year, month=month + 1, day=min(wall.day, monthrange(year, month + 1)[1])
    )


def _first(rotation: Rotation, zone: ZoneInfo) -> datetime:
    # The naive local time: adding days to it keeps the hour of the hand-over.
    return rotation.starts_at.astimezone(zone).replace(tzinfo=None, fold=0)
