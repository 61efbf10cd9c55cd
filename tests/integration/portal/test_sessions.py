"""Sessions over HTTP, with real MongoDB: cookies, several browsers, signing out everywhere, and
what ends a session.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pyotp
from argon2 import PasswordHasher

from services.portal.sign_in.cookies import HOST_PREFIX
from services.portal.sign_in.session import COOKIE
from services.portal.sign_in.tries import DEVICE_COOKIE
from shared.events import DirectoryRecorded, Via
from shared.people.identity import mint
from shared.people.second_step import SecondStep, new_secret, seal
from shared.people.token_use import TokenUse
from shared.storage.store import Store
from tests.integration.portal.conftest import PASSWORD, World, people, serving
from tests.support.stack import Stack

HTML = {
    "Accept": "text/html",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/128.0",
}


async def log_in(
    browser: httpx.AsyncClient, who: str = "rae", password: str = PASSWORD
) -> httpx.Response:
    return await browser.post(
        "/login",
        data={"email": f"{who}@example.com", "password": password, "next": "/tickets"},
        headers=HTML,
    )


async def status(browser: httpx.AsyncClient) -> int:
    return (await browser.get("/v1/tickets")).status_code


def cookies_of(answer: httpx.Response) -> SimpleCookie:
    found = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        found.load(header)
    return found


async def test_the_cookies_are_for_this_site_and_no_script(world: World) -> None:
    async with world.client(None) as browser:
        answer = await log_in(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/tickets")
        found = cookies_of(answer)
        for name, path in ((COOKIE, "/"), (DEVICE_COOKIE, "/login")):
            assert (
                found[name]["httponly"],
                found[name]["samesite"],
                found[name]["path"],
                found[name]["secure"],
            ) == (True, "lax", path, "")
        assert len(found[COOKIE].value) >= 43
    https = world.settings.model_copy(update={"public_url": "https://support.example.com"})
    async with serving(https) as base, httpx.AsyncClient(base_url=base, timeout=15) as browser:
        async with asyncio.timeout(30):
            while (
                answer := await log_in(browser)
            ).status_code != 303:  # the directory is being read
                await asyncio.sleep(0.2)
        found = cookies_of(answer)
        assert all(cookie["secure"] for cookie in found.values())
        kept = found[HOST_PREFIX + COOKIE]
        assert (kept["path"], kept["domain"]) == ("/", "")
        given = {name for name, cookie in found.items() if cookie.value}  # others are taken away
        assert {name[: len(HOST_PREFIX)] for name in given} == {HOST_PREFIX}
        assert "max-age=" in answer.headers["strict-transport-security"]


async def test_a_login_takes_no_cookie_it_is_given(world: World) -> None:
    """Session fixation: a planted cookie stays worthless, and an old session does not live on under
    the new one.
    """
    async with world.client(None, cookies={COOKIE: "planted"}) as browser:
        first = cookies_of(await log_in(browser))[COOKIE].value
        assert first != "planted"
        second = cookies_of(await log_in(browser))[COOKIE].value
        assert second != first
    for cookie, expected in (("planted", 401), (first, 401), (second, 200)):
        async with world.client(None, cookies={COOKIE: cookie}) as browser:
            assert await status(browser) == expected


async def test_signing_out_here_there_and_everywhere(world: World) -> None:
    async with world.client(None) as desk, world.client(None) as phone, world.client(None) as other:
        for browser, who in ((desk, "rae"), (phone, "rae"), (other, "kim")):
            assert (await log_in(browser, who)).status_code == 303
        shown = (await desk.get("/account", headers=HTML)).text
        assert shown.count("Firefox on Linux") >= 2
        assert shown.count("This browser") == 1
        rows = await world.store["sessions"].find({"email": "rae@example.com"})
        assert len(rows) == 2
        foreign = [
            row["_id"] for row in await world.store["sessions"].find({"email": "kim@example.com"})
        ]
        await desk.post("/account/sessions", data={"session": foreign[0]}, headers=HTML)
        assert await status(other) == 200, "others' sessions are not ours to end"
        ended = await phone.post("/account/sessions", data={}, headers=HTML)
        assert ended.headers["location"] == "/login"
        assert [await status(browser) for browser in (desk, phone, other)] == [401, 401, 200]


async def test_a_session_ends_by_time_and_by_another_password(world: World) -> None:
    async with world.client(None) as browser:
        await log_in(browser)
        assert await status(browser) == 200
        changed = {
            "password_hash": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(
                "a new password"
            )
        }
        key = {
            "kind": "credentials",
            "doc_id": "rae@example.com",
            "key": "credentials:rae@example.com",
        }
        await world.say(
            [
                DirectoryRecorded.model_validate(
                    {"id": "c2", "at": datetime.now(UTC), "document": changed, **key}
                )
            ]
        )
        async with asyncio.timeout(30):
            while await status(browser) != 401:
                await asyncio.sleep(0.05)
        assert (await log_in(browser)).status_code == 401
        assert (await log_in(browser, password="a new password")).status_code == 303
        await world.store["sessions"].update_all(
            {"email": "rae@example.com"}, {"$set": {"until": datetime.now(UTC).timestamp() - 1}}
        )
        assert await status(browser) == 401


async def test_an_account_made_anew_begins_with_nothing_of_the_one_before(world: World) -> None:
    email, now = "rae@example.com", datetime.now(UTC)
    account = next(
        one.document for one in people() if one.key == f"accounts:{email}" and one.document
    )

    def said(number: int, document: dict[str, Any] | None) -> DirectoryRecorded:
        return DirectoryRecorded.model_validate(
            {
                "id": f"anew{number}",
                "at": now,
                "kind": "accounts",
                "doc_id": email,
                "key": f"accounts:{email}",
                "document": document,
            }
        )

    async with world.client(None) as browser:
        await log_in(browser)
        assert await status(browser) == 200
        async with browser.stream("GET", "/v1/stream") as stream:
            await world.say([said(1, None)])
            async with asyncio.timeout(30):
                async for _ in stream.aiter_raw():
                    pass  # it ends by itself
        assert await status(browser) == 401
        await world.say([said(2, {**account, "since": now.isoformat()})])
        own = mint(email, Via.WEB, "a secret of this test", now + timedelta(minutes=1))
        async with asyncio.timeout(30), world.client(None) as portal:
            portal.headers["Authorization"] = f"Bearer {own}"
            while await status(portal) != 200:  # the portal knows the new account
                await asyncio.sleep(0.05)
        assert await status(browser) == 401
        assert (await world.get("rae", "/v1/tickets")).status_code == 401
        assert (await log_in(browser)).status_code == 401
        await world.say([said(3, account)])
        async with asyncio.timeout(30):
            while await status(browser) != 200:  # the account as it was: it is theirs
                await asyncio.sleep(0.05)


async def test_guessing_is_throttled_and_a_session_goes_on(world: World) -> None:
    async with world.client(None) as owner, world.client(None) as guesser:
        await log_in(owner)
        answers = [(await log_in(guesser, password=f"guess {n}")).status_code for n in range(10)]
        assert answers == [401] * 8 + [429] * 2
        assert (await log_in(guesser)).status_code == 429, (
            "the right password does not count while guessing is slowed down"
        )
        assert await status(owner) == 200
        assert (await log_in(owner)).status_code == 303, (
            "the owner's browser is known, and is let in from the guesser's own address"
        )
        assert (await log_in(guesser, "kim")).status_code == 303


async def test_an_unknown_address_is_answered_like_a_wrong_password(world: World) -> None:
    async with world.client(None) as browser:
        wrong, unknown = await log_in(browser, password="wrong"), await log_in(browser, "nobody")
        assert wrong.status_code == unknown.status_code == 401
        said = [re.sub(r'data-now="[^"]*"', "", answer.text) for answer in (wrong, unknown)]
        assert said[0].replace("rae@", "nobody@") == said[1]


async def test_the_use_of_a_token_is_written_now_and_then(world: World) -> None:
    store = Store(world.settings.mongodb_uri, world.settings.mongodb_database)
    uses, at = TokenUse(store), datetime(2026, 11, 22, 3, tzinfo=UTC)
    try:
        uses.seen("t1", at)
        assert await uses.last(["t1", "t2"]) == {"t1": at}
        await uses.write()
        again = TokenUse(store)
        again.seen("t1", datetime(2026, 11, 22, 2, tzinfo=UTC))
        await again.write()
        assert await again.last(["t1"]) == {"t1": at}, (
            "an older process does not turn the time back"
        )
    finally:
        store.close()
    away = TokenUse(Store("mongodb://127.0.0.1:9/?replicaSet=rs0", "none"))
    away.seen("t1", at)
    assert await away.last(["t1"], within=0.2) == {"t1": at}


@contextlib.contextmanager
def silent_mongod(engine: Stack) -> Iterator[None]:
    """It takes connections, and answers nothing."""
    pid = engine.pid("mongod")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_session_that_ended_stays_ended_while_mongodb_is_silent(
    world: World, engine: Stack
) -> None:
    """Signed out here, signed out from another browser, and one that goes on."""
    async with world.client(None) as out, world.client(None) as far, world.client(None) as on:
        for browser, who in ((out, "rae"), (far, "rae"), (on, "kim")):
            assert (await log_in(browser, who)).status_code == 303
            assert await status(browser) == 200
        cookie = out.cookies[COOKIE]
        assert (await out.post("/logout", headers=HTML)).status_code == 303
        out.cookies.set(COOKIE, cookie)
        name = hashlib.sha256(far.cookies[COOKIE].encode()).hexdigest()
        over = {"until": 0.0, "expires_at": datetime.now(UTC)}
        await world.store["sessions"].update({"_id": name}, {"$set": over})  # another process
        assert await status(far) == 401
        with silent_mongod(engine):
            for browser in (out, far):
                answer = await browser.post("/v1/tickets", json={})
                assert answer.status_code in (401, 503), "it is over, or cannot be looked up"
            token = {"name": "for ever", "scopes": ["read", "write"]}
            assert (await on.post("/v1/tokens", json=token)).status_code == 503, (
                "a session that is only remembered makes no token"
            )
        for browser, expected in ((out, 401), (far, 401), (on, 200)):
            assert await status(browser) == expected


async def test_a_password_alone_does_not_do_where_a_second_step_is_on(world: World) -> None:
    """The code opens it, once; neither the address behind the code's page nor the page that
    switches a second step on is a way around it.
    """
    totp, rae = new_secret(), "rae@example.com"
    step = SecondStep(
        secret=seal(b"a secret of this test", rae, totp),
        recovery=(),
        used=0,
        on_since=datetime.now(UTC),
    )
    key = {"kind": "second-steps", "doc_id": rae}
    await world.say(
        [
            DirectoryRecorded.model_validate(
                {
                    "id": "second-step",
                    "key": f"second-steps:{rae}",
                    "at": datetime.now(UTC),
                    "document": step.kept(),
                    **key,
                }
            )
        ]
    )
    async with world.client(None) as browser:
        async with asyncio.timeout(30):
            while (answer := await log_in(browser)).headers["location"] == "/tickets":
                await asyncio.sleep(0.05)
    async with world.client(None) as browser:
        browser.headers.update(HTML)
        answer = await log_in(browser)
        assert answer.headers["location"] == "/login/code?next=%2Ftickets"
        assert COOKIE not in cookies_of(answer)
        assert await status(browser) == 401
        for way in ("/login/second-step", "/account", "/account/second-step"):
            assert (await browser.get(way)).status_code == 303
        around = await browser.post("/login/second-step", data={"enrolment": "x", "code": "1"})
        assert around.headers["location"].startswith("/login")
        page = await browser.get("/login/code", params={"next": "/tickets"})
        assert "one-time-code" in page.text
        code = pyotp.TOTP(totp).now()
        wrong = await browser.post("/login/code", data={"code": "000000" if code[0] else "1"})
        assert wrong.status_code == 401
        both = await asyncio.gather(
            *(browser.post("/login/code", data={"code": code, "next": "/tickets"}) for _ in "12")
        )
        assert sorted(one.status_code for one in both) == [303, 401], "it counts once"
        assert await status(browser) == 200
    required = world.settings.model_copy(update={"second_step_required": True})
    async with serving(required) as base, httpx.AsyncClient(base_url=base, timeout=15) as browser:
        async with asyncio.timeout(30):
            while (answer := await log_in(browser, "agent")).status_code != 303:
                await asyncio.sleep(0.2)
        assert answer.headers["location"] == "/login/second-step?next=%2Ftickets"
        assert (await log_in(browser, "kim")).headers["location"] == "/tickets"
