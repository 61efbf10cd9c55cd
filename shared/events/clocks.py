"""Promises in time: written by sla only (topic `clocks`), keyed by ticket.

A clock runs, is paused and runs again; it ends when it is met, breached, stopped or has run out.
`ran` is always the working time run before the fact, on whatever calendars it ran, so that nothing
that happens later takes it away.
"""

from __future__ import annotations

import operator
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.events.envelope import Fact, Instant, Plan, PolicyStamp, Priority, Value

_NONE = timedelta(0)


class ClockName(StrEnum):
    """The clocks a ticket may have, in the order in which they are shown."""

    INITIAL_RESPONSE = "initial-response"
    """Opening to the first public answer."""
    NEXT_REPLY = "next-reply"
    """The oldest customer message that is not answered yet to the next public answer."""
    RESOLUTION = "resolution"
    """Opening to solved, without the time in which the ticket waits for the customer or is
    solved.
    """
    PROVIDER_ANSWER = "provider-answer"
    """Assignment to a provider to its first answer. Theirs alone: the customer's clocks go on."""
    AUTO_CLOSE = "auto-close"
    """Solved to closed: the time in which a ticket can be reopened. No promise, so it runs out and
    is never breached.
    """


PROMISES = frozenset({ClockName.INITIAL_RESPONSE, ClockName.NEXT_REPLY, ClockName.RESOLUTION})
"""What the customer was promised. The others are between us and the provider, or nobody's
promise.
"""


class ClockFact(Fact):
    """`clock` names the timer of the ticket (a `ClockName`). `policy` is the version the clock is
    pinned to.

    `heard` is the seq of the ticket's fact that it answers to, 0 for a firing: a ticket's fact that
    is repeated later, after the router died, is not heard twice.
    """

    clock: str
    policy: PolicyStamp
    heard: int = 0


class WarningDue(Value):
    """`percent` of a clock's target has passed at `at`."""

    percent: int
    at: Instant


# A clock starts, moves, waits and goes on.
class ClockStarted(ClockFact):
    """`target` of working time on `calendar` from `started_at` ends at `due_at`; warnings are due
    on the way.

    `provider` is whose clock it is (provider-answer), with the ticket's `subject` for a reminder.
    Auto-close has no plan and priority.
    """

    type: Literal["ClockStarted"] = "ClockStarted"
    calendar: str
    target: timedelta
    started_at: Instant
    due_at: Instant
    warnings: tuple[WarningDue, ...] = ()
    plan: Plan | None = None
    priority: Priority | None = None
    provider: str | None = None
    subject: str = ""
    quiet_until: Instant | None = Field(None, exclude_if=operator.not_)
    """Of an imported ticket: its clocks do nothing by themselves before, because the answers that
    met them may still be on their way.
    """


class ClockRetargeted(ClockFact):
    """Priority, plan or policy changed: a new target, the time already run is kept.

    `since` is when the current run began to be counted on `calendar`, `ran` what had run before
    (null and zero: all of it is counted on `calendar`, from `started_at`). `due_at` of a paused
    clock: as if it went on at once.
    """

    type: Literal["ClockRetargeted"] = "ClockRetargeted"
    calendar: str
    target: timedelta
    started_at: Instant
    due_at: Instant
    warnings: tuple[WarningDue, ...] = ()
    plan: Plan | None = None
    priority: Priority
    reason: str = ""
    since: Instant | None = None
    ran: timedelta = _NONE


class ClockPaused(ClockFact):
    """The ticket waits for the customer since `paused_at`: no due time until it is resumed."""

    type: Literal["ClockPaused"] = "ClockPaused"
    paused_at: Instant
    ran: timedelta


class ClockResumed(ClockFact):
    """It runs again since `resumed_at`: what was left of its target ends at `due_at`."""

    type: Literal["ClockResumed"] = "ClockResumed"
    resumed_at: Instant
    ran: timedelta
    due_at: Instant
    warnings: tuple[WarningDue, ...] = ()


# What it says on its way, and how it ends.
class ClockWarned(ClockFact):
    """Once for each percent of a clock. `provider`, `subject`: as its ClockStarted says."""

    type: Literal["ClockWarned"] = "ClockWarned"
    percent: int
    due_at: Instant
    provider: str | None = None
    subject: str = ""


class ClockMet(ClockFact):
    """`late` is set where the answer came after the breach. `ran`: the working time it took."""

    type: Literal["ClockMet"] = "ClockMet"
    met_at: Instant
    due_at: Instant
    by: str
    late: bool = False
    ran: timedelta = _NONE


class ClockBreached(ClockFact):
    """`due_at` is the true deadline, `detected_at` when sla saw it: their difference is the
    lateness of our own timer.

    `provider`, `subject`: as its ClockStarted says. A breach of provider-answer asks for the ticket
    to be taken back.
    """

    type: Literal["ClockBreached"] = "ClockBreached"
    due_at: Instant
    detected_at: Instant
    provider: str | None = None
    subject: str = ""


class ClockStopped(ClockFact):
    """Ended without being met or breached. `reason`: `moved` (the ticket went elsewhere), `solved`,
    `reopened`, or `not-promised` (no target under the new priority, plan or policy)."""

    type: Literal["ClockStopped"] = "ClockStopped"
    reason: str
    ran: timedelta = _NONE


class ClockRanOut(ClockFact):
    """The end of a time that was no promise: auto-close asks for the ticket to be closed. Fields as
    of ClockBreached.
    """

    type: Literal["ClockRanOut"] = "ClockRanOut"
    due_at: Instant
    detected_at: Instant
