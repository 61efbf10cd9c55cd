"""Tokens for OAUTHBEARER: asked for once, kept for most of their life, refusals in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import unquote

import pytest
from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer

from shared.bus.access.tokens import TokenRefused, Tokens
from shared.kafka.access import KafkaAccess

ACCESS = KafkaAccess(
    ("b:1",), mechanism="OAUTHBEARER", username="id", password="s3:cret", token_scope="kafka write"
)


class Authority:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: dict[str, object] = {}
        self.status = 200
        self.url = ""

    async def give(self, request: web.Request) -> web.Response:
        known = BasicAuth.decode(request.headers["Authorization"])
        form = {name: unquote(str(value)) for name, value in (await request.post()).items()}
        self.asked.append({**form, "id": known.login, "secret": known.password})
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    made, app = Authority(), web.Application()
    app.add_routes([web.post("/token", made.give)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("/token"))
        yield made


async def test_a_token_is_used_for_most_of_its_life(authority: Authority) -> None:
    tokens = Tokens(replace(ACCESS, token_url=authority.url))
    authority.answer = {"access_token": "one", "expires_in": 600}
    assert [await tokens.token(), await tokens.token()] == ["one", "one"]
    assert authority.asked == [
        {
            "grant_type": "client_credentials",
            "scope": "kafka write",
            "id": "id",
            "secret": "s3:cret",
        }
    ]
    authority.answer = {"access_token": "short", "expires_in": 1e-9}
    tokens = Tokens(replace(ACCESS, token_url=authority.url))
    await tokens.token()
    authority.answer = {"access_token": "next"}
    assert await tokens.token() == "next"


@pytest.mark.parametrize(
    ("status", "answer"),
    [(401, {"error": "invalid_client"}), (302, {}), (200, {}), (200, {"token": "x"}), (500, {})],
)
async def test_no_token_is_said_in_words(
    authority: Authority, status: int, answer: dict[str, object]
) -> None:
    authority.status, authority.answer = status, answer
    with pytest.raises(TokenRefused, match="KAFKA_TOKEN_URL gives no token") as refused:
        await Tokens(replace(ACCESS, token_url=authority.url)).token()
    assert "s3:cret" not in str(refused.value)
