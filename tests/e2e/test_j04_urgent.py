"""J4: a premier customer's urgent ticket wakes the primary, once; acknowledging stops it; the first
answer meets the clock.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually, stretched

NINE = {
    "access_granted": True,
    "users_affected": "all of them",
    "business_impact": "no orders are taken",
    "steps_to_reproduce": "open the front page",
    "seen_in_staging": "no",
    "staging_differences": "fewer dynos",
    "logs": 'at=error code=H12 desc="Request timeout"',
    "configuration": "WEB_CONCURRENCY=2",
    "third_party_services": ["stripe"],
}
BODY = "Every request to the checkout times out, also after a restart."


def test_a_time_in_another_zone_is_shown_in_utc_and_stands_in_the_page(
    desk: Desk, far_end: FarEnd, clock: ClockHand, premier: Person
) -> None:
    began = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=5)
    written = f"{began.astimezone(timezone(timedelta(hours=9))):%Y-%m-%d %H:%M} JST"
    form = {
        "subject": "Checkout answers H12",
        "body": BODY,
        "priority": "urgent",
        "urgent": {**NINE, "began_at": written},
    }
    answer = premier.asks("/v1/tickets", form)
    ticket = answer["ticket_id"]
    assert answer["warnings"] == []
    assert answer["suggestions"] == [], "what wakes somebody waits for no search"
    (page,) = far_end.gets(ticket, "page", to="primary")
    assert f"{began:%Y-%m-%d %H:%M} UTC (written: {written})" in page["body"]
    (read,) = premier.ticket(ticket, priority="urgent")["times"]
    assert (read["original"], datetime.fromisoformat(read["utc"]), read["ambiguous_because"]) == (
        written,
        began,
        "",
    )
    with desk.browser() as browser:
        browser.post("/login", data={"email": "agent@example.com", "password": "demo"})
        seen = browser.get(f"/tickets/{ticket}").text
    assert (
        f'<time datetime="{began:%Y-%m-%dT%H:%M:%SZ}">{began:%-d %b %Y, %H:%M} UTC</time>' in seen
    )
    assert written in seen
    assert "Urgent guide: 9 of 9 given" in seen


def test_an_incomplete_form_and_an_unclear_time_page_all_the_same_and_are_asked_about(
    desk: Desk, far_end: FarEnd, premier: Person
) -> None:
    form = {
        "subject": "All is down",
        "body": BODY,
        "app": f"{premier.name}-app",
        "priority": "urgent",
    }
    answer = premier.asks("/v1/tickets", {**form, "urgent": {"began_at": "2026-03-02 07:55 IST"}})
    ticket = answer["ticket_id"]
    far_end.gets(ticket, "page", to="primary")
    assert len(answer["warnings"]) == 8
    assert any("IST can mean India, Israel or Ireland" in warning for warning in answer["warnings"])
    premier.ticket(ticket, priority="urgent")
    (mail,) = far_end.gets(ticket, "mail", to=premier.email)
    assert "still missing" in mail["body"]
    assert "How can we reproduce it?" in mail["body"]
    assert "IST can mean" in mail["body"]


def page_of(desk: Desk, ticket: str, state: str | None = None) -> dict:
    def found() -> dict | None:
        return next(
            (
                p
                for p in desk.primary.get("/v1/pages")["items"]
                if p["ticket_id"] == ticket and state in (None, p["state"])
            ),
            None,
        )

    return eventually(found, what=f"a page of {ticket} that is {state or 'there'}")


@pytest.fixture
def premier(desk: Desk) -> Person:
    return desk.new_customer("premier")


@pytest.mark.parametrize("form", [NINE, None], ids=["complete", "incomplete"])
def test_it_pages_exactly_once_and_an_acknowledgement_stops_it(
    desk: Desk, far_end: FarEnd, clock: ClockHand, premier: Person, form: dict | None
) -> None:
    began = time.monotonic()
    answer = premier.asks(
        "/v1/tickets",
        {
            "subject": "Checkout answers H12 for everyone",
            "body": BODY,
            "app": f"{premier.name}-app",
            "priority": "urgent",
        }
        | ({"urgent": form} if form else {}),
    )
    ticket = answer["ticket_id"]
    assert answer["warnings"], "an incomplete form is asked for, never waited for"
    assert len(answer["warnings"]) == (1 if form else 8)
    far_end.gets(ticket, "page", to="primary")
    assert time.monotonic() - began < stretched(2)

    (clock_row,) = eventually(
        lambda: premier.get(f"/v1/tickets/{ticket}/clocks")["items"], what="a clock"
    )
    assert (clock_row["calendar"], clock_row["state"]) == ("always", "running")
    span = datetime.fromisoformat(clock_row["due_at"]) - datetime.fromisoformat(
        clock_row["started_at"]
    )
    assert span == timedelta(minutes=30)

    page = page_of(desk, ticket, "open")
    sent = far_end.about(ticket, "page")
    link = re.search(r"https?://[^\s\"]+/ack\?[^\s\"]+", sent[0]["body"])
    assert link, sent[0]["body"]
    shown = httpx.get(link.group(0), timeout=10)
    assert shown.status_code == 200
    assert page_of(desk, ticket)["state"] == "open", (
        "looking at a link acknowledges nothing: mail scanners look too"
    )
    assert httpx.post(link.group(0), timeout=10, follow_redirects=True).status_code == 200
    page_of(desk, ticket, "acknowledged")

    clock.advance(minutes=12)
    desk.agent.replies(ticket, "We see it and are working on it.")
    premier.ticket(ticket, status="pending")
    (met,) = eventually(
        lambda: [
            c for c in premier.get(f"/v1/tickets/{ticket}/clocks")["items"] if c["state"] == "met"
        ],
        what="the clock met",
    )
    assert met["met_at"]
    assert [item["to"] for item in far_end.about(ticket, "page")] == [sent[0]["to"]], (
        "nobody else was woken in twelve minutes"
    )
    certificate = desk.primary.get(f"/v1/pages/{page['id']}/certificate")
    assert certificate["verdict"] == "exactly-one"


def test_nobody_acknowledges_so_the_secondary_is_woken(
    desk: Desk, far_end: FarEnd, clock: ClockHand, premier: Person
) -> None:
    ticket = premier.submits("Everything is down", app=f"{premier.name}-app", priority="urgent")
    far_end.gets(ticket, "page", to="primary")
    assert not far_end.about(ticket, "page", to="secondary")
    clock.advance(minutes=5, seconds=1)
    far_end.gets(ticket, "page", to="secondary")
    page = page_of(desk, ticket, "open")
    desk.secondary.asks(f"/v1/pages/{page['id']}/acknowledge")
    page_of(desk, ticket, "acknowledged")


def test_a_downgrade_before_anyone_acknowledged_cancels_and_tells(
    desk: Desk, far_end: FarEnd, clock: ClockHand, premier: Person
) -> None:
    ticket = premier.submits("Everything is slow", app=f"{premier.name}-app", priority="urgent")
    far_end.gets(ticket, "page", to="primary")
    desk.reviewer.acts(ticket, "review", priority="high", reason="there is a workaround")
    premier.ticket(ticket, priority="high")
    page_of(desk, ticket, "cancelled")
    far_end.gets(ticket, "page", to="primary", count=2)
    clock.advance(minutes=6)
    (row,) = premier.get(f"/v1/tickets/{ticket}/clocks")["items"]
    assert datetime.fromisoformat(row["due_at"]) - datetime.fromisoformat(
        row["started_at"]
    ) == timedelta(hours=2)
    assert not far_end.about(ticket, "page", to="secondary")


def test_a_retry_under_the_same_key_is_the_same_ticket_and_wakes_nobody_again(
    desk: Desk, far_end: FarEnd, premier: Person
) -> None:
    body = {
        "subject": "Down",
        "body": "All of it.",
        "app": f"{premier.name}-app",
        "priority": "urgent",
    }
    first = premier.asks("/v1/tickets", body, key="once")
    again = premier.asks("/v1/tickets", body, key="once")
    assert first["ticket_id"] == again["ticket_id"]
    other = premier.call("POST", "/v1/tickets", {**body, "body": "Another."}, key="once")
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    far_end.gets(first["ticket_id"], "page")
    premier.ticket(first["ticket_id"], status="new")
    assert len(premier.listed()) == 1
    assert len(far_end.about(first["ticket_id"], "page")) == 1


@pytest.mark.parametrize(
    ("plan", "stage", "priority"),
    [
        ("enterprise", "production", "urgent"),
        ("premier", "staging", "high"),
        ("premium", "production", "urgent"),
    ],
)
def test_who_is_not_entitled_wakes_nobody(
    desk: Desk, far_end: FarEnd, plan: str, stage: str, priority: str
) -> None:
    customer, entitled = desk.new_customer(plan, stage), desk.new_customer("premier")
    ticket = customer.submits("Down", app=f"{customer.name}-app", priority="urgent")
    seen = customer.ticket(ticket, priority=priority)
    assert seen["requested_priority"] == "urgent"
    later = entitled.submits("Down", app=f"{entitled.name}-app", priority="urgent")
    far_end.gets(later, "page")
    assert not far_end.about(ticket, "page")
