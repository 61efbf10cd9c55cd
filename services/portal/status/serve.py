"""`python -m services.portal status`: writes the status page and serves it on a port of its own.

    python -m services.portal.status.serve [folder] [port]     serves a folder, and needs nothing
    else at all

Any web server can serve the folder as well; see `drawing.py` for the endings it adds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from services.portal.settings import StatusSettings
from services.portal.status.files import FOLDER, StatusFiles
from services.portal.status.writer import StatusPageWriter
from shared.clock import clock_from
from shared.errors import Refused, Unavailable
from shared.http import problems
from shared.http.answer_headers import AnswerHeaders
from shared.http.compression import CompressionMiddleware
from shared.http.habits import OF_MACHINES, HttpHabits, of_routes
from shared.http.server import config_within
from shared.process.serving import budget_of, serve_until_stopped
from shared.telemetry.logs import metrics_text, verdict
from shared.telemetry.route_metrics import RouteMeters

# All that a page, a feed or a client of 2012 asks for; everything else is unknown here.
PATHS = ("/status", "/status/{rest:path}", "/api/v3/{rest:path}", "/v1/status", "/v1/status.json")


def make_app(
    files: StatusFiles, writer: StatusPageWriter | None = None, *, public_metrics: bool = False
) -> Starlette:
    """The folder's addresses and the usual health; `writer` runs meanwhile. `public_metrics`:
    /metrics is shown here too.
    """

    async def answer(request: Request) -> Response:
        return files.answer(request)

    async def home(_: Request) -> Response:
        return RedirectResponse("/status", 307)

    async def live(_: Request) -> Response:
        # It lives as long as it can answer; whether there is a page is for readiness.
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        status, found = await verdict({"status-page": files.unready})
        return JSONResponse(
            {"status": "ok" if status == 200 else "not ready", "checks": found}, status
        )

    async def metrics(_: Request) -> Response:
        body, kind = metrics_text()
        return Response(body, media_type=kind)

    async def on_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        # Programs get a problem document, people a line of text: there are no templates here.
        if request.url.path.startswith(OF_MACHINES):
            return problems.of_refused(error)
        return PlainTextResponse(f"{error.detail}\n", error.status)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problems.of_http(error)

    async def on_unavailable(request: Request, error: Exception) -> Response:
        assert isinstance(error, Unavailable)
        if request.url.path.startswith(OF_MACHINES):
            return problems.of_unavailable(error)
        return PlainTextResponse(
            "The status page has not been written yet.\n", 503, headers={"Retry-After": "5"}
        )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # A folder that is served without a writer is not touched.
        async with writer.at_work() if writer else contextlib.nullcontext():
            yield

    routes = [Route(path, answer) for path in PATHS]
    routes += [
        Route("/", home),
        Route("/livez", live),
        Route("/readyz", ready),
        Route("/healthz", ready),
    ]
    # The port is public, so numbers about the machine are shown only if they may be.
    if public_metrics:
        routes.append(Route("/metrics", metrics))
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            Refused: on_refused,
            Unavailable: on_unavailable,
            HTTPException: on_http_error,
        },
    )
    # An address has one form: a slash at its end is not mended by a redirect.
    app.router.redirect_slashes = False
    # The one that is added last sees the request first.
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(HttpHabits, methods_at=of_routes(app))
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RouteMeters)
    return app


def writer_for(settings: StatusSettings, *, name: str, is_deputy: bool) -> StatusPageWriter:
    """The writer of this installation's page."""
    return StatusPageWriter(
        settings.data_dir / FOLDER,
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        clock_from(settings),
        base=settings.public_url,
        name=name,
        is_deputy=is_deputy,
    )


async def run_status(settings: StatusSettings) -> int:
    """Write and serve until SIGTERM or SIGINT, then 0."""
    writer = writer_for(settings, name=settings.instance or "status", is_deputy=False)
    files = StatusFiles(settings.data_dir / FOLDER)
    return await _serve(files, writer, settings, settings.status_port)


async def _serve(
    files: StatusFiles, writer: StatusPageWriter | None, settings: StatusSettings, port: int
) -> int:
    config = config_within(
        budget_of(settings),
        make_app(files, writer, public_metrics=settings.metrics_are_public),
        settings.bind,
        port,
        log_level="warning",
        # Short: answers come from disk within milliseconds.
        timeout_graceful_shutdown=2,
    )
    return await serve_until_stopped(config, settings, {"status-page": files.unready})


def main(arguments: list[str]) -> int:
    """A folder, served until it is told to stop; its exit code."""
    settings = StatusSettings()
    folder = Path(arguments[0]) if arguments else settings.data_dir / FOLDER
    port = int(arguments[1]) if len(arguments) > 1 else settings.status_port
    return asyncio.run(_serve(StatusFiles(folder), None, settings, port))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
