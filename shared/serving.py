"""An HTTP application served until the process is asked to stop: the same for every service that has one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn


class _Server(uvicorn.Server):
    """uvicorn ends itself by the signal it caught; here SIGTERM is the way to a clean exit."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def finish(self) -> None:
        self.should_exit = True


async def serve_until_stopped(config: uvicorn.Config) -> int:
    """Until SIGTERM or SIGINT, then what was begun is answered; the exit code: 1 where it could not start."""
    server = _Server(config)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, server.finish)
    await server.serve()
    return 0 if server.started else 1
