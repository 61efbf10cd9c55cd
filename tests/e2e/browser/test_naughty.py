"""Whatever people write is shown as it is and never runs: every text of every screen, in a real
browser.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from services.portal.settings import PortalSettings
from tests.support.naughty import NAUGHTY, naughty_log
from tests.support.preview import SECRET, filled
from tests.support.visiting import Visit
from tests.support.waiting import eventually

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def hostile(mongodb_uri: str) -> Iterator[str]:
    """The pages over `naughty_log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = PortalSettings(
        portal_port=port,
        mongodb_uri=mongodb_uri,
        mongodb_database=f"naughty_{os.getpid()}",
        demo=True,
        secret=SECRET,
        intake_url="http://127.0.0.1:9",
        sink_url="http://127.0.0.1:9",
    )
    app = filled(settings, naughty_log)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=port, access_log=False, timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, within=30, what="the pages are up")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def watched(page: Page, origin: str) -> list[str]:
    """What should not happen, as it happens: dialogs, and requests that leave the site."""
    troubles: list[str] = []
    page.on(
        "dialog", lambda dialog: (troubles.append(f"dialog {dialog.message}"), dialog.dismiss())
    )
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((origin, "data:")) else troubles.append(asked.url)
        ),
    )
    return troubles


def is_calm(page: Page, troubles: list[str]) -> None:
    page.wait_for_load_state()
    assert page.evaluate("window.hacked") is None
    assert troubles == []
    assert page.locator("h1").count() == 1
    assert page.locator("iframe, main script, main style, base, main link, main meta").count() == 0


def shown(text: str) -> str:
    """As a browser lays out a line."""
    return " ".join(text.split())


@pytest.mark.parametrize("who", ["agent", "premier"])
def test_tickets_show_what_was_written(visit: Visit, hostile: str, who: str) -> None:
    page = visit(hostile, who, "/queue" if who == "agent" else "/tickets")
    troubles = watched(page, hostile)
    is_calm(page, troubles)
    links: dict[str, str] = {}
    while True:
        for link in page.locator(".row .subject").all():
            links[str(link.get_attribute("href"))] = link.inner_text()
        more = page.locator("a", has_text="More")
        if len(links) >= len(NAUGHTY) or not more.count():
            break
        page.goto(str(more.first.get_attribute("href")))
    assert sorted(map(shown, links.values())) == sorted(map(shown, NAUGHTY))
    for address, subject in links.items():
        page.goto(address)
        is_calm(page, troubles)
        expect(page.locator("h1")).to_have_text(subject)
        # A message is Markdown: its marks are not shown.
        said = shown(re.sub("[*`]", "", page.locator(".msg .body").first.inner_text()))
        assert said == shown(re.sub("[*`]", "", subject))
        assert (
            page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            == 0
        ), subject
        page.mouse.move(300, 300)
    is_calm(page, troubles)


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("primary", "/pages"),
        ("ops", "/ops"),
        ("ops", "/ops/attention"),
        (None, "/status"),
        (None, "/help"),
    ],
)
def test_other_screens_stay_calm(visit: Visit, hostile: str, who: str | None, path: str) -> None:
    page = visit(hostile, who, path)
    troubles = watched(page, hostile)
    page.reload()
    is_calm(page, troubles)
    if path == "/pages":
        for address in [
            str(link.get_attribute("href")) for link in page.locator(".page-card h3 a").all()
        ]:
            page.goto(address)
            is_calm(page, troubles)


def test_a_search_for_it_is_only_a_search(visit: Visit, hostile: str) -> None:
    page = visit(hostile, "agent", "/queue")
    troubles = watched(page, hostile)
    for text in NAUGHTY[:8]:
        page.goto("/queue")
        page.locator("input[name=q]").first.fill(text)
        page.locator("input[name=q]").first.press("Enter")
        is_calm(page, troubles)
