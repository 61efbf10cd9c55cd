"""Why did I get this, and why did I get nothing: asked of the running system, for the people of one
page.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


def ledger(asker: Person, email: str, clock: ClockHand) -> dict[str, Any]:
    since, until = clock.now() - timedelta(minutes=30), clock.now() + timedelta(minutes=1)
    return dict(
        asker.get(f"/v1/people/{email}/notices", since=since.isoformat(), until=until.isoformat())
    )


def test_everybody_learns_why_the_page_rang_for_them_or_did_not(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    premier = desk.new_customer("premier")
    ticket = premier.submits("Down", app=f"{premier.name}-app", priority="urgent")
    far_end.gets(ticket, "page", to="primary")

    def about(email: str, part: str, asker: Person = desk.agent) -> list[dict[str, Any]]:
        return [
            entry for entry in ledger(asker, email, clock)[part] if entry["ticket_id"] == ticket
        ]

    rang = eventually(
        lambda: [
            one for one in about("primary@example.com", "items") if one["outcome"] == "accepted"
        ],
        what="in the ledger",
    )
    assert [(one["kind"], one["channel"], one["because"]) for one in rang] == [
        ("page", "webhook", "step 1 of support: on call for support-primary; it is the first step")
    ]
    (waiting,) = about("secondary@example.com", "silent")
    assert waiting["because"] == "it is at step 1; theirs is step 2"
    page = rang[0]["page_id"]
    desk.primary.asks(f"/v1/pages/{page}/acknowledge")
    eventually(
        lambda: desk.primary.get(f"/v1/pages/{page}")["state"] == "acknowledged",
        what="acknowledged",
    )
    (spared,) = about("secondary@example.com", "silent")
    assert spared["because"] == "primary@example.com acknowledged at step 1; theirs is step 2"
    (other,) = about("ops@example.com", "silent")
    assert "that was somebody else" in other["because"]
    assert "support-primary" in ledger(desk.agent, "primary@example.com", clock)["on_call"]

    own = eventually(
        lambda: about(premier.email, "items", asker=premier), what="the customer's own mail"
    )
    assert {one["kind"] for one in own} == {"mail"} and all(one["because"] for one in own)
    assert ledger(premier, premier.email, clock)["silent"] == [], (
        "pages are nothing a customer is told of"
    )
    assert premier.call("GET", "/v1/people/primary@example.com/notices").status_code == 404
    assert "http" not in str(ledger(desk.agent, "primary@example.com", clock)), (
        "no address of a contact method"
    )


def test_the_page_of_the_ledger_says_the_same(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    premier = desk.new_customer("premier")
    ticket = premier.submits("Nothing works here", app=f"{premier.name}-app", priority="urgent")
    far_end.gets(ticket, "page", to="primary")
    with desk.browser() as browser:
        browser.post("/login", data={"email": "agent@example.com", "password": "demo"})
        at = f"{clock.now():%Y-%m-%dT%H:%M}"
        shown = eventually(
            lambda: (
                found
                if "Nothing works here"
                in (
                    found := browser.get(
                        "/ops/ledger", params={"person": "primary@example.com", "at": at}
                    ).text
                )
                else None
            ),
            what="the page in the ledger",
        )
        assert "on call for support-primary" in shown
        assert (
            browser.get(
                "/ops/ledger", params={"person": "x@example.com", "at": "nonsense"}
            ).status_code
            == 422
        )
        browser.post("/login", data={"email": "premier@example.com", "password": "demo"})
    with desk.browser() as customer:
        customer.post("/login", data={"email": "premier@example.com", "password": "demo"})
        assert customer.get("/ops/ledger").status_code == 404
