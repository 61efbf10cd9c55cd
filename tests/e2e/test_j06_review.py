"""J6: reviewed, lowered, appealed, restored by another reviewer, and then it stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually


def pages_of(desk: Desk, ticket: str, state: str) -> list[dict[str, Any]]:
    return [
        page
        for page in desk.primary.get("/v1/pages", state=state)["items"]
        if ticket in page["ticket_ids"]
    ]


def first_answer(person: Person, ticket: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        clocks = person.get(f"/v1/tickets/{ticket}/clocks")["items"]
        return next((clock for clock in clocks if clock["name"] == "initial-response"), None)

    return dict(eventually(found, what="the clock of the first answer") or {})


def span(clock: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(clock["due_at"]) - datetime.fromisoformat(clock["started_at"])


def refusal(person: Person, ticket: str, action: str, **fields: Any) -> str:
    """The word by which the router refuses."""
    became = person.outcome(person.acts(ticket, action, **fields)["request_id"])
    assert became["state"] == "refused", became
    return str(became["code"])


def test_review_downgrade_appeal_and_a_third_change_is_refused_as_final(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    premier = desk.new_customer("premier")
    ticket = premier.submits(
        "Checkout is slow for everyone", app=f"{premier.name}-app", priority="urgent"
    )
    far_end.gets(ticket, "page", to="primary")
    before = first_answer(premier, ticket)
    assert span(before) == timedelta(minutes=30)

    clock.advance(minutes=3)
    assert (
        refusal(premier, ticket, "appeal", information="Nothing was changed yet.")
        == "nothing-to-appeal"
    )
    desk.reviewer.acts(ticket, "review", priority="high", reason="There is a workaround.")
    premier.ticket(ticket, priority="high")
    eventually(lambda: pages_of(desk, ticket, "cancelled"), what="the escalation cancelled")
    far_end.gets(
        ticket, "page", to="primary", count=2
    )  # the page, and that nothing is needed any more
    eventually(
        lambda: span(first_answer(premier, ticket)) == timedelta(hours=2),
        what="the clock's new target",
    )
    assert first_answer(premier, ticket)["started_at"] == before["started_at"], (
        "the time already run is kept"
    )

    premier.acts(
        ticket, "appeal", information="The workaround loses orders; the logs are attached."
    )
    eventually(
        lambda: (premier.ticket(ticket)["appeal"] or {}).get("state") == "open",
        what="the appeal is seen",
    )
    assert refusal(premier, ticket, "appeal", information="Again.") == "already-appealed"
    assert (
        refusal(desk.admin, ticket, "review", priority="low", reason="Past the appeal.")
        == "appeal-open"
    )
    assert (
        refusal(desk.reviewer, ticket, "decide-appeal", priority="high", reason="My own change.")
        == "same-reviewer"
    )
    answer = desk.agent.call(
        "POST",
        f"/v1/tickets/{ticket}/decide-appeal",
        {"priority": "high", "reason": "I am no reviewer."},
    )
    assert answer.status_code == 403

    desk.admin.acts(
        ticket, "decide-appeal", priority="urgent", reason="The logs show that orders are lost."
    )
    seen = premier.ticket(ticket, priority="urgent")
    assert seen["appeal"]["state"] == "decided"
    far_end.gets(ticket, "page", to="primary", count=3)
    (page,) = eventually(lambda: pages_of(desk, ticket, "open"), what="a new page")
    eventually(
        lambda: span(first_answer(premier, ticket)) == timedelta(minutes=30),
        what="the urgent target again",
    )
    desk.primary.asks(f"/v1/pages/{page['id']}/acknowledge")

    for person, action, fields in (
        (desk.reviewer, "review", {"priority": "low", "reason": "A third change."}),
        (desk.admin, "decide-appeal", {"priority": "low", "reason": "Again."}),
        (premier, "appeal", {"information": "Again."}),
    ):
        assert refusal(person, ticket, action, **fields) == "final"
    assert premier.ticket(ticket)["priority"] == "urgent"
    assert len(far_end.about(ticket, "page", to="primary")) == 3, (
        "one page each time, and one word that the first is over"
    )
    subjects = [mail["body"] for mail in far_end.gets(ticket, "mail", to=premier.email, count=3)]
    assert len(subjects) == 3, "received, reviewed, appeal decided: a decision is told once"


def test_urgent_on_staging_is_high_with_the_reason_and_can_be_appealed(
    desk: Desk, far_end: FarEnd
) -> None:
    premier = desk.new_customer("premier", stage="staging")
    ticket = premier.submits("Staging is down", app=f"{premier.name}-app", priority="urgent")
    seen = premier.ticket(ticket, priority="high", requested_priority="urgent")
    assert "production" in seen["priority_reason"]
    assert seen["appeal"]["state"] == "possible"
    premier.acts(ticket, "appeal", information="We release from it tonight.")
    eventually(
        lambda: (premier.ticket(ticket)["appeal"] or {}).get("state") == "open",
        what="the appeal is seen",
    )
    desk.reviewer.acts(ticket, "decide-appeal", priority="high", reason="A release can wait.")
    eventually(
        lambda: premier.ticket(ticket)["appeal"]["state"] == "decided", what="the appeal is decided"
    )
    assert premier.ticket(ticket)["priority"] == "high"
    assert not far_end.about(ticket, "page")
    decisions = [
        decision["type"] for decision in premier.get(f"/v1/tickets/{ticket}/explain")["decisions"]
    ]
    assert "AppealDecided" in decisions


def test_a_granted_appeal_to_urgent_on_staging_pages_once(desk: Desk, far_end: FarEnd) -> None:
    """Case 12 of operations: it was urgent, nobody was paged, and nothing said so."""
    premier = desk.new_customer("premier", stage="staging")
    ticket = premier.submits("Staging is down", app=f"{premier.name}-app", priority="urgent")
    premier.ticket(ticket, priority="high")
    premier.acts(ticket, "appeal", information="Staging feeds production.")
    desk.reviewer.acts(ticket, "decide-appeal", priority="urgent", reason="Granted.")
    premier.ticket(ticket, priority="urgent")
    far_end.gets(ticket, "page", to="primary")
    (page,) = eventually(lambda: pages_of(desk, ticket, "open"), what="the page")
    desk.primary.asks(f"/v1/pages/{page['id']}/acknowledge")
    assert len(far_end.about(ticket, "page", to="primary")) == 1
    assert span(first_answer(premier, ticket)) == timedelta(minutes=30)
    decisions = desk.agent.get(f"/v1/tickets/{ticket}/explain")["decisions"]
    (changed,) = [each for each in decisions if each["type"] == "PriorityReviewed"]
    assert changed["decided"]["pages"] is True
    assert "a person decided" in changed["trail"][0]["because"]


@pytest.mark.parametrize(("plan", "priority"), [("enterprise", "urgent"), ("free", "normal")])
def test_who_stands_where_without_waking_anybody(
    desk: Desk, far_end: FarEnd, plan: str, priority: str
) -> None:
    customer, other = desk.new_customer(plan), desk.new_customer("premium")
    theirs = customer.submits("Everything is down", app=f"{customer.name}-app", priority="urgent")
    beside = other.submits("Everything is down", app=f"{other.name}-app", priority="urgent")
    assert customer.ticket(theirs, priority=priority)["requested_priority"] == "urgent"
    other.ticket(beside, priority="urgent")
    first, second = (theirs, beside) if plan == "enterprise" else (beside, theirs)

    def is_in_order() -> bool:
        found = [item["id"] for item in desk.agent.listed(limit=200)]
        return first in found and second in found and found.index(first) < found.index(second)

    eventually(is_in_order, what="both in the queue, in this order")
    assert not far_end.about(theirs, "page")
    if plan == "free":
        assert (
            refusal(customer, theirs, "appeal", information="But it is urgent.")
            == "nothing-to-appeal"
        )
