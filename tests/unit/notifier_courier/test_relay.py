"""Mail to addresses outside ASCII, through a relay that takes them and through one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifier.mail import Relay, letter
from shared.channels.outcome import Accepted, Outcome, Rejected
from tests.unit.notifier_courier.test_letter import RECEIVED, SENDER


class Keeping:
    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.got += [(to, envelope.content) for to in envelope.rcpt_tos]
        return "250 2.0.0 kept"


@pytest.fixture(params=[True, False], ids=["takes UTF-8", "ASCII alone"])
async def relay(request: pytest.FixtureRequest) -> AsyncIterator[tuple[int, Keeping, bool]]:
    keeping, takes = Keeping(), request.param
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(keeping, enable_SMTPUTF8=takes, hostname="relay.example"), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1], keeping, takes
    server.close()


async def send(port: int, to: str) -> Outcome:
    out = Relay("127.0.0.1", port)
    try:
        body = letter("ntc_1", to, "ticket-received", RECEIVED, SENDER)
        return await out.send("bot@signalbox.example", to, body)
    finally:
        await out.close()


async def test_a_domain_outside_ascii_is_written_to_by_any_relay(
    relay: tuple[int, Keeping, bool],
) -> None:
    port, keeping, _ = relay
    assert isinstance(await send(port, "ann@bücher.example"), Accepted)
    ((to, raw),) = keeping.got
    assert to == "ann@xn--bcher-kva.example"
    assert raw.isascii() and b"<ann@xn--bcher-kva.example>" in raw


async def test_letters_before_the_at_need_a_relay_that_takes_them(
    relay: tuple[int, Keeping, bool],
) -> None:
    port, keeping, takes = relay
    outcome = await send(port, "büro@bücher.example")
    if takes:
        assert isinstance(outcome, Accepted)
        ((to, raw),) = keeping.got
        assert to == "büro@xn--bcher-kva.example"
        assert "büro@xn--bcher-kva.example".encode() in raw
    else:
        assert isinstance(outcome, Rejected) and "SMTPUTF8" in outcome.reason
        assert keeping.got == []
