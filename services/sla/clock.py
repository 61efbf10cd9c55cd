"""What sla remembers of a ticket's clocks, and how each fact changes it. A row is a function of the
clocks' facts alone.

A clock is intervals and a policy version: the working time that has `ran`, the start of the current
run, and what it was promised under. So a pause, a new priority or a new policy never takes away
time already run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.events import (
    ClockBreached,
    ClockFact,
    ClockMet,
    ClockName,
    ClockPaused,
    ClockRanOut,
    ClockResumed,
    ClockRetargeted,
    ClockStarted,
    ClockStopped,
    ClockWarned,
    Plan,
    WarningDue,
)
from shared.events.envelope import Value
from shared.spine.rows import Row

_NONE = timedelta(0)


class PromiseClock(Value):
    """One clock. `warnings`: percent → instant of those still to come; `warned`: the percents that
    were said.

    running   it will do something by itself; `ran` is the working time before the current run,
              which began at `since` (None: at `started_at`) on `calendar`
    paused    waits for the customer; `ran` is all of it
    breached  waits for a late answer
    met       the resolution of a solved ticket: reopened, it runs on
    """

    state: Literal["running", "paused", "breached", "met"] = "running"
    nth: int
    """Seq of its ClockStarted: tells the firings of this clock from those of an earlier one of the
    same name.
    """
    policy: dict[str, int]
    calendar: str
    target: timedelta
    started_at: datetime
    since: datetime | None = None
    ran: timedelta = _NONE
    due_at: datetime
    warnings: dict[int, datetime] = {}
    warned: tuple[int, ...] = ()
    provider: str | None = None
    subject: str = ""

    @property
    def run_since(self) -> datetime:
        """When the current run began."""
        return self.since or self.started_at

    @property
    def next_at(self) -> datetime | None:
        """When it does something by itself."""
        return min(self.due_at, *self.warnings.values()) if self.warnings else self.due_at

    def but(self, **changes: object) -> PromiseClock:
        return self.copy_with(changes)


class ClockRow(Row):
    """A ticket's clocks by name, those that may still do something. `plan` is the customer's, as
    last heard; `heard` the seq of the last fact of the ticket that concerned a clock: earlier ones
    that come again are repeats."""

    ticket: str = ""
    heard: int = 0
    plan: Plan | None = None
    quiet_until: datetime | None = None
    """Of an imported ticket: no clock does anything by itself before."""
    clocks: dict[str, PromiseClock] = {}

    def running(self, name: str) -> PromiseClock | None:
        clock = self.clocks.get(name)
        return clock if clock is not None and clock.state == "running" else None

    def to_bytes(self) -> bytes:
        """Without what is as usual: a million rows are held in memory."""
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)


def due_at(row: ClockRow) -> datetime | None:
    """When the first clock does something by itself."""
    # Only running clocks: the others wait for an event.
    first = min(
        (at for clock in row.clocks.values() if clock.state == "running" and (at := clock.next_at)),
        default=None,
    )
    # The clocks of an imported ticket do nothing before its quiet time is over.
    if first is None or row.quiet_until is None:
        return first
    return max(first, row.quiet_until)


def evolve(row: ClockRow | None, fact: ClockFact) -> ClockRow:
    """The row after `fact`. What has ended is forgotten; of a ticket that is closed only its name
    is left.
    """
    row = row or ClockRow()
    clocks = dict(row.clocks)
    clock = EVOLVE[fact.type](clocks.get(fact.clock), fact)
    # The ticket was not reopened in time and is closed: it needs no clock any more.
    if isinstance(fact, ClockRanOut):
        clocks = {}
    # The clock has ended, so the row forgets it.
    elif clock is None:
        clocks.pop(fact.clock, None)
    else:
        clocks[fact.clock] = clock
    # Only these two facts name the plan; after any other the last one known stays.
    plan = (fact.plan if isinstance(fact, ClockStarted | ClockRetargeted) else None) or row.plan
    quiet = fact.quiet_until if isinstance(fact, ClockStarted) else None
    return row.copy_with(
        {
            "ticket": fact.key,
            "heard": max(row.heard, fact.heard),
            "plan": plan,
            "quiet_until": quiet or row.quiet_until,
            "clocks": clocks,
        }
    )


def _on_started(clock: PromiseClock | None, fact: ClockStarted) -> PromiseClock:
    return PromiseClock(
        nth=fact.seq,
        policy=fact.policy,
        calendar=fact.calendar,
        target=fact.target,
        started_at=fact.started_at,
        due_at=fact.due_at,
        warnings=_by_percent(fact.warnings),
        provider=fact.provider,
        subject=fact.subject,
    )


def _on_retargeted(clock: PromiseClock | None, fact: ClockRetargeted) -> PromiseClock | None:
    """A paused one stays paused, and its warnings are worked out when it goes on."""
    if clock is None:
        return None
    kept: dict[str, Any] = {
        "policy": fact.policy,
        "calendar": fact.calendar,
        "target": fact.target,
        "ran": fact.ran,
    }
    # A paused clock has no due time: resuming works it out.
    if clock.state == "paused":
        return clock.but(**kept)
    # A percent that was told stays told, also under a new target.
    warnings = {
        percent: at
        for percent, at in _by_percent(fact.warnings).items()
        if percent not in clock.warned
    }
    return clock.but(**kept, since=fact.since, due_at=fact.due_at, warnings=warnings)


def _on_paused(clock: PromiseClock | None, fact: ClockPaused) -> PromiseClock | None:
    # None stays None: a clock that has ended is not paused.
    return clock and clock.but(state="paused", ran=fact.ran, warnings={})


def _on_resumed(clock: PromiseClock | None, fact: ClockResumed) -> PromiseClock | None:
    return clock and clock.but(
        state="running",
        since=fact.resumed_at,
        ran=fact.ran,
        due_at=fact.due_at,
        warnings=_by_percent(fact.warnings),
    )


def _on_warned(clock: PromiseClock | None, fact: ClockWarned) -> PromiseClock | None:
    if clock is None:
        return None
    left = {percent: at for percent, at in clock.warnings.items() if percent != fact.percent}
    return clock.but(warnings=left, warned=(*clock.warned, fact.percent))


def _on_breached(clock: PromiseClock | None, fact: ClockBreached) -> PromiseClock | None:
    """A provider that stayed silent loses the ticket, so its clock waits for nothing."""
    if clock is None or fact.clock == ClockName.PROVIDER_ANSWER:
        return None
    return clock.but(state="breached", warnings={})


def _on_met(clock: PromiseClock | None, fact: ClockMet) -> PromiseClock | None:
    """A resolution in time is kept: a ticket that is reopened runs on. Every other promise is kept
    or broken once.
    """
    if clock is None or fact.clock != ClockName.RESOLUTION or clock.state == "breached":
        return None
    return clock.but(state="met", ran=fact.ran, warnings={})


def _on_ended(clock: PromiseClock | None, fact: ClockStopped | ClockRanOut) -> None:
    return None


EVOLVE: dict[str, Callable[[PromiseClock | None, Any], PromiseClock | None]] = {
    # Promises that are made, moved and counted.
    "ClockStarted": _on_started,
    "ClockRetargeted": _on_retargeted,
    "ClockPaused": _on_paused,
    "ClockResumed": _on_resumed,
    # What is told of them, and how they end.
    "ClockWarned": _on_warned,
    "ClockMet": _on_met,
    "ClockBreached": _on_breached,
    # Over without a result.
    "ClockStopped": _on_ended,
    "ClockRanOut": _on_ended,
}


def _by_percent(warnings: tuple[WarningDue, ...]) -> dict[int, datetime]:
    return {warning.percent: warning.at for warning in warnings}
