"""The limits of an HTTP server for strangers, each with a small number, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.budget import Budget, networks_in, peer_of, within_descriptors
from shared.http.edge import GuardedProtocol
from shared.http.server import config_within
from tests.support.edge import head_of, serving

pytestmark = pytest.mark.costly

SMALL = Budget(
    connections=6,
    each=4,
    idle=0.4,
    head=0.4,
    head_bytes=2_000,
    body_grace=0.4,
    body_floor=1_000_000,
    unread=0.4,
    linger=0.3,
    look_every=0.05,
)
PATIENT = replace(SMALL, idle=60.0, head=60.0, body_grace=60.0, unread=60.0)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class App:
    """Answers by path: `/early` before the body, `/large` with 8 MB, `/wait` when `go` is set,
    anything else with the length of the body.
    """

    go: asyncio.Event = field(default_factory=asyncio.Event)
    at_work: int = 0
    broken_off: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.at_work += 1
        body, size = b"", 0
        if scope["path"] == "/wait":
            await self.go.wait()
        elif scope["path"] == "/large":
            body = b"x" * 8_000_000
        elif scope["path"] != "/early":
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.broken_off += 1
                    return
                size += len(message["body"])
                if not message["more_body"]:
                    break
            body = b"%d" % size
        headers = [(b"content-length", b"%d" % len(body))]
        status = 401 if scope["path"] == "/early" else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"\r\n\r\n", b"", id="empty lines"),
        pytest.param(b"GET / HT", b"408", id="half a line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b", b"408", id="half a header"),
        pytest.param(head_of(1000) + b"x", b"408", id="half a body"),
        pytest.param(head_of(0, chunked=True) + b"1\r\nx\r\n", b"408", id="half a chunked body"),
        pytest.param(GET, b"200", id="idle after an answer"),
    ],
)
async def test_who_waits_too_long_is_sent_away(said: bytes, heard: bytes) -> None:
    async with serving(SMALL, App()) as clients:
        client = await clients.one()
        await client.says(said)
        assert (await client.hears_the_end())[9:12] == heard


@pytest.mark.parametrize("drop", [b"x", b"\r\n"], ids=["a byte", "an empty line"])
async def test_a_dripping_client_gains_no_time(drop: bytes) -> None:
    begins = {b"x": b"GET /", b"\r\n": b""}[drop]
    async with serving(SMALL, App()) as clients:
        client = await clients.one()
        await client.says(begins)
        ending = asyncio.create_task(client.hears_the_end())
        while not ending.done():
            with contextlib.suppress(ConnectionError):
                await client.says(drop)
            await asyncio.sleep(0.02)


async def test_a_body_that_breaks_off_is_told_to_the_application() -> None:
    app = App()
    async with serving(SMALL, app) as clients:
        client = await clients.one()
        await client.says(head_of(1000) + b"x")
        await client.hears_the_end()
        while not app.broken_off:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("whole", [True, False], ids=["at once", "in pieces"])
@pytest.mark.parametrize("size", [3_000, 300_000])
@pytest.mark.parametrize(
    "shape", [b"A: %s\r\n\r\n", b"A%s: b\r\n\r\n", b"A: b\r\nB: %s\r\n\r\n"], ids=["v", "n", "2nd"]
)
async def test_long_headers_are_refused(whole: bool, size: int, shape: bytes) -> None:
    async with serving(PATIENT, App()) as clients:
        client = await clients.one()
        raw = b"GET / HTTP/1.1\r\nHost: x\r\n" + shape % (b"x" * size)
        heard = asyncio.create_task(client.hears_the_end())
        step = len(raw) if whole else 500
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(raw), step):
                await client.says(raw[at : at + step])
        assert (await heard)[9:12] == b"431"


async def test_a_large_body_beside_short_headers_is_none_of_them() -> None:
    async with serving(PATIENT, App()) as clients:
        client = await clients.one()
        await client.says(head_of(200_000) + b"x" * 200_000)
        assert b"200" in await client.hears()


async def test_trailers_without_end_are_refused() -> None:
    async with serving(PATIENT, App()) as clients:
        client = await clients.one()
        heard = asyncio.create_task(client.hears_the_end())
        await client.says(head_of(0, chunked=True) + b"1\r\nx\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(2_000):
                await client.says(b"A: " + b"x" * 1_000 + b"\r\n")
        assert (await heard)[9:12] == b"400"


async def test_an_answer_before_a_large_body_ends_the_connection() -> None:
    async with serving(PATIENT, App()) as clients:
        client = await clients.one()
        await client.says(head_of(25_000_000, "/early") + b"x" * 1_000)
        heard = await client.hears_the_end()
        assert heard[9:12] == b"401" and b"connection: close" in heard


async def test_an_answer_before_a_small_body_keeps_it() -> None:
    async with serving(PATIENT, App()) as clients:
        client = await clients.one()
        await client.says(head_of(1_000, "/early"))
        assert b"connection: close" not in await client.hears()
        await client.says(b"x" * 1_000 + GET)
        assert b"200" in await client.hears()


async def test_who_reads_nothing_is_sent_away() -> None:
    async with serving(SMALL, App()) as clients:
        client = await clients.one()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.says(GET.replace(b"/ ", b"/large ", 1))
        await asyncio.sleep(1.5)  # longer than `unread`: what is tested is that time
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.hears_the_end()) < 8_000_000


async def test_requests_one_after_the_other_outlive_the_limits() -> None:
    async with serving(SMALL, App()) as clients:
        client = await clients.one()
        for _ in range(20):
            await client.says(GET + head_of(3) + b"abc")
            assert b"200" in await client.hears() and b"200" in await client.hears()
            await asyncio.sleep(0.05)


async def test_an_application_at_work_is_waited_for() -> None:
    app = App()
    async with serving(SMALL, app) as clients:
        client = await clients.one()
        await client.says(GET.replace(b"/ ", b"/wait ", 1))
        await asyncio.sleep(1.0)  # longer than every limit of the client's
        app.go.set()
        assert b"200" in await client.hears()


async def test_the_longest_idle_makes_room_for_the_newest_of_its_peer() -> None:
    async with serving(PATIENT, App()) as clients:
        other = await clients.one(source="127.0.0.2")
        idle = [await clients.one() for _ in range(SMALL.each)]
        for client in idle:
            await client.says(GET)
            await client.hears()
        newest = await clients.one()
        await newest.says(GET)
        assert b"200" in await newest.hears()
        assert await idle[0].hears_the_end() == b""
        for client in (other, *idle[1:]):
            await client.says(GET)
            assert b"200" in await client.hears()


@pytest.mark.parametrize("trusted", ["", "127.0.0.0/8"])
async def test_a_peer_whose_connections_are_all_at_work_waits(trusted: str) -> None:
    app = App()
    async with serving(replace(PATIENT, trusted=networks_in(trusted)), app) as clients:
        for _ in range(SMALL.each):
            await (await clients.one()).says(GET.replace(b"/ ", b"/wait ", 1))
        while app.at_work < SMALL.each:
            await asyncio.sleep(0.01)
        fifth = await clients.one()
        with contextlib.suppress(ConnectionError):
            await fifth.says(GET)
        assert (await fifth.hears())[9:12] == (b"200" if trusted else b"503")
        somebody = await clients.one(source="127.0.0.2")
        await somebody.says(GET)
        assert b"200" in await somebody.hears()
        app.go.set()


async def test_who_was_just_answered_makes_room_last() -> None:
    async with serving(PATIENT, App()) as clients:
        idle = [await clients.one() for _ in range(SMALL.each)]
        for client in (*idle, idle[0]):
            await client.says(GET)
            await client.hears()
        newest = await clients.one()
        await newest.says(GET)
        assert b"200" in await newest.hears()
        assert await idle[1].hears_the_end() == b""
        await idle[0].says(GET)
        assert b"200" in await idle[0].hears()


async def test_dripping_bodies_keep_nobody_of_their_peer_out() -> None:
    async with serving(PATIENT, App()) as clients:
        for _ in range(SMALL.each):
            await (await clients.one()).says(head_of(1000) + b"x")
        answered = b""
        while b"200" not in answered:
            late = await clients.one()
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await late.says(GET)
                answered = await late.hears()


async def test_strangers_together_hold_no_more_than_there_are() -> None:
    async with serving(PATIENT, App()) as clients:
        for number in range(40):
            await clients.one(source=f"127.0.0.{2 + number}")
        late = await clients.one()
        await late.says(GET)
        assert b"200" in await late.hears()


async def test_requests_piled_up_on_one_connection_are_bounded() -> None:
    app = App()
    async with serving(PATIENT, app) as clients:
        client = await clients.one()
        with contextlib.suppress(ConnectionError):
            await client.says(GET.replace(b"/ ", b"/wait ", 1) + 200 * GET)
        await client.hears_the_end()
        assert app.at_work == 1
        app.go.set()


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_who_counts_as_one_peer(host: str, peer: str) -> None:
    assert peer_of(host) == peer


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_64_are_one_peer(address: Any, low: int) -> None:
    if getattr(address, "ipv4_mapped", None) is None:
        other = type(address)((int(address) >> 64 << 64) | low)
        if getattr(other, "ipv4_mapped", None) is None:
            assert peer_of(str(address)) == peer_of(str(other))


def test_proxies_as_they_are_written() -> None:
    assert networks_in("10.0.0.0/8, 192.0.2.1") == (
        ip_network("10.0.0.0/8"),
        ip_network("192.0.2.1/32"),
    )
    assert networks_in("") == () and len(networks_in("*")) == 2
    with pytest.raises(ValueError, match="proxy"):
        networks_in("proxy.example")


@given(st.integers(0, 10**8), st.floats(0, 10**6))
def test_a_body_at_the_floor_is_never_too_slow(size: int, slack: float) -> None:
    budget = Budget()
    assert not budget.is_over(size / budget.body_floor, size)
    assert budget.is_over(budget.body_grace + size / budget.body_floor + slack + 0.001, size)


def test_connections_leave_descriptors_for_the_rest() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 16 <= within_descriptors(10**6) < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= soft
    assert within_descriptors(20) == 20


def test_every_server_has_a_protocol_of_its_own() -> None:
    first, second = (config_within(Budget(), App(), "127.0.0.1", 0).http for _ in range(2))
    assert isinstance(first, type) and issubclass(first, GuardedProtocol)
    assert isinstance(second, type) and issubclass(second, GuardedProtocol)
    assert first.edge is not second.edge
