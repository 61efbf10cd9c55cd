"""The health port has a budget of its own: what holds it open, or sends much, holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from shared.process.health import BUDGET, serve_health
from tests.support.waiting import stretched

pytestmark = pytest.mark.costly

SMALL = replace(
    BUDGET, connections=4, each=4, idle=0.4, head=0.4, head_bytes=1_000, look_every=0.05, linger=0.2
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def healthy() -> AsyncIterator[int]:
    port = free_port()
    server = await serve_health(port, {}, budget=SMALL, more={"/findings": lambda: {"found": []}})
    assert server is not None
    try:
        yield port
    finally:
        await server.cleanup()


async def is_answered(port: int) -> bool:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/readyz", timeout=stretched(5))
        return answer.status_code == 200


async def test_idle_connections_make_room_and_are_ended() -> None:
    async with healthy() as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert await is_answered(port)
        async with asyncio.timeout(stretched(10)):
            for reader, writer in idle:
                with contextlib.suppress(ConnectionError):
                    while await reader.read(1 << 16):
                        pass
                writer.close()


@pytest.mark.parametrize("begun", [b"GET /read", b"GET / HTTP/1.1\r\nA: " + b"a" * 5_000])
async def test_slow_and_large_headers_are_ended(begun: bytes) -> None:
    async with healthy() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(stretched(10)):
            with contextlib.suppress(ConnectionError):
                while await reader.read(1 << 16):
                    pass
        writer.close()
        assert await is_answered(port)


async def test_a_body_is_not_kept() -> None:
    async with healthy() as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.post("/readyz", content=b"x" * 1_000_000)
            assert answer.status_code == 405
            assert (await client.get("/findings")).json() == {"found": []}
            assert (await client.get("/elsewhere")).status_code == 404
        assert await is_answered(port)


async def test_a_port_that_is_taken_is_said() -> None:
    async with healthy() as port:
        with pytest.raises(OSError, match="in use"):
            await serve_health(port, {})
