"""Sessions over HTTP, with real MongoDB: cookies, several browsers, signing out everywhere, and what ends a session."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from http.cookies import SimpleCookie

import httpx
from argon2 import PasswordHasher

from services.portal.session import COOKIE
from services.portal.tries import DEVICE_COOKIE
from shared.events import DirectoryRecorded
from shared.store import Store
from shared.token_use import TokenUse
from tests.integration.portal.conftest import PASSWORD, World, serving

HTML = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/128.0"}


async def log_in(browser: httpx.AsyncClient, who: str = "rae", password: str = PASSWORD) -> httpx.Response:
    return await browser.post("/login", data={"email": f"{who}@example.com", "password": password, "next": "/tickets"}, headers=HTML)


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
            assert (found[name]["httponly"], found[name]["samesite"], found[name]["path"], found[name]["secure"]) == (True, "lax", path, "")
        assert len(found[COOKIE].value) >= 43
    https = world.settings.model_copy(update={"public_url": "https://support.example.com"})
    async with serving(https) as base, httpx.AsyncClient(base_url=base, timeout=15) as browser:
        async with asyncio.timeout(30):
            while (answer := await log_in(browser)).status_code != 303:  # the directory is being read
                await asyncio.sleep(0.2)
        assert all(cookie["secure"] for cookie in cookies_of(answer).values())


async def test_a_login_takes_no_cookie_it_is_given(world: World) -> None:
    """Session fixation: a planted cookie stays worthless, and an old session does not live on under the new one."""
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
        foreign = [row["_id"] for row in await world.store["sessions"].find({"email": "kim@example.com"})]
        await desk.post("/account/sessions", data={"session": foreign[0]}, headers=HTML)
        assert await status(other) == 200, "others' sessions are not ours to end"
        ended = await phone.post("/account/sessions", data={}, headers=HTML)
        assert ended.headers["location"] == "/login"
        assert [await status(browser) for browser in (desk, phone, other)] == [401, 401, 200]


async def test_a_session_ends_by_time_and_by_another_password(world: World) -> None:
    async with world.client(None) as browser:
        await log_in(browser)
        assert await status(browser) == 200
        changed = {"password_hash": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("a new password")}
        key = {"kind": "credentials", "doc_id": "rae@example.com", "key": "credentials:rae@example.com"}
        await world.say([DirectoryRecorded.model_validate({"id": "c2", "at": datetime.now(UTC), "document": changed, **key})])
        async with asyncio.timeout(30):
            while await status(browser) != 401:
                await asyncio.sleep(0.05)
        assert (await log_in(browser)).status_code == 401
        assert (await log_in(browser, password="a new password")).status_code == 303
        await world.store["sessions"].update_all({"email": "rae@example.com"}, {"$set": {"until": datetime.now(UTC).timestamp() - 1}})
        assert await status(browser) == 401


async def test_guessing_is_throttled_and_a_session_goes_on(world: World) -> None:
    async with world.client(None) as owner, world.client(None) as guesser:
        await log_in(owner)
        answers = [(await log_in(guesser, password=f"guess {n}")).status_code for n in range(10)]
        assert answers == [401] * 8 + [429] * 2
        assert (await log_in(guesser)).status_code == 429, "the right password does not count while guessing is slowed down"
        assert await status(owner) == 200
        assert (await log_in(owner)).status_code == 303, "the owner's browser is known, and is let in from the guesser's own address"
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
        assert await again.last(["t1"]) == {"t1": at}, "an older process does not turn the time back"
    finally:
        store.close()
    away = TokenUse(Store("mongodb://127.0.0.1:9/?replicaSet=rs0", "none"))
    away.seen("t1", at)
    assert await away.last(["t1"], within=0.2) == {"t1": at}
