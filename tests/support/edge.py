"""A server of ours within a budget, and clients that say and hear bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from shared.http.budget import Budget
from shared.http.server import Server, config_within


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def hears(self) -> bytes:
        """An answer without its body, which is read too."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self.reader.readexactly(int(line[15:]))
        return head

    async def hears_the_end(self) -> bytes:
        """All that comes until the server ends the connection."""
        come = b""
        with contextlib.suppress(ConnectionError):
            while more := await self.reader.read(1 << 16):
                come += more
        return come


class Clients:
    def __init__(self, port: int) -> None:
        self.port, self._made = port, list[Client]()

    async def one(self, *, source: str = "127.0.0.1") -> Client:
        made = Client(
            *await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        )
        self._made.append(made)
        return made

    def end(self) -> None:
        for client in self._made:
            client.writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(budget: Budget, app: Any) -> AsyncIterator[Clients]:
    config = config_within(
        budget,
        app,
        "127.0.0.1",
        0,
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    running = asyncio.create_task(server.serve())
    clients = None
    async with asyncio.timeout(30):
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.01)
        try:
            clients = Clients(server.servers[0].sockets[0].getsockname()[1])
            yield clients
        finally:
            if clients is not None:
                clients.end()
            server.finish()
            await running


def head_of(length: int, path: str = "/", chunked: bool = False) -> bytes:
    how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{how}\r\n\r\n".encode()
