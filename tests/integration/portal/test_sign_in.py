"""Signing in by an OpenID provider: a real one runs beside, with real signatures; everything that may be wrong with it is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.portal.oidc import COOKIE as SIGN_IN
from services.portal.session import COOKIE
from tests.integration.portal.conftest import PASSWORD, World, serving
from tests.support.issuer import Issuer, another_key, issuing, shared_key

HTML = {"Accept": "text/html"}


@dataclass
class Place:
    """A portal with a provider. `public` is where the provider sends people: the portal's name, which only the browser knows."""

    issuer: Issuer
    base: str

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base, headers=HTML, timeout=15)

    async def goes(self, browser: httpx.AsyncClient, back: str = "/tickets") -> httpx.Response:
        """To the provider: what it answers is the way back."""
        off = await browser.get("/login/oidc", params={"next": back})
        assert off.status_code == 303, off.text
        async with httpx.AsyncClient(timeout=15) as outside:
            return await outside.get(off.headers["location"])

    async def returns(self, browser: httpx.AsyncClient, answer: httpx.Response, **changes: str) -> httpx.Response:
        """Back with the provider's answer; `changes` are what an attacker makes of it."""
        parts = urlsplit(answer.headers["location"])
        assert (parts.scheme, parts.netloc, parts.path) == ("http", "portal.test", "/login/oidc/callback")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
        return await browser.get(parts.path, params=query)

    async def signs_in(self, browser: httpx.AsyncClient) -> httpx.Response:
        return await self.returns(browser, await self.goes(browser))


@pytest.fixture
async def place(world: World) -> AsyncIterator[Place]:
    with issuing() as issuer:
        settings = world.settings.model_copy(
            update={
                "oidc_issuer": issuer.address, "oidc_client_id": issuer.client_id, "oidc_label": "Example ID",
                "oidc_client_secret": type(world.settings.secret)(issuer.client_secret), "public_url": "http://portal.test",
            }
        )  # fmt: skip
        async with serving(settings) as base:
            found = Place(issuer, base)
            async with found.browser() as browser, asyncio.timeout(30):
                while (await browser.post("/login", data={"email": "kim@example.com", "password": PASSWORD})).status_code != 303:
                    await asyncio.sleep(0.3)  # the directory is being read
            yield found


async def is_in(browser: httpx.AsyncClient) -> bool:
    return (await browser.get("/v1/tickets", headers={"Accept": "application/json"})).status_code == 200


async def test_whoever_is_registered_comes_in_by_the_provider(place: Place, world: World) -> None:
    async with place.browser() as browser:
        assert "Log in with Example ID" in (await browser.get("/login")).text
        answer = await place.signs_in(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/tickets")
        assert await is_in(browser)
        assert "rae@example.com" in (await browser.get("/account")).text
    async with world.client(None) as browser:
        assert "/login/oidc" not in (await browser.get("/login", headers=HTML)).text, "no button where there is no provider"
        assert (await browser.get("/login/oidc", headers=HTML)).status_code == 404


NOW = int(time.time())
WRONG: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "another"}},
    "no nonce": {"claims": {"nonce": None}},
    "another audience": {"claims": {"aud": "somebody-else"}},
    "two audiences, not for us": {"claims": {"aud": ["signalbox", "other"], "azp": "other"}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "expired": {"claims": {"exp": NOW - 3600}},
    "no end": {"claims": {"exp": None}},
    "issued in the future": {"claims": {"iat": NOW + 36000}},
    "unverified e-mail": {"claims": {"email_verified": False}},
    "e-mail of unknown standing": {"claims": {"email_verified": None}},
    "no e-mail": {"claims": {"email": None}},
    "e-mail that is no text": {"claims": {"email": {"$ne": 1}}},
    "not signed": {"header": {"alg": "none"}},
    "signed with the client's secret": {"header": {"alg": "HS256"}, "sign_with": shared_key("a client's secret")},
    "signed by a stranger": {"sign_with": another_key("k1")},
    "an access token of another": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    "refused": {"refuses": "access_denied"},
}


async def test_what_is_wrong_lets_nobody_in(place: Place) -> None:
    for what, wrong in WRONG.items():
        place.issuer.misbehaves(**wrong)
        async with place.browser() as browser:
            answer = await place.signs_in(browser)
            assert (answer.status_code, "did not work" in answer.text) == (401, True), what
            assert not await is_in(browser), what
            place.issuer.heals()
            assert (await place.signs_in(browser)).status_code == 303, what


async def test_an_address_that_is_not_registered_gets_no_account(place: Place) -> None:
    place.issuer.misbehaves(email="somebody@example.com")
    async with place.browser() as browser:
        answer = await place.signs_in(browser)
        assert answer.status_code == 403
        assert "not registered" in answer.text
        assert not await is_in(browser)


async def test_an_answer_counts_once_and_for_the_browser_that_asked(place: Place) -> None:
    async with place.browser() as browser, place.browser() as victim:
        answer = await place.goes(browser)
        forged = await place.returns(victim, answer)
        assert forged.status_code == 401, "login CSRF: somebody else's answer in a browser that never asked"
        await place.goes(victim)
        assert (await place.returns(victim, answer)).status_code == 401, "or that asked for something else"
        assert (await place.returns(browser, answer, iss="https://evil.example")).status_code == 401, "mix-up (RFC 9207)"
        assert (await place.returns(browser, answer)).status_code == 401, "an answer is used up, wrong or right"
        answer = await place.goes(browser)
        assert (await place.returns(browser, answer, state="x")).status_code == 401
        assert (await place.signs_in(browser)).status_code == 303
        assert not await is_in(victim)


async def test_the_way_back_stays_here_and_the_old_session_ends(place: Place) -> None:
    async with place.browser() as browser:
        browser.cookies.set(COOKIE, "planted")
        answer = await place.returns(browser, await place.goes(browser, "https://evil.example/"))
        assert answer.headers["location"] == "/"
        assert browser.cookies.get(COOKIE, domain="127.0.0.1") != "planted"
        cookies = answer.headers.get_list("set-cookie")
        assert any(line.startswith(f'{SIGN_IN}=""') for line in cookies), "the cookie of the sign-in is gone"
        assert all("HttpOnly" in line and "SameSite=lax" in line for line in cookies)


async def test_new_keys_are_fetched_and_a_provider_away_is_said(place: Place) -> None:
    async with place.browser() as browser:
        assert (await place.signs_in(browser)).status_code == 303
        place.issuer.turns_keys()
        assert (await place.signs_in(browser)).status_code == 303
        assert place.issuer.asked == ["keys", "keys"]
        place.issuer.address = "https://another.example"
    async with place.browser() as browser:
        assert (await browser.get("/login/oidc")).status_code == 303, "what is known of it is used for an hour"
