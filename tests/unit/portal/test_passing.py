"""Bodies on their way to intake: a stranger's is never read, a large one is never kept."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from services.portal.web.intake_client import MOST_BYTES, IntakeClient
from services.portal.web.passing import SMALL_BYTES, Streams
from shared.errors import Refused, Unavailable
from shared.http import problems
from shared.http.budget import Budget
from shared.http.client_address import HEADER, client_of
from tests.support.edge import Client, Clients, head_of, serving

pytestmark = pytest.mark.costly

SECRET = "a secret of the tests"
MAX_BODY = 256 * 1024


@dataclass
class FarEnd:
    """Reads bodies of whoever is not `nobody`, as intake does; keeps only their sizes."""

    sizes: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.asked += 1
        self.headers.append(dict(request.headers))
        if request.headers.get("authorization") == "Bearer nobody":
            refusal = Refused("unauthenticated", "Send a token.", status=401)
            await problems.of_refused(refusal)(scope, receive, send)
            return
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        self.sizes.append(size)
        await problems.response(202, "accepted", "Taken.")(scope, receive, send)


@dataclass
class Portal:
    """The portal's way to intake behind a server of ours."""

    intake: IntakeClient

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        is_file = scope["path"] == "/v1/attachments"
        pass_on = self.intake.pass_on_file if is_file else self.intake.pass_on
        try:
            answer = await pass_on(request, None)
        except Refused as refusal:
            answer = problems.of_refused(refusal)
        except Unavailable as error:
            answer = problems.of_unavailable(error)
        await answer(scope, receive, send)


@contextlib.asynccontextmanager
async def both(far_end: FarEnd) -> AsyncIterator[Clients]:
    budget = Budget(each=500)
    async with serving(budget, far_end) as behind:
        clock = SimpleNamespace(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        intake = IntakeClient(
            f"http://127.0.0.1:{behind.port}", "", clock, SECRET, max_body=MAX_BODY
        )
        try:
            async with serving(budget, Portal(intake)) as clients:
                yield clients
        finally:
            await intake.close()


async def sends(client: Client, path: str, size: int, who: str, chunked: bool = False) -> bytes:
    """The answer's head to a body of `size` bytes, or to as much of it as was taken."""
    head = head_of(size, path, chunked).replace(
        b"\r\n\r\n", b"\r\nAuthorization: Bearer %s\r\n\r\n" % who.encode()
    )
    heard = asyncio.create_task(client.hears())
    piece = b"x" * 50_000
    with contextlib.suppress(ConnectionError):
        await client.says(head)
        for at in range(0, size, len(piece)):
            part = piece[: size - at]
            await client.says(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            if heard.done():
                break
        else:
            if chunked:
                await client.says(b"0\r\n\r\n")
    return await heard


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize("path", ["/v1/mail", "/v1/attachments", "/v1/alerts"])
async def test_a_strangers_body_is_not_read(path: str, chunked: bool) -> None:
    far_end = FarEnd()
    async with both(far_end) as clients:
        head = await sends(await clients.one(), path, 8_000_000, "nobody", chunked)
        assert head[9:12] == b"401" and b"connection: close" in head.lower()
    assert far_end.asked == 1 and not far_end.sizes


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/v1/tickets", 0),
        ("/v1/tickets", 100),
        ("/v1/tickets", SMALL_BYTES),
        ("/v1/tickets", SMALL_BYTES + 1),
        ("/v1/tickets", MAX_BODY),
        ("/v1/mail", MOST_BYTES),
        ("/v1/attachments", MOST_BYTES),
    ],
)
async def test_every_size_arrives_whole(path: str, size: int, chunked: bool) -> None:
    far_end = FarEnd()
    async with both(far_end) as clients:
        client = await clients.one()
        assert (await sends(client, path, size, "ada", chunked))[9:12] == b"202"
        assert (await sends(client, path, 10, "ada"))[9:12] == b"202"
    assert far_end.sizes == [size, 10]


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize(
    ("path", "most"),
    [("/v1/tickets", MAX_BODY), ("/v1/mail", MOST_BYTES), ("/v1/attachments", MOST_BYTES)],
)
async def test_more_than_there_may_be_is_413(path: str, most: int, chunked: bool) -> None:
    far_end = FarEnd()
    async with both(far_end) as clients:
        head = await sends(await clients.one(), path, most + 100_000, "ada", chunked)
        assert head[9:12] == b"413"
    assert not far_end.sizes


async def test_a_storm_of_alerts_is_cut() -> None:
    far_end = FarEnd()
    async with both(far_end) as clients:
        head = await sends(await clients.one(), "/v1/alerts", 9_000_000, "ada")
        assert head[9:12] == b"202"
    assert far_end.sizes == [8 * 1024 * 1024 + 1]


async def test_forty_large_bodies_of_nobody_cost_no_memory() -> None:
    async with both(FarEnd()) as clients:
        strangers = [await clients.one() for _ in range(40)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tracemalloc.start(1)
        try:
            heads = await asyncio.gather(
                *(sends(client, "/v1/mail", MOST_BYTES, "nobody") for client in strangers)
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert {head[9:12] for head in heads} <= {b"401", b"503"}
        assert [head[9:12] for head in heads].count(b"401") >= 20
        assert peak < 64 * 1024 * 1024
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 128 * 1024


async def test_intake_is_told_who_asks() -> None:
    far_end = FarEnd()
    async with both(far_end) as clients:
        await sends(await clients.one(source="127.0.0.9"), "/v1/subscriptions", 10, "")
    vouched = far_end.headers[0][HEADER]
    assert client_of(vouched, SECRET, "10.0.0.1") == "127.0.0.9"


@pytest.mark.parametrize(
    "header", [None, "", "192.0.2.9", "192.0.2.9 ", "192.0.2.9 00", f"192.0.2.9 {'0' * 64}"]
)
def test_an_address_nobody_vouched_for_is_not_believed(header: str | None) -> None:
    assert client_of(header, SECRET, "10.0.0.1") == "10.0.0.1"
    assert client_of(header, None, "10.0.0.1") == "10.0.0.1"


def test_streams_are_bounded_for_one_and_for_all() -> None:
    streams = Streams(most=3, each=2)
    with contextlib.ExitStack() as open_:
        open_.enter_context(streams.one("a"))
        open_.enter_context(streams.one("a"))
        with pytest.raises(Refused, match="busy"), streams.one("a"):
            pass
        open_.enter_context(streams.one("b"))
        with pytest.raises(Refused, match="busy"), streams.one("c"):
            pass
    assert streams.count == 0
    with streams.one("a"):
        pass
