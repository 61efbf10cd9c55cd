"""Signing in by an OpenID provider: a real one runs beside, with real signatures; everything that
may be wrong with it is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
import uvicorn
from argon2 import PasswordHasher
from pydantic import SecretStr

from services.intake.app import build
from services.intake.http.door import Allowance, RequestGate
from services.portal.sign_in.oidc import COOKIE as SIGN_IN
from services.portal.sign_in.session import COOKIE
from shared.clock import SystemClock
from shared.events import DirectoryRecorded, Role
from shared.wire import Record
from tests.integration.portal.conftest import PASSWORD, PEOPLE, World, serving
from tests.support.issuer import Issuer, another_key, issuing, shared_key
from tests.unit.intake.building import SECRET, Bench

HTML = {"Accept": "text/html"}


@dataclass
class Place:
    """A portal with a provider. `public` is where the provider sends people: the portal's name,
    which only the browser knows.
    """

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

    async def returns(
        self, browser: httpx.AsyncClient, answer: httpx.Response, **changes: str
    ) -> httpx.Response:
        """Back with the provider's answer; `changes` are what an attacker makes of it."""
        parts = urlsplit(answer.headers["location"])
        assert (parts.scheme, parts.netloc, parts.path) == (
            "http",
            "portal.test",
            "/login/oidc/callback",
        )
        query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
        return await browser.get(parts.path, params=query)

    async def signs_in(self, browser: httpx.AsyncClient) -> httpx.Response:
        return await self.returns(browser, await self.goes(browser))


@pytest.fixture
async def place(world: World) -> AsyncIterator[Place]:
    with issuing() as issuer:
        settings = world.settings.model_copy(
            update={
                "oidc_issuer": issuer.address,
                "oidc_client_id": issuer.client_id,
                "oidc_label": "Example ID",
                "oidc_client_secret": type(world.settings.secret)(issuer.client_secret),
                "public_url": "http://portal.test",
            }
        )
        async with serving(settings) as base:
            found = Place(issuer, base)
            async with found.browser() as browser, asyncio.timeout(30):
                while (
                    await browser.post(
                        "/login", data={"email": "kim@example.com", "password": PASSWORD}
                    )
                ).status_code != 303:
                    await asyncio.sleep(0.3)  # the directory is being read
            yield found


async def is_in(browser: httpx.AsyncClient) -> bool:
    return (
        await browser.get("/v1/tickets", headers={"Accept": "application/json"})
    ).status_code == 200


async def test_whoever_is_registered_comes_in_by_the_provider(place: Place, world: World) -> None:
    async with place.browser() as browser:
        assert "Log in with Example ID" in (await browser.get("/login")).text
        answer = await place.signs_in(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/tickets")
        assert await is_in(browser)
        assert "rae@example.com" in (await browser.get("/account")).text
    async with world.client(None) as browser:
        assert "/login/oidc" not in (await browser.get("/login", headers=HTML)).text, (
            "no button where there is no provider"
        )
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
    "signed with the client's secret": {
        "header": {"alg": "HS256"},
        "sign_with": shared_key("a client's secret"),
    },
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
        assert forged.status_code == 401, (
            "login CSRF: somebody else's answer in a browser that never asked"
        )
        await place.goes(victim)
        assert (await place.returns(victim, answer)).status_code == 401, (
            "or that asked for something else"
        )
        assert (
            await place.returns(browser, answer, iss="https://evil.example")
        ).status_code == 401, "mix-up (RFC 9207)"
        assert (await place.returns(browser, answer)).status_code == 401, (
            "an answer is used up, wrong or right"
        )
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
        assert any(line.startswith(f'{SIGN_IN}=""') for line in cookies), (
            "the cookie of the sign-in is gone"
        )
        assert all("HttpOnly" in line and "SameSite=lax" in line for line in cookies)


async def test_new_keys_are_fetched_and_a_provider_away_is_said(place: Place) -> None:
    async with place.browser() as browser:
        assert (await place.signs_in(browser)).status_code == 303
        place.issuer.turns_keys()
        assert (await place.signs_in(browser)).status_code == 303
        assert place.issuer.asked == ["keys", "keys"]
        place.issuer.address = "https://another.example"
    async with place.browser() as browser:
        assert (await browser.get("/login/oidc")).status_code == 303, (
            "what is known of it is used for an hour"
        )


@contextlib.asynccontextmanager
async def intake_beside(world: World, *emails: str) -> AsyncIterator[tuple[str, Bench]]:
    """The real intake over a log in memory; what it writes goes to the portal's Kafka too."""
    bench = Bench(empty=True)
    for email in emails:
        account = PEOPLE[email.partition("@")[0]]
        bench.log.holds("accounts", email, {"email": email, "plan": "premium", **account})

    async def write(record: Record) -> int:
        await world.producer.send_many([record])
        return await bench.log.write(record)

    intake = dataclasses.replace(bench.intake, write=write)
    door = RequestGate(bench.reference, SystemClock(), SECRET, Allowance("1000/minute"))
    app = build(intake, door, {}, accounts=bench.accounts)
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not running.done(), "intake ended while starting"
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", bench
    finally:
        server.should_exit = True
        await running


async def test_groups_of_the_provider_give_and_take_roles(world: World) -> None:
    """Only the roles that are mapped to groups; a token that says nothing about groups changes
    nothing, and nobody comes in while what their groups allow cannot be recorded.
    """
    agent = "agent@example.com"
    with issuing() as issuer:
        async with intake_beside(world, agent) as (intake_url, bench):
            settings = world.settings.model_copy(
                update={
                    "secret": SecretStr(SECRET),
                    "intake_url": intake_url,
                    "oidc_issuer": issuer.address,
                    "oidc_client_id": issuer.client_id,
                    "oidc_client_secret": SecretStr(issuer.client_secret),
                    "oidc_roles": {"sre": (Role.OPS, Role.ON_CALL), "architects": (Role.CSA,)},
                    "public_url": "http://portal.test",
                }
            )

            async def comes(groups: Any) -> list[str]:
                issuer.misbehaves(email=agent, claims={"groups": groups})
                async with place.browser() as browser:
                    answer = await place.signs_in(browser)
                    assert answer.status_code == 303, answer.text
                    assert await is_in(browser)
                account = bench.log.get("accounts", agent) or {}
                return list(account["roles"])

            async with serving(settings) as base:
                place = Place(issuer, base)
                async with place.browser() as browser, asyncio.timeout(30):
                    while not await _knows(browser, agent):
                        await asyncio.sleep(0.2)
                assert await comes(["sre", "unknown"]) == ["agent", "on-call", "ops"]
                assert await comes(None) == ["agent", "on-call", "ops"]
                assert await comes(["architects"]) == ["agent", "csa"]
                assert await comes([]) == ["agent"]
                by = {event.actor.name for event in bench.log.on("directory")}  # type: ignore[attr-defined]
                assert by == {"the sign-in provider"}
            lonely = settings.model_copy(update={"intake_url": "http://127.0.0.1:9"})
            async with serving(lonely) as base:
                place = Place(issuer, base)
                issuer.misbehaves(email=agent, claims={"groups": ["sre"]})
                async with place.browser() as browser, asyncio.timeout(30):
                    while not await _knows(browser, agent):
                        await asyncio.sleep(0.2)
                    answer = await place.signs_in(browser)
                    assert answer.status_code == 503
                    assert not await is_in(browser)


async def test_staff_switch_a_second_step_on_at_the_login_where_they_must(world: World) -> None:
    """No session before the code; then one, with the recovery codes, and one of them lets in."""
    agent = "agent@example.com"
    hashed = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    async with intake_beside(world, agent) as (intake_url, bench):
        bench.log.holds("credentials", agent, {"password_hash": hashed})
        await world.say(
            [
                DirectoryRecorded(
                    id="password",
                    key=f"credentials:{agent}",
                    at=datetime.now(UTC),
                    kind="credentials",
                    doc_id=agent,
                    document={"password_hash": hashed},
                )
            ]
        )
        settings = world.settings.model_copy(
            update={
                "secret": SecretStr(SECRET),
                "intake_url": intake_url,
                "second_step_required": True,
            }
        )
        form = {"email": agent, "password": PASSWORD, "next": "/queue"}
        async with serving(settings) as base:
            place = Place(Issuer(), base)
            async with place.browser() as browser:
                async with asyncio.timeout(30):
                    while True:
                        answer = await browser.post("/login", data=form)
                        page = await browser.get("/login/second-step", params={"next": "/queue"})
                        shown = _enrolment(page.text)
                        code = pyotp.TOTP(shown["secret"]).now() if shown else ""
                        done = await browser.post(
                            "/login/second-step", data={**shown, "code": code, "next": "/queue"}
                        )
                        if done.status_code == 200:
                            break
                        assert not await is_in(browser)
                        await asyncio.sleep(0.2)
                assert answer.headers["location"] == "/login/second-step?next=%2Fqueue"
                codes = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", done.text)
                assert len(codes) == 10
                assert await is_in(browser)
            async with place.browser() as browser:
                answer = await browser.post("/login", data=form)
                assert answer.headers["location"] == "/login/code?next=%2Fqueue"
                used = {"code": codes[0], "next": "/queue"}
                inside = await browser.post("/login/code", data=used)
                assert (inside.status_code, inside.headers["location"]) == (303, "/queue")
                assert await is_in(browser)
            async with place.browser() as browser:
                await browser.post("/login", data=form)
                assert (await browser.post("/login/code", data=used)).status_code == 401
                assert not await is_in(browser)


def _enrolment(page: str) -> dict[str, str]:
    """The fields of the form that switches it on, and the secret it shows; empty on another page."""
    token = re.search(r'name="enrolment" value="([^"]+)"', page)
    secret = re.search(r'class="key">([A-Z2-7 ]+)<', page)
    if token is None or secret is None:
        return {}
    return {"enrolment": token.group(1), "secret": secret.group(1).replace(" ", "")}


async def _knows(browser: httpx.AsyncClient, email: str) -> bool:
    """Whether the portal has read the directory."""
    answer = await browser.post("/login", data={"email": email, "password": PASSWORD})
    browser.cookies.clear()
    return answer.status_code == 303
