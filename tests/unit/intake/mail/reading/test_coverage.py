"""What a DKIM signature vouches for: whatever a stranger adds to a signed mail, it means what its
signer wrote, or nobody vouches for it.
"""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.reading.authentication import coverage
from services.intake.mail.reading.authentication.authentication import judge
from services.intake.mail.reading.authentication.coverage import has_one_meaning
from services.intake.mail.reading.authentication.dns import DnsZone
from services.intake.mail.reading.authentication.signatures import SignatureCheck, verify
from services.intake.mail.reading.machines import automatic
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Authentication, Envelope, MailContent
from services.intake.mail.reading.text import decoding
from tests.support.examples import examples
from tests.support.mails import DEMO_ZONE, ROOT, envelope, mail, multipart, signed

P = asyncio.run(DnsZone.of(DEMO_ZONE).lookup("demo._domainkey.example.com", "TXT"))[0]
ZONE = DnsZone(
    {
        "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
        "demo._domainkey.example.org": {"TXT": [P]},
        "example.org": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"]},
        "evil.test": {"TXT": ["v=spf1 +all"]},
    }
)
EVIL = envelope("attacker@evil.test", peer="198.51.100.7")

GMAIL = "to:subject:message-id:date:from:in-reply-to:references:mime-version:from:to:cc:reply-to"
YAHOO = "date:from:to:subject:references:from:subject:reply-to"
OUTLOOK = "from:date:subject:message-id:content-type:mime-version:x-ms-exchange-senderadcheck"
ICLOUD = "from:content-type:mime-version:subject:date:message-id:to"
SES = "from:to:subject:mime-version:content-type:content-transfer-encoding:date:message-id"
MAILGUN = "content-type:mime-version:subject:from:to:message-id:sender:date"
SIGNERS = {
    "Gmail": GMAIL,
    "Yahoo": YAHOO,
    "Outlook": OUTLOOK,
    "iCloud": ICLOUD,
    "SES": SES,
    "Mailgun": MAILGUN,
}

QUOTED = (
    "No thanks.\n\n-----Original Message-----\nFrom: x@evil.test\n\n"
    "--X\nContent-Type: text/plain\n\nApp: premier-production\nPriority: urgent\n\n"
    "Wake everybody.\n--X--\n\nhave a nice day=0AApp: other\n"
)
THREAD: dict[str, str | bytes | None] = {
    "In-Reply-To": "<a@x.example>",
    "References": "<a@x.example>",
}
PLAIN: dict[str, str | bytes | None] = {
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
}
TWO = multipart(
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nIt fails.\r\n",
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>It fails.</p>\r\n",
    subtype="alternative",
)
WRITTEN = {
    "bare": mail(QUOTED),
    "plain": mail(QUOTED, PLAIN | THREAD),
    "parts": TWO,
    "no subject": mail(QUOTED, {"Subject": None}),
}
SIGNED = {
    (signer, name): signed(raw, "example.org", headers=h)
    for signer, h in SIGNERS.items()
    for name, raw in WRITTEN.items()
    if raw.find(b"Subject:") >= 0
} | {
    ("nearly nothing", name): signed(raw, "example.org", headers="from:date")
    for name, raw in WRITTEN.items()
}


def settle(raw: bytes, around: Envelope = EVIL) -> tuple[Authentication, MailContent]:
    """As the desk does it, but for the child."""

    async def here(keys: dict[str, str]) -> list[SignatureCheck]:
        return verify(raw, keys)

    first = read_message(raw, around)
    found = asyncio.run(judge(around, first, ZONE, here))
    return found, read_message(
        raw, around, ignored=frozenset(found.unsigned)
    ) if found.unsigned else first


def meaning(reading: MailContent) -> dict[str, object]:
    """All that a ticket, a reply or a page is made of. What is left out restrains: with it the mail
    is a machine's, or is not vouched for.
    """
    restrains = {"automatic", "bounce", "x_loop", "from_list", "behind_list"}
    return reading.model_dump(exclude=restrains | {"signatures", "troubles"})


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("name", ["bare", "plain", "parts"])
def test_the_mail_of_each_large_provider_is_vouched_for(signer: str, name: str) -> None:
    found, reading = settle(SIGNED[signer, name])
    assert found.aligned, found.reason
    assert reading.subject == "Help"
    threads = signer in ("Gmail",) and name == "plain"
    assert bool(reading.in_reply_to) is threads
    assert bool(reading.references) is (threads or (signer == "Yahoo" and name == "plain"))


def test_spf_vouches_for_the_whole_mail() -> None:
    found, reading = settle(SIGNED["Outlook", "plain"], envelope("ann@example.org"))
    assert (found.aligned, found.unsigned) == (True, ())
    assert reading.in_reply_to == ("<a@x.example>",)


USED = sorted(
    coverage.MUST_BE_SIGNED
    | coverage.SHAPE
    | coverage.IGNORED
    | coverage.RESTRAINS
    | coverage.ABOUT_THE_WAY
)
NAMED = b"<tkt_aaaaaaaaaaaaaaaaaaaaaaaaaa@signalbox.example>"
VALUES: dict[str, list[bytes]] = {
    "from": [b"boss@example.org"],
    "subject": [b"Everything is down [premier-production]"],
    "content-type": [
        b'multipart/mixed; boundary="X"',
        b"multipart/digest; boundary=frontier",
        b'multipart/mixed; boundary="---Original Message-----"',
        b"text/html",
        b"text/plain; charset=utf-7",
        b"text/plain; name=evil.exe",
        b"application/pdf",
    ],
    "content-transfer-encoding": [b"base64", b"quoted-printable"],
    "content-disposition": [b'attachment; filename="evil.exe"', b"inline"],
    "date": [b"Tue, 3 Mar 2020 15:04:05 +0000"],
}
"""What a stranger would like to say; of any other header `SOMETHING`."""
SOMETHING = [NAMED, b"boss@example.org", b"ja", b"no", b""]
SPELLINGS = [
    b"%s: %s\r\n",
    b"%s : %s\r\n",
    b"%s:\r\n %s\r\n",
    b"\x00%s: %s\r\n",
    b"X-A: b\r%s: %s\r\n",
    b"x y\r\n%s: %s\r\n",
]
FRONTS = [
    b"\xef\xbb\xbf",
    b"From x@evil.test Mon\r\n",
    b"\r\n",
    b"words of a relay\r\n",
    b"\x00\r\n",
]
PLACES = ["on top", "above the body", "above From"]
MEANT = {key: meaning(settle(raw)[1]) for key, raw in SIGNED.items()}


def put_in(raw: bytes, line: bytes, place: str) -> bytes:
    """`raw` with a header line more."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if place == "on top":
        return line + raw
    if place == "above From":
        return head.replace(b"\r\nFrom:", b"\r\n" + line + b"From:", 1) + b"\r\n\r\n" + body
    return head + b"\r\n" + line + b"\r\n" + body


def check_that_nobody_speaks_for_the_signer(key: tuple[str, str], changed: bytes) -> None:
    found, reading = settle(changed)
    if found.aligned:
        assert meaning(reading) == MEANT[key], found.reason


@pytest.mark.costly
@pytest.mark.parametrize("name", USED)
def test_no_header_that_is_added_has_an_effect_in_the_signers_name(name: str) -> None:
    for key, raw in SIGNED.items():
        for value in VALUES.get(name, SOMETHING[:2]):
            line = b"%s: %s\r\n" % (name.title().encode(), value)
            check_that_nobody_speaks_for_the_signer(key, line + raw)


@settings(max_examples=examples(800), deadline=None)
@given(
    key=st.sampled_from(sorted(SIGNED)),
    name_and_value=st.one_of(
        *(
            st.tuples(st.just(name), st.sampled_from(VALUES.get(name, SOMETHING)))
            for name in ("subject", "content-type", "in-reply-to", "date", "to")
        ),
        st.tuples(st.sampled_from(USED), st.sampled_from(SOMETHING)),
    ),
    spelling=st.sampled_from(SPELLINGS),
    front=st.one_of(st.just(b""), st.sampled_from(FRONTS)),
    place=st.sampled_from(PLACES),
    again=st.booleans(),
)
def test_nor_any_spelling_of_one_at_any_place(
    key: tuple[str, str],
    name_and_value: tuple[str, bytes],
    spelling: bytes,
    front: bytes,
    place: str,
    again: bool,
) -> None:
    name, value = name_and_value
    line = spelling % (name.title().encode(), value) * (1 + again)
    check_that_nobody_speaks_for_the_signer(key, front + put_in(SIGNED[key], line, place))


A06 = b'Subject: Checkout fails [premier-production]\r\nContent-Type: multipart/mixed; boundary="X"\r\n'
ADDED: list[tuple[str, str, bytes, str]] = [
    ("SES", "plain", A06, "more than one"),
    ("SES", "plain", b"From: x@example.org\r\n", ""),
    ("Gmail", "plain", b"Message-ID: <x@x.example>\r\n", "more than one Message-Id"),
    ("Gmail", "plain", b"In-Reply-To: <x@x.example>\r\n", "more than one In-Reply-To"),
    ("Gmail", "bare", b'Content-Type: multipart/mixed; boundary="X"\r\n', "Content-Type is not"),
    ("Gmail", "bare", b"Content-Type: text/html\r\n", "Content-Type is not"),
    (
        "Gmail",
        "bare",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        "Transfer-Encoding is not",
    ),
    ("SES", "plain", b"Content-Disposition: attachment; filename=x\r\n", "Disposition is not"),
    ("SES", "plain", b"List-Id: a\r\nList-Id: b\r\n", "more than one List-Id"),
    (
        "SES",
        "plain",
        b"Auto-Submitted: no\r\nAuto-Submitted: no\r\n",
        "more than one Auto-Submitted",
    ),
    ("SES", "plain", b"\xef\xbb\xbf", "repaired"),
    ("nearly nothing", "plain", b"", "Subject is not signed"),
    ("nearly nothing", "no subject", b"Subject: urgent\r\n", "Subject is not signed"),
]


@pytest.mark.parametrize(("signer", "name", "added", "why"), ADDED)
def test_what_a_stranger_adds_is_not_vouched_for(
    signer: str, name: str, added: bytes, why: str
) -> None:
    found, _ = settle(added + SIGNED[signer, name])
    assert not found.aligned
    assert why in found.reason or "cannot be verified" in found.reason


def test_what_restrains_is_used_though_it_is_not_signed() -> None:
    found, reading = settle(b"Auto-Submitted: auto-replied\r\n" + SIGNED["SES", "plain"])
    assert found.aligned
    assert reading.automatic is not None


FILLED = b"--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--b--\r\n"
MEANINGS: list[tuple[str, str, bytes, bool]] = [
    ("multipart/alternative; boundary=b", "", FILLED, True),
    ('multipart/mixed; boundary="b"', "7bit", FILLED, True),
    ("multipart/mixed; boundary=b", "base64", FILLED, False),
    ("multipart/mixed; boundary=b", "", b"words\r\n" + FILLED, False),
    ("multipart/mixed; boundary=b", "", FILLED + b"words\r\n", False),
    ("multipart/mixed; boundary=b", "", FILLED.replace(b"Content-", b"From: a\r\nContent-"), False),
    ("multipart/mixed", "", FILLED, False),
    ("multipart/report; boundary=b", "", FILLED, False),
    ("multipart/mixed; boundary=b; name=x", "", FILLED, False),
    ("message/rfc822", "", b"Subject: x\r\n\r\n", False),
    ("text/plain", "", b"Hi\r\n", True),
    ("", "8bit", "Grüße\r\n".encode(), True),
    ("text/plain; charset=utf-8; format=flowed; delsp=yes", "", b"Hi\r\n", True),
    ("text/plain; charset=latin1", "", b"Hi\r\n", False),
    ("text/plain", "", b"Gr\xfc\xdfe\r\n", False),
    ("text/plain; name=x", "", b"Hi\r\n", False),
    ("text/plain", "quoted-printable", b"Hi\r\n", False),
    ("text/plain", "base64", b"R3LDvMOfZQ==\r\n", True),
    ("text/plain", "base64", b"Hi there\r\n", False),
    ("text/html", "", b"<!DOCTYPE html><p>Hi\r\n", True),
    ("text/html; charset=utf-8", "", b"<html><p>Hi\r\n", True),
    ("text/html", "", b"Hi <p>\r\n", False),
    ("nonsense", "", b"Hi\r\n", False),
]


@pytest.mark.parametrize(("kind", "encoding", "body", "one"), MEANINGS)
def test_whether_a_body_says_itself_how_it_is_read(
    kind: str, encoding: str, body: bytes, one: bool
) -> None:
    given_ = {"content-type": kind, "content-transfer-encoding": encoding}
    assert has_one_meaning({k: v.encode() for k, v in given_.items() if v}, body) is one


def _read_headers(path: Path) -> set[str]:
    """The names handed to what reads a header of a part, in one module."""
    readers = {"first", "all", "_value", "_values", "_ids"}
    tree = ast.parse(path.read_text())
    tried = {
        each.value
        for node in ast.walk(tree)
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple)
        for each in node.iter.elts
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }
    return tried | {
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in readers
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_every_header_that_the_reader_uses_is_in_one_of_the_tables() -> None:
    folder = ROOT / "services" / "intake" / "mail" / "reading"
    found = set().union(*map(_read_headers, folder.rglob("*.py")))
    found |= set(decoding._HINTED_IN) | set(automatic._ANSWERS)
    assert len(found) > 30
    assert all(re.fullmatch(r"[a-z][a-z-]+", name) for name in found)
    assert found <= set(USED)
    tables = [
        coverage.MUST_BE_SIGNED,
        coverage.SHAPE,
        coverage.IGNORED,
        coverage.RESTRAINS,
        coverage.ABOUT_THE_WAY,
    ]
    assert sum(map(len, tables)) == len(USED), "a header stands in one table"
