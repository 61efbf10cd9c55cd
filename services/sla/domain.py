"""What sla decides: facts of tickets in, facts of clocks out; and what the clocks do by themselves.
Pure.

Sla's inputs are facts that may be read again, so everything here is decided by what the row has and
not by how often it was told; facts that do not matter to a clock leave no trace. Automatic replies
matter to none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.sla import promise
from services.sla.clock import EVOLVE as EVOLVE
from services.sla.clock import ClockRow, PromiseClock
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
    MergeNoted,
    Plan,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    Status,
    TicketAssigned,
    TicketFact,
    TicketMerged,
    TicketReopened,
    TicketSolved,
)

INITIAL_RESPONSE, NEXT_REPLY, RESOLUTION = (
    ClockName.INITIAL_RESPONSE,
    ClockName.NEXT_REPLY,
    ClockName.RESOLUTION,
)
PROVIDER_ANSWER, AUTO_CLOSE = ClockName.PROVIDER_ANSWER, ClockName.AUTO_CLOSE


def decide(row: ClockRow | None, fact: TicketFact, policy_of: PolicyOf) -> list[Fact]:
    """What a fact of a ticket means for its clocks; unstamped. Mostly nothing, and for one that
    comes again nothing at all.

    What was imported happened elsewhere and before: no clock of ours ran then, and none is started
    in the past, unless it was promised (`quiet_until`). Even then no provider is waited for, who
    was never told, and nothing is closed by itself.
    """
    decision, row = DECIDE.get(type(fact)), row or ClockRow()
    # A fact that was read before changes nothing. Seq 0: not stamped, so always new.
    if decision is None or 0 < fact.seq <= row.heard:
        return []
    # History of a ticket that nobody promised anything for.
    if fact.imported and row.plan is None and getattr(fact, "quiet_until", None) is None:
        return []
    # `heard` takes the row on to this fact, so that its repeat is known.
    return [found.copy_with({"heard": fact.seq}) for found in decision(row, fact, policy_of)]


def _on_priority_set(row: ClockRow, fact: PrioritySet, policy_of: PolicyOf) -> list[Fact]:
    """Both run from the opening, whenever it was decided on."""
    found = [
        clock
        for name in (INITIAL_RESPONSE, RESOLUTION)
        for clock in _start_promise(name, fact, fact.plan, fact.priority, fact.opened_at, policy_of)
    ]
    if fact.quiet_until is None:
        return found
    return [clock.copy_with({"quiet_until": fact.quiet_until}) for clock in found]


def _on_priority_reviewed(row: ClockRow, fact: PriorityReviewed, policy_of: PolicyOf) -> list[Fact]:
    """A breach stands: a lower priority afterwards does not unmake it."""
    facts: list[Fact] = []
    for name, clock in _promises(row):
        # A breached clock keeps its breach, and a met one has nothing left to move.
        if clock.state in ("running", "paused"):
            facts += promise.retarget_clock(name, clock, fact, policy_of)
    return facts


def _on_reply(row: ClockRow, fact: ReplyAdded, policy_of: PolicyOf) -> list[Fact]:
    if fact.automatic:
        return []
    facts: list[Fact] = []
    public = fact.audience is Audience.EVERYONE
    # A public answer of staff or provider keeps both promises to the customer.
    if public and fact.side in ("staff", "provider"):
        facts += _meet(row, (INITIAL_RESPONSE, NEXT_REPLY), fact.at, fact.author, policy_of)
    # The provider was asked, so their answer counts for their own clock, whoever may read it.
    if fact.side == "provider":
        facts += _meet(row, (PROVIDER_ANSWER,), fact.at, fact.author, policy_of)
    if public and fact.side == "customer":
        facts += _start_answer_clock(row, fact, fact.priority, policy_of)
    # The resolution stands still while the ticket waits for the customer.
    resolution = row.clocks.get(RESOLUTION)
    if resolution is not None and fact.status == Status.PENDING:
        facts += promise.pause_clock(RESOLUTION, resolution, fact.at, policy_of)
    elif resolution is not None and fact.status in (Status.NEW, Status.OPEN):
        facts += promise.resume_clock(RESOLUTION, resolution, fact.at, policy_of)
    return facts


def _on_assigned(row: ClockRow, fact: TicketAssigned, policy_of: PolicyOf) -> list[Fact]:
    """A provider's clock ends with its turn; the customer's clocks go on."""
    # Before anything else: the clock of the provider that had it until now.
    facts = _stop(row, PROVIDER_ANSWER, fact.at, "moved", policy_of)
    # Each provider has the full time of its own.
    if fact.provider is not None and not fact.imported:
        policy = policy_of(fact.policy)
        facts.append(
            promise.start_clock(
                PROVIDER_ANSWER,
                policy.provider_answer,
                policy,
                fact.policy,
                at=fact.at,
                since=fact.at,
                plan=row.plan,
                priority=fact.priority,
                provider=fact.provider,
                subject=fact.subject,
            )
        )
    return facts


def _on_solved(row: ClockRow, fact: TicketSolved, policy_of: PolicyOf) -> list[Fact]:
    facts = _meet(row, (INITIAL_RESPONSE, NEXT_REPLY, RESOLUTION), fact.at, fact.by, policy_of)
    # If the provider solved it, that is their answer; else nobody waits for them any more.
    if fact.side == "provider":
        facts += _meet(row, (PROVIDER_ANSWER,), fact.at, fact.by, policy_of)
    else:
        facts += _stop(row, PROVIDER_ANSWER, fact.at, "solved", policy_of)
    # History closes nothing by itself.
    if fact.imported:
        return facts
    return [*facts, promise.start_auto_close(policy_of(fact.policy), fact.policy, fact.at)]


def _on_reopened(row: ClockRow, fact: TicketReopened, policy_of: PolicyOf) -> list[Fact]:
    """The resolution runs on. A customer who reopens waits for an answer, in whatever words."""
    facts = _stop(row, AUTO_CLOSE, fact.at, "reopened", policy_of)
    resolution = row.clocks.get(RESOLUTION)
    if resolution is not None:
        facts += promise.resume_clock(RESOLUTION, resolution, fact.at, policy_of)
    # Only a customer who reopens waits for an answer.
    return facts + (
        _start_answer_clock(row, fact, fact.priority, policy_of) if fact.side == "customer" else []
    )


def _on_merged(row: ClockRow, fact: TicketMerged, policy_of: PolicyOf) -> list[Fact]:
    """Nobody waits here any more. Nothing was answered, so no promise is kept by it; a deadline
    that has passed was missed all the same: the timer says it.
    """
    return [
        promise.stop_clock(name, clock, fact.at, "merged", policy_of)
        for name, clock in row.clocks.items()
        if clock.state in ("running", "paused") and not _is_missed(name, clock, fact.at)
    ]


def _on_merge_noted(row: ClockRow, fact: MergeNoted, policy_of: PolicyOf) -> list[Fact]:
    """The customer of the ticket that was merged waits for an answer here, from now on."""
    if not fact.waits:
        return []
    facts = _start_answer_clock(row, fact, fact.priority, policy_of)
    resolution = row.clocks.get(RESOLUTION)
    if resolution is not None and fact.status in (Status.NEW, Status.OPEN):
        facts += promise.resume_clock(RESOLUTION, resolution, fact.at, policy_of)
    return facts


DECIDE: dict[type[TicketFact], Callable[[ClockRow, Any, PolicyOf], list[Fact]]] = {
    # What makes promises and moves them.
    PrioritySet: _on_priority_set,
    PriorityReviewed: _on_priority_reviewed,
    # What keeps them, holds them up, or makes new ones.
    ReplyAdded: _on_reply,
    TicketAssigned: _on_assigned,
    TicketSolved: _on_solved,
    TicketReopened: _on_reopened,
    TicketMerged: _on_merged,
    MergeNoted: _on_merge_noted,
}


def fire(row: ClockRow, now: datetime) -> list[Fact]:
    """Warnings and deadlines that are due. Of a deadline that has passed only itself is told:
    nobody is warned of the past.
    """
    if row.quiet_until is not None and now < row.quiet_until:
        return []
    facts: list[Fact] = []
    for name, clock in row.clocks.items():
        # Every other clock waits for an event.
        if clock.state != "running":
            continue
        timer = f"{name}.{clock.nth}"
        if clock.due_at <= now:
            # `cause` comes from the due time: firing again after a crash makes the same fact.
            about = {
                "cause": ids.firing_id(row.ticket, timer, clock.due_at),
                "clock": name,
                "policy": clock.policy,
            }
            seen = {"at": now, "due_at": clock.due_at, "detected_at": now}
            # The auto-close is no promise, so running out is no breach.
            if name == AUTO_CLOSE:
                facts.append(ClockRanOut(**about, **seen))
            else:
                facts.append(
                    ClockBreached(**about, **seen, provider=clock.provider, subject=clock.subject)
                )
            continue
        # Not over yet: the warnings that are due.
        facts += [
            ClockWarned(
                at=now,
                cause=ids.firing_id(row.ticket, f"{timer}:{percent}", at),
                clock=name,
                policy=clock.policy,
                percent=percent,
                due_at=clock.due_at,
                provider=clock.provider,
                subject=clock.subject,
            )
            for percent, at in clock.warnings.items()
            if at <= now
        ]
    return facts


def _start_promise(
    name: ClockName,
    fact: TicketFact,
    plan: Plan,
    priority: Priority,
    since: datetime,
    policy_of: PolicyOf,
) -> list[Fact]:
    policy = policy_of(fact.policy)
    target = policy.promise(name, plan, priority)
    # A policy need not promise everything to every plan.
    if target is None:
        return []
    return [
        promise.start_clock(
            name, target, policy, fact.policy, at=fact.at, since=since, plan=plan, priority=priority
        )
    ]


def _start_answer_clock(
    row: ClockRow, fact: TicketFact, priority: Priority, policy_of: PolicyOf
) -> list[Fact]:
    """The customer waits for an answer: since the oldest message without one, so a clock that is
    there stays as it is. Before the first answer it is the initial response they wait for."""
    if row.plan is None or INITIAL_RESPONSE in row.clocks or NEXT_REPLY in row.clocks:
        return []
    return _start_promise(NEXT_REPLY, fact, row.plan, priority, fact.at, policy_of)


def _meet(
    row: ClockRow, names: tuple[ClockName, ...], at: datetime, by: str, policy_of: PolicyOf
) -> list[Fact]:
    facts: list[Fact] = []
    for name in names:
        if (clock := row.clocks.get(name)) is not None:
            facts += promise.meet_clock(name, clock, at, by, policy_of)
    return facts


def _stop(
    row: ClockRow, name: ClockName, at: datetime, reason: str, policy_of: PolicyOf
) -> list[Fact]:
    clock = row.running(name)
    return [promise.stop_clock(name, clock, at, reason, policy_of)] if clock is not None else []


def _is_missed(name: str, clock: PromiseClock, at: datetime) -> bool:
    return name in PROMISES and clock.state == "running" and at > clock.due_at


def _promises(row: ClockRow) -> list[tuple[str, PromiseClock]]:
    return [(name, clock) for name, clock in row.clocks.items() if name in PROMISES]
