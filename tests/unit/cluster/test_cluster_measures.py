"""What `make cluster` measures with: its balancer, and when routing has resumed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from tests.chaos.load import Customer
from tests.cluster.balancer import Balancer
from tests.cluster.run import WAITS_S, resumed
from tests.cluster.traffic import Sending

WHO = Customer("a@example.com", "token", "app")
LONG_S = 5 * WAITS_S


def sent(at: float, ticket: str) -> Sending:
    return Sending(at, WHO, urgent=False, answered=at, ticket=ticket)


@pytest.mark.parametrize(
    ("sendings", "seen", "seconds"),
    [
        ([(1, "a")], {"a": (1 + LONG_S, 0)}, 1 + LONG_S),
        ([(1, "a"), (2, "b")], {"a": (1 + LONG_S, 0), "b": (9 + LONG_S, 1)}, 9 + LONG_S),
        ([(1, "a"), (2, "b")], {"a": (1 + LONG_S, 0), "b": (50, 0)}, 1 + LONG_S),
        ([(40, "a")], {"a": (40 + WAITS_S / 2, 0)}, 0),
        ([(-5, "a")], {"a": (99, 0)}, 0),
        ([(1, "a")], {}, math.inf),
    ],
    ids=[
        "it waited",
        "the slowest partition counts",
        "its first ticket counts",
        "a ticket sent late that did not wait",
        "sent before the fault",
        "never routed",
    ],
)
def test_routing_has_resumed(
    sendings: list[tuple[float, str]], seen: dict[str, tuple[float, int]], seconds: float
) -> None:
    began = 1000.0
    found = resumed(
        began,
        [sent(began + at, ticket) for at, ticket in sendings],
        {ticket: (began + at, partition) for ticket, (at, partition) in seen.items()},
    )
    assert found == pytest.approx(seconds)


@asynccontextmanager
async def copy(name: str, status: int = 200) -> AsyncIterator[int]:
    """A server that says its name, and how ready it is."""

    async def ready(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def say(_: web.Request) -> web.Response:
        return web.Response(text=name)

    app = web.Application()
    app.add_routes([web.get("/readyz", ready), web.get("/", say)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_the_balancer_asks_ready_copies_in_turn_and_none_that_is_gone() -> None:
    async with copy("a") as a, copy("b") as b, copy("c", status=503) as c:
        async with copy("d") as gone:
            pass
        async with Balancer(0, [a, b, c, gone]) as balancer, ClientSession() as http:
            port = balancer._server.sockets[0].getsockname()[1]
            async with asyncio.timeout(30):
                while balancer.ready != {a, b}:
                    await asyncio.sleep(0.01)

            async def ask() -> str:
                headers = {"Connection": "close"}
                async with http.get(f"http://127.0.0.1:{port}/", headers=headers) as answer:
                    return await answer.text()

            assert sorted([await ask() for _ in range(4)]) == ["a", "a", "b", "b"]
            balancer.ready = {gone, a}
            assert {await ask() for _ in range(2)} == {"a"}, "the other takes what one refuses"
