"""An HTTP application served until the process is asked to stop: the same for every service that
has one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import uvicorn

from shared.http.budget import Budget, networks_in, within_descriptors
from shared.http.server import Server
from shared.process.health import serve_health
from shared.process.stopping import wait_and_drain
from shared.settings import EdgeSettings
from shared.telemetry.logs import Check


def budget_of(settings: EdgeSettings) -> Budget:
    """The limits of one server; fewer connections where the process may open few files."""
    return Budget(
        connections=within_descriptors(settings.connections),
        each=settings.connections_each,
        trusted=networks_in(settings.trusted_proxies),
    )


async def serve_until_stopped(
    config: uvicorn.Config, settings: EdgeSettings, checks: Mapping[str, Check]
) -> int:
    """Until SIGTERM or SIGINT; the exit code: 1 where it could not start.

    Asked to stop, it is not ready at once, answers for `settings.drain` seconds more, each answer
    with `Connection: close`, and then closes when what was begun is answered. Health by `checks`
    and the metrics stand at the metrics port too, which is not for everybody.
    """
    server = Server(config)

    async def finish_when_asked() -> None:
        await wait_and_drain(settings.drain)
        server.finish()

    # Health before the service: a supervisor sees the process from its first moment on.
    health = await serve_health(settings.metrics_port, checks, host=settings.bind)
    waiting = asyncio.create_task(finish_when_asked())
    try:
        await server.serve()
    finally:
        waiting.cancel()
        if health is not None:
            await health.cleanup()
    # uvicorn returns as well where it could not start, and has said why.
    return 0 if server.started else 1
