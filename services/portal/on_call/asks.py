"""Asks for cover as people see them: who asks whom for which time, how it stands, and what whoever
looks can do; and somebody's own shifts. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.tickets.documents import iso
from shared.policy import OnCallPolicy
from shared.policy.on_call.cover import (
    AskState,
    AskStep,
    asked_people,
    state_of,
    why_not_answer,
)
from shared.policy.on_call.coverage import AHEAD, Shift
from shared.policy.on_call.shifts import CoverAsk

Shape = dict[str, Any]

MINE_AHEAD = timedelta(weeks=4)
"""So far ahead somebody's own shifts are shown."""
REMEMBERED = timedelta(days=14)
"""So long after its time an ask that is over is still listed."""
_WHOLE = timedelta(days=14)
"""A shift that goes on for longer is offered by the day."""


def asks_of(policy: OnCallPolicy, mine: Collection[str], now: datetime) -> list[Shape]:
    """`[{id, schedule, by, of|null, asked: [person], since, until, word, asked_at, state, declined,
    ended_by|null, ended_at|null, steps}]`: those that wait first, the next on top; then those that
    are over, the latest first. `steps`: what whoever looks can do; `mine`: their names in the
    document.
    """
    found = [
        (schedule, ask, state_of(policy, schedule, ask, now))
        for schedule, one in sorted(policy.schedules.items())
        for ask in one.asks
        if ask.until > now - REMEMBERED
    ]
    waiting = [one for one in found if one[2] is AskState.OPEN]
    over = [one for one in found if one[2] is not AskState.OPEN]
    waiting.sort(key=lambda one: one[1].since)
    over.sort(key=lambda one: one[1].ended_at or one[1].since, reverse=True)
    return [
        _shape(policy, schedule, ask, state)
        | {"steps": _steps(policy, schedule, ask, mine, now) if state is AskState.OPEN else []}
        for schedule, ask, state in (*waiting, *over)
    ]


def _shape(policy: OnCallPolicy, schedule: str, ask: CoverAsk, state: AskState) -> Shape:
    return {
        "id": ask.id,
        "schedule": schedule,
        "by": ask.by,
        "of": ask.of or None,
        "asked": list(asked_people(policy, schedule, ask.by, ask.of)),
        "since": iso(ask.since),
        "until": iso(ask.until),
        "word": ask.word,
        "asked_at": iso(ask.asked_at),
        "state": state.value,
        "declined": list(ask.declined),
        "ended_by": ask.ended_by or None,
        "ended_at": iso(ask.ended_at) if ask.ended_at else None,
    }


def _steps(
    policy: OnCallPolicy, schedule: str, ask: CoverAsk, mine: Collection[str], now: datetime
) -> list[str]:
    return [
        step.value
        for step in AskStep
        if any(
            why_not_answer(policy, schedule, ask, step, person, now, {}) is None for person in mine
        )
    ]


def own_shifts(
    policy: OnCallPolicy,
    person: str,
    planned: Iterable[tuple[str, Shift]],
    now: datetime,
    zone: ZoneInfo,
) -> list[Shape]:
    """The shifts of the next four weeks, `[{schedule, since, until|null, is_now, is_today,
    stand_in, asks_since|null, asks_until, waits}]`. `until` null: it goes on for longer than
    anybody looks. `asks_since`: from when cover can be asked for; null: nobody else takes turns.
    `waits`: an ask for a part of it waits. `zone`: by its clock it is today or not.
    """
    return [
        _own(policy, person, schedule, shift, now, zone)
        for schedule, shift in planned
        if shift.since < now + MINE_AHEAD
    ]


def _own(
    policy: OnCallPolicy, person: str, schedule: str, shift: Shift, now: datetime, zone: ZoneInfo
) -> Shape:
    begin = max(shift.since, _next_hour(now))
    end = shift.until if shift.until - begin <= _WHOLE else begin + timedelta(days=1)
    can_ask = begin < end and asked_people(policy, schedule, person)
    waits = any(
        ask.by == person
        and ask.since < shift.until
        and shift.since < ask.until
        and state_of(policy, schedule, ask, now) is AskState.OPEN
        for ask in policy.schedules[schedule].asks
    )
    return {
        "schedule": schedule,
        "since": iso(shift.since),
        "until": iso(shift.until) if shift.until < now + AHEAD else None,
        "is_now": shift.since <= now,
        "is_today": shift.since.astimezone(zone).date() == now.astimezone(zone).date(),
        "stand_in": shift.by_override,
        "asks_since": iso(begin) if can_ask else None,
        "asks_until": iso(end),
        "waits": waits,
    }


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
