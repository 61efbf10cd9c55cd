"""Requests are counted by the template of their route, whatever is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from shared.http import problems
from shared.http.answer_headers import AnswerHeaders
from shared.http.habits import HttpHabits, of_routes
from shared.telemetry.route_metrics import RouteMeters
from shared.telemetry.tracing import HEADER

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def application() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    nested, deeper = APIRouter(prefix="/counted"), APIRouter()

    @app.get("/direct/{name}")
    async def direct(name: str) -> Response:
        return PlainTextResponse(name)

    @nested.get("/nested/{name}")
    async def within(name: str) -> Response:
        return PlainTextResponse(name, 418)

    @deeper.post("/deeper/{rest:path}")
    async def deep(rest: str) -> Response:
        raise RuntimeError(rest)

    nested.include_router(deeper)
    app.include_router(nested)
    app.mount("/files", StaticFiles(directory="deploy/policies"))
    app.add_middleware(HttpHabits, methods_at=of_routes(app))
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RouteMeters)
    problems.install(app)
    return app


@pytest.fixture
def web() -> TestClient:
    return TestClient(application(), raise_server_exceptions=False)


def counted(method: str, route: str, status: int) -> tuple[float, float]:
    labels = {"method": method, "route": route}
    requests = REGISTRY.get_sample_value(
        "signalbox_http_requests_total", {**labels, "status": str(status)}
    )
    seconds = REGISTRY.get_sample_value("signalbox_http_request_seconds_count", labels)
    return requests or 0.0, seconds or 0.0


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/direct/one", "/direct/{name}", 200),
        ("HEAD", "/direct/one", "/direct/{name}", 200),
        ("GET", "/counted/nested/a", "/counted/nested/{name}", 418),
        ("POST", "/counted/deeper/a/b", "/counted/deeper/{rest:path}", 500),
        ("GET", "/files/default.yaml", "/files", 200),
        ("GET", "/files/nothing", "/files", 404),
        ("GET", "/nothing/at/all", "none", 404),
        ("OPTIONS", "/direct/one", "none", 204),
        ("GET", "/direct/one/", "none", 308),
    ],
)
def test_what_is_counted(web: TestClient, method: str, path: str, route: str, status: int) -> None:
    before = counted(method, route, status)
    answer = web.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    assert len(answer.headers[HEADER]) == 32
    after = counted(method, route, status)
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)


def test_a_made_up_method_makes_no_label(web: TestClient) -> None:
    before = counted("other", "none", 405)[0] + counted("other", "/direct/{name}", 405)[0]
    assert web.request("BREW", "/direct/one").status_code == 405
    after = counted("other", "none", 405)[0] + counted("other", "/direct/{name}", 405)[0]
    assert after - before == 1


def test_what_strangers_ask_for_makes_no_series(web: TestClient) -> None:
    web.get("/nothing/0")
    web.get("/direct/0")
    before = len(list(_series()))
    for n in range(50):
        web.get(f"/nothing/{n}")
        web.get(f"/direct/{n}")
    assert len(list(_series())) == before


def test_the_callers_trace_is_answered(web: TestClient) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
    assert web.get("/direct/one", headers=headers).headers[HEADER] == TRACE_ID
    assert web.get("/direct/one").headers[HEADER] != TRACE_ID


def _series() -> Any:
    for family in REGISTRY.collect():
        if family.name.startswith("signalbox_http"):
            yield from family.samples
