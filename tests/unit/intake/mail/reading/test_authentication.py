"""Who vouches for a mail: DKIM, SPF and DMARC against zones written here, and the demo's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from services.intake.mail.reading.authentication import authentication
from services.intake.mail.reading.authentication.authentication import judge
from services.intake.mail.reading.authentication.dns import (
    DnsZone,
    Internet,
    Kind,
    NoAnswerInTime,
    Resolver,
    Unreachable,
    resolver_of,
)
from services.intake.mail.reading.authentication.signatures import SignatureCheck, verify
from services.intake.mail.reading.authentication.spf import check
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Authentication, Envelope
from tests.support.mails import DEMO_ZONE, envelope, mail, signed

KEY = DnsZone.of(DEMO_ZONE)
SHARED = ["hf.space", "lovable.app", "up.railway.app", "github.io", "herokuapp.com"]
"""Where strangers live side by side."""
P = asyncio.run(KEY.lookup("demo._domainkey.example.com", "TXT"))[0]
Records = Mapping[str, Mapping[str, list[str]]]
ZONE: Records = {
    "example.org": {"TXT": ["v=spf1 ip4:203.0.113.9 -all", "google-site-verification=x"]},
    "_dmarc.example.org": {"TXT": ["v=DMARC1; p=none"]},
    "demo._domainkey.example.org": {"TXT": [P]},
    "demo._domainkey.news.example.org": {"TXT": [P]},
    "news.example.org": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"]},
    "strict.example": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"]},
    "_dmarc.strict.example": {"TXT": ["v=DMARC1; p=reject; aspf=s; adkim=s"]},
    "sub.strict.example": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"]},
    "demo._domainkey.sub.strict.example": {"TXT": [P]},
    "bank.example": {"TXT": ["v=spf1 -all"]},
    "_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]},
    "bank.example-evil.net": {"TXT": ["v=spf1 +all"]},
    "evil.net": {"TXT": ["v=spf1 +all"]},
    "demo._domainkey.evil.net": {"TXT": [P]},
    "nodmarc.example": {"TXT": ["v=spf1 +all"]},
    "twice.example": {"TXT": ["v=spf1 +all"]},
    "_dmarc.twice.example": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]},
    "one.co.uk": {"TXT": ["v=spf1 +all"]},
    "_dmarc.two.co.uk": {"TXT": ["v=DMARC1; p=none"]},
    **{f"_dmarc.two.{each}": {"TXT": ["v=DMARC1; p=none"]} for each in SHARED},
    **{f"one.{each}": {"TXT": ["v=spf1 +all"]} for each in SHARED},
    **{f"demo._domainkey.one.{each}": {"TXT": [P]} for each in SHARED},
}


def authenticated(raw: bytes, around: Envelope, resolver: Resolver) -> Authentication:
    """As the reader does it, but for the child."""

    async def here(keys: dict[str, str]) -> list[SignatureCheck]:
        return verify(raw, keys)

    return asyncio.run(judge(around, read_message(raw, around), resolver, here))


def from_(address: str) -> bytes:
    return mail("Hello, the app is down.\n", {"From": address})


OURS = signed(from_("a@example.org"), "example.org")
PART = signed(from_("a@example.org"), "example.org", length=True)
BANK = "ceo@bank.example"
NOBODY = envelope("", peer="")
"""An envelope that SPF can say nothing about."""
FORGED = [
    b"Authentication-Results: mx.signalbox.example; dmarc=pass header.from=bank.example",
    b"ARC-Authentication-Results: i=1; mx.signalbox.example; dmarc=pass",
    b"Received-SPF: pass",
]
CASES: list[tuple[str, bytes, Envelope, bool, str]] = [
    ("SPF of the same domain", from_("a@example.org"), envelope("a@example.org"), True, "pass"),
    ("SPF of a subdomain", from_("a@example.org"), envelope("b@news.example.org"), True, "pass"),
    (
        "SPF of a subdomain, strict",
        from_("a@strict.example"),
        envelope("b@sub.strict.example"),
        False,
        "fail",
    ),
    (
        "SPF, strict and the same",
        from_("a@strict.example"),
        envelope("b@strict.example"),
        True,
        "pass",
    ),
    ("SPF passes for somebody else", from_(BANK), envelope("x@evil.net"), False, "fail"),
    (
        "SPF passes for a name that begins like it",
        from_(BANK),
        envelope("x@bank.example-evil.net"),
        False,
        "fail",
    ),
    (
        "SPF of a neighbour under a public suffix",
        from_("a@two.co.uk"),
        envelope("x@one.co.uk"),
        False,
        "fail",
    ),
    (
        "SPF fails",
        from_("a@example.org"),
        envelope("a@example.org", peer="198.51.100.1"),
        False,
        "fail",
    ),
    (
        "SPF by HELO of a null sender",
        from_("a@example.org"),
        envelope("", helo="news.example.org"),
        True,
        "pass",
    ),
    (
        "no client address",
        from_("a@example.org"),
        envelope("a@example.org", peer=""),
        False,
        "fail",
    ),
    ("DKIM of the domain", OURS, NOBODY, True, "pass"),
    (
        "DKIM of a subdomain",
        signed(from_("a@example.org"), "news.example.org"),
        NOBODY,
        True,
        "pass",
    ),
    (
        "DKIM of a subdomain, strict",
        signed(from_("a@strict.example"), "sub.strict.example"),
        NOBODY,
        False,
        "fail",
    ),
    ("DKIM of somebody else", signed(from_(BANK), "evil.net"), NOBODY, False, "fail"),
    ("DKIM, the body changed", OURS.replace(b"down", b"fine"), NOBODY, False, "fail"),
    ("DKIM, another sender put in", OURS.replace(b"From: a@", b"From: b@"), NOBODY, False, "fail"),
    ("DKIM over a part of the body", PART, NOBODY, False, "fail"),
    (
        "DKIM over a part of the body, and more behind it",
        PART + b"and more\r\n",
        NOBODY,
        False,
        "fail",
    ),
    (
        "DKIM without a key in DNS",
        signed(from_("a@example.org"), "example.org", selector="gone"),
        NOBODY,
        False,
        "fail",
    ),
    ("the second of two signatures", signed(OURS, "evil.net"), NOBODY, True, "pass"),
    *[
        (
            f"a neighbour under {suffix}",
            signed(from_(f"a@two.{suffix}"), f"one.{suffix}"),
            envelope(f"x@one.{suffix}"),
            False,
            "fail",
        )
        for suffix in SHARED
    ],
    ("no DMARC record", from_("a@nodmarc.example"), envelope("a@nodmarc.example"), False, "none"),
    ("two DMARC records", from_("a@twice.example"), envelope("a@twice.example"), False, "none"),
    ("no From", mail(headers={"From": None}), envelope("a@example.org"), False, "none"),
    ("two From", mail(extra=[b"From: x@example.org"]), envelope("a@example.org"), False, "none"),
    (
        "foreign results are not believed",
        mail(headers={"From": BANK}, extra=FORGED),
        envelope("x@evil.net"),
        False,
        "fail",
    ),
]


@pytest.mark.parametrize(
    ("raw", "around", "aligned", "dmarc"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_only_an_aligned_pass_vouches(
    raw: bytes, around: Envelope, aligned: bool, dmarc: str
) -> None:
    found = authenticated(raw, around, DnsZone(ZONE))
    assert (found.aligned, found.dmarc) == (aligned, dmarc), found.reason
    assert found.reason


def test_the_demo_vouches_for_its_own_people_on_this_machine_only() -> None:
    raw = from_("premier@example.com")
    assert authenticated(raw, envelope("premier@example.com", peer="127.0.0.1"), KEY).aligned
    assert not authenticated(raw, envelope("premier@example.com", peer="203.0.113.9"), KEY).aligned
    assert authenticated(signed(raw, "example.com"), envelope("", peer="203.0.113.9"), KEY).aligned
    assert not authenticated(
        raw, envelope("premier@example.com", peer="127.0.0.1"), Unreachable()
    ).aligned


RFC_8463 = "\r\n".join(
    [  # the message and the key of its appendix A
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;",
        " d=football.example.com; i=@football.example.com;",
        " q=dns/txt; s=brisbane; t=1528637909; h=from : to :",
        " subject : date : message-id : from : subject : date;",
        " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;",
        " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus",
        " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
        "From: Joe SixPack <joe@football.example.com>",
        "To: Suzie Q <suzie@shopping.example.net>",
        "Subject: Is dinner ready?",
        "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)",
        "Message-ID: <20030712040037.46341.5F8J@football.example.com>",
        "",
        "Hi.",
        "",
        "We lost the game.  Are you hungry yet?",
        "",
        "Joe.",
        "",
    ]
).encode()
ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
OTHER_KEY = "p=O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="


@pytest.mark.parametrize(
    ("raw", "record", "aligned"),
    [
        (RFC_8463, ED25519, True),
        (RFC_8463, ED25519.replace("v=DKIM1; ", ""), True),
        (RFC_8463, f"{ED25519}; s=email:x; h=sha1:sha256", True),
        (RFC_8463.replace(b"lost", b"won"), ED25519, False),
        (RFC_8463.replace(b"From: Joe", b"From: Jim"), ED25519, False),
        (RFC_8463.replace(b"b=/gCr", b"b=/gCs"), ED25519, False),
        (
            RFC_8463.replace(b"From: Joe", b"From: boss@football.example.com\r\nFrom: Joe"),
            ED25519,
            False,
        ),
        (RFC_8463, ED25519.replace(ED25519.rpartition("p=")[2], ""), False),
        (RFC_8463, ED25519.replace("p=11qY", "p=not*"), False),
        (RFC_8463, ED25519.replace("PcHURo=", ""), False),
        (RFC_8463, f"v=DKIM1; k=ed25519; {OTHER_KEY}", False),
        (RFC_8463, f"{ED25519}; s=tlsrpt", False),
        (RFC_8463, f"{ED25519}; h=sha1", False),
        (RFC_8463, ED25519.replace("DKIM1", "DKIM2"), False),
        (RFC_8463, P, False),
        (RFC_8463.replace(b"a=ed25519-sha256", b"a=rsa-sha256"), ED25519, False),
    ],
    ids=[
        "the example of the RFC",
        "a key without a version",
        "services and hashes named",
        "another body",
        "another sender",
        "another signature",
        "a second From",
        "a revoked key",
        "a key that is no base64",
        "a key cut short",
        "another key",
        "a key for something else",
        "a key for SHA-1",
        "another version",
        "an RSA key",
        "said to be RSA",
    ],
)
def test_ed25519(raw: bytes, record: str, aligned: bool) -> None:
    zone = {
        "brisbane._domainkey.football.example.com": {"TXT": [record]},
        "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
    }
    found = authenticated(raw, NOBODY, DnsZone(zone))
    assert (found.aligned, found.dmarc) == (aligned, "pass" if aligned else found.dmarc), (
        found.reason
    )


class Away:
    """DNS that does not answer about some names."""

    def __init__(self, *names: str, zone: Records = ZONE) -> None:
        self._names, self._zone = names, DnsZone(zone)

    async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
        if any(part in name for part in self._names):
            raise NoAnswerInTime(name)
        return await self._zone.lookup(name, kind)


@pytest.mark.parametrize("name", ["_dmarc", "_domainkey"])
def test_dns_away_is_a_temporary_error_not_a_no(name: str) -> None:
    found = authenticated(
        signed(from_("a@example.org"), "example.org"), envelope("", peer=""), Away(name)
    )
    assert (found.aligned, found.dmarc) == (False, "temperror")


def test_spf_alone_vouches_though_the_key_cannot_be_had() -> None:
    assert authenticated(
        signed(from_("a@example.org"), "example.org"), envelope("a@example.org"), Away("_domainkey")
    ).aligned


async def test_dns_that_hangs_is_waited_for_within_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hangs:
        async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
            await asyncio.Event().wait()
            raise AssertionError

    async def never(keys: dict[str, str]) -> list[SignatureCheck]:
        raise AssertionError

    monkeypatch.setattr(authentication, "BUDGET", 0.01)
    raw = from_("a@example.org")
    found = await judge(envelope(), read_message(raw, envelope()), Hangs(), never)
    assert (found.dmarc, found.aligned) == ("temperror", False)


YES, NO = {"TXT": ["v=spf1 +all"]}, {"TXT": ["v=spf1 -all"]}
HOST = {"A": ["203.0.113.9"], "AAAA": ["2001:db8::1"]}
FOUR, SIX = "203.0.113.9", "2001:db8::9"
SPF: list[tuple[str, str, str, str, Records]] = [
    ("the address", FOUR, "ip4:203.0.113.0/24 -all", "pass", {}),
    ("another", FOUR, "ip4:192.0.2.1 -all", "fail", {}),
    ("softly", FOUR, "~all", "softfail", {}),
    ("nothing said", FOUR, "", "neutral", {}),
    ("a", FOUR, "a:h.example -all", "pass", {"h.example": HOST}),
    ("a with a mask", FOUR, "a:h.example/24 -all", "pass", {"h.example": {"A": ["203.0.113.77"]}}),
    (
        "mx",
        FOUR,
        "mx:m.example -all",
        "pass",
        {"m.example": {"MX": ["h.example"]}, "h.example": HOST},
    ),
    ("include", FOUR, "include:i.example -all", "pass", {"i.example": YES}),
    ("include fails", FOUR, "include:i.example ~all", "softfail", {"i.example": NO}),
    ("include of nothing", FOUR, "include:i.example -all", "permerror", {}),
    ("redirect", FOUR, "redirect=i.example", "pass", {"i.example": YES}),
    (
        "exists with macros",
        FOUR,
        "exists:%{ir}.%{l1r-}.%{d2} -all",
        "pass",
        {"9.113.0.203.ann.d.example": HOST},
    ),
    (
        "ptr",
        FOUR,
        "ptr -all",
        "pass",
        {"9.113.0.203.in-addr.arpa": {"PTR": ["h.d.example"]}, "h.d.example": HOST},
    ),
    (
        "ptr of somebody else",
        FOUR,
        "ptr -all",
        "fail",
        {"9.113.0.203.in-addr.arpa": {"PTR": ["h.evil.example"]}, "h.evil.example": HOST},
    ),
    ("an endless include", FOUR, "include:d.example -all", "permerror", {}),
    ("an endless redirect", FOUR, "redirect=d.example", "permerror", {}),
    ("three questions in vain", FOUR, "a:a.example a:b.example a:c.example +all", "permerror", {}),
    ("a mechanism that is none", FOUR, "everyone +all", "permerror", {}),
    ("a network that is none", FOUR, "ip4:999.1.1.1 +all", "permerror", {}),
    ("a macro that is none", FOUR, "a:%{x}.example +all", "permerror", {}),
    ("IPv6", SIX, "ip6:2001:db8::/32 -all", "pass", {}),
    ("IPv4 in IPv6", "::ffff:203.0.113.9", "ip4:203.0.113.9 -all", "pass", {}),
    ("AAAA with a mask", SIX, "a:h.example/24//64 -all", "pass", {"h.example": HOST}),
    ("no address", "nonsense", "+all", "none", {}),
]


@pytest.mark.parametrize(
    ("peer", "terms", "verdict", "others"),
    [case[1:] for case in SPF],
    ids=[case[0] for case in SPF],
)
async def test_spf(peer: str, terms: str, verdict: str, others: Records) -> None:
    zone = DnsZone({"d.example": {"TXT": [f"v=spf1 {terms}".strip()]}, **others})
    found = await check(peer, "ann@d.example", "helo.example", zone)
    assert found.verdict == verdict, found.reason


FAULTS = [
    "+all ip4:1.2.3",
    "+all:x",
    "+all/8",
    "ip4:203.0.113.9 include",
    "ip4:203.0.113.9 include:",
    "ip4:203.0.113.9/032",
    "ip4:203.0.113.9/33",
    "ip4 +all",
    "ip6:::1/129 +all",
    "a:h.example/33 +all",
    "a:h.example//129 +all",
    "a:h.example/ +all",
    "a:localhost +all",
    "a:203.0.113.9 +all",
    "a:h.example:25 +all",
    "mx: +all",
    "ptr/8 +all",
    "exists:h.example/8 +all",
    "+all redirect=",
    "+all redirect:h.example",
    "+all redirect=a.example redirect=b.example",
    "+all exp=a.example exp=b.example",
    "+all exp=%{c}",
    "+all exp=",
    "+all x=%",
    "a:%{d0}.example +all",
    "a:%{r}.example +all",
    "+all \u00e9",
    "+all\x08",
    "+all " + "x" * 5000,
]


@pytest.mark.parametrize("terms", FAULTS)
async def test_a_fault_anywhere_makes_an_spf_record_worth_nothing(terms: str) -> None:
    zone = DnsZone({"d.example": {"TXT": [f"v=spf1 {terms}"]}, "h.example": HOST})
    found = await check(FOUR, "ann@d.example", "helo.example", zone)
    assert found.verdict == "permerror", found.reason


NAMED = {"9.113.0.203.in-addr.arpa": {"PTR": ["x.d.example", "h.evil.example"]}}


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("x.d.example", "pass"), ("h.evil.example", "fail"), ("other.example", "fail")],
)
async def test_the_name_of_the_client_in_an_spf_record(host: str, verdict: str) -> None:
    zone = DnsZone(
        {
            "d.example": {"TXT": ["v=spf1 exists:%{p}.ok.example -all"]},
            "x.d.example.ok.example": HOST,
            "h.evil.example": {"A": ["192.0.2.1"]},
            host: HOST,
            **NAMED,
        }
    )
    assert (await check(FOUR, "ann@d.example", "", zone)).verdict == verdict


@pytest.mark.parametrize(
    ("away", "verdict"),
    [("in-addr.arpa", "softfail"), ("h.evil.example", "pass"), ("x.d.example", "softfail")],
)
async def test_dns_away_for_the_name_of_the_client_matches_nothing(away: str, verdict: str) -> None:
    """RFC 7208, section 5.5: no error of the whole check."""
    zone = {"d.example": {"TXT": ["v=spf1 ptr ~all"]}, "x.d.example": HOST, **NAMED}
    assert (await check(FOUR, "ann@d.example", "", Away(away, zone=zone))).verdict == verdict


RECORDS = [
    (["v=spf10 +all", "x"], "none"),
    (["v=spf1 +all", "v=spf1 -all"], "permerror"),
    (["v=spf1 +all", "x"], "pass"),
]


@pytest.mark.parametrize(("texts", "verdict"), RECORDS)
async def test_exactly_one_spf_record(texts: list[str], verdict: str) -> None:
    assert (
        await check(FOUR, "ann@d.example", "", DnsZone({"d.example": {"TXT": texts}}))
    ).verdict == verdict


NAMELESS = [
    "",
    "ann",
    "ann@",
    "@",
    "ann@[203.0.113.9]",
    "ann@localhost",
    "a@d.example\r\n",
    "ann@" + "a." * 200 + "example",
]


@pytest.mark.parametrize("sender", NAMELESS)
async def test_spf_of_an_envelope_that_names_no_domain(sender: str) -> None:
    assert (await check("203.0.113.9", sender, "", DnsZone({}))).verdict == "none"


HOSTILE_SIGNATURES = [
    b"DKIM-Signature: ",
    b"DKIM-Signature: v=1",
    b"DKIM-Signature: " + b";" * 5000,
    b"DKIM-Signature: v=1; a=rsa-sha256; d=\xff; s=\xff; h=from; bh=; b=",
    b"DKIM-Signature: v=1; a=rsa-sha256; c=x/y; d=example.org; s=demo; h=from; bh=AAAA; b=AAAA",
    b"DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=demo; h=from; bh=AAAA; b=AAAA",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=demo; h=from; l=99999999999999999999999; bh=AAAA; b=AAAA",
    b" folded first",
]


@pytest.mark.parametrize("line", HOSTILE_SIGNATURES)
@pytest.mark.parametrize(
    "key", ["", "p=", "p=AAAA", "v=DKIM1; k=rsa; p=MIGf", "v=DKIM1; k=ed25519; p=AAAA", "\ufffd", P]
)
def test_hostile_signatures_and_keys_verify_nothing(line: bytes, key: str) -> None:
    found = verify(line + b"\r\n" + from_("a@example.org"), {"demo._domainkey.example.org": key})
    assert "pass" not in [one.verdict for one in found]


def test_the_resolver_is_the_zone_or_the_internet_and_the_demo_has_none() -> None:
    assert isinstance(resolver_of(DEMO_ZONE, demo=True), DnsZone)
    assert isinstance(resolver_of(None, demo=True), Unreachable)
    assert isinstance(resolver_of(None, demo=False), Internet)
