"""J2: out of hours, over the night on which the clocks go back. (Over a holiday, and the other
night: tests/unit/sla.)
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.desk import Desk, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

EASTERN = ZoneInfo("America/New_York")


def friday_before_the_clocks_go_back(clock: ClockHand) -> datetime:
    """20:00 Eastern, an hour before closing, next year: the Friday before the first Sunday of
    November.
    """
    first = datetime(clock.now().year + 1, 11, 1, 20, tzinfo=EASTERN)
    return (first + timedelta(days=(6 - first.weekday()) % 7 - 2)).astimezone(UTC)


def clock_of(person: Person, ticket: str, **wanted: Any) -> dict[str, Any]:
    """The initial response as the person sees it, once it has the wanted values."""

    def seen() -> Any:
        clocks = person.get(f"/v1/tickets/{ticket}/clocks")["items"]
        return next(
            (c for c in clocks if c["name"] == "initial-response" and wanted.items() <= c.items()),
            None,
        )

    return dict(eventually(seen, what=f"the clock of {ticket} with {wanted}"))


# An hour on Friday, eleven on Monday, and the weekend has the longer night.
@pytest.mark.parametrize(("plan", "hours"), [("free", 73), ("premium", 12)])
def test_twelve_hours_over_the_weekend(desk: Desk, clock: ClockHand, plan: str, hours: int) -> None:
    clock.set(friday_before_the_clocks_go_back(clock))
    customer = desk.new_customer(plan)
    ticket = customer.submits("How do I scale?", app=f"{customer.name}-app", kind="question")
    running = clock_of(customer, ticket, state="running")
    due, started = (
        datetime.fromisoformat(running["due_at"]),
        datetime.fromisoformat(running["started_at"]),
    )
    assert due - started == timedelta(hours=hours)

    clock.set(due - timedelta(minutes=1))
    eventually(lambda: warned(desk, ticket), what="warnings")
    assert clock_of(desk.agent, ticket)["state"] == "running"
    clock.set(due + timedelta(seconds=1))
    breached = clock_of(desk.agent, ticket, state="breached")
    assert breached["breached_at"] == running["due_at"]
    desk.agent.replies(ticket, "Sorry for the wait.")
    late = clock_of(customer, ticket, state="met")
    assert late["late"] and late["due_at"] == running["due_at"]


def warned(desk: Desk, ticket: str) -> list[dict[str, Any]]:
    return [
        fact
        for fact in desk.agent.get(f"/v1/tickets/{ticket}/events")["items"]
        if fact["type"] == "ClockWarned"
    ]
