"""What support does not cover is answered with the reason and pointers, stays open, and the
requester can insist. Nothing is dropped.
"""

from __future__ import annotations

from typing import Any

from tests.support.desk import Desk, FarEnd, Person
from tests.support.waiting import eventually


def told(far_end: FarEnd, ticket: str, who: Person, words: str) -> Any:
    """The mails about the ticket with these words."""
    return eventually(
        lambda: [m for m in far_end.about(ticket, "mail", who.email) if words in m["body"]],
        what=f"a mail with {words!r}",
    )


def test_not_covered_is_answered_and_the_requester_insists(desk: Desk, far_end: FarEnd) -> None:
    shop = desk.new_customer("free")
    body = "Can you find the bug in my function? It returns a wrong value, also on my laptop."
    ticket = shop.submits("Please debug my code", body, app=f"{shop.name}-app")

    shop.ticket(ticket, status="new", queue="platform", scope="not-covered")
    said = eventually(
        lambda: [
            m for m in far_end.about(ticket, "mail", shop.email) if "not covered" in m["body"]
        ],
        what="the reason by mail",
    )
    assert len(said) == 1 and "debugging" in said[0]["body"] and "Dev Center" in said[0]["body"]
    page = desk.browser()
    page.post(
        "/login",
        data={"email": "agent@example.com", "password": "demo"},
        headers={"Origin": desk.stack.portal},
    )
    assert "Not covered by support" in page.get(f"/tickets/{ticket}").text

    assert (
        desk.agent.call("POST", f"/v1/tickets/{ticket}/insist", {"information": "x"}).status_code
        == 403
    ), "it is the customer's to say"
    asked = shop.acts(ticket, "insist", information="It fails on the platform only.")
    assert shop.outcome(asked["request_id"])["state"] == "done"
    shop.ticket(ticket, status="new", scope="covered")
    again = shop.outcome(shop.acts(ticket, "insist", information="Really.")["request_id"])
    assert (again["state"], again["code"]) == ("refused", "scope-covered")


def test_what_is_broken_is_not_kept_waiting_with_the_architects(
    desk: Desk, far_end: FarEnd
) -> None:
    shop = desk.new_customer("premier")
    ticket = shop.submits(
        "Production is down",
        "H10 on every request since noon.",
        app=f"{shop.name}-app",
        kind="architecture",
    )
    shop.ticket(ticket, queue="platform", kind="architecture", scope="covered")
    assert eventually(
        lambda: [m for m in far_end.about(ticket, "mail", shop.email) if "architects" in m["body"]],
        what="the requester is told",
    )
