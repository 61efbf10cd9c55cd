"""J7: the add-on flow of seed 003; here the provider answers by API."""

from __future__ import annotations

import json

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from deploy.demo.directory import webhook_secret
from tests.support.desk import Desk, FarEnd, Person
from tests.support.waiting import eventually

NOT_THEIRS = "A staff note about the customer's contract"


def assigned(desk: Desk, customer: Person) -> str:
    ticket = customer.submits(
        "Redis refuses connections",
        app=f"{customer.name}-app",
        addon="redisco",
        body="ECONNREFUSED since noon.",
    )
    customer.ticket(ticket, queue="provider:redisco", provider="redisco")
    return ticket


def test_one_mail_one_signed_webhook_and_the_providers_answer(desk: Desk, far_end: FarEnd) -> None:
    customer = desk.new_customer("enterprise")
    ticket = assigned(desk, customer)
    (hook,) = far_end.gets(ticket, "webhook", to="redisco")
    assert json.loads(hook["body"])["type"] == "ticket.assigned"
    Webhook(webhook_secret("redisco")).verify(
        hook["body"], {k.lower(): v for k, v in hook["headers"].items()}
    )
    (mail,) = [
        item for item in far_end.gets(ticket, "mail", count=2) if customer.email not in item["to"]
    ]
    assert "redisco" in mail["to"], "its designated address"
    assert "Redis refuses connections" in mail["subject"]

    desk.redisco.finds(ticket)
    desk.agent.replies(ticket, NOT_THEIRS, audience="staff")
    desk.agent.ticket(ticket)
    said = desk.redisco.replies(ticket, "We raised your connection limit.")
    assert desk.redisco.outcome(said["request_id"])["state"] == "done"
    seen = customer.ticket(ticket, status="pending")
    assert [reply["body"] for reply in seen["replies"]] == ["We raised your connection limit."]
    far_end.gets(ticket, "mail", to=customer.email, count=2)  # received, and the answer

    solved = desk.redisco.acts(ticket, "solve", resolution="Connection limit raised.")
    assert desk.redisco.outcome(solved["request_id"])["state"] == "done"
    customer.ticket(ticket, status="solved")
    mails = far_end.gets(ticket, "mail", to=customer.email, count=3)
    assert not any(NOT_THEIRS in item["body"] for item in far_end.got(ticket=ticket))
    assert len(mails) == 3
    assert len(far_end.about(ticket, "webhook", to="redisco")) == 1, (
        "its own answers are not echoed to it"
    )


def test_the_provider_sees_its_ticket_and_no_other(desk: Desk) -> None:
    customer = desk.new_customer("premium")
    theirs = assigned(desk, customer)
    other = customer.submits(
        "A question about billing", app=f"{customer.name}-app", kind="question"
    )
    customer.ticket(other, queue="platform")
    listed = desk.redisco.get("/v1/tickets", q="billing")
    assert other not in [t["id"] for t in listed["items"]]
    not_assigned = [
        desk.agent.get(f"/v1/tickets/{t['id']}")
        for t in desk.redisco.listed()
        if t["provider"] != "redisco"
    ]
    mine = [desk.redisco.email in (t["requester"], *t["participants"]) for t in not_assigned]
    assert all(mine), "what its user opened or takes part in, and nothing else"
    for path in ("", "/events", "/explain", "/clocks"):
        assert desk.redisco.call("GET", f"/v1/tickets/{other}{path}").status_code == 404
        assert desk.mailgrid.call("GET", f"/v1/tickets/{theirs}{path}").status_code == 404
        assert desk.stranger.call("GET", f"/v1/tickets/{theirs}{path}").status_code == 404
    assert (
        desk.redisco.call("POST", f"/v1/tickets/{other}/replies", {"body": "hello"}).status_code
        == 404
    )
    note = "a note nobody outside may read"
    desk.agent.replies(theirs, note, audience="staff")
    eventually(
        lambda: note in str(desk.agent.get(f"/v1/tickets/{theirs}/events")),
        what="staff see the note",
    )
    for person in (desk.redisco, customer):
        for path in ("", "/events", "/explain"):
            assert note not in str(person.get(f"/v1/tickets/{theirs}{path}"))


def test_after_hand_back_the_provider_sees_nothing_any_more(desk: Desk, far_end: FarEnd) -> None:
    customer = desk.new_customer("enterprise")
    ticket = assigned(desk, customer)
    desk.redisco.ticket(ticket)
    desk.redisco.acts(
        ticket, "hand-back", reason="The instance is healthy; the router times out before us."
    )
    desk.agent.ticket(ticket, queue="platform", provider=None)
    assert desk.redisco.cannot_see(ticket)
    assert ticket not in [t["id"] for t in desk.redisco.listed()]


def test_a_weak_hint_is_a_suggestion_that_an_agent_confirms(desk: Desk, far_end: FarEnd) -> None:
    customer = desk.new_customer("premium")
    ticket = customer.submits(
        "Mailgrid does not deliver",
        app=f"{customer.name}-app",
        body="Password reset mails never arrive.",
    )
    customer.ticket(ticket, queue="platform", provider=None)
    seen = desk.agent.ticket(ticket)
    assert seen["suggestion"]["provider"] == "mailgrid"
    assert seen["suggestion"]["because"]
    assert customer.ticket(ticket)["suggestion"] is None, (
        "what staff suspect is not the customer's to read"
    )
    assert not far_end.about(ticket, "webhook")
    desk.agent.acts(ticket, "assign", provider="mailgrid")
    customer.ticket(ticket, queue="provider:mailgrid")
    far_end.gets(ticket, "webhook", to="mailgrid")


@pytest.mark.parametrize("who", ["stranger", "mailgrid"])
def test_nobody_acts_on_what_is_not_theirs(desk: Desk, who: str) -> None:
    customer = desk.new_customer("premium")
    ticket = assigned(desk, customer)
    person = desk.person(who)
    for action, fields in {
        "replies": {"body": "x"},
        "solve": {"resolution": "x"},
        "assign": {"queue": "platform"},
        "reopen": {},
    }.items():
        answer = person.call("POST", f"/v1/tickets/{ticket}/{action}", fields)
        assert answer.status_code == 404, (action, answer.text)
    assert customer.ticket(ticket)["status"] == "new"


def test_an_app_of_somebody_else_is_refused_with_what_to_do(desk: Desk) -> None:
    customer = desk.new_customer("premium")
    for app in (f"{customer.name}-app", "no-such-app"):
        answer = desk.stranger.call(
            "POST", "/v1/tickets", {"subject": "x", "body": "y", "app": app}
        )
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, problem["type"].rpartition("/")[2]) == (
            403,
            "not-a-collaborator",
        )
    assert httpx.get(f"{desk.stack.portal}/v1/tickets").status_code == 401
