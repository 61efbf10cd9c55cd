"""Who may speak to the SMTP listener, and by whose address its mail is judged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.intake.mail.smtp.listener import SmtpLimits
from services.intake.mail.smtp.relays import relays_of
from shared.events import MailQuarantined, MailReceived
from tests.support.mailroom import House, opened
from tests.support.posting import written

MAIL = b"MAIL FROM:<premium@example.com>\r\nRCPT TO:<support@signalbox.example>\r\nDATA\r\n"
RELAY = "127.0.0.0/8"


class Line:
    """One connection, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, house: House) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", house.port))

    def says(self, text: bytes) -> None:
        self._writer.write(text)

    async def hears(self) -> str:
        """The last line of one answer."""
        while True:
            line = (await self._reader.readline()).decode().rstrip()
            if line[3:4] != "-":
                return line

    async def asks(self, *commands: bytes) -> str:
        answer = ""
        for command in commands:
            self.says(command + b"\r\n")
            answer = await self.hears()
        return answer

    async def rest(self) -> bytes:
        """All until the other end closes."""
        return await self._reader.read()

    async def sends(self, subject: str = "Help", to: bytes = b"support@signalbox.example") -> str:
        raw = written("premium@example.com", subject, "It fails.")
        return await self.asks(
            b"EHLO client.example",
            b"MAIL FROM:<premium@example.com>",
            b"RCPT TO:<" + to + b">",
            b"DATA",
            raw + b"\r\n.",
        )


async def received(house: House) -> MailReceived:
    await house.settles(1)
    return next(each for each in house.said if isinstance(each, MailReceived))


@pytest.mark.parametrize("first", [b"EHLO x\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", MAIL])
async def test_who_speaks_before_the_greeting_is_turned_away(tmp_path: Path, first: bytes) -> None:
    async with opened(House(tmp_path, limits=SmtpLimits(greeting=30))) as house:
        line = await Line.to(house)
        line.says(first)
        answer = await line.rest()
        assert answer.startswith(b"554 ")
        assert answer.count(b"\r\n") == 1


async def test_who_waits_is_greeted_and_the_others_are_not_held_up(tmp_path: Path) -> None:
    async with opened(House(tmp_path, limits=SmtpLimits(greeting=0.05))) as house:
        lines = [await Line.to(house) for _ in range(20)]
        answers = await asyncio.gather(*(line.hears() for line in lines))
        assert {answer[:3] for answer in answers} == {"220"}
        assert (await lines[0].sends()).startswith("250")


@pytest.mark.parametrize("method", [b"GET", b"POST", b"post", b"PUT", b"HEAD", b"CONNECT", b"PRI"])
async def test_http_ends_the_session_at_once(tmp_path: Path, method: bytes) -> None:
    async with opened(House(tmp_path)) as house:
        line = await Line.to(house)
        await line.hears()
        line.says(method + b" / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n" + MAIL + b"x\r\n.\r\n")
        answer = await line.rest()
        assert answer.startswith(b"554 ")
        assert answer.count(b"\r\n") == 1


@pytest.mark.parametrize(
    "to",
    [
        b"postmaster",
        b"Postmaster",
        b"POSTMASTER@Signalbox.Example",
        b"postmaster@signalbox.example",
    ],
)
async def test_mail_to_the_postmaster_reaches_people(tmp_path: Path, to: bytes) -> None:
    async with opened(House(tmp_path)) as house:
        line = await Line.to(house)
        await line.hears()
        raw = b"From: someone@far.example\r\nSubject: Your server\r\n\r\nIt sends spam.\r\n."
        answer = await line.asks(
            b"EHLO x", b"MAIL FROM:<someone@far.example>", b"RCPT TO:<" + to + b">", b"DATA", raw
        )
        assert answer.startswith("250"), answer
        [outcome] = await house.settles(1)
        assert isinstance(outcome, MailQuarantined)
        assert outcome.why == "unknown-sender"


async def test_bare_names_other_than_the_postmaster_are_not_taken(tmp_path: Path) -> None:
    async with opened(House(tmp_path)) as house:
        line = await Line.to(house)
        await line.hears()
        await line.asks(b"EHLO x", b"MAIL FROM:<a@far.example>")
        for to in (b"<root>", b"<postmaster@far.example>", b"<xpostmaster>", b"postmaster x"):
            assert (await line.asks(b"RCPT TO:" + to)).startswith("5")


async def test_a_client_of_ours_is_judged_by_its_own_address(tmp_path: Path) -> None:
    async with opened(House(tmp_path)) as house:
        line = await Line.to(house)
        await line.hears()
        assert (await line.asks(b"XCLIENT ADDR=203.0.113.9")).startswith("550")
        assert (await line.sends()).startswith("250")
        told = await received(house)
        assert (told.peer, told.authentication and told.authentication.spf) == ("127.0.0.1", "pass")


@pytest.mark.parametrize(
    ("xclient", "peer", "spf"),
    [
        (None, "", "none"),
        (b"XCLIENT ADDR=[UNAVAILABLE]", "", "none"),
        (b"XCLIENT ADDR=203.0.113.9 HELO=far.example", "203.0.113.9", "fail"),
        (b"XCLIENT ADDR=127.0.0.1", "127.0.0.1", "pass"),
    ],
)
async def test_mail_of_a_trusted_relay_is_judged_by_the_client_it_names(
    tmp_path: Path, xclient: bytes | None, peer: str, spf: str
) -> None:
    async with opened(House(tmp_path, relays=relays_of(RELAY, proxy=False))) as house:
        line = await Line.to(house)
        await line.hears()
        if xclient is not None:
            assert (await line.asks(xclient)).startswith("220")
        assert (await line.sends()).startswith("250")
        told = await received(house)
        found = told.authentication
        assert found is not None
        assert (told.peer, found.spf, found.aligned) == (peer, spf, spf == "pass")


@pytest.mark.parametrize(
    ("first", "peer", "spf"),
    [
        (b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 25\r\n", "203.0.113.9", "fail"),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 4000 25\r\n", "", "none"),
        (b"PROXY UNKNOWN\r\n", "", "none"),
    ],
)
async def test_the_proxy_protocol_names_the_client(
    tmp_path: Path, first: bytes, peer: str, spf: str
) -> None:
    house_ = House(tmp_path, limits=SmtpLimits(greeting=0.01), relays=relays_of(RELAY, proxy=True))
    async with opened(house_) as house:
        line = await Line.to(house)
        line.says(first)
        assert (await line.hears()).startswith("220")
        assert (await line.sends()).startswith("250")
        told = await received(house)
        assert (told.peer, told.authentication and told.authentication.spf) == (peer, spf)


async def test_who_talks_behind_the_proxy_line_is_turned_away(tmp_path: Path) -> None:
    house_ = House(tmp_path, limits=SmtpLimits(greeting=30), relays=relays_of(RELAY, proxy=True))
    async with opened(house_) as house:
        line = await Line.to(house)
        line.says(b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 25\r\nEHLO x\r\n")
        assert (await line.rest()).startswith(b"554 ")
