"""Our reading of messages and addresses against aiosmtpd's own: the same bytes mean the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.smtp.session import BUSY, Session, remove_dot_stuffing
from shared.http.in_flight import FREE_BYTES, InFlight
from tests.support.examples import examples

HELLO = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n"
MOST = 4000


class Theirs(SMTP):
    line_length_limit = Session.line_length_limit


class Far(asyncio.Transport):
    """The wire: what was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""

    def write(self, data: Any) -> None:
        self.said += bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.said += b"<closed>"

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Taker:
    """Keeps what is handed over."""

    def __init__(self) -> None:
        self.taken: list[tuple[str | None, tuple[str, ...], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Any, handed: Any) -> str:
        self.taken.append((handed.mail_from, tuple(handed.rcpt_tos), bytes(handed.content)))
        return "250 OK"


async def talk(kind: type[SMTP], pieces: list[bytes], most: int = MOST) -> tuple[list[Any], bytes]:
    """What was taken and answered when the client sends these pieces one by one."""
    taker, far = Taker(), Far()
    loop = asyncio.get_running_loop()
    line = kind(
        taker, data_size_limit=most, enable_SMTPUTF8=True, hostname="here", ident="x", loop=loop
    )
    line.connection_made(far)
    for piece in pieces:
        line.data_received(piece)
        for _ in range(6):
            await asyncio.sleep(0)
    for _ in range(40):
        await asyncio.sleep(0)
    line.connection_lost(None)
    await asyncio.sleep(0)
    return taker.taken, far.said


TRICKS = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"..",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r\n..\r\n",
        b"x",
        b"Subject: y\r\n",
        b"\0",
    ]
)
BODIES = st.lists(st.one_of(TRICKS, st.binary(max_size=8)), max_size=24).map(b"".join)


@settings(max_examples=examples(150), deadline=None)
@given(BODIES, st.lists(st.integers(1, 40), max_size=6))
def test_a_message_is_read_as_aiosmtpd_reads_it(body: bytes, cuts: list[int]) -> None:
    stream = body + b"\r\n.\r\n" + ENVELOPE + b"DATA\r\nlast\r\n.\r\n"
    pieces, at = [HELLO + ENVELOPE + b"DATA\r\n"], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    pieces.append(stream[at:])

    async def both() -> tuple[Any, Any]:
        return await talk(Theirs, pieces), await talk(Session, pieces)

    theirs, ours = asyncio.run(both())
    assert ours == theirs
    assert ours[0]


@pytest.mark.parametrize(
    "content", [b"", b"x" * (MOST - 2) + b"\r\n", b"x" * (MOST - 1) + b"\r\n", b"y\r\n" * 3000]
)
async def test_the_size_is_held_as_aiosmtpd_holds_it(content: bytes) -> None:
    pieces = [
        HELLO + ENVELOPE + b"DATA\r\n",
        content + b".\r\n",
        ENVELOPE + b"DATA\r\nnext\r\n.\r\n",
    ]
    ours = await talk(Session, pieces)
    assert ours == await talk(Theirs, pieces)
    assert ours[0][-1][2] == b"next\r\n"


async def test_a_line_of_any_length_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "line_length_limit", 100)
    content = b"x" * 1500 + b".\r" + b"y" * 1500 + b"\r\n"
    taken, _ = await talk(
        Session,
        [
            HELLO + ENVELOPE + b"DATA\r\n",
            *(content[at : at + 64] for at in range(0, len(content), 64)),
            b".\r\n",
        ],
    )
    assert [message for _, _, message in taken] == [content]


@pytest.mark.parametrize(
    "commands", [b"DATA\r\n", ENVELOPE + b"DATA now\r\n", b"MAIL FROM:<a@example.com>\r\nDATA\r\n"]
)
async def test_data_out_of_turn_is_refused_as_aiosmtpd_refuses_it(commands: bytes) -> None:
    assert await talk(Session, [HELLO + commands]) == await talk(Theirs, [HELLO + commands])
    assert await talk(Session, [commands]) == await talk(Theirs, [commands])


ADDRESSES = [
    "<a@example.com>",
    "<a.b+c=d@ex-ample.co.uk> SIZE=100 BODY=8BITMIME",
    "<>",
    "<a..b@example.com>",
    "<.a@example.com>",
    "a@example.com",
    '<"a b"@example.com>',
    "<a@[127.0.0.1]>",
    "<@relay.example:a@example.com>",
    "<a@example.com",
    "<a@b@c>",
    "< a@example.com >",
    "<a@example.com>SIZE=1",
    "<é@example.com>",
    "<a@exa mple.com>",
    "<bounces+ntc_x=1@n.example> SMTPUTF8",
    "<a@-x.example>",
    "<a>",
    "<a@b.>",
]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_an_address_is_read_as_aiosmtpd_reads_it(address: str) -> None:
    pieces = [
        HELLO
        + f"MAIL FROM:{address}\r\nRCPT TO:{address.partition('>')[0] + '>'}\r\nDATA\r\nx\r\n.\r\n".encode()
    ]
    assert await talk(Session, pieces) == await talk(Theirs, pieces)


def test_dots_go_once() -> None:
    assert remove_dot_stuffing(b"..a\r\n..\r\n.b\r\nc.\r\n.\n.") == b".a\r\n.\r\nb\r\nc.\r\n\n."


async def test_where_too_much_comes_a_message_is_for_later() -> None:
    """The other messages of the session are taken: its end was waited for."""
    large = b"DATA\r\n" + b"x" * (FREE_BYTES + 101) + b"\r\n.\r\n"

    class Full(Session):
        in_flight = InFlight(100)

    taken, said = await talk(
        Full,
        [HELLO, ENVELOPE, large, ENVELOPE, b"DATA\r\nsmall\r\n.\r\n", b"QUIT\r\n"],
        most=10 * FREE_BYTES,
    )
    assert [content for _, _, content in taken] == [b"small\r\n"]
    assert BUSY.encode() in said and b"250 OK" in said
    assert Full.in_flight.held == 0
