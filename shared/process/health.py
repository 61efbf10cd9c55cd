"""The health port of processes that serve nothing else: /livez /readyz /healthz /metrics, within a
budget like every HTTP server of ours.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.http.answer_headers import AnswerHeaders
from shared.http.budget import Budget
from shared.http.server import Server, config_within
from shared.telemetry.logs import Check, metrics_text, not_set_up, verdict

BUDGET = Budget(connections=64, each=32, idle=75.0, head=5.0, head_bytes=8 * 1024, body_grace=2.0)
"""Who asks here is a monitor, the auditor, a supervisor: few, quick, and without a body."""

Shown = Callable[[], dict[str, Any]]


class HealthServer:
    """Serves until `cleanup`."""

    def __init__(self, server: Server, serving: asyncio.Task[None]) -> None:
        self._server, self._serving = server, serving

    async def cleanup(self) -> None:
        """Stop, and wait until it has."""
        self._server.finish()
        await asyncio.wait({self._serving})


async def serve_health(
    port: int,
    checks: Mapping[str, Check],
    *,
    host: str = "127.0.0.1",
    more: Mapping[str, Shown] | None = None,
    budget: Budget = BUDGET,
) -> HealthServer | None:
    """Serve on `port`; stop with `await server.cleanup()`. Port 0: nothing is served.

    `more`: further addresses, and the JSON object that each answers with. Raises OSError where the
    port is taken.
    """
    if not port:
        return None
    # The socket is made here, so that a port that is taken is an error of the caller and no log
    # line of uvicorn's.
    listening = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
    )
    app = AnswerHeaders(_application(checks, more or {}))
    config = config_within(
        budget, app, host, port, lifespan="off", timeout_graceful_shutdown=1, proxy_headers=False
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listening]), name="health")
    # uvicorn has no event for this. It takes a few milliseconds.
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    return HealthServer(server, serving)


def _application(checks: Mapping[str, Check], more: Mapping[str, Shown]) -> Starlette:
    async def live(_: Request) -> Response:
        return _json({"status": "ok"})

    async def ready(_: Request) -> Response:
        status, found = await verdict(checks)
        word = "ok" if status == 200 else "not ready"
        return _json({"status": word, "checks": found, "not_set_up": not_set_up(found)}, status)

    async def metrics(_: Request) -> Response:
        body, kind = metrics_text()
        return Response(body, headers={"Content-Type": kind})

    # A function of its own for each address: in the loop below all would show the last one.
    def make_json_page(what: Shown) -> Callable[[Request], Any]:
        async def show(_: Request) -> Response:
            return _json(what())

        return show

    return Starlette(
        routes=[
            *(Route(path, make_json_page(what)) for path, what in more.items()),
            Route("/livez", live),
            Route("/readyz", ready),
            Route("/healthz", ready),
            Route("/metrics", metrics),
        ]
    )


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
