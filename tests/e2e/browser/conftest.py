"""A real browser: Debian's Chromium, found on the PATH, driven by Playwright. Every page fails its test if the console shows an error."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from services.portal.settings import PortalSettings
from tests.support.preview import SECRET, filled
from tests.support.visiting import Visit
from tests.support.waiting import eventually

FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "install Debian's chromium: the pages are tested in a real browser"
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
        started = playwright.chromium.launch(executable_path=found, args=flags)
        yield started
        started.close()


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """The portal of the whole stack; `SIGNALBOX_TEST_ORIGIN` names one that is up already."""
    return os.environ.get("SIGNALBOX_TEST_ORIGIN") or str(request.getfixturevalue("stack").portal)


@pytest.fixture(scope="session")
def preview(mongodb_uri: str) -> Iterator[str]:
    """The pages over sample facts (tests/support/preview.py): every state of every screen, no other service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = PortalSettings(
        portal_port=port, mongodb_uri=mongodb_uri, mongodb_database=f"pages_{os.getpid()}", demo=True, secret=SECRET,
        intake_url="http://127.0.0.1:9", sink_url="http://127.0.0.1:9",
    )  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(filled(settings), host="127.0.0.1", port=port, access_log=False, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, within=30, what="the preview is up")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """`visit(origin, "agent", "/queue", width=320, ...)`: a page of a fresh browser of that person, logged in (None: a visitor).

    `allow`: console errors containing one of these words are expected.
    """
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def go(
        origin: str, who: str | None, path: str = "/", *, width: int = 1280, height: int = 900, allow: tuple[str, ...] = (), **options: Any
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, base_url=origin, **options)
        contexts.append(context)
        context.set_default_timeout(8000)
        page = context.new_page()

        def hear(text: str) -> None:
            if not any(word in text for word in allow):
                troubles.append(f"{who} at {page.url}: {text}")

        page.on("console", lambda said: hear(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: hear(str(error)))
        if who is not None:
            page.goto("/login")
            page.locator(f"form:has(input[value='{who}@example.com']) button").click()
        if who is None or path != "/":
            page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not troubles, troubles
