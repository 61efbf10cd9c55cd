"""The reply form in a browser: preview, notes, macros, quoting, taking back, drafts of two tabs; long tickets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from shared.topics import topic_of
from tests.support.facts import Ticket
from tests.support.preview import served
from tests.support.showcase import Log, showcase
from tests.support.visiting import Visit

LONG = Ticket("long", "premium@example.com", at=datetime.now(UTC) - timedelta(hours=9))
WORD = "gobbledygook"

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.long]


def long_story(now: datetime) -> Log:
    facts = LONG.opened("Long story", body=WORD)
    for n in range(60):
        facts += LONG.replied(f"answer {n}", "agent@example.com", "staff")
    return [*showcase(now), *((topic_of(fact), fact) for fact in facts)]


@pytest.fixture(scope="module")
def long_ticket(mongodb_uri: str) -> Iterator[tuple[str, str]]:
    with served(mongodb_uri, f"long_{os.getpid()}", long_story) as origin:
        yield origin, LONG.id


def first_ticket(page: Page) -> None:
    page.goto("/queue")
    page.locator(".row .subject").first.click()
    page.wait_for_url(re.compile("/tickets/tkt_"))


def area(page: Page) -> str:
    return page.locator("textarea[data-reply]").input_value()


def test_a_preview_is_what_will_be_shown(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")
    first_ticket(page)
    page.fill("textarea[data-reply]", "**now** <img src=x> `code`\n\n```\nlog\n```")
    page.get_by_role("button", name="Preview").click()
    shown = page.locator("[data-preview]")
    expect(shown.locator("strong")).to_have_text("now")
    expect(shown.locator("pre")).to_have_text("log")
    expect(shown.locator("img")).to_have_count(0)


def test_a_note_looks_like_one(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")
    first_ticket(page)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.locator("#reply label", has_text="Staff note").click()
    expect(page.get_by_role("button", name="Add note")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_have_count(0)
    expect(page.get_by_label("Internal note")).to_be_visible()


def test_a_macro_fills_in_and_says_what_it_does(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")
    first_ticket(page)
    page.get_by_label("Insert a macro").select_option("fixed")
    expect(page.locator("textarea[data-reply]")).to_have_value(re.compile("mended now"))
    assert "{" not in area(page)
    expect(page.get_by_label("then solve it")).to_be_checked()


def test_what_is_selected_is_quoted(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")
    first_ticket(page)
    page.locator(".msg .said").first.click(click_count=3)
    page.keyboard.press("q")
    expect(page.locator("textarea[data-reply]")).to_have_value(re.compile("^> .+\n\n$", re.DOTALL))


def test_a_reply_can_be_taken_back_and_is_not_lost(visit: Visit, preview: str) -> None:
    """The preview has no intake: what cannot be sent stays in the browser."""
    page = visit(preview, "agent", "/queue", allow=("503", "502", "500"))
    first_ticket(page)
    page.fill("textarea[data-reply]", "Half an answer")
    page.locator("textarea[data-reply]").press("Control+Enter")
    expect(page.locator("textarea[data-reply]")).to_have_value("")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("textarea[data-reply]")).to_have_value("Half an answer")
    page.locator("textarea[data-reply]").press("Control+Enter")
    page.get_by_role("button", name="Send now").click()
    expect(page.locator(".outgoing")).to_contain_text("kept")
    kept = "Object.keys(localStorage).filter((key) => key.startsWith('outgoing:')).length"
    assert page.evaluate(kept) == 1
    page.goto("/queue")
    expect(page.locator(".outgoing")).not_to_be_empty()
    assert page.evaluate(kept) == 1


def test_two_tabs_have_a_draft_each(visit: Visit, preview: str) -> None:
    page = visit(preview, "premium", "/tickets/new")
    page.fill("#subject", "first")
    other = page.context.new_page()
    other.goto("/tickets/new")
    other.wait_for_load_state("networkidle")
    expect(other.locator("#subject")).to_have_value("")
    other.fill("#subject", "second")
    page.reload()
    expect(page.locator("#subject")).to_have_value("first")
    other.close()
    third = page.context.new_page()
    third.goto("/tickets/new")
    expect(third.locator("#subject")).to_have_value("second")


def test_a_long_ticket_opens_with_its_newest(visit: Visit, long_ticket: tuple[str, str]) -> None:
    origin, ticket = long_ticket
    page = visit(origin, "agent", f"/tickets/{ticket}")
    assert page.locator("ol.line > li").count() < 45
    expect(page.get_by_text("answer 59", exact=True)).to_be_visible()
    expect(page.get_by_text("answer 3", exact=True)).to_have_count(0)
    page.get_by_role("button", name=re.compile("Show [0-9]+ earlier")).click()
    expect(page.get_by_text("answer 3", exact=True)).to_be_visible()
    page.goto(f"/tickets/{ticket}")
    expect(page.get_by_text("answer 59", exact=True)).to_be_in_viewport()


def test_search_from_the_header_for_everybody(visit: Visit, long_ticket: tuple[str, str]) -> None:
    origin, ticket = long_ticket
    for who in ("agent", "premium"):
        page = visit(origin, who, "/")
        page.get_by_label("Search tickets").fill(WORD)
        page.get_by_label("Search tickets").press("Enter")
        found = page.locator(f"#r-{ticket}")
        expect(found.locator("mark").first).to_have_text("gobbledygook")
        expect(page.get_by_role("status").filter(has_text="1 ticket")).to_be_visible()
    page = visit(origin, "free", "/search?q=gobbledygook")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
