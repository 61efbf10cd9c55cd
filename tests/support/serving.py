"""An ASGI application of ours at a port of this machine, in the test's own process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from tests.support.waiting import eventually


@dataclass(frozen=True)
class Served:
    """One application at a port of this machine."""

    app: Any
    port: int
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    @property
    def inner(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call, as it comes through a proxy that keeps the Host."""
        headers = {"Host": "help.example", **options.pop("headers", {})}
        return self.client.request(method, self.inner + path, headers=headers, **options)


def serve(app: Any, port: int = 0) -> Iterator[Served]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", port))
    # longer than httpx keeps a connection: nobody asks by one that is being closed
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", loop="asyncio", timeout_keep_alive=120
    )
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    eventually(lambda: server.started, what="the server")
    yield Served(app, listening.getsockname()[1])
    server.should_exit = True
    running.join()
    listening.close()
