"""What sla decides: facts of tickets in, facts of clocks out; and what a clock does by itself. Pure.

A clock is its start, its target and the policy version it was promised under: nothing that is changed later rewrites what
was (a new priority is a new target from the same start). Sla's inputs are facts that may be read again, so everything here
is decided by what the row has and not by how often it was told; facts that do not matter to a clock leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from services.sla.calendar import working_time
from shared import ids
from shared.events import (
    Audience,
    ClockBreached,
    ClockFact,
    ClockMet,
    ClockRetargeted,
    ClockStarted,
    ClockWarned,
    Fact,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    TicketFact,
    TicketSolved,
    WarningDue,
)
from shared.events.envelope import Plan, Priority, Value
from shared.policy import DeskPolicy
from shared.rows import Row

INITIAL_RESPONSE = "initial-response"

PolicyOf = Callable[[dict[str, int]], DeskPolicy]
"""A fact's policy stamp → the desk policy of that version; may raise Unavailable (not read yet)."""


class Clock(Value):
    """One promise that is not kept yet. `warnings` are those still to come; `breached` ones wait for a late answer."""

    state: Literal["running", "breached"] = "running"
    started_at: datetime
    due_at: datetime
    plan: Plan
    priority: Priority
    policy: dict[str, int]
    warnings: tuple[WarningDue, ...] = ()
    warned: tuple[int, ...] = ()

    @property
    def next_at(self) -> datetime | None:
        """When it does something by itself."""
        if self.state == "breached":
            return None
        return min([self.due_at, *(warning.at for warning in self.warnings)])


class ClockRow(Row):
    """A ticket's clocks by name, the ones not met yet."""

    ticket: str = ""
    clocks: dict[str, Clock] = {}


def decide(row: ClockRow | None, fact: TicketFact, policy_of: PolicyOf) -> list[Fact]:
    """What a fact of a ticket means for its clocks; unstamped. Mostly nothing."""
    decision = DECIDE.get(type(fact))
    return decision(row or ClockRow(), fact, policy_of) if decision else []


def _on_priority_set(row: ClockRow, fact: PrioritySet, policy_of: PolicyOf) -> list[Fact]:
    policy = policy_of(fact.policy)
    target = policy.target_for(fact.plan, fact.priority)
    time = working_time(policy.calendars[target.calendar])
    return [
        ClockStarted(
            at=fact.at, clock=INITIAL_RESPONSE, policy=fact.policy, calendar=target.calendar, target=target.within,
            started_at=fact.opened_at, due_at=time.due_at(fact.opened_at, target.within),
            warnings=_warnings(policy, target.calendar, fact.opened_at, target.within),
            plan=fact.plan, priority=fact.priority,
        )
    ]  # fmt: skip


def _on_priority_reviewed(row: ClockRow, fact: PriorityReviewed, policy_of: PolicyOf) -> list[Fact]:
    """A breach stands: a lower priority afterwards does not unmake it."""
    clock = row.clocks.get(INITIAL_RESPONSE)
    if clock is None or clock.state == "breached":
        return []
    policy = policy_of(fact.policy)
    target = policy.target_for(fact.plan, fact.priority)
    time = working_time(policy.calendars[target.calendar])
    return [
        ClockRetargeted(
            at=fact.at, clock=INITIAL_RESPONSE, policy=fact.policy, calendar=target.calendar, target=target.within,
            started_at=clock.started_at, due_at=time.due_at(clock.started_at, target.within), priority=fact.priority,
            warnings=_warnings(policy, target.calendar, clock.started_at, target.within), reason=fact.reason,
        )
    ]  # fmt: skip


def _on_reply(row: ClockRow, fact: ReplyAdded, policy_of: PolicyOf) -> list[Fact]:
    """The first public answer by a person of ours or the provider's is the initial response."""
    answers = fact.side in ("staff", "provider") and fact.audience is Audience.EVERYONE and not fact.automatic
    return _met(row, fact.at, fact.author) if answers else []


def _on_solved(row: ClockRow, fact: TicketSolved, policy_of: PolicyOf) -> list[Fact]:
    return _met(row, fact.at, fact.by)


def _met(row: ClockRow, at: datetime, by: str) -> list[Fact]:
    """Every clock that runs is met. The answer's own time says whether it was late, whenever it was read."""
    return [
        ClockMet(at=at, clock=name, policy=clock.policy, met_at=at, due_at=clock.due_at, by=by, late=at > clock.due_at)
        for name, clock in row.clocks.items()
    ]


def _warnings(policy: DeskPolicy, calendar: str, started_at: datetime, target: timedelta) -> tuple[WarningDue, ...]:
    time = working_time(policy.calendars[calendar])
    return tuple(WarningDue(percent=percent, at=time.due_at(started_at, target * percent / 100)) for percent in sorted(policy.warn_at))


DECIDE: dict[type[TicketFact], Callable[[ClockRow, Any, PolicyOf], list[Fact]]] = {
    PrioritySet: _on_priority_set,
    PriorityReviewed: _on_priority_reviewed,
    ReplyAdded: _on_reply,
    TicketSolved: _on_solved,
}


def due_at(row: ClockRow) -> datetime | None:
    """When the first clock does something by itself."""
    return min((at for clock in row.clocks.values() if (at := clock.next_at)), default=None)


def fire(row: ClockRow, now: datetime) -> list[Fact]:
    """Warnings and breaches that are due. A clock already beyond its deadline breaches; nobody is warned of the past."""
    facts: list[Fact] = []
    for name, clock in row.clocks.items():
        if clock.state == "breached":
            continue
        if clock.due_at <= now:
            cause = ids.firing_id(row.ticket, name, clock.due_at)
            facts.append(ClockBreached(at=now, cause=cause, clock=name, policy=clock.policy, due_at=clock.due_at, detected_at=now))
            continue
        for warning in clock.warnings:
            if warning.at <= now:
                cause = ids.firing_id(row.ticket, f"{name}:{warning.percent}", warning.at)
                facts.append(
                    ClockWarned(at=now, cause=cause, clock=name, policy=clock.policy, percent=warning.percent, due_at=clock.due_at)
                )
    return facts


def evolve(row: ClockRow | None, fact: ClockFact) -> ClockRow:
    """The row after `fact`. A clock that is met is forgotten: nothing starts it again."""
    row = row or ClockRow()
    clocks = dict(row.clocks)
    clock = EVOLVE[fact.type](clocks.get(fact.clock), fact)
    if clock is None:
        clocks.pop(fact.clock, None)
    else:
        clocks[fact.clock] = clock
    return row.model_copy(update={"ticket": fact.key, "clocks": clocks})


def _started(clock: Clock | None, fact: ClockStarted) -> Clock:
    return Clock(
        started_at=fact.started_at, due_at=fact.due_at, plan=fact.plan, priority=fact.priority, policy=fact.policy,
        warnings=fact.warnings,
    )  # fmt: skip


def _retargeted(clock: Clock | None, fact: ClockRetargeted) -> Clock | None:
    if clock is None:
        return None
    warnings = tuple(warning for warning in fact.warnings if warning.percent not in clock.warned)
    return clock.model_copy(update={"due_at": fact.due_at, "priority": fact.priority, "policy": fact.policy, "warnings": warnings})


def _warned(clock: Clock | None, fact: ClockWarned) -> Clock | None:
    if clock is None:
        return None
    warnings = tuple(warning for warning in clock.warnings if warning.percent != fact.percent)
    return clock.model_copy(update={"warnings": warnings, "warned": (*clock.warned, fact.percent)})


def _breached(clock: Clock | None, fact: ClockBreached) -> Clock | None:
    return clock and clock.model_copy(update={"state": "breached", "warnings": ()})


def _forgotten(clock: Clock | None, fact: ClockMet) -> None:
    return None


EVOLVE: dict[str, Callable[[Clock | None, Any], Clock | None]] = {
    "ClockStarted": _started,
    "ClockRetargeted": _retargeted,
    "ClockWarned": _warned,
    "ClockBreached": _breached,
    "ClockMet": _forgotten,
}
