"""J8: a provider that is silent, or the wrong one; and how a ticket ends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tests.e2e.test_j01_free_web import next_tuesday_at_ten
from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

AGENTS = "agents@redisco.example.com"


def assigned(customer: Person) -> str:
    ticket = customer.submits(
        "Redis refuses connections",
        app=f"{customer.name}-app",
        addon="redisco",
        body="ECONNREFUSED since noon.",
    )
    customer.ticket(ticket, queue="provider:redisco", provider="redisco")
    return ticket


def hooks(far_end: FarEnd, ticket: str) -> list[str]:
    return [
        json.loads(hook["body"])["type"] for hook in far_end.about(ticket, "webhook", to="redisco")
    ]


def mails(far_end: FarEnd, ticket: str, to: str, word: str) -> list[dict[str, Any]]:
    return [mail for mail in far_end.about(ticket, "mail", to=to) if word in mail["subject"]]


def first_answer(person: Person, ticket: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        clocks = person.get(f"/v1/tickets/{ticket}/clocks")["items"]
        return next((clock for clock in clocks if clock["name"] == "initial-response"), None)

    return dict(eventually(found, what="the clock of the first answer") or {})


def adds_up(person: Person, ticket: str, clock: ClockHand) -> dict[str, float]:
    """The times with each, whose sum is the ticket's age by our clock, once the portal has looked
    at that clock again.
    """

    def added() -> dict[str, float]:
        before, seen, after = clock.now(), person.ticket(ticket), clock.now()
        opened = datetime.fromisoformat(seen["opened_at"])
        age = timedelta(seconds=sum(seen["time_with"].values()))
        slack = timedelta(seconds=2)
        assert before - opened - slack <= age <= after - opened + slack, (
            seen["time_with"],
            before - opened,
        )
        return dict(seen["time_with"])

    return eventually(added, what="the times add up")


def test_reminded_then_taken_back_and_the_customers_clock_never_paused(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    clock.set(next_tuesday_at_ten(clock))
    customer = desk.new_customer("enterprise")
    ticket = assigned(customer)
    promised = first_answer(customer, ticket)
    theirs = eventually(
        lambda: next(
            (
                c
                for c in desk.redisco.get(f"/v1/tickets/{ticket}/clocks")["items"]
                if c["name"] == "provider-answer"
            ),
            None,
        ),
        what="the provider's clock",
    )
    assert datetime.fromisoformat(theirs["due_at"]) - datetime.fromisoformat(
        theirs["started_at"]
    ) == timedelta(hours=4)
    assert "provider-answer" not in str(customer.get(f"/v1/tickets/{ticket}/clocks")), (
        "what a provider owes us is not the customer's"
    )

    clock.advance(hours=2, minutes=1)
    eventually(lambda: mails(far_end, ticket, AGENTS, "Reminder"), what="a reminder")
    desk.redisco.ticket(ticket, provider="redisco")

    clock.advance(hours=2)
    desk.agent.ticket(ticket, queue="platform", provider=None)
    assert desk.redisco.cannot_see(ticket)
    eventually(lambda: "ticket.taken_back" in hooks(far_end, ticket), what="their system is told")
    now = first_answer(customer, ticket)
    assert (now["started_at"], now["due_at"]) == (promised["started_at"], promised["due_at"])
    spent = adds_up(desk.agent, ticket, clock)
    assert spent["provider"] > 4 * 3600 and spent["requester"] == 0


def test_an_answer_in_time_keeps_the_ticket_and_the_times_add_up(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    clock.set(next_tuesday_at_ten(clock))
    customer = desk.new_customer("premium")
    ticket = assigned(customer)
    clock.advance(hours=1)
    desk.redisco.replies(ticket, "Which client do you use?")
    customer.ticket(ticket, status="pending")
    clock.advance(hours=5)
    assert customer.ticket(ticket)["provider"] == "redisco", (
        "an answer is an answer, whatever comes after it"
    )
    customer.replies(ticket, "The newest one.")
    customer.ticket(ticket, status="open")
    clock.advance(minutes=30)
    desk.redisco.acts(ticket, "hand-back", reason="The router times out before us.")
    desk.agent.ticket(ticket, queue="platform", provider=None)
    clock.advance(minutes=10)
    spent = adds_up(desk.agent, ticket, clock)
    near = {name: round(seconds / 60) for name, seconds in spent.items()}
    assert near == {"provider": 90, "requester": 300, "platform": 10}
    assert not mails(far_end, ticket, AGENTS, "Reminder")
    assert "ticket.taken_back" in hooks(far_end, ticket)


def test_solved_rated_reopened_and_closed_for_good(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    customer = desk.new_customer("premium")
    ticket = assigned(customer)
    desk.redisco.replies(ticket, "We raised your connection limit.")
    customer.ticket(ticket, status="pending")
    desk.redisco.acts(ticket, "solve", resolution="Connection limit raised.")
    customer.ticket(ticket, status="solved", rateable=True)
    invitations = [
        mail
        for mail in far_end.gets(ticket, "mail", to=customer.email, count=3)
        if "#rate" in mail["body"].replace("=\n", "")
    ]
    assert len(invitations) == 1
    customer.acts(ticket, "rate", score=2, comment="Slow.")
    customer.acts(ticket, "rate", score=4, comment="On reflection.")
    eventually(
        lambda: (desk.agent.ticket(ticket)["rating"] or {}).get("score") == 4,
        what="the score, changed",
    )
    assert desk.redisco.call("POST", f"/v1/tickets/{ticket}/rate", {"score": 5}).status_code == 403

    customer.replies(ticket, "It is back.")
    assert customer.ticket(ticket, status="open")["provider"] == "redisco", (
        "to the provider that had it"
    )
    far_end.gets(ticket, "webhook", to="redisco", count=2)

    solved = desk.agent.acts(ticket, "solve", resolution="Limit raised for good.")
    desk.agent.outcome(solved["request_id"])
    customer.ticket(ticket, status="solved", rating=None)
    clock.advance(days=7, minutes=1)
    customer.ticket(ticket, status="closed")
    answer = customer.call("POST", f"/v1/tickets/{ticket}/replies", {"body": "Again!"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "closed")
    assert "new ticket" in answer.json()["detail"]


def test_access_is_for_one_ticket_and_ends_with_it(desk: Desk) -> None:
    customer = desk.new_customer("premium")
    ticket = customer.submits("It crashes on start", app=f"{customer.name}-app")
    customer.ticket(ticket, access_granted=False)
    customer.acts(ticket, "access", granted=True)
    desk.agent.ticket(ticket, access_granted=True)
    desk.agent.acts(ticket, "solve", resolution="A missing variable.")
    desk.agent.ticket(ticket, status="solved", access_granted=False)
    entries = [entry["type"] for entry in customer.get(f"/v1/tickets/{ticket}/events")["items"]]
    assert [kind for kind in entries if kind.startswith("Access")] == [
        "AccessGranted",
        "AccessEnded",
    ]


def test_the_pages_offer_what_is_possible(desk: Desk) -> None:
    """The forms of the flow on the ticket's page, as a signed-in browser sees them."""
    browser = desk.browser()
    browser.follow_redirects = True
    browser.post("/login", data={"email": "premium@example.com", "password": "demo"})
    ticket = desk.premium.submits("The build fails", app="premium-production")
    desk.premium.ticket(ticket, queue="platform")
    shown = browser.get(f"/tickets/{ticket}").text
    assert f"/tickets/{ticket}/share" in shown and f"/tickets/{ticket}/access" in shown
    assert f"/tickets/{ticket}/rate" not in shown and f"/tickets/{ticket}/appeal" not in shown
    made = browser.post(f"/tickets/{ticket}/share", data={"idempotency_key": "once"}).text
    assert "/share/tkt_" in made
    desk.agent.acts(ticket, "solve", resolution="A wrong buildpack.")
    desk.premium.ticket(ticket, status="solved")
    assert f'action="/tickets/{ticket}/rate"' in browser.get(f"/tickets/{ticket}").text
    browser.post(
        f"/tickets/{ticket}/rate", data={"score": "5", "comment": "", "idempotency_key": "r"}
    )
    eventually(
        lambda: (desk.agent.ticket(ticket)["rating"] or {}).get("score") == 5,
        what="rated by the page",
    )
