"""What happens to one clock, as unstamped facts: started, given another target, paused, resumed, met, stopped. Pure.

Which events do this to which clocks is `domain.py`'s; here is the arithmetic. Everything a clock is counted by is of the
policy version it is pinned to. Facts may come a little out of order of their times: time never runs backwards for a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from services.sla.calendar import WorkingTime, working_time
from services.sla.clock import Clock
from shared.events import (
    ClockBreached,
    ClockMet,
    ClockName,
    ClockPaused,
    ClockResumed,
    ClockRetargeted,
    ClockStarted,
    ClockStopped,
    Fact,
    Plan,
    Priority,
    PriorityReviewed,
    WarningDue,
)
from shared.policy import Calendar, DeskPolicy
from shared.policy.desk import ALWAYS, ProviderTarget, Target

PolicyOf = Callable[[dict[str, int]], DeskPolicy]
"""A policy stamp → the desk policy of that version; may raise Unavailable (not read yet)."""

_ELAPSED = WorkingTime(Calendar(always=True))
_NONE = timedelta(0)


def started(
    name: ClockName, target: Target | ProviderTarget, policy: DeskPolicy, stamp: dict[str, int], *, at: datetime, since: datetime,
    plan: Plan | None, priority: Priority, provider: str | None = None, subject: str = "",
) -> ClockStarted:  # fmt: skip
    """A promise is made."""
    time = working_time(policy.calendars[target.calendar])
    return ClockStarted(
        at=at, clock=name, policy=stamp, calendar=target.calendar, target=target.within, started_at=since,
        due_at=time.due_at(since, target.within), warnings=_warnings(policy, target.within, (), lambda run: time.due_at(since, run)),
        plan=plan, priority=priority, provider=provider, subject=subject,
    )  # fmt: skip


def closing(policy: DeskPolicy, stamp: dict[str, int], at: datetime) -> ClockStarted:
    """A solved ticket can be reopened for a while: no promise, so nobody is warned."""
    window = policy.reopen_window
    return ClockStarted(at=at, clock=ClockName.AUTO_CLOSE, policy=stamp, calendar=ALWAYS, target=window, started_at=at, due_at=at + window)


def retargeted(name: str, clock: Clock, fact: PriorityReviewed, policy_of: PolicyOf) -> list[Fact]:
    """Another target for what is left. A target that has run already was missed at the instant at which it had run."""
    if clock.state == "running" and fact.at > clock.due_at:
        return []  # the breach that the timer is about to say stands
    policy = policy_of(fact.policy)
    target = policy.promise(name, fact.plan, fact.priority)
    if target is None:
        return [stopped(name, clock, fact.at, "not-promised", policy_of)]
    before = _hours(clock, policy_of)
    at, ran = _moment(clock, fact.at), ran_until(clock, fact.at, policy_of)
    time = working_time(policy.calendars[target.calendar])

    def reached(run: timedelta) -> datetime:
        if run > ran:
            return time.due_at(at, run - ran)
        return before.due_at(clock.run_since, max(run - clock.ran, _NONE)) if clock.state == "running" else at

    return [
        ClockRetargeted(
            at=fact.at, clock=name, policy=fact.policy, calendar=target.calendar, target=target.within, started_at=clock.started_at,
            due_at=reached(target.within), warnings=_warnings(policy, target.within, clock.warned, reached), plan=fact.plan,
            priority=fact.priority, reason=fact.reason, since=at, ran=ran,
        )
    ]  # fmt: skip


def paused(name: str, clock: Clock, at: datetime, policy_of: PolicyOf) -> list[Fact]:
    """The ticket waits for the customer. Nothing is unmade of a deadline that had passed by then: the timer says it."""
    if clock.state != "running" or at > clock.due_at:
        return []
    return [ClockPaused(at=at, clock=name, policy=clock.policy, paused_at=at, ran=ran_until(clock, at, policy_of))]


def resumed(name: str, clock: Clock, at: datetime, policy_of: PolicyOf) -> list[Fact]:
    """It runs on, with what was left."""
    if clock.state not in ("paused", "met"):
        return []
    time, ran = _hours(clock, policy_of), clock.ran

    def reached(run: timedelta) -> datetime:
        return time.due_at(at, max(run - ran, _NONE))

    warnings = _warnings(policy_of(clock.policy), clock.target, clock.warned, reached)
    due = reached(clock.target)
    return [ClockResumed(at=at, clock=name, policy=clock.policy, resumed_at=at, ran=ran, due_at=due, warnings=warnings)]


def met(name: str, clock: Clock, at: datetime, by: str, policy_of: PolicyOf) -> list[Fact]:
    """Ended as promised, or late. The answer's own time says whether it was late, whenever it was read: an answer that was
    read together with a deadline long past tells the breach too."""
    if clock.state == "met":
        return []
    due, facts = clock.due_at, list[Fact]()
    if clock.state == "paused":
        due = _hours(clock, policy_of).due_at(at, max(clock.target - clock.ran, _NONE))
    late = at > due
    if late and clock.state == "running" and name != ClockName.PROVIDER_ANSWER:
        facts.append(ClockBreached(at=at, clock=name, policy=clock.policy, due_at=due, detected_at=at))
    ran = ran_until(clock, at, policy_of)
    facts.append(ClockMet(at=at, clock=name, policy=clock.policy, met_at=at, due_at=due, by=by, late=late, ran=ran))
    return facts


def stopped(name: str, clock: Clock, at: datetime, reason: str, policy_of: PolicyOf) -> ClockStopped:
    """Neither kept nor broken."""
    return ClockStopped(at=at, clock=name, policy=clock.policy, reason=reason, ran=ran_until(clock, at, policy_of))


def ran_until(clock: Clock, at: datetime, policy_of: PolicyOf) -> timedelta:
    """The working time it has run by `at`."""
    if clock.state in ("paused", "met"):
        return clock.ran
    return clock.ran + _hours(clock, policy_of).worked(clock.run_since, at)


def _hours(clock: Clock, policy_of: PolicyOf) -> WorkingTime:
    """The calendar as it was promised."""
    if clock.calendar == ALWAYS:
        return _ELAPSED
    return working_time(policy_of(clock.policy).calendars[clock.calendar])


def _moment(clock: Clock, at: datetime) -> datetime:
    return max(at, clock.run_since) if clock.state == "running" else at


def _warnings(
    policy: DeskPolicy, target: timedelta, warned: Iterable[int], reached: Callable[[timedelta], datetime]
) -> tuple[WarningDue, ...]:
    """Those still to be said; `reached` tells when so much working time will have run."""
    left = sorted(set(policy.warn_at).difference(warned))
    return tuple(WarningDue(percent=percent, at=reached(target * percent / 100)) for percent in left)
