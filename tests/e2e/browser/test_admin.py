"""The administration in a browser, over a real intake in the same process: every page is accessible
and fits, works by keyboard and without a script.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.browser.test_screens import FIRST, OTHERS, Look
from tests.support.administering import application, headers_of
from tests.support.visiting import Visit
from tests.support.waiting import eventually
from tests.unit.intake.building import Bench

pytestmark = pytest.mark.long

PAGES = [
    "/admin",
    "/admin?setup=hours",
    "/admin/mail",
    "/admin/directory/accounts",
    "/admin/directory/accounts/agent@example.com",
    "/admin/directory/providers/redisco",
    "/admin/new/accounts",
    "/admin/upload",
    "/admin/tokens",
    "/admin/policies",
    "/admin/policies/default",
    "/admin/policies/default/history?version=1",
    "/admin/policies/default/hours",
    "/admin/policies/brand/form",
    "/admin/on-call",
    "/admin/on-call/people",
    "/admin/on-call/schedules?name=support-primary",
    "/admin/on-call/escalation?name=support",
    "/admin/webhooks/redisco",
]

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def office() -> Iterator[str]:
    """The pages, served; whoever asks says who they are by a header."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(
            lambda: application(Bench()),
            factory=True,
            host="127.0.0.1",
            port=port,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, within=30, what="the office is open")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def visit_office(browser: Browser, office: str) -> Iterator[Open]:
    """`visit_office("/admin")`: a page of an administrator. An error in its console fails the test."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def go(path: str, **options: Any) -> Page:
        headers = {"authorization": headers_of("admin")["authorization"]}
        context = browser.new_context(base_url=office, extra_http_headers=headers, **options)
        contexts.append(context)
        context.set_default_timeout(8000)
        page = context.new_page()
        page.on(
            "console", lambda said: troubles.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    unexpected = [said for said in troubles if "422" not in said]
    assert not unexpected, unexpected


def check_looks(page: Page, looks: list[Look] = FIRST) -> None:
    """Accessible and no wider than the screen, light and dark, wide and narrow."""
    assert page.locator("h1").count() == 1
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wrong = [
            f"{found['id']}: {[node['html'][:120] for node in found['nodes'][:3]]}"
            for found in Axe().run(page).response["violations"]
        ]
        assert not wrong, (width, scheme)
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(beyond) == 0, f"at {width}"


@pytest.mark.parametrize(
    "looks", [FIRST, pytest.param(OTHERS, marks=pytest.mark.long)], ids=["first", "others"]
)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if n % 4 == 0 else pytest.mark.long)
        for n, path in enumerate(PAGES)
    ],
)
def test_every_page_is_accessible_and_fits(
    visit_office: Open, path: str, looks: list[Look]
) -> None:
    check_looks(visit_office(path, reduced_motion="reduce"), looks)


def test_a_draft_with_a_mistake_leads_to_its_line(visit_office: Open) -> None:
    page = visit_office("/admin/policies/default", reduced_motion="reduce")
    expect(page.locator(".numbered pre")).to_contain_text("12")
    text = page.input_value("#text")
    page.fill("#text", text.replace("default_priority: normal", "default_priority: loud"))
    page.locator("#text").press("Tab")
    page.get_by_role("button", name="Check, and show what would change").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("It cannot be applied.")
    check_looks(page)
    page.locator("[data-line]").first.click()

    chosen = "document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    assert page.evaluate(chosen) == "default_priority: loud"


def test_gaps_are_drawn_while_a_schedule_is_edited(visit_office: Open) -> None:
    page = visit_office("/admin/on-call/schedules?name=ops", reduced_motion="reduce")
    expect(page.locator("#ahead")).to_contain_text("Somebody is on call at every minute")

    page.fill("[name='1.week']", "mon-fri 09:00-17:00")
    page.locator("[name='1.week']").press("Tab")

    expect(page.locator("#ahead")).to_contain_text("Nobody is on call at times")
    check_looks(page)


def test_hours_are_changed_without_a_script(visit_office: Open) -> None:
    page = visit_office("/admin/policies/default/hours", java_script_enabled=False)
    page.fill("#sat", "10:00-14:00")
    page.get_by_role("button", name="Show what would change").click()

    expect(page.locator("td.ins").first).to_contain_text("10:00")
    expect(page.get_by_role("button", name="Apply")).to_be_visible()


def test_a_policy_is_tried_applied_found_in_the_audit_log_and_taken_back(
    visit: Visit, origin: str
) -> None:
    """On the running services: intake, Kafka, the projector, the command behind the what-if."""
    page = visit(origin, "admin", "/admin", allow=("413", "429"))
    expect(page.locator("h1")).to_have_text("Administration")
    page.goto("/admin/policies/default")
    text = page.input_value("#text")
    assert "- 75" in text or "75," in text
    page.fill("#text", text.replace("75", "76", 1))
    page.get_by_role("button", name="What if?").click()
    expect(page.locator("#what-if, [role=alert]").first).to_be_visible(timeout=20_000)
    expect(page.locator("td.ins").first).to_contain_text("76")
    page.fill("#note", "of a test")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status").first).to_contain_text("Applied.")

    page.goto("/admin/audit?kind=policies&by=admin@example.com")
    entry = page.locator(".row", has_text="of a test")

    def is_there() -> bool:
        page.reload()
        return entry.count() > 0

    eventually(is_there, what="the change is in the audit log")
    expect(entry.first).to_contain_text("default, version")
    check_looks(page)

    page.goto("/admin/policies/default/history")
    page.get_by_role("button", name="Go back to version").first.click()
    expect(page.locator("td.ins").first).to_contain_text("75")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status").first).to_contain_text("Applied.")
