"""Asked to stop, a server is not ready at once, answers for a while, and then closes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.http.answer_headers import AnswerHeaders
from shared.http.server import config_within
from shared.process import stopping
from shared.process.serving import budget_of, serve_until_stopped
from shared.settings import EdgeSettings
from shared.telemetry.logs import verdict
from tests.support.waiting import stretched

pytestmark = pytest.mark.costly


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    stopping.forget()
    yield
    stopping.forget()


class Running:
    """A server as `python -m services.…` runs one; SIGTERM goes to this very process."""

    def __init__(self, drain: float) -> None:
        self.port, self.metrics = free_port(), free_port()
        settings = EdgeSettings(drain=drain, metrics_port=self.metrics)

        async def ready(_: Request) -> Response:
            status, found = await verdict({})
            return JSONResponse(found, status)

        app = Starlette(routes=[Route("/readyz", ready)])
        app.add_middleware(AnswerHeaders)
        config = config_within(
            budget_of(settings), app, "127.0.0.1", self.port, timeout_graceful_shutdown=2
        )
        self.serving = asyncio.create_task(serve_until_stopped(config, settings, {}))

    async def ask(self, port: int) -> tuple[int, str | None]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{port}/readyz") as answer,
        ):
            return answer.status, answer.headers.get("connection")

    async def ready(self) -> None:
        while True:
            try:
                assert await self.ask(self.port) == (200, None)
                return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)

    def is_asked_to_stop(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
async def patient() -> AsyncIterator[Running]:
    running = Running(drain=100)
    await asyncio.wait_for(running.ready(), stretched(20))
    yield running
    running.serving.cancel()


async def test_it_answers_on_and_says_that_it_is_not_ready(patient: Running) -> None:
    patient.is_asked_to_stop()
    while not stopping.is_announced():
        await asyncio.sleep(0.01)
    assert await patient.ask(patient.port) == (503, "close")
    assert (await patient.ask(patient.metrics))[0] == 503
    assert not patient.serving.done()
    patient.is_asked_to_stop()  # the second time it waits for nobody
    assert await asyncio.wait_for(patient.serving, stretched(20)) == 0


@pytest.mark.parametrize("drain", [0.0, 0.3])
async def test_it_closes_when_its_time_is_over(drain: float) -> None:
    running = Running(drain)
    await asyncio.wait_for(running.ready(), stretched(20))
    begun = asyncio.get_running_loop().time()
    running.is_asked_to_stop()
    assert await asyncio.wait_for(running.serving, stretched(20)) == 0
    assert asyncio.get_running_loop().time() - begun >= drain
    with pytest.raises(aiohttp.ClientConnectionError):
        await running.ask(running.port)
