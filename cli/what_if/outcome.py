"""What became of a ticket under a policy, in the few words a what-if compares. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.events import (
    ClockBreached,
    ClockResumed,
    ClockRetargeted,
    ClockStarted,
    Fact,
    OwnerChanged,
    PriorityReviewed,
    PrioritySet,
    ProviderSuggested,
    QueueSuggested,
    TicketAssigned,
    TicketOpened,
    TicketRouted,
)


@dataclass
class TicketOutcome:
    """`queue`, `owner`, `provider`, `priority`, `pages`: as the rules decided at opening (people
    decide afterwards as they did). `deadlines`: clock → its last due time; `breaches`: clock → its
    true deadline."""

    opened_at: datetime | None = None
    subject: str = ""
    plan: str = ""
    queue: str = ""
    provider: str | None = None
    owner: str | None = None
    suggestion: str | None = None
    suggested_queue: str | None = None
    priority: str = ""
    pages: bool = False
    deadlines: dict[str, datetime] = field(default_factory=dict)
    breaches: dict[str, datetime] = field(default_factory=dict)
    because: dict[str, str] = field(default_factory=dict)
    """Field → the rule that made it so."""


def outcome_of(ticket_facts: Iterable[Fact], clock_facts: Iterable[Fact]) -> TicketOutcome:
    found = TicketOutcome()
    opening = ""
    # What came with the opening counts; people decided afterwards as they did.
    for fact in ticket_facts:
        match fact:
            case TicketOpened():
                found.opened_at, found.subject, found.plan, opening = (
                    fact.at,
                    fact.subject,
                    fact.plan.value,
                    fact.cause,
                )
            case PrioritySet():
                found.priority, found.pages = fact.priority.value, fact.pages
                found.because["priority"] = _describe_matched(fact.trail)
            # A review that pages: whoever reviewed did so under both policies.
            case PriorityReviewed() if fact.pages:
                found.pages = True
            case TicketRouted():
                found.queue = fact.queue
                found.because["queue"] = _describe_matched(fact.trail)
            case ProviderSuggested() if fact.cause == opening:
                found.suggestion = fact.provider
            case QueueSuggested() if fact.cause == opening:
                found.suggested_queue = fact.queue
            case OwnerChanged() if fact.cause == opening:
                found.owner = fact.owner
                found.because["owner"] = _describe_matched(reversed(fact.trail))
            case TicketAssigned() if fact.cause == opening:
                found.provider = fact.provider
            case _:
                pass
    # The last due time of each clock; the first breach.
    for fact in clock_facts:
        match fact:
            case ClockStarted() | ClockRetargeted() | ClockResumed():
                found.deadlines[fact.clock] = fact.due_at
            case ClockBreached():
                found.breaches.setdefault(fact.clock, fact.due_at)
            case _:
                pass
    return found


def _describe_matched(trail: Iterable[Any]) -> str:
    return next((f"{tried.rule}: {tried.because}" for tried in trail if tried.matched), "")


# Fields that a draft can change. Times of clocks are compared below.
COMPARED = ("queue", "owner", "provider", "suggestion", "suggested_queue", "priority", "pages")


def unlike(now: TicketOutcome, draft: TicketOutcome) -> dict[str, tuple[Any, Any]]:
    """Field → (under the policy of then, under the draft); clocks as `deadline <clock>` and `breach
    <clock>`.
    """
    found: dict[str, tuple[Any, Any]] = {}
    for name in COMPARED:
        pair = getattr(now, name), getattr(draft, name)
        if pair[0] != pair[1]:
            found[name] = pair
    for name, before, after in (
        ("deadline", now.deadlines, draft.deadlines),
        ("breach", now.breaches, draft.breaches),
    ):
        for clock in sorted(before.keys() | after.keys()):
            # A breach counts by whether there is one; another time of it shows as its deadline.
            if before.get(clock) != after.get(clock) and (
                name == "deadline" or (clock in before) != (clock in after)
            ):
                found[f"{name} {clock}"] = before.get(clock), after.get(clock)
    return found
