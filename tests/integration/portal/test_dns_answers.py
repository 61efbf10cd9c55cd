"""What a real DNS server answers, asked over UDP, as Administration shows it: records that are right,
wrong, missing, and a server that refuses or says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.zone
import pytest

from services.portal.admin import dns_records
from services.portal.admin.dns_records import look_up, records_of

pytestmark = pytest.mark.integration

ZONE = dns.zone.from_text(
    """
$ORIGIN example.
$TTL 60
@                           SOA    ns admin 1 60 60 60 60
@                           NS     ns
ns                          A      127.0.0.1
right                       MX     10 mx.right
right                       TXT    "v=spf1 include:relay.example" " -all"
right                       TXT    "a-site-verification=1"
_dmarc.right                TXT    "v=DMARC1; p=reject"
s1._domainkey.right         TXT    "v=DKIM1; k=rsa; " "p=MIIB"
wrong                       MX     0 .
wrong                       TXT    "v=spf1 -all"
wrong                       TXT    "v=spf1 ~all"
_dmarc.wrong                TXT    "v=DMARC2; p=reject"
s1._domainkey.wrong         TXT    "v=DKIM1; p="
""",
    relativize=False,
)


class Answering(asyncio.DatagramProtocol):
    """An authoritative server of `ZONE`. Names under `refuses.` are answered SERVFAIL, those under
    `silent.` not at all.
    """

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        asked = dns.message.from_wire(data)
        if (answer := answer_to(asked)) is not None:
            self.transport.sendto(answer.to_wire(), addr)


def answer_to(asked: dns.message.Message) -> dns.message.Message | None:
    (question,) = asked.question
    name = question.name.to_text()
    if name.endswith("silent.example."):
        return None
    answer = dns.message.make_response(asked)
    answer.flags |= dns.flags.AA
    if name.endswith("refuses.example."):
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif ZONE.get_node(question.name) is None:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    elif found := ZONE.get_rrset(question.name, question.rdtype):
        answer.answer.append(found)
    return answer


@pytest.fixture
async def resolver() -> AsyncIterator[dns.asyncresolver.Resolver]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Answering, local_addr=("127.0.0.1", 0))
    with contextlib.closing(transport):
        made = dns.asyncresolver.Resolver(configure=False)
        made.nameservers, made.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
        yield made


@pytest.mark.parametrize(
    ("domain", "states"),
    [
        ("right.example", {"MX": "good", "SPF": "good", "DMARC": "good", "DKIM": "good"}),
        ("wrong.example", {"MX": "wrong", "SPF": "wrong", "DMARC": "missing", "DKIM": "wrong"}),
        ("nothing.example", dict.fromkeys(("MX", "SPF", "DMARC", "DKIM"), "missing")),
        ("refuses.example", dict.fromkeys(("MX", "SPF", "DMARC", "DKIM"), "unknown")),
        ("silent.example", dict.fromkeys(("MX", "SPF", "DMARC", "DKIM"), "unknown")),
    ],
)
async def test_what_is_published_is_said(
    resolver: dns.asyncresolver.Resolver,
    monkeypatch: pytest.MonkeyPatch,
    domain: str,
    states: dict[str, str],
) -> None:
    # Only the last case waits for it.
    monkeypatch.setattr(dns_records, "ANSWER_WITHIN_S", 1.0)
    found = await records_of(domain, "s1", functools.partial(look_up, resolver=resolver))
    assert {check.what: check.state for check in found} == states


async def test_what_is_found_is_shown_as_it_is_read(
    resolver: dns.asyncresolver.Resolver,
) -> None:
    look = functools.partial(look_up, resolver=resolver)
    mx, spf, _, dkim = await records_of("right.example", "s1", look)
    assert mx.found == ("10 mx.right.example.",)
    assert spf.found == ("v=spf1 include:relay.example -all",)
    assert dkim.found == ("v=DKIM1; k=rsa; p=MIIB",)
