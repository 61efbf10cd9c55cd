"""The files of the status page: pages that hang together, the API of 2012, a feed that a reader
takes; served from disk alone.
"""

from __future__ import annotations

import functools
import re
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from xml.etree import ElementTree as Xml

import feedparser
import httpx
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from services.portal.status.board import board
from services.portal.status.drawing import Drawing
from services.portal.status.files import StatusFiles
from services.portal.status.serve import make_app
from services.portal.status.writer import put
from shared import events as e
from tests.support.examples import examples
from tests.unit.portal_status.outage import COMPONENTS, KEY, facts, told

pytestmark = pytest.mark.costly

BASE = "https://support.example"
BEGAN = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)
DURING = BEGAN + timedelta(minutes=30)
AFTER = datetime(2012, 7, 3, 12, tzinfo=UTC)


def drawn(
    until: int | None = None,
    now: datetime = AFTER,
    drawing: Drawing | None = None,
    heard_at: datetime | None = None,
) -> dict[str, bytes]:
    found = board(
        told(facts(until)),
        COMPONENTS,
        known_from=BEGAN - timedelta(days=30),
        now=now,
        heard_at=heard_at or now,
    )
    return (drawing or Drawing(BASE)).files(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drawing = Drawing("")
    put(tmp_path, {**drawing.assets, **drawn(5, DURING, drawing)})
    return tmp_path


def test_the_page_says_the_outage_newest_first_with_its_header() -> None:
    page = drawn()[f"status/incidents/{KEY}/index.html"].decode()
    assert "Production 5h 8h Development 5h 8h" in page
    assert page.index("App operations are restored") < page.index(
        "Our automated systems have detected"
    )
    for words in (
        "Scope of impact",
        "For applications using the Cedar stack",
        "What happened",
        "What you can do",
    ):
        assert words in page
    now = drawn(5, DURING)["status/index.html"].decode()
    assert now.count('class="light is-red"') == 2 and "Widespread Application Outage" in now


def test_every_page_keeps_to_the_policy_and_every_link_and_file_is_there() -> None:
    drawing = Drawing("")
    files = {**drawing.assets, **drawn(None, AFTER, drawing)}
    for name, content in files.items():
        if not name.endswith(".html"):
            continue
        page = content.decode()
        assert not re.findall(
            r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page
        ), name
        for address in re.findall(r'(?:href|src)="(/(?:status|api|v1)[^"#?]*)', page):
            path = address.strip("/")
            if path == "status/subscribe":
                # the portal's: whoever serves the files alone has nobody to subscribe with
                continue
            assert {path, f"{path}.json", f"{path}/index.html"} & files.keys(), (
                f"{address} in {name}"
            )


def test_what_an_update_says_is_shown_and_never_runs() -> None:
    (first, *rest) = facts(2)
    opened = next(fact for fact in (first, *rest) if isinstance(fact, e.IncidentOpened))
    hostile = opened.model_copy(
        update={"title": "<script>alert(1)</script>", "body": "<img src=x onerror=alert(1)>"}
    )
    found = board(told([hostile]), COMPONENTS, known_from=BEGAN, now=DURING, heard_at=DURING)
    files = Drawing("").files(found)
    assert (
        b"<script>alert" not in files["status/index.html"]
        and b"<img" not in files["status/index.html"]
    )
    (entry,) = feedparser.parse(files["status/feed.atom"]).entries
    assert "<script" not in entry.content[0].value and "<img" not in entry.content[0].value


def test_the_api_of_2012() -> None:
    during = drawn(5, DURING)
    now = orjson.loads(during["api/v3/current-status.json"])
    assert now["status"] == {"Production": "red", "Development": "red"}
    (issue,) = now["issues"]
    assert {
        name: issue[name]
        for name in (
            "id",
            "title",
            "created_at",
            "resolved",
            "upcoming",
            "status_prod",
            "status_dev",
            "href",
        )
    } == {
        "id": KEY,
        "title": "Widespread Application Outage",
        "created_at": "2012-06-30T03:04:00Z",
        "resolved": False,
        "upcoming": False,
        "status_prod": "red",
        "status_dev": "red",
        "href": f"{BASE}/api/v3/issues/{KEY}",
    }
    assert [update["update_type"] for update in issue["updates"]][-1] == "issue"
    after = drawn()
    assert orjson.loads(after["api/v3/current-status.json"]) == {
        "status": {"Production": "green", "Development": "green"},
        "issues": [],
    }
    (over,) = orjson.loads(after["api/v3/issues.json"])
    assert over["resolved"] and "resolved" in {update["update_type"] for update in over["updates"]}
    assert over == orjson.loads(after[f"api/v3/issues/{KEY}.json"])


def test_the_feed_is_taken_by_a_reader_and_its_ids_stay() -> None:
    during, after = (
        feedparser.parse(found["status/feed.atom"]) for found in (drawn(5, DURING), drawn())
    )
    for feed in (during, after):
        assert not feed.bozo and feed.version == "atom10"
        assert feed.feed.id == "urn:signalbox:status" and feed.feed.link == f"{BASE}/status"
    (early,), (late,) = during.entries, after.entries
    assert early.id == late.id == f"urn:signalbox:status:{KEY}"
    assert early.published == late.published and early.updated < late.updated
    assert late.link == f"{BASE}/status/incidents/{KEY}"


def test_what_is_over_is_drawn_once() -> None:
    drawing = Drawing("")
    assert f"status/incidents/{KEY}/index.html" in drawn(None, AFTER, drawing)
    again = drawn(None, AFTER + timedelta(seconds=10), drawing)
    assert sorted(again) == ["api/v3/current-status.json", "status/index.html", "v1/status.json"]
    drawing.forget()
    assert f"status/incidents/{KEY}/index.html" in drawn(None, AFTER, drawing)


def test_a_page_that_hears_nothing_says_so() -> None:
    assert b"We have not heard from our own systems" not in drawn(5, DURING)["status/index.html"]
    late = drawn(5, DURING + timedelta(minutes=10), heard_at=DURING)
    assert b"We have not heard from our own systems" in late["status/index.html"]
    assert orjson.loads(late["v1/status.json"])["stale"] is True


def test_it_is_served_from_disk_with_nothing_else_there(folder: Path) -> None:
    with TestClient(make_app(StatusFiles(folder))) as web:
        page = web.get("/status")
        assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
        assert (
            "script-src" in page.headers["content-security-policy"]
            or "default-src 'self'" in page.headers["content-security-policy"]
        )
        assert (
            web.get("/status", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
        )
        assert web.get(f"/status/incidents/{KEY}").status_code == 200
        assert (
            web.get("/status/feed.atom").headers["content-type"].startswith("application/atom+xml")
        )
        assert web.get("/api/v3/current-status").json()["status"]["Production"] == "red"
        assert web.get("/api/v3/current-status").headers["access-control-allow-origin"] == "*"
        assert web.get("/v1/status").json()["status"] == {"production": "red", "development": "red"}
        assert web.get("/readyz").status_code == 200
        sheet = re.search(r'href="([^"]+page\.css[^"]+)"', page.text)
        assert sheet is not None
        assert "immutable" in web.get(sheet[1]).headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/status/../../etc/passwd",
        "/status/%2e%2e/%2e%2e/writer",
        "/status/incidents/inc_none",
        "/status//",
        "/status/.x",
    ],
)
def test_nothing_else_is_served(folder: Path, path: str) -> None:
    (folder / "status" / ".x").write_text("half written")
    (folder.parent / "writer").write_text("outside")
    with TestClient(make_app(StatusFiles(folder))) as web:
        answer = web.get(path)
    assert answer.status_code in (404, 200 if path == "/status//" else 404)
    assert "outside" not in answer.text and "half written" not in answer.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", 1),
        ("?since=2012-06-30", 1),
        ("?since=2012-07-01", 0),
        ("?limit=1", 1),
        ("?since=2012-06-30T03:05:00Z", 0),
    ],
)
def test_issues_since_and_limit(folder: Path, query: str, expected: int) -> None:
    with TestClient(make_app(StatusFiles(folder))) as web:
        assert len(web.get(f"/api/v3/issues{query}").json()) == expected


@pytest.mark.parametrize(
    "query", ["since=yesterday", "limit=0", "limit=many", "limit=999999", "limit=²"]
)
def test_a_wrong_parameter_is_refused(folder: Path, query: str) -> None:
    with TestClient(make_app(StatusFiles(folder))) as web:
        assert web.get(f"/api/v3/issues?{query}").status_code == 422


def test_before_the_first_page_it_says_that_there_is_none(tmp_path: Path) -> None:
    with TestClient(make_app(StatusFiles(tmp_path))) as web:
        assert [
            web.get(path).status_code for path in ("/status", "/v1/status", "/readyz", "/livez")
        ] == [503, 503, 503, 200]
    assert StatusFiles(tmp_path).lights() is None


@pytest.fixture
def any_web_server(folder: Path) -> Iterator[str]:
    """Python's own, which knows nothing of us."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *said: object) -> None: ...

    with socketserver.ThreadingTCPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_any_web_server_serves_the_folder(any_web_server: str) -> None:
    page = httpx.get(f"{any_web_server}/status", follow_redirects=True)
    assert page.status_code == 200 and "Widespread Application Outage" in page.text
    (sheet,) = re.findall(r'href="([^"]+page\.css[^"]+)"', page.text)
    for address in (
        "/status/history",
        f"/status/incidents/{KEY}",
        "/status/feed.atom",
        "/v1/status.json",
        f"/api/v3/issues/{KEY}.json",
        sheet,
    ):
        assert httpx.get(f"{any_web_server}{address}", follow_redirects=True).status_code == 200, (
            address
        )


def test_a_file_is_replaced_whole_and_only_when_it_changes(tmp_path: Path) -> None:
    put(tmp_path, {"a/b.json": b"1"})
    before = (tmp_path / "a/b.json").stat()
    put(tmp_path, {"a/b.json": b"1"})
    assert (tmp_path / "a/b.json").stat().st_ino == before.st_ino
    put(tmp_path, {"a/b.json": b"2"})
    assert (tmp_path / "a/b.json").stat().st_ino != before.st_ino
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


def test_the_lights_are_read_again_when_they_change(folder: Path) -> None:
    files = StatusFiles(folder)
    first = files.lights()
    assert first is not None and first["status"]["production"] == "red" and files.lights() is first
    put(folder, drawn(None, AFTER))
    second = files.lights()
    assert second is not None and second["status"]["production"] == "green"


@settings(max_examples=examples(15))
@given(st.text(st.characters(codec="utf-8"), max_size=80))
@example("\x1b[31mERROR\x1b[0m refused")
@example("\ufffe\x00\x9b]]>\r\n<b>")
def test_every_file_is_valid_whatever_an_update_says(text: str) -> None:
    """Case 08: a pasted log line with control characters made the feed unreadable."""
    first = next(fact for fact in facts(2) if isinstance(fact, e.IncidentOpened))
    pasted = first.model_copy(update={"title": text, "body": text})
    found = board(told([pasted]), COMPONENTS, known_from=BEGAN, now=DURING, heard_at=DURING)
    files = _DRAWING.files(found)
    _DRAWING.forget()
    entry = Xml.fromstring(files["status/feed.atom"]).find("{http://www.w3.org/2005/Atom}entry")
    assert entry is not None
    for name, content in files.items():
        if name.endswith(".json"):
            orjson.loads(content)
        elif name.endswith(".html"):
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]", content.decode())
    assert orjson.loads(files[f"api/v3/issues/{KEY}.json"])["title"] == text


_DRAWING = Drawing(BASE)
