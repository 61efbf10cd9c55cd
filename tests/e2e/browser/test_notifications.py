"""What somebody gets by mail: they stop what may be stopped, see that it is left out, and have it
again.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.visiting import Visit
from tests.support.waiting import eventually

pytestmark = pytest.mark.long


def test_an_opt_out_is_honoured_and_taken_back(visit: Visit, origin: str) -> None:
    customer = visit(origin, "enterprise", "/account/notifications")
    mailgrid = customer.locator(".row", has_text="Mailgrid")
    mailgrid.get_by_role("button", name=re.compile("^Stop")).click()
    expect(customer.locator(".say[role=status]").last).to_contain_text("only what you must know")
    expect(mailgrid).to_contain_text("Only what you must know")

    provider = visit(origin, "mailgrid", "/announce?purpose=feature")
    expect(provider.locator(".only-maintenance")).to_be_hidden()
    provider.fill("#subject", "Templates can be shared")
    provider.fill("#body", "From today on.")
    provider.get_by_role("button", name="Announce it").click()
    expect(provider.locator(".say[role=status]").first).to_contain_text("Announced.")
    expect(provider.locator("#subject")).to_have_value("")

    def left_out() -> bool:
        customer.reload()
        return (
            "Left out" in customer.locator("section", has=customer.locator("#sent-h")).inner_text()
        )

    eventually(left_out, within=30, what="the announcement is left out")
    mailgrid.get_by_role("button", name=re.compile("^Send me everything")).click()
    expect(mailgrid).to_contain_text("Everything")


def test_status_updates_are_had_and_ended_without_a_mail(visit: Visit, origin: str) -> None:
    customer = visit(origin, "free", "/account/notifications")
    section = customer.locator("section", has=customer.locator("#status-h"))
    section.get_by_label("Routing").check()
    section.get_by_role("button", name="Send them to me").click()
    expect(section.locator("h2")).to_contain_text("On")
    expect(section.get_by_label("Routing")).to_be_checked()

    section.get_by_role("button", name="Stop them").click()
    expect(section.locator("h2")).to_contain_text("Off")
