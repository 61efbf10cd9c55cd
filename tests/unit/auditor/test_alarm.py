"""The auditor tells its findings by a token, by a signature, or by leaving the dead-man alone; and
says that it is not ready where it can tell nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cli.up.alerts_secret import make_alerts_secret
from services.auditor.alarm import Alarm
from services.auditor.book import Finding
from services.intake.http import signatures as signed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATE = Finding("not-routed", "tkt_1", "tkt_1", NOW, "not routed")


class FarEnd:
    """Stands for intake and for the dead-man's switch: what was asked of them."""

    def __init__(self) -> None:
        self.alerts: list[tuple[dict[str, str], bytes]] = []
        self.beats = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.alerts.append((headers, await request.read()))
        return web.Response(status=202)

    async def beat(self, _: web.Request) -> web.Response:
        self.beats += 1
        return web.Response()


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    made = FarEnd()
    app = web.Application()
    app.add_routes([web.post("/v1/alerts", made.take), web.get("/beat", made.beat)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_signed_as_intake_checks_it(far_end: FarEnd, http: Any, tmp_path: Any) -> None:
    make_alerts_secret(tmp_path / "s")
    secret = (tmp_path / "s").read_text()
    make_alerts_secret(tmp_path / "s")
    assert (tmp_path / "s").read_text() == secret
    alarm = Alarm(http, far_end.url, None, None, secret)
    assert alarm.trouble is None
    await alarm.tell([LATE])
    ((headers, raw),) = far_end.alerts
    assert "authorization" not in headers
    assert signed.check(signed.key_of(secret), headers, raw, datetime.now(UTC)).startswith("aud_")
    await alarm.tell([LATE])
    assert len(far_end.alerts) == 1


async def test_a_token_is_used_where_there_is_one(far_end: FarEnd, http: Any) -> None:
    alarm = Alarm(http, far_end.url, "demo-ops", None, "whsec_" + "A" * 44)
    await alarm.tell([LATE])
    assert far_end.alerts[0][0]["authorization"] == "Bearer demo-ops"


async def test_who_can_tell_nobody_is_not_ready(far_end: FarEnd, http: Any) -> None:
    alarm = Alarm(http, far_end.url, None, None)
    assert alarm.trouble is not None
    assert "SIGNALBOX_AUDITOR_TOKEN" in alarm.trouble
    await alarm.tell([])
    assert alarm.trouble is not None
    assert far_end.alerts == []


async def test_with_a_dead_man_alone_its_silence_tells(far_end: FarEnd, http: Any) -> None:
    alarm = Alarm(http, far_end.url, None, f"{far_end.url}/beat")
    await alarm.tell([])
    await alarm.alive()
    assert (alarm.trouble, far_end.beats) == (None, 1)
    await alarm.tell([LATE])
    await alarm.alive()
    assert far_end.beats == 1
    assert alarm.trouble is not None
    await alarm.tell([])
    await alarm.alive()
    assert far_end.beats == 2
