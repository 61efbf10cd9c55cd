"""A real browser: Debian's Chromium, found on the PATH, driven by Playwright. Every page fails its
test if the console shows an error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.preview import served
from tests.support.visiting import Visit

PATIENCE_MS = 30_000
"""How long a browser may take to come to a page or a state, on a machine that does much else."""
expect.set_options(timeout=PATIENCE_MS)

GIVEN_UP = ("htmx:sendAbort", "htmx:afterRequest")
"""What htmx says of a request that its page gave up: a newer one took its place, or one left."""

FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests of this folder. While it is there Playwright keeps an event loop running in
    this thread, where no other may run then: it must end before the next folder's tests.
    """
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


@pytest.fixture(scope="package")
def preview(mongodb_uri: str) -> Iterator[str]:
    """The pages over sample facts (tests/support/preview.py): every state of every screen, no other
    service.
    """
    with served(mongodb_uri, f"pages_{os.getpid()}") as origin:
        yield origin


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """`visit(origin, "agent", "/queue", width=320, ...)`: a page of a fresh browser of that person,
    logged in (None: a visitor).

    `allow`: console errors containing one of these words are expected.
    """
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def go(
        origin: str,
        who: str | None,
        path: str = "/",
        *,
        width: int = 1280,
        height: int = 900,
        allow: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=origin, **options
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()

        def hear(text: str) -> None:
            if not any(word in text for word in (*GIVEN_UP, *allow)):
                troubles.append(f"{who} at {page.url}: {text}")

        page.on("console", lambda said: hear(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: hear(str(error)))
        if who is not None:
            # By a request of the same browser: to draw two pages first takes seconds.
            answer = context.request.post(
                "/login",
                form={"email": f"{who}@example.com", "password": "demo"},
                headers={"Origin": origin},
                max_redirects=0,
            )
            assert answer.status == 303, answer.text()
        page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not troubles, troubles
