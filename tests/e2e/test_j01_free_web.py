"""J1: a free user, office hours. (By API here; tests/e2e/browser walks the pages.)"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from zoneinfo import ZoneInfo

import httpx

from tests.support.desk import Desk, FarEnd
from tests.support.stack import ClockHand
from tests.support.waiting import eventually, stretched

EASTERN = ZoneInfo("America/New_York")
IN_OFFICE = (1, 10)  # Tuesday, ten o'clock


def next_tuesday_at_ten(clock: ClockHand) -> datetime:
    """A Tuesday in the far enough future whose week has no US holiday: the second one of a March."""
    year = clock.now().year + 1
    first = datetime(year, 3, 1, 10, tzinfo=EASTERN)
    return (first + timedelta(days=(1 - first.weekday()) % 7)).astimezone(UTC)


def test_a_free_users_ticket_reaches_the_platform_queue(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    clock.set(next_tuesday_at_ten(clock))
    shop = desk.new_customer("free")
    with httpx.stream(
        "GET",
        f"{desk.stack.portal}/v1/stream",
        headers={"Authorization": "Bearer demo-agent"},
        timeout=15,
    ) as stream:
        ticket = shop.submits(
            "How do I add a collaborator?", app=f"{shop.name}-app", kind="question"
        )
        accepted = datetime.now(UTC)
        assert_on_stream(stream, ticket)
        assert datetime.now(UTC) - accepted < timedelta(seconds=stretched(2))

    seen = shop.ticket(ticket, status="new", queue="platform", priority="normal")
    assert seen["requested_priority"] is None
    assert ticket in [item["id"] for item in shop.listed()]
    desk.agent.finds(ticket, queue="platform")

    (mail,) = far_end.gets(ticket, "mail", to=shop.email)
    headers = {name.lower(): value for name, value in mail["headers"].items()}
    assert headers["auto-submitted"] == "auto-replied"
    assert parseaddr(headers["from"])[1].startswith("bot@")

    clocks = eventually(lambda: shop.get(f"/v1/tickets/{ticket}/clocks")["items"], what="a clock")
    assert [(c["name"], c["calendar"], c["state"]) for c in clocks] == [
        ("initial-response", "business", "running")
    ]
    due = datetime.fromisoformat(clocks[0]["due_at"]).astimezone(EASTERN)
    opened = datetime.fromisoformat(seen["opened_at"]).astimezone(EASTERN)
    assert (due.date() - opened.date(), due.hour) == (timedelta(days=1), 10), (
        "12 working hours from Tuesday 10:00 are Wednesday 10:00"
    )
    assert not far_end.about(ticket, "page")


def assert_on_stream(stream: httpx.Response, ticket: str) -> None:
    for line in stream.iter_lines():
        if line.startswith("data:") and ticket in line:
            assert json.loads(line.removeprefix("data:"))
            return
    raise AssertionError("the stream ended without it")


def test_a_free_account_cannot_set_a_priority_by_api_either(desk: Desk) -> None:
    shop = desk.new_customer("free")
    ticket = shop.submits("All is down", app=f"{shop.name}-app", priority="urgent")
    seen = shop.ticket(ticket, priority="normal")
    assert seen["requested_priority"] == "urgent"
    tried = [
        rule["rule"]
        for entry in shop.get(f"/v1/tickets/{ticket}/explain")["decisions"]
        for rule in entry["trail"]
        if rule["matched"]
    ]
    assert "plan_may_not_choose" in tried
