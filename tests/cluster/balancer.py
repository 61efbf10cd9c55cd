"""A small TCP balancer: each connection goes to the next copy that says it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import aiohttp

HOST = "127.0.0.1"
LOOK_EVERY_S = 0.5


class Balancer:
    """`async with Balancer(port, [8001, 8011])`. A copy that does not answer `/readyz` with 200
    within a second gets no new connections; those it has go on.
    """

    def __init__(self, port: int, copies: list[int]) -> None:
        self.port, self._copies = port, copies
        self.ready: set[int] = set()
        self._turn = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Balancer:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self._tasks = [asyncio.create_task(self._look(copy)) for copy in self._copies]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _look(self, copy: int) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as http:
            while True:
                try:
                    async with http.get(f"http://{HOST}:{copy}/readyz") as answer:
                        is_ready = answer.status == 200
                except (aiohttp.ClientError, TimeoutError):
                    is_ready = False
                (self.ready.add if is_ready else self.ready.discard)(copy)
                await asyncio.sleep(LOOK_EVERY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for copy in self._in_turn():
            try:
                behind = await asyncio.open_connection(HOST, copy)
            except OSError:
                continue
            await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))
            return
        writer.close()

    def _in_turn(self) -> list[int]:
        """The ready copies, another one first each time; all of them where none is ready."""
        copies = [copy for copy in self._copies if copy in self.ready] or self._copies
        first = next(self._turn) % len(copies)
        return copies[first:] + copies[:first]


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
