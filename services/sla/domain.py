"""What sla decides: facts of tickets in, facts of clocks out; and what the clocks do by themselves. Pure.

Sla's inputs are facts that may be read again, so everything here is decided by what the row has and not by how often it was
told; facts that do not matter to a clock leave no trace. Automatic replies matter to none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.sla import promise
from services.sla.clock import EVOLVE as EVOLVE
from services.sla.clock import Clock, ClockRow
from services.sla.clock import due_at as due_at
from services.sla.clock import evolve as evolve
from services.sla.promise import PolicyOf
from shared import ids
from shared.events import (
    PROMISES,
    Audience,
    ClockBreached,
    ClockName,
    ClockRanOut,
    ClockWarned,
    Fact,
    Plan,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    Status,
    TicketAssigned,
    TicketFact,
    TicketReopened,
    TicketSolved,
)

INITIAL_RESPONSE, NEXT_REPLY, RESOLUTION = ClockName.INITIAL_RESPONSE, ClockName.NEXT_REPLY, ClockName.RESOLUTION
PROVIDER_ANSWER, AUTO_CLOSE = ClockName.PROVIDER_ANSWER, ClockName.AUTO_CLOSE


def decide(row: ClockRow | None, fact: TicketFact, policy_of: PolicyOf) -> list[Fact]:
    """What a fact of a ticket means for its clocks; unstamped. Mostly nothing, and for one that comes again nothing at all.

    What was imported happened elsewhere and before: no clock of ours ran then, and none is started in the past.
    """
    decision, row = DECIDE.get(type(fact)), row or ClockRow()
    if decision is None or fact.imported or 0 < fact.seq <= row.heard:
        return []
    return [found.having({"heard": fact.seq}) for found in decision(row, fact, policy_of)]


def _on_priority_set(row: ClockRow, fact: PrioritySet, policy_of: PolicyOf) -> list[Fact]:
    """Both run from the opening, whenever it was decided on."""
    initial = _promised(INITIAL_RESPONSE, fact, fact.plan, fact.priority, fact.opened_at, policy_of)
    return [*initial, *_promised(RESOLUTION, fact, fact.plan, fact.priority, fact.opened_at, policy_of)]


def _on_priority_reviewed(row: ClockRow, fact: PriorityReviewed, policy_of: PolicyOf) -> list[Fact]:
    """A breach stands: a lower priority afterwards does not unmake it."""
    facts: list[Fact] = []
    for name, clock in _promises(row):
        if clock.state in ("running", "paused"):
            facts += promise.retargeted(name, clock, fact, policy_of)
    return facts


def _on_reply(row: ClockRow, fact: ReplyAdded, policy_of: PolicyOf) -> list[Fact]:
    if fact.automatic:
        return []
    facts: list[Fact] = []
    public = fact.audience is Audience.EVERYONE
    if public and fact.side in ("staff", "provider"):
        facts += _meet(row, (INITIAL_RESPONSE, NEXT_REPLY), fact.at, fact.author, policy_of)
    if fact.side == "provider":
        facts += _meet(row, (PROVIDER_ANSWER,), fact.at, fact.author, policy_of)
    if public and fact.side == "customer":
        facts += _asked(row, fact, fact.priority, policy_of)
    resolution = row.clocks.get(RESOLUTION)
    if resolution is not None and fact.status == Status.PENDING:
        facts += promise.paused(RESOLUTION, resolution, fact.at, policy_of)
    elif resolution is not None and fact.status in (Status.NEW, Status.OPEN):
        facts += promise.resumed(RESOLUTION, resolution, fact.at, policy_of)
    return facts


def _on_assigned(row: ClockRow, fact: TicketAssigned, policy_of: PolicyOf) -> list[Fact]:
    """A provider's clock ends with its turn; the customer's clocks go on."""
    facts = _stop(row, PROVIDER_ANSWER, fact.at, "moved", policy_of)
    if fact.provider is not None:
        policy = policy_of(fact.policy)
        facts.append(
            promise.started(
                PROVIDER_ANSWER, policy.provider_answer, policy, fact.policy, at=fact.at, since=fact.at, plan=row.plan,
                priority=fact.priority, provider=fact.provider, subject=fact.subject,
            )
        )  # fmt: skip
    return facts


def _on_solved(row: ClockRow, fact: TicketSolved, policy_of: PolicyOf) -> list[Fact]:
    facts = _meet(row, (INITIAL_RESPONSE, NEXT_REPLY, RESOLUTION), fact.at, fact.by, policy_of)
    if fact.side == "provider":
        facts += _meet(row, (PROVIDER_ANSWER,), fact.at, fact.by, policy_of)
    else:
        facts += _stop(row, PROVIDER_ANSWER, fact.at, "solved", policy_of)
    return [*facts, promise.closing(policy_of(fact.policy), fact.policy, fact.at)]


def _on_reopened(row: ClockRow, fact: TicketReopened, policy_of: PolicyOf) -> list[Fact]:
    """The resolution runs on. A customer who reopens waits for an answer, in whatever words."""
    facts = _stop(row, AUTO_CLOSE, fact.at, "reopened", policy_of)
    resolution = row.clocks.get(RESOLUTION)
    if resolution is not None:
        facts += promise.resumed(RESOLUTION, resolution, fact.at, policy_of)
    return facts + (_asked(row, fact, fact.priority, policy_of) if fact.side == "customer" else [])


DECIDE: dict[type[TicketFact], Callable[[ClockRow, Any, PolicyOf], list[Fact]]] = {
    PrioritySet: _on_priority_set,
    PriorityReviewed: _on_priority_reviewed,
    ReplyAdded: _on_reply,
    TicketAssigned: _on_assigned,
    TicketSolved: _on_solved,
    TicketReopened: _on_reopened,
}


def fire(row: ClockRow, now: datetime) -> list[Fact]:
    """Warnings and deadlines that are due. Of a deadline that has passed only itself is told: nobody is warned of the past."""
    facts: list[Fact] = []
    for name, clock in row.clocks.items():
        if clock.state != "running":
            continue
        timer = f"{name}.{clock.nth}"
        if clock.due_at <= now:
            about = {"cause": ids.firing_id(row.ticket, timer, clock.due_at), "clock": name, "policy": clock.policy}
            seen = {"at": now, "due_at": clock.due_at, "detected_at": now}
            if name == AUTO_CLOSE:
                facts.append(ClockRanOut(**about, **seen))
            else:
                facts.append(ClockBreached(**about, **seen, provider=clock.provider, subject=clock.subject))
            continue
        facts += [
            ClockWarned(
                at=now, cause=ids.firing_id(row.ticket, f"{timer}:{percent}", at), clock=name, policy=clock.policy, percent=percent,
                due_at=clock.due_at, provider=clock.provider, subject=clock.subject,
            )
            for percent, at in clock.warnings.items()
            if at <= now
        ]  # fmt: skip
    return facts


def _promised(name: ClockName, fact: TicketFact, plan: Plan, priority: Priority, since: datetime, policy_of: PolicyOf) -> list[Fact]:
    policy = policy_of(fact.policy)
    target = policy.promise(name, plan, priority)
    if target is None:
        return []
    return [promise.started(name, target, policy, fact.policy, at=fact.at, since=since, plan=plan, priority=priority)]


def _asked(row: ClockRow, fact: TicketFact, priority: Priority, policy_of: PolicyOf) -> list[Fact]:
    """The customer waits for an answer: since the oldest message without one, so a clock that is there stays as it is. Before
    the first answer it is the initial response they wait for."""
    if row.plan is None or INITIAL_RESPONSE in row.clocks or NEXT_REPLY in row.clocks:
        return []
    return _promised(NEXT_REPLY, fact, row.plan, priority, fact.at, policy_of)


def _meet(row: ClockRow, names: tuple[ClockName, ...], at: datetime, by: str, policy_of: PolicyOf) -> list[Fact]:
    facts: list[Fact] = []
    for name in names:
        if (clock := row.clocks.get(name)) is not None:
            facts += promise.met(name, clock, at, by, policy_of)
    return facts


def _stop(row: ClockRow, name: ClockName, at: datetime, reason: str, policy_of: PolicyOf) -> list[Fact]:
    clock = row.running(name)
    return [promise.stopped(name, clock, at, reason, policy_of)] if clock is not None else []


def _promises(row: ClockRow) -> list[tuple[str, Clock]]:
    return [(name, clock) for name, clock in row.clocks.items() if name in PROMISES]
