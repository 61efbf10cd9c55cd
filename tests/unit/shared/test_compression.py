"""What is compressed, and that a stream of events is not held back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from services.portal.web.stream import event_stream
from shared.http.compression import CompressionMiddleware

LONG = "a page of many words " * 400


def app_of(answer: Response) -> Starlette:
    async def give(_: Request) -> Response:
        return answer

    app = Starlette(routes=[Route("/", give)])
    app.add_middleware(CompressionMiddleware)
    return app


@pytest.mark.parametrize(
    ("answer", "encoding"),
    [
        (Response(LONG, media_type="text/html"), "gzip"),
        (Response(LONG, media_type="application/json"), "gzip"),
        (Response(LONG, media_type="application/atom+xml"), "gzip"),
        (Response("short", media_type="text/html"), None),
        (Response(LONG, media_type="image/png"), None),
        (Response(LONG, media_type="application/octet-stream"), None),
        (Response(LONG, headers={"Content-Encoding": "br"}), "br"),
    ],
)
def test_texts_are_compressed_and_nothing_twice(answer: Response, encoding: str | None) -> None:
    with TestClient(app_of(answer)).stream("GET", "/") as got:
        assert got.headers.get("content-encoding") == encoding
        if encoding == "gzip":
            assert got.headers["vary"] == "Accept-Encoding"
            assert int(got.headers["content-length"]) < len(LONG) / 10


def test_who_takes_no_gzip_gets_none() -> None:
    client = TestClient(app_of(Response(LONG, media_type="text/html")))
    got = client.get("/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in got.headers
    assert got.text == LONG


def test_an_event_leaves_before_the_next_one_exists() -> None:
    """Each part is sent on as it comes; were it kept for compressing, the second would never come."""
    sent: list[bytes] = []
    arrived = asyncio.Event()

    async def events() -> Any:
        yield b"event: changed\ndata: now\n\n"
        async with asyncio.timeout(5):
            await arrived.wait()
        yield b"event: changed\ndata: again\n\n"

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            sent.append(message["body"])
            arrived.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def go() -> None:
        response: StreamingResponse = event_stream(events())
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"accept-encoding", b"gzip")],
        }
        await CompressionMiddleware(response)(scope, receive, send)

    asyncio.run(go())
    assert sent == [b"event: changed\ndata: now\n\n", b"event: changed\ndata: again\n\n"]
