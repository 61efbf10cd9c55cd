"""What the answers of far sides mean, what they are sent, and where nothing is sent to."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from shared.channels import (
    CHANNELS,
    Accepted,
    ChannelContext,
    PageMessage,
    Rejected,
    TryLater,
    Unknown,
    email,
    pagerduty,
    webhook,
)
from shared.channels.guard import ForbiddenAddress, connector, is_public, make_guarded_socket
from shared.channels.http import judge
from shared.people.addresses import webhook_target
from shared.policy.on_call.document import Channel

NOW = datetime.now(UTC)
SUMMONS = PageMessage(
    key="lane.x.s1",
    purpose="page",
    page_id="lane.x",
    ticket_id="tkt_1",
    subject="Down",
    requester="premier@example.com",
    app="shop",
    person="primary",
    step=1,
    round=0,
    tries=1,
    dedup_key="lane.x.s1",
    accepted_at=NOW,
    ack_url="https://p.example/pages/lane.x/ack?token=t",
    ticket_url="https://p.example/tickets/tkt_1",
    timeout=timedelta(seconds=0.6),
)
STAND_DOWN = replace(SUMMONS, key="lane.x.s1.stand-down", purpose="stand-down")


class Far:
    """An HTTP far side that answers with `status` after `pause`; `got` is what it was sent."""

    def __init__(self) -> None:
        self.status, self.pause, self.got = 200, 0.0, list[tuple[dict[str, str], bytes]]()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(
            ({name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        await asyncio.sleep(self.pause)
        if self.status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(
            status=self.status or 200,
            text="said\r\nso",
            headers={"Location": "http://elsewhere.example/"},
        )


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    far, app = Far(), web.Application()
    app.router.add_post("/", far.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    far.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield far
    await runner.cleanup()


def line_to(http: aiohttp.ClientSession, url: str = "http://unused.example") -> ChannelContext:
    return ChannelContext(
        http=http,
        now=lambda: datetime.now(UTC),
        secret=b"a secret of the tests",
        pagerduty_url=url,
        smtp_host="127.0.0.1",
        smtp_port=1,
        mail_from="pager@signalbox.example",
    )


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=connector(allow_private=True)) as session:
        yield session


def test_every_channel_of_the_policy_has_its_line_in_the_table() -> None:
    assert set(CHANNELS) == set(Channel)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Accepted),
        (202, Accepted),
        (301, Rejected),
        (400, Rejected),
        (404, Rejected),
        (410, Rejected),
        (408, TryLater),
        (429, TryLater),
        (500, TryLater),
        (503, TryLater),
    ],
)
def test_what_an_http_status_means(status: int, kind: type) -> None:
    assert type(judge(status, "said")) is kind


@pytest.mark.parametrize(
    ("status", "pause", "kind"),
    [(200, 0.0, Accepted), (302, 0.0, Rejected), (200, 5.0, Unknown), (0, 0.0, Unknown)],
)
async def test_a_webhook_is_sent_once_and_its_answer_told(
    far: Far, http: aiohttp.ClientSession, status: int, pause: float, kind: type
) -> None:
    far.status, far.pause = status, pause
    outcome = await webhook.send(line_to(http), far.url, SUMMONS)
    assert type(outcome) is kind
    assert len(far.got) == 1
    assert outcome != Accepted("") and (
        not isinstance(outcome, Accepted) or outcome.receipt == "200 said so"
    )


async def test_a_webhook_is_signed_with_the_persons_own_key_and_names_the_page(
    far: Far, http: aiohttp.ClientSession
) -> None:
    await webhook.send(line_to(http), far.url, SUMMONS)
    await webhook.send(line_to(http), far.url, STAND_DOWN)
    (headers, body), (later, _) = far.got
    read = Webhook(webhook.signing_key(b"a secret of the tests", "primary")).verify(body, headers)
    assert (read["type"], read["page_id"], read["dedup_key"], read["ack_url"]) == (
        "page",
        "lane.x",
        "lane.x.s1",
        SUMMONS.ack_url,
    )
    assert (headers["webhook-id"], later["webhook-id"]) == ("lane.x.s1", "lane.x.s1.stand-down")
    assert webhook.signing_key(b"a secret of the tests", "lead") != webhook.signing_key(
        b"a secret of the tests", "primary"
    )


async def test_nothing_listens_means_try_later(http: aiohttp.ClientSession) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = await webhook.send(
            line_to(http), f"http://127.0.0.1:{unused.getsockname()[1]}/", SUMMONS
        )
    assert isinstance(outcome, TryLater)


@pytest.mark.parametrize("address", ["not a url", "ftp://example.com/", "/relative"])
async def test_an_address_that_is_no_url_is_refused(
    http: aiohttp.ClientSession, address: str
) -> None:
    assert isinstance(await webhook.send(line_to(http), address, SUMMONS), Rejected)


async def test_pagerduty_is_triggered_and_resolved_under_one_key(
    far: Far, http: aiohttp.ClientSession
) -> None:
    far.status = 202
    for summons in (SUMMONS, STAND_DOWN):
        assert isinstance(
            await pagerduty.send(line_to(http, far.url), "routing", summons), Accepted
        )
    trigger, resolve = (orjson.loads(body) for _, body in far.got)
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == "lane.x.s1"
    assert trigger["routing_key"] == "routing" and trigger["payload"]["severity"] == "critical"
    assert "payload" not in resolve


async def test_a_mail_has_the_key_as_its_message_id_and_no_second_header(
    http: aiohttp.ClientSession,
) -> None:
    message = email.message_for(
        line_to(http),
        "primary@example.com",
        replace(SUMMONS, subject="Down\r\nBcc: everybody@example.com"),
    )
    assert message["Message-ID"] == "<lane.x.s1@signalbox.example>"
    assert (
        message["Subject"] == "URGENT: Down Bcc: everybody@example.com" and message["Bcc"] is None
    )
    assert SUMMONS.ack_url in message.get_content()
    assert (
        SUMMONS.ack_url
        not in email.message_for(line_to(http), "primary@example.com", STAND_DOWN).get_content()
    )


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: c@d.example", "no address", ""])
async def test_a_mail_to_nowhere_is_refused(http: aiohttp.ClientSession, address: str) -> None:
    assert isinstance(await email.send(line_to(http), address, SUMMONS), Rejected)


async def test_no_relay_means_try_later(http: aiohttp.ClientSession) -> None:
    assert isinstance(await email.send(line_to(http), "primary@example.com", SUMMONS), TryLater)


class Relay:
    """Just enough SMTP to refuse in every way."""

    def __init__(self, recipient: bytes = b"250 ok", data: bytes | None = b"250 queued") -> None:
        self.recipient, self.data = recipient, data

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                while await reader.readline() not in (b".\r\n", b""):
                    pass
                if self.data is None:
                    break
                writer.write(self.data + b"\r\n")
            else:
                writer.write(
                    {b"RCPT": self.recipient, b"QUIT": b"221 bye"}.get(word, b"250 ok") + b"\r\n"
                )
        writer.close()


@pytest.mark.parametrize(
    ("relay", "kind"),
    [
        (Relay(), Accepted),
        (Relay(recipient=b"550 no such user"), Rejected),
        (Relay(recipient=b"450 greylisted"), TryLater),
        (Relay(data=b"554 spam"), Rejected),
        (Relay(data=b"451 later"), TryLater),
        (Relay(data=None), Unknown),
    ],
)
async def test_what_a_relay_says(http: aiohttp.ClientSession, relay: Relay, kind: type) -> None:
    server = await asyncio.start_server(relay.talk, "127.0.0.1", 0)
    line = replace(line_to(http), smtp_port=server.sockets[0].getsockname()[1])
    outcome = await email.send(line, "primary@example.com", SUMMONS)
    server.close()
    assert type(outcome) is kind, outcome


@given(st.integers(0, 2**128 - 1))
def test_of_ipv6_only_what_is_assigned_to_the_internet_is_public(number: int) -> None:
    """A value outside 2000::/3 wraps an IPv4 address that is public itself, or is refused."""
    address = ipaddress.IPv6Address(number)
    is_wrapped = address.ipv4_mapped or address in ipaddress.IPv6Network("64:ff9b::/96")
    if is_public(str(address)) and not is_wrapped:
        assert address in ipaddress.IPv6Network("2000::/3")


@pytest.mark.parametrize(
    ("port", "is_taken"),
    [(80, True), (443, True), (8080, True), (8443, True), (3000, True), (65535, True)]
    + [(port, False) for port in (0, 1, 22, 25, 53, 110, 465, 587, 993, 1023, 2375, 6000, 6379)]
    + [(port, False) for port in (3306, 5432, 9092, 11211, 27017)],
)
def test_which_ports_webhooks_go_to(port: int, is_taken: bool) -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("93.184.216.34", port))
    if is_taken:
        make_guarded_socket(info).close()
        assert webhook_target(f"https://hooks.example:{port}/x")
    else:
        with pytest.raises(OSError, match="port") as refused:
            make_guarded_socket(info)
        assert refused.value.errno == errno.EACCES
        with pytest.raises(ValueError, match=r"port|host"):
            webhook_target(f"https://hooks.example:{port}/x")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2002:5db8:d822::", True),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b:1::7f00:1", False),
        ("64:ff9b:1:ffff::10.0.0.1", False),
        ("fec0::1", False),
        ("feff:ffff::1", False),
        ("::127.0.0.1", False),
        ("::93.184.216.34", False),
        ("192.88.99.1", False),
        ("192.88.99.255", False),
        ("::ffff:192.88.99.1", False),
        ("64:ff9b::c058:6301", False),
        ("192.88.98.255", True),
        ("3fff::1", False),
        ("5f00::1", False),
        ("100::1", False),
        ("4000::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    info = (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443))
    if public:
        make_guarded_socket(info).close()
    else:
        with pytest.raises(ForbiddenAddress):
            make_guarded_socket(info)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_however_it_is_written_our_own_network_is_not_reached(far: Far, host: str) -> None:
    async with aiohttp.ClientSession(connector=connector(allow_private=False)) as guarded:
        outcome = await webhook.send(line_to(guarded), far.url.replace("127.0.0.1", host), SUMMONS)
    assert far.got == []
    assert isinstance(outcome, Rejected | TryLater)
    if host in {"127.0.0.1", "localhost", "[::1]"}:
        assert isinstance(outcome, Rejected) and "not a public address" in outcome.reason
