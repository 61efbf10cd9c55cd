"""Health says what is wrong in a sentence; metrics are Prometheus text."""

from __future__ import annotations

import logging
import socket

import aiohttp

from shared.process.health import serve_health
from shared.telemetry.logs import _RateFilter


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_readiness_tells_what_is_missing() -> None:
    trouble: list[str | None] = ["loading rows"]

    async def check() -> str | None:
        return trouble[0]

    port = free_port()
    runner = await serve_health(port, {"spine": check})
    assert runner is not None
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        async with client.get("/readyz") as answer:
            assert (answer.status, (await answer.json())["checks"]) == (
                503,
                {"spine": "loading rows"},
            )
        async with client.get("/livez") as answer:
            assert answer.status == 200
        trouble[0] = None
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with client.get("/metrics") as answer:
            assert "python_info" in await answer.text()
    await runner.cleanup()


async def test_port_0_serves_nothing() -> None:
    assert await serve_health(0, {}) is None


def test_a_client_library_that_repeats_itself_is_cut_short() -> None:
    seldom = _RateFilter()

    said: list[str] = []

    def passes(name: str, text: str, at: float) -> bool:
        record = logging.LogRecord(name, logging.ERROR, "", 0, text, ("x",), None)
        record.created = at
        is_through = seldom.filter(record)
        if is_through:
            said.append(record.getMessage())
        return is_through

    assert [passes("aiokafka.conn", "Unable: %s", 100.0 + i) for i in range(12)] == [
        True,
        *[False] * 9,
        True,
        False,
    ]
    assert said == ["Unable: x", "Unable: x (9 more like it before)"]
    assert passes("aiokafka.conn", "Else: %s", 101.0)
    assert all(passes("services.router", "often %s", 100.0) for _ in range(3))
