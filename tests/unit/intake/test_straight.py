"""The straight way is the router's way, shorter."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from services.intake.http.gate_route import answer_of
from services.intake.http.straight import DirectRoutes, straights_of
from shared.errors import Unavailable
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import call


def test_each_is_what_the_router_would_choose() -> None:
    routes = Bench().app.router.routes
    found = straights_of(routes, answer_of)
    assert ("POST", "/v1/tickets") in found
    for (method, path), (route, _) in found.items():
        asked = {"type": "http", "method": method, "path": path, "root_path": ""}
        assert next(r for r in routes if r.matches(asked)[0] is Match.FULL) is route


async def _said(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path} {request.path_params}")


def test_what_an_earlier_route_takes_is_left_to_the_router() -> None:
    early = Route("/v1/{what}", _said, methods=["GET"])
    late = Route("/v1/mail", _said, methods=["GET", "POST"])
    found = straights_of([early, late], lambda _: _said)
    assert found.keys() == {("POST", "/v1/mail")}


@pytest.mark.parametrize(
    ("raised", "status"), [(Unavailable("kafka", "away"), 503), (HTTPException(418, "tea"), 418)]
)
async def test_errors_are_problems(raised: Exception, status: int) -> None:
    async def fail(request: Request) -> Response:
        raise raised

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def nowhere(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the router is not asked")

    route = Route("/x", fail, methods=["POST"])
    straight = DirectRoutes(nowhere, lambda: [route], lambda _: fail)
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "query_string": b""}
    await straight(scope, receive, send)
    assert sent[0]["status"] == status
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]


async def test_other_methods_and_addresses_go_the_usual_way() -> None:
    bench = Bench()
    assert (await call(bench, "PATCH", "/v1/tickets", {})).status_code == 405
    assert (await call(bench, "POST", "/v1/tickets/x/replies", {"body": "x"})).status_code == 404
    assert (await call(bench, "POST", "/v1/tickets", {"subject": "x"})).status_code == 422
