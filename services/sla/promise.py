"""What happens to one clock, as unstamped facts: started, given another target, paused, resumed,
met, stopped. Pure.

Which events do this to which clocks is `domain.py`'s; here is the arithmetic. Everything a clock is
counted by is of the policy version it is pinned to. Facts may come a little out of order of their
times: time never runs backwards for a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from services.sla.clock import PromiseClock
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
from shared.policy.working_time import WorkingTime, working_time

PolicyOf = Callable[[dict[str, int]], DeskPolicy]
"""A policy stamp → the desk policy of that version; may raise Unavailable (not read yet)."""

# The calendar `always` is the same in every policy, so it is made once.
_ELAPSED = WorkingTime(Calendar(always=True))
_NONE = timedelta(0)


def start_clock(
    name: ClockName,
    target: Target | ProviderTarget,
    policy: DeskPolicy,
    stamp: dict[str, int],
    *,
    at: datetime,
    since: datetime,
    plan: Plan | None,
    priority: Priority,
    provider: str | None = None,
    subject: str = "",
) -> ClockStarted:
    """A promise is made."""
    time = working_time(policy.calendars[target.calendar])
    return ClockStarted(
        at=at,
        clock=name,
        policy=stamp,
        calendar=target.calendar,
        target=target.within,
        started_at=since,
        due_at=time.due_at(since, target.within),
        warnings=_warnings(policy, target.within, (), lambda run: time.due_at(since, run)),
        plan=plan,
        priority=priority,
        provider=provider,
        subject=subject,
    )


def start_auto_close(policy: DeskPolicy, stamp: dict[str, int], at: datetime) -> ClockStarted:
    """A solved ticket can be reopened for a while: no promise, so nobody is warned."""
    window = policy.reopen_window
    return ClockStarted(
        at=at,
        clock=ClockName.AUTO_CLOSE,
        policy=stamp,
        calendar=ALWAYS,
        target=window,
        started_at=at,
        due_at=at + window,
    )


def retarget_clock(
    name: str, clock: PromiseClock, fact: PriorityReviewed, policy_of: PolicyOf
) -> list[Fact]:
    """Another target for what is left. A target that has run already was missed at the instant at
    which it had run.
    """
    if clock.state == "running" and fact.at > clock.due_at:
        return []  # the breach that the timer is about to say stands
    policy = policy_of(fact.policy)
    target = policy.promise(name, fact.plan, fact.priority)
    # The new priority promises nothing of this kind.
    if target is None:
        return [stop_clock(name, clock, fact.at, "not-promised", policy_of)]
    # The old calendar counts what has run; the new one counts what is left.
    before = _hours(clock, policy_of)
    at, ran = _moment(clock, fact.at), ran_until(clock, fact.at, policy_of)
    time = working_time(policy.calendars[target.calendar])

    def instant_of(run: timedelta) -> datetime:
        # Still to come: by the new calendar.
        if run > ran:
            return time.due_at(at, run - ran)
        # Reached before: the instant at which it was reached, so a breach has its true time.
        return (
            before.due_at(clock.run_since, max(run - clock.ran, _NONE))
            if clock.state == "running"
            else at
        )

    return [
        ClockRetargeted(
            at=fact.at,
            clock=name,
            policy=fact.policy,
            calendar=target.calendar,
            target=target.within,
            started_at=clock.started_at,
            due_at=instant_of(target.within),
            warnings=_warnings(policy, target.within, clock.warned, instant_of),
            plan=fact.plan,
            priority=fact.priority,
            reason=fact.reason,
            since=at,
            ran=ran,
        )
    ]


def pause_clock(name: str, clock: PromiseClock, at: datetime, policy_of: PolicyOf) -> list[Fact]:
    """The ticket waits for the customer. Nothing is unmade of a deadline that had passed by then:
    the timer says it.
    """
    if clock.state != "running" or at > clock.due_at:
        return []
    return [
        ClockPaused(
            at=at,
            clock=name,
            policy=clock.policy,
            paused_at=at,
            ran=ran_until(clock, at, policy_of),
        )
    ]


def resume_clock(name: str, clock: PromiseClock, at: datetime, policy_of: PolicyOf) -> list[Fact]:
    """It runs on, with what was left."""
    # Only these two stand still; a running or breached clock has nothing to resume.
    if clock.state not in ("paused", "met"):
        return []
    time, ran = _hours(clock, policy_of), clock.ran

    def instant_of(run: timedelta) -> datetime:
        return time.due_at(at, max(run - ran, _NONE))

    warnings = _warnings(policy_of(clock.policy), clock.target, clock.warned, instant_of)
    due = instant_of(clock.target)
    return [
        ClockResumed(
            at=at,
            clock=name,
            policy=clock.policy,
            resumed_at=at,
            ran=ran,
            due_at=due,
            warnings=warnings,
        )
    ]


def meet_clock(
    name: str, clock: PromiseClock, at: datetime, by: str, policy_of: PolicyOf
) -> list[Fact]:
    """Ended as promised, or late. The answer's own time says whether it was late, whenever it was
    read: an answer that was read together with a deadline long past tells the breach too."""
    # Met before: solving again is no second fact.
    if clock.state == "met":
        return []
    due, facts = clock.due_at, list[Fact]()
    # A paused clock has no due time, so work out when it would have been due.
    if clock.state == "paused":
        due = _hours(clock, policy_of).due_at(at, max(clock.target - clock.ran, _NONE))
    late = at > due
    # The timer has not told the breach yet. A provider that answers late keeps the ticket: a breach
    # would take it away.
    if late and clock.state == "running" and name != ClockName.PROVIDER_ANSWER:
        facts.append(
            ClockBreached(at=at, clock=name, policy=clock.policy, due_at=due, detected_at=at)
        )
    ran = ran_until(clock, at, policy_of)
    facts.append(
        ClockMet(
            at=at, clock=name, policy=clock.policy, met_at=at, due_at=due, by=by, late=late, ran=ran
        )
    )
    return facts


def stop_clock(
    name: str, clock: PromiseClock, at: datetime, reason: str, policy_of: PolicyOf
) -> ClockStopped:
    """Neither kept nor broken."""
    return ClockStopped(
        at=at, clock=name, policy=clock.policy, reason=reason, ran=ran_until(clock, at, policy_of)
    )


def ran_until(clock: PromiseClock, at: datetime, policy_of: PolicyOf) -> timedelta:
    """The working time it has run by `at`."""
    if clock.state in ("paused", "met"):
        return clock.ran
    return clock.ran + _hours(clock, policy_of).worked(clock.run_since, at)


def _hours(clock: PromiseClock, policy_of: PolicyOf) -> WorkingTime:
    """The calendar as it was promised."""
    if clock.calendar == ALWAYS:
        return _ELAPSED
    return working_time(policy_of(clock.policy).calendars[clock.calendar])


def _moment(clock: PromiseClock, at: datetime) -> datetime:
    # Facts can come out of order: a run never ends before it began.
    return max(at, clock.run_since) if clock.state == "running" else at


def _warnings(
    policy: DeskPolicy,
    target: timedelta,
    warned: Iterable[int],
    reached: Callable[[timedelta], datetime],
) -> tuple[WarningDue, ...]:
    """Those still to be said; `instant_of` tells when so much working time will have run."""
    left = sorted(set(policy.warn_at).difference(warned))
    return tuple(
        WarningDue(percent=percent, at=reached(target * percent / 100)) for percent in left
    )
