"""Who is on call: rotation in local wall time, then overrides. Pure; used by the pager and by the portal.

Exactly one person is on call in every instant, before the rotation's start too: turns are counted backwards there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.policy.on_call import OnCallPolicy, Rotation

_LONGEST_JUMP = timedelta(hours=25)
"""No zone has ever moved its wall clock by more (Samoa skipped a day in 2011)."""


def on_call(policy: OnCallPolicy, at: datetime) -> dict[str, str]:
    """Schedule → the person (by their name in the document) on call at the aware instant `at`."""
    return {schedule: person_on(policy, schedule, at) for schedule in policy.schedules}


def person_on(policy: OnCallPolicy, schedule: str, at: datetime) -> str:
    """The person on call for `schedule` at `at`: an override first, else whose turn it is. KeyError for an unknown schedule."""
    override = policy.override_at(schedule, at)
    if override is not None:
        return override.person
    found = policy.schedules[schedule]
    people = found.rotation.people
    return people[turn_at(found.rotation, ZoneInfo(found.zone), at) % len(people)]


def turn_at(rotation: Rotation, zone: ZoneInfo, at: datetime) -> int:
    """The number of the turn that covers `at`: the last one whose hand-over is not after it; negative before the start.

    Searched from above, since in the hour a zone skips hand-overs can fall together, and in the one it repeats the same
    wall time comes twice (the first one counts).
    """
    wall = at.astimezone(zone).replace(tzinfo=None)
    number = (wall - _first(rotation, zone)) // rotation.every + _LONGEST_JUMP // rotation.every + 1
    while handover(rotation, zone, number) > at:
        number -= 1
    return number


def handover(rotation: Rotation, zone: ZoneInfo, number: int) -> datetime:
    """The instant turn `number` begins, in UTC: the same local time whatever the season.

    A wall time that does not exist that day counts with the offset before the jump, one that comes twice is its first.
    """
    return (_first(rotation, zone) + number * rotation.every).replace(tzinfo=zone).astimezone(UTC)


def _first(rotation: Rotation, zone: ZoneInfo) -> datetime:
    return rotation.starts_at.astimezone(zone).replace(tzinfo=None, fold=0)
