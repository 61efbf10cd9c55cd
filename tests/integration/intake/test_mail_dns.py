"""The real resolver against a name server on this machine: answers, names that do not exist, and
servers in trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from services.intake.mail.reading.authentication import dns as names
from services.intake.mail.reading.authentication.dns import Internet, NoAnswerInTime

RECORDS = {
    ("text.example.", "TXT"): ['"v=spf1 " "-all"', '"other"'],
    ("host.example.", "A"): ["203.0.113.9"],
    ("mail.example.", "MX"): ["20 second.example.", "10 first.example."],
    ("9.113.0.203.in-addr.arpa.", "PTR"): ["host.example."],
}


class Server(asyncio.DatagramProtocol):
    """Answers from `RECORDS`, fails for names with `fails`, says nothing for names with `silent`."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        asked = query.question[0]
        name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
        if "silent" in name:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if values := RECORDS.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *values))
        elif "fails" in name:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif not any(name == known for known, _ in RECORDS):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), address)


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    monkeypatch.setattr(names, "LOOKUP_MOST", 0.3)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Server, local_addr=("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    yield Internet(resolver)
    transport.close()


async def test_answers_are_plain_text(internet: Internet) -> None:
    assert sorted(await internet.lookup("text.example", "TXT")) == ["other", "v=spf1 -all"]
    assert await internet.lookup("host.example", "A") == ("203.0.113.9",)
    assert await internet.lookup("mail.example", "MX") == ("first.example", "second.example")
    assert await internet.lookup("9.113.0.203.in-addr.arpa", "PTR") == ("host.example",)


@pytest.mark.parametrize(
    "name",
    [
        "nothing.example",
        "host.example",
        "a..b",
        "x" * 64 + ".example",
        "a." * 200,
        "\ud800.example",
        "",
    ],
)
async def test_what_does_not_exist_is_no_trouble(internet: Internet, name: str) -> None:
    assert await internet.lookup(name, "TXT") == ()


@pytest.mark.parametrize("name", ["fails.example", "silent.example"])
async def test_a_server_in_trouble_is_no_answer(internet: Internet, name: str) -> None:
    with pytest.raises(NoAnswerInTime, match=name):
        await internet.lookup(name, "TXT")
