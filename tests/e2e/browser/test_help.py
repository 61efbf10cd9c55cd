"""The knowledge base in a browser: searching it, and a ticket that was not needed (J15)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Request, expect

from tests.support.visiting import Visit

pytestmark = pytest.mark.long


def test_j15_a_suggestion_solves_it_and_no_ticket_is_made(visit: Visit, preview: str) -> None:
    staff = visit(preview, "agent", "/help")
    before = int(staff.get_by_text("not needed in the last seven days").inner_text().split()[0])
    page = visit(preview, "premier", "/tickets/new")
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)

    page.locator("#subject").press_sequentially("H12 request timeout", delay=15)
    suggested = page.locator("#suggestions li")
    expect(suggested.first).to_contain_text("H12 Request timeout")
    suggested.first.get_by_role("button", name="This solved it").click()

    expect(page.locator("h1")).to_have_text("Good that it helped")
    expect(page.get_by_role("status").filter(has_text="No ticket was made")).to_be_visible()
    paths = [request.url.removeprefix(preview) for request in sent]
    assert paths.count("/help/solved") == 1
    assert "/tickets" not in paths
    assert paths.count("/help/suggestions") <= 4, "asked at pauses, not at every key"
    page.goto("/tickets/new")
    expect(page.locator("#subject")).to_have_value("")

    staff.reload()
    expect(staff.get_by_text("not needed in the last seven days")).to_contain_text(str(before + 1))


def test_the_enter_key_sends_the_ticket_and_not_a_suggestion(visit: Visit, preview: str) -> None:
    page = visit(preview, "free", "/tickets/new", allow=("503",))
    page.locator("#subject").press_sequentially("H12 request timeout")
    expect(page.locator("#suggestions li").first).to_be_visible()

    page.locator("#subject").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("was not sent")  # the preview has no intake
    expect(page.locator("#subject")).to_have_value("H12 request timeout")


def test_what_is_pasted_into_the_description_counts_too(visit: Visit, preview: str) -> None:
    page = visit(preview, "free", "/tickets/new")
    page.fill("#subject", "Please help")
    page.fill("#body", 'FATAL: too many connections for role "abc"')

    expect(page.locator("#suggestions li").first).to_contain_text("Database: too many connections")
    page.fill("#body", "")
    page.fill("#subject", "qq")
    expect(page.locator("#suggestions li")).to_have_count(0)


def test_searching_while_typing_and_reading(visit: Visit, preview: str) -> None:
    page = visit(preview, None, "/help")
    page.keyboard.press("/")
    page.keyboard.type("certifcate expired")
    expect(page.locator(".hits a").first).to_have_text("SSL certificates")

    page.locator(".hits a").first.click()
    expect(page.locator("h1")).to_have_text("SSL certificates")
    page.get_by_role("link", name="open a ticket").click()
    assert "/login?next=" in page.url


def test_nothing_found_leads_to_a_ticket_with_the_text(visit: Visit, preview: str) -> None:
    page = visit(preview, "free", "/help?q=qqqqxxxx+zzzz", java_script_enabled=False)

    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_role("button", name="Open a ticket with this text").click()

    expect(page.locator("#subject")).to_have_value("qqqqxxxx zzzz")
    assert page.locator("#suggestions").inner_text() == ""


def test_help_works_without_a_script(visit: Visit, preview: str) -> None:
    page = visit(preview, "premium", "/help", java_script_enabled=False)
    page.fill("#q", "undo last deploy")
    page.get_by_role("button", name="Search").click()
    page.locator(".hits a").first.click()

    expect(page.locator("h1")).to_have_text("Roll back a release")
    page.get_by_role("button", name="This solved it").click()
    expect(page.locator("h1")).to_have_text("Good that it helped")


def test_enterprise_customers_have_their_shelf(visit: Visit, preview: str) -> None:
    page = visit(preview, "enterprise", "/tickets")
    page.get_by_role("link", name="Resources", exact=True).click()
    page.get_by_role("link", name="Ask an architect").click()

    expect(page.locator("[name=kind][value=architecture]")).to_be_checked()
    assert (
        visit(preview, "free", "/tickets").get_by_role("link", name="Resources", exact=True).count()
        == 0
    )
