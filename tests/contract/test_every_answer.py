"""Every HTTP answer has the headers that keep a browser from guessing, running and keeping what is
not meant so, however the answer was made; and nothing is loaded from another host.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount

from services.portal.app import make_app
from services.portal.settings import PortalSettings
from services.portal.status.files import StatusFiles
from services.portal.status.serve import make_app as make_status
from services.portal.tickets.api import to_intake
from shared.http.answer_headers import HSTS
from shared.process.health import serve_health
from tests.support.serving import Served, serve
from tests.unit.intake.building import SECRET, Bench

PORTAL = Path(__file__).parents[2] / "services" / "portal"
SIGNED = {"Authorization": "Bearer demo-admin"}
STREAMS = ("/v1/stream", "/live")
PUBLIC = (
    "/static/",
    "/manifest.webmanifest",
    "/changelog/feed.atom",
    "/status",
    "/v1/status",
    "/api/",
)
"""What may be kept by a browser or a cache."""


@pytest.fixture(scope="module")
def intake() -> Iterator[Served]:
    yield from serve(Bench(rate="100000/minute").app)


@pytest.fixture(scope="module")
def portal(intake: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = PortalSettings(
        mongodb_uri="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50&connectTimeoutMS=50",
        mongodb_database="nowhere",
        intake_url=intake.inner,
        secret=SECRET,
        data_dir=tmp_path_factory.mktemp("portal"),
        public_url="https://help.example",
    )
    yield from serve(make_app(settings))


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("status")
    (folder / "status").mkdir()
    (folder / "status" / "index.html").write_text("<p>All well</p>")
    yield from serve(make_status(StatusFiles(folder)))


@pytest.fixture(params=["intake", "portal", "status"])
def served(request: pytest.FixtureRequest) -> Served:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Served)
    return found


def paths_of(served: Served) -> list[str]:
    """Every path of an application, its placeholders filled."""
    found: set[str] = set()
    for route in served.app.router.routes:
        if isinstance(route, Mount) or getattr(route, "original_router", None) is to_intake:
            continue
        contexts = getattr(route, "effective_route_contexts", None)
        paths = [one.path for one in contexts()] if contexts else [route.path]
        found.update(re.sub(r"\{[^}]*\}", "x", path) for path in paths)
    return sorted(found - set(STREAMS))


def check(answer: httpx.Response) -> None:
    where = f"{answer.request.method} {answer.request.url} {answer.status_code}"
    assert answer.headers.get("x-content-type-options") == "nosniff", where
    policy = answer.headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy or "default-src 'self'" in policy, where
    assert "unsafe" not in policy, where
    assert "http" not in policy, where
    if not answer.request.url.path.startswith(PUBLIC):
        kept = answer.headers.get("cache-control", "")
        assert kept.startswith(("no-store", "private", "no-cache")), where


@pytest.mark.parametrize(("method", "headers"), [("GET", SIGNED), ("POST", {})])
def test_every_path_of_every_application(
    served: Served, method: str, headers: dict[str, str]
) -> None:
    paths = paths_of(served)
    assert len(paths) > 5
    for path in paths:
        check(served.ask(method, path, headers=headers))


PASSED_ON = [
    ("GET", "/v1/tokens", 200),
    ("GET", "/v1/directory/accounts/free@example.com", 200),
    ("GET", "/v1/policies/default", 200),
    ("POST", "/v1/tickets", 422),
    ("DELETE", "/v1/tokens/" + "a" * 64, 404),
]


@pytest.mark.parametrize(("method", "path", "expected"), PASSED_ON)
def test_what_is_passed_on(portal: Served, method: str, path: str, expected: int) -> None:
    answer = portal.ask(method, path, headers=SIGNED)
    assert answer.status_code == expected, answer.text
    check(answer)
    assert answer.headers["cache-control"] == "no-store"


MADE_BESIDE = [
    ("/docs", 200),
    ("/openapi.json", 200),
    ("/metrics", 404),
    ("/readyz", 503),
    ("/static/app.css", 200),
    ("/static/nothing.css", 404),
    ("/nothing", 404),
]


@pytest.mark.parametrize(("path", "expected"), MADE_BESIDE)
def test_what_is_made_beside_the_pages(portal: Served, path: str, expected: int) -> None:
    answer = portal.ask("GET", path)
    assert answer.status_code == expected
    check(answer)
    name, held = HSTS
    assert answer.headers[name] == held


def test_the_script_that_holds_the_event_stream_may_connect(portal: Served) -> None:
    """A worker goes by the policy of its own script's answer, not by that of the page."""
    answer = portal.ask("GET", "/static/live-worker.js")
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert (
        portal.ask("GET", "/static/app.js")
        .headers["content-security-policy"]
        .startswith("default-src 'none'; base-uri")
    )


async def test_metrics_and_health_of_the_workers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    runner = await serve_health(port, {})
    assert runner is not None
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for path in ("/metrics", "/livez", "/nothing"):
                check(await client.get(path))
    finally:
        await runner.cleanup()


HOSTILE = [
    "/v1/policies/%2e%2e/%2e%2e/metrics",
    "/v1/policies/..%2f..%2fmetrics",
    "/v1/policies/../../metrics",
    "/v1/directory/apps/%2e%2e%2f%2e%2e%2f%2e%2e%2fmetrics",
    "/v1/directory/..%5c..%5c..%5cmetrics",
    "/v1/policies/%2e%2e/%2e%2e/openapi.json%00",
]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_climbs_reaches_nothing_of_intake(
    portal: Served, path: str, method: str
) -> None:
    """Sent as it stands: a client library would tidy it up."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=30) as line:
        line.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-admin\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.split(b" ", 2)[1] in (b"404", b"405"), answer[:300]
    assert b"python_info" not in answer


_LOADS = re.compile(
    r"""(?:\bsrc|\bsrcset|\bposter|\bdata-src)\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|<link\b[^>]*\bhref\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|@import\s+(?:url\()?\s*["']?\s*(?:https?:)?//"""
    r"""|\burl\(\s*["']?\s*(?:https?:)?//"""
    r"""|\b(?:fetch|import|importScripts|EventSource|WebSocket)\(\s*["'`](?:https?:|wss?:)?//""",
    re.IGNORECASE,
)
FILES = sorted(
    path
    for folder in ("templates", "static", "status")
    for path in (PORTAL / folder).rglob("*")
    if path.suffix in (".html", ".css", ".js", ".svg", ".py")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_of_the_portal_loads_from_another_host(path: Path) -> None:
    found = _LOADS.search(path.read_text())
    assert found is None, found and found[0]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js">',
        "<img src=//cdn.example/x.png>",
        '<link rel="stylesheet" href="https://cdn.example/x.css">',
        "@import url(https://cdn.example/x.css)",
        "background: url('//cdn.example/x.png')",
        "import('https://cdn.example/x.js')",
    ],
)
def test_the_scan_sees_what_it_is_for(text: str) -> None:
    assert _LOADS.search(text)


@pytest.mark.parametrize("path", ["/docs", "/help", "/login", "/changelog", "/resources"])
def test_no_page_loads_from_another_host(portal: Served, path: str) -> None:
    answer = portal.ask("GET", path)
    assert answer.status_code == 200
    assert _LOADS.search(answer.text) is None
    assert "<script>" not in answer.text


def test_the_reference_names_what_both_halves_take(portal: Served) -> None:
    page = portal.ask("GET", "/docs").text
    for said in ("POST /v1/tickets", "GET /v1/tickets", "PUT /v1/directory/{kind}/{doc_id}"):
        assert said in page
    assert "subject" in page


def test_metrics_are_for_everybody_only_where_that_is_set(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    from services.intake.app import build

    bench = Bench()
    for is_public in (False, True):
        apps = (
            make_status(StatusFiles(tmp_path), public_metrics=is_public),
            build(bench.intake, bench.door, {}, public_metrics=is_public),
        )
        for app in apps:
            answer = TestClient(app).get("/metrics")
            assert answer.status_code == (200 if is_public else 404)
            assert answer.headers["x-trace-id"]
    assert PortalSettings(demo=True).metrics_are_public
    assert not PortalSettings(demo=False).metrics_are_public
