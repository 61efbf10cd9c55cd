"""Promises in time: written by sla only (topic `clocks`), keyed by ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from shared.events.envelope import Fact, Instant, Plan, PolicyStamp, Priority, Value


class ClockFact(Fact):
    """`clock` names the timer of the ticket, such as `initial-response`."""

    clock: str
    policy: PolicyStamp


class WarningDue(Value):
    """`percent` of a clock's target has passed at `at`."""

    percent: int
    at: Instant


class ClockStarted(ClockFact):
    """`target` of working time on `calendar` from `started_at` ends at `due_at`; warnings are due on the way."""

    type: Literal["ClockStarted"] = "ClockStarted"
    calendar: str
    target: timedelta
    started_at: Instant
    due_at: Instant
    warnings: tuple[WarningDue, ...] = ()
    plan: Plan
    priority: Priority


class ClockRetargeted(ClockFact):
    """Priority, plan or policy changed: a new target, the time already run is kept (the start stays)."""

    type: Literal["ClockRetargeted"] = "ClockRetargeted"
    calendar: str
    target: timedelta
    started_at: Instant
    due_at: Instant
    warnings: tuple[WarningDue, ...] = ()
    priority: Priority
    reason: str = ""


class ClockWarned(ClockFact):
    type: Literal["ClockWarned"] = "ClockWarned"
    percent: int
    due_at: Instant


class ClockMet(ClockFact):
    """`late` is set where the answer came after the breach."""

    type: Literal["ClockMet"] = "ClockMet"
    met_at: Instant
    due_at: Instant
    by: str
    late: bool = False


class ClockBreached(ClockFact):
    """`due_at` is the true deadline, `detected_at` when sla saw it: their difference is the lateness of our own timer."""

    type: Literal["ClockBreached"] = "ClockBreached"
    due_at: Instant
    detected_at: Instant
