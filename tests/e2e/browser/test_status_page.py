"""The status page in a browser, served from a folder and nothing else: it renews itself, and is
whole without a script and on paper.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from services.portal.status.board import board
from services.portal.status.drawing import Drawing
from services.portal.status.files import StatusFiles
from services.portal.status.serve import make_app
from services.portal.status.writer import put
from tests.support.visiting import Visit
from tests.support.waiting import eventually
from tests.unit.portal_status.outage import COMPONENTS, KEY, facts, told

pytestmark = pytest.mark.long

BEGAN = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)
DURING, AFTER = BEGAN + timedelta(minutes=30), BEGAN + timedelta(days=3)


def write(folder: Path, until: int | None, now: datetime) -> None:
    drawing = Drawing("")
    found = board(
        told(facts(until)), COMPONENTS, known_from=BEGAN - timedelta(days=30), now=now, heard_at=now
    )
    put(folder, {**drawing.assets, **drawing.files(found)})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    write(tmp_path, 5, DURING)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(StatusFiles(tmp_path)), host="127.0.0.1", port=port, log_level="warning"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, within=30, what="the folder is served")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_it_renews_itself(visit: Visit, served: str, tmp_path: Path) -> None:
    page = visit(served, None, "/status")
    expect(page.locator(".light.is-red")).to_have_count(2)
    page.evaluate("window.stayed = true")
    write(tmp_path, None, AFTER)
    expect(page.locator(".light.is-green")).to_have_count(2, timeout=30_000)
    assert page.evaluate("window.stayed") is True, "the page was not loaded anew"


@pytest.mark.parametrize(
    "path", ["/status", "/status/history", "/status/history/2012-06", f"/status/incidents/{KEY}"]
)
def test_it_is_accessible_and_fits(visit: Visit, served: str, tmp_path: Path, path: str) -> None:
    write(tmp_path, None, AFTER)
    page = visit(served, None, path)
    assert page.locator("h1").count() == 1
    for width, scheme in ((1440, "light"), (320, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(
            "Promise.all(document.getAnimations().map(each => each.finished.catch(() => null)))"
        )  # colours change by and by
        wrong = [
            found["id"]
            for found in Axe().run(page).response["violations"]
            if found["impact"] in ("serious", "critical")
        ]
        assert not wrong, (width, scheme)
        assert (
            page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            == 0
        ), f"at {width}"
    page.emulate_media(media="print")
    assert not page.locator("header.bar").is_visible() and page.locator("h1").count() == 1


def test_it_is_whole_without_a_script(browser: Browser, served: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{served}/status")
        expect(page.locator(".light.is-red")).to_have_count(2)
        expect(
            page.get_by_text("We have lost connectivity to some of our infrastructure")
        ).to_be_visible()
        assert (
            page.locator('noscript meta[http-equiv="refresh"], meta[http-equiv="refresh"]').count()
            == 1
        )
