"""`python -m services.portal status`: writes the status page and serves it on a port of its own.

    python -m services.portal.status.serve [folder] [port]     serves a folder, and needs nothing else at all

Any web server can serve the folder as well; see `drawing.py` for the endings it adds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from services.portal.settings import PortalSettings
from services.portal.status.files import FOLDER, StatusFiles
from services.portal.status.writer import Writer
from shared.clock import clock_from
from shared.errors import Refused, Unavailable
from shared.serving import serve_until_stopped
from shared.telemetry import metrics_text, verdict

PATHS = ("/status", "/status/{rest:path}", "/api/v3/{rest:path}", "/v1/status", "/v1/status.json")


def make_app(files: StatusFiles, writer: Writer | None = None) -> Starlette:
    """The folder's addresses and the usual health; `writer` runs meanwhile."""

    async def answer(request: Request) -> Response:
        return files.answer(request)

    async def home(_: Request) -> Response:
        return RedirectResponse("/status", 307)

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        status, found = await verdict({"status-page": files.unready})
        return JSONResponse({"status": "ok" if status == 200 else "not ready", "checks": found}, status)

    async def metrics(_: Request) -> Response:
        body, kind = metrics_text()
        return Response(body, media_type=kind)

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return PlainTextResponse(f"{error.detail}\n", error.status)

    async def unwritten(_: Request, error: Exception) -> Response:
        return PlainTextResponse("The status page has not been written yet.\n", 503, headers={"Retry-After": "5"})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with writer.at_work() if writer else contextlib.nullcontext():
            yield

    routes = [Route(path, answer) for path in PATHS]
    routes += [Route("/", home), Route("/livez", live), Route("/readyz", ready), Route("/healthz", ready), Route("/metrics", metrics)]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refused: refused, Unavailable: unwritten})


def writer_for(settings: PortalSettings, *, name: str, is_deputy: bool) -> Writer:
    """The writer of this installation's page."""
    return Writer(
        settings.data_dir / FOLDER, settings.kafka_bootstrap_servers, settings.topic_prefix, clock_from(settings), base=settings.public_url,
        name=name, is_deputy=is_deputy,
    )  # fmt: skip


async def run_status(settings: PortalSettings) -> int:
    """Write and serve until SIGTERM or SIGINT, then 0."""
    writer = writer_for(settings, name=settings.instance or "status", is_deputy=False)
    return await _serve(make_app(StatusFiles(settings.data_dir / FOLDER), writer), settings.bind, settings.status_port)


async def _serve(app: Starlette, host: str, port: int) -> int:
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, log_config=None, log_level="warning", timeout_graceful_shutdown=2, server_header=False
    )
    return await serve_until_stopped(config)


def main(arguments: list[str]) -> int:
    """A folder, served until it is told to stop; its exit code."""
    folder = Path(arguments[0]) if arguments else PortalSettings().data_dir / FOLDER
    port = int(arguments[1]) if len(arguments) > 1 else PortalSettings().status_port
    return asyncio.run(_serve(make_app(StatusFiles(folder)), PortalSettings().bind, port))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
