"""Broken and hostile mails: each is read, with its trouble named, and nothing that comes out can do
harm.
"""

from __future__ import annotations

import base64
import time

import pytest

from services.intake.mail.reading.fields import HEADERS_MOST
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import (
    DEPTH_MOST,
    PARTS_MOST,
    TEXT_MOST,
    MailContent,
    Trouble,
)
from tests.support.fitness import unfit
from tests.support.mails import attached, envelope, mail, multipart


def read(raw: bytes) -> MailContent:
    """Within the processor time a mail may take, and fit for everything behind us."""
    begun = time.process_time()
    reading = read_message(raw, envelope())
    assert time.process_time() - begun < 2
    assert not unfit(reading)
    return reading


FROM: list[tuple[str, list[bytes], Trouble | None, str]] = [
    ("none", [], Trouble.NO_FROM, ""),
    ("empty", [b"From: "], Trouble.NO_FROM, ""),
    ("two headers", [b"From: a@example.org", b"From: b@example.net"], Trouble.MANY_FROM, ""),
    ("two mailboxes", [b"From: a@example.org, b@example.net"], Trouble.MANY_FROM, ""),
    ("no address", [b"From: Ann"], Trouble.BAD_FROM, ""),
    ("two angles", [b"From: <a@example.org> <b@example.net>"], Trouble.BAD_FROM, ""),
    ("something behind", [b"From: <a@example.org> b@example.net"], Trouble.BAD_FROM, ""),
    ("an open quote", [b'From: "Ann <a@example.org>'], Trouble.BAD_FROM, ""),
    ("an open comment", [b"From: a@example.org (Ann"], Trouble.BAD_FROM, ""),
    ("a comment before the domain", [b"From: a@example.org(b@example.net"], Trouble.BAD_FROM, ""),
    (
        "a word with a comma and an address",
        [b"From: =?utf-8?q?x=40evil=2Eexample=2C?= <a@example.org>"],
        None,
        "a@example.org",
    ),
    (
        "a name that is an address",
        [b'From: "ceo@bank.example" <a@example.org>'],
        None,
        "a@example.org",
    ),
    ("a NUL", [b"From: a\x00b@example.org"], None, "ab@example.org"),
    ("spaces before the colon", [b"From : a@example.org"], None, "a@example.org"),
    ("folded", [b"From: Ann\r\n <a@example.org>"], None, "a@example.org"),
    (
        "an international domain",
        ["From: a@bücher.example".encode()],
        None,
        "a@xn--bcher-kva.example",
    ),
    ("capitals", [b"From: Ann@EXAMPLE.org"], None, "Ann@example.org"),
    ("a route", [b"From: <@relay.example:a@example.org>"], Trouble.BAD_FROM, ""),
    ("a domain of dots", [b"From: a@..example"], Trouble.BAD_FROM, ""),
]


@pytest.mark.parametrize(
    ("lines", "trouble", "address"), [case[1:] for case in FROM], ids=[case[0] for case in FROM]
)
def test_exactly_one_sender_or_a_named_trouble(
    lines: list[bytes], trouble: Trouble | None, address: str
) -> None:
    reading = read(mail(headers={"From": None}, extra=lines))
    assert reading.from_address == address
    assert [one for one in reading.troubles if one.endswith("from")] == (
        [trouble] if trouble else []
    )


SUBJECTS = [
    (b"=?utf-8?q?a=0D=0ABcc:_x=40example=2Enet?=", "a Bcc: x@example.net"),
    (b"=?utf-8?b?" + base64.b64encode(b"a\r\nSet-Cookie: x") + b"?=", "a Set-Cookie: x"),
    (b"=?utf-16?b?ANg=?= lone", "\ufffd lone"),
    (b"=?utf-8?q?a=00b?=", "ab"),
    (b"=?utf-8?q?=ED=A0=80?=", None),
    (b"=?no-such-charset?q?caf=C3=A9?=", "café"),
    (b"=?iso-8859-1*fr?q?caf=E9?=", "café"),
    (b"=?utf-8?b?4pyT?= =?utf-8?b?4pyT?=", "✓✓"),
    (b"=?utf-8?b?4p?= =?utf-8?b?yT?=", None),
    (b"=?utf-8?b?!!!!?=", ""),
    (b"caf\xc3\xa9", "café"),
    (b"caf\xe9", "café"),
    ("txt\u202egpj".encode(), "txtgpj"),
    (b"=?=?=?", "=?=?=?"),
    (b"=?idna?q?" + b"a" * 500 + b"?=", "a" * 500),
]


@pytest.mark.parametrize(("value", "expected"), SUBJECTS)
def test_a_subject_is_one_harmless_line(value: bytes, expected: str | None) -> None:
    reading = read(mail(headers={"Subject": value}))
    if expected is not None:
        assert reading.subject == expected


BODIES: list[tuple[str, dict[str, str], bytes, str | None, Trouble | None]] = [
    (
        "unknown charset, UTF-8 in truth",
        {"Content-Type": "text/plain; charset=klingon"},
        "café".encode(),
        "café",
        Trouble.UNKNOWN_CHARSET,
    ),
    (
        "unknown charset, Latin-1 in truth",
        {"Content-Type": "text/plain; charset=klingon"},
        b"caf\xe9",
        "café",
        Trouble.UNKNOWN_CHARSET,
    ),
    (
        "UTF-8 said, Windows sent",
        {"Content-Type": "text/plain; charset=utf-8"},
        b"caf\xe9 \x96",
        "café –",
        Trouble.BAD_CHARSET,
    ),
    (
        "ASCII said, UTF-8 sent",
        {"Content-Type": "text/plain; charset=us-ascii"},
        "é".encode(),
        "é",
        None,
    ),
    (
        "a codec that is none",
        {"Content-Type": "text/plain; charset=rot13"},
        b"uryyb",
        "uryyb",
        Trouble.UNKNOWN_CHARSET,
    ),
    (
        "a charset as a path",
        {"Content-Type": "text/plain; charset=../../etc/passwd"},
        b"x",
        "x",
        Trouble.UNKNOWN_CHARSET,
    ),
    ("NUL", {}, b"a\x00b", "ab", None),
    ("escapes of a terminal", {}, b"a\x1b[31mb", "ab", None),
    (
        "lone surrogates in UTF-16",
        {"Content-Type": "text/plain; charset=utf-16-le"},
        b"\x00\xd8a\x00",
        None,
        Trouble.BAD_CHARSET,
    ),
    (
        "lone surrogates in UTF-7",
        {"Content-Type": "text/plain; charset=utf-7"},
        b"+2AA- x",
        None,
        None,
    ),
    (
        "torn base64",
        {"Content-Transfer-Encoding": "base64"},
        b"aGVsbG8gd29ybGQ",
        "hello world",
        Trouble.BAD_ENCODING,
    ),
    (
        "base64 with noise",
        {"Content-Transfer-Encoding": "base64"},
        b"aGVs\r\n!!bG8=\r\n",
        "hello",
        None,
    ),
    (
        "no base64 at all",
        {"Content-Transfer-Encoding": "base64"},
        b"Hello!",
        None,
        Trouble.BAD_ENCODING,
    ),
    (
        "torn quoted-printable",
        {"Content-Transfer-Encoding": "quoted-printable"},
        b"a=4",
        None,
        None,
    ),
    (
        "an unknown encoding",
        {"Content-Transfer-Encoding": "rot13"},
        b"plain",
        "plain",
        Trouble.BAD_ENCODING,
    ),
    (
        "uuencode",
        {"Content-Transfer-Encoding": "x-uuencode"},
        b"begin 644 x\n%:&5L;&\\\n`\nend\n",
        "hello",
        None,
    ),
    (
        "flowed",
        {"Content-Type": "text/plain; format=flowed; delsp=yes"},
        "一 \n二\n> a \n> b\n".encode(),
        "一二\n> ab",
        None,
    ),
    ("nothing", {}, b"", "", Trouble.NO_TEXT),
    (
        "a multipart without a boundary",
        {"Content-Type": "multipart/mixed"},
        b"hello",
        "hello",
        None,
    ),
    (
        "a multipart without parts",
        {"Content-Type": "multipart/mixed; boundary=x"},
        b"hello",
        "hello",
        None,
    ),
    (
        "a part without an end",
        {"Content-Type": "multipart/mixed; boundary=x"},
        b"--x\n\nhello",
        "hello",
        Trouble.UNFINISHED_PART,
    ),
    ("a type that is none", {"Content-Type": ";;;===\x00"}, b"hello", "hello", None),
    ("an empty page", {"Content-Type": "text/html"}, b"<html></html>", "", Trouble.NO_TEXT),
]


@pytest.mark.parametrize(
    ("headers", "body", "text", "trouble"),
    [case[1:] for case in BODIES],
    ids=[case[0] for case in BODIES],
)
def test_broken_bodies_are_rescued(
    headers: dict[str, str], body: bytes, text: str | None, trouble: Trouble | None
) -> None:
    reading = read(mail(body, headers).replace(b"\x00\xd8a\x00\r\n", b"\x00\xd8a\x00"))
    if text is not None:
        assert reading.text == text
    assert trouble is None or trouble in reading.troubles


def test_a_thousand_parts() -> None:
    reading = read(multipart(*[attached(b"x", f"{number}.txt") for number in range(1000)]))
    assert len(reading.attachments) == PARTS_MOST and Trouble.TOO_MANY_PARTS in reading.troubles


def test_a_thousand_levels() -> None:
    raw = mail(headers={"Content-Type": "multipart/mixed; boundary=b0"}, body=b"")
    raw += b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1)
        for level in range(1000)
    )
    reading = read(raw + b"--b1000\r\n\r\nthe bottom\r\n")
    assert Trouble.TOO_DEEP in reading.troubles and len(reading.attachments) == 1
    assert DEPTH_MOST < 1000


def test_every_level_has_the_same_boundary() -> None:
    level = b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    read(mail(headers={"Content-Type": "multipart/mixed; boundary=x"}, body=level * 5000))


def test_a_header_of_a_megabyte() -> None:
    reading = read(mail(headers={"Subject": b"x" * 1_000_000}))
    assert Trouble.HEADERS_TOO_LARGE in reading.troubles
    reading = read(mail("hello", extra=[b"X-%d: y" % number for number in range(200_000)]))
    assert Trouble.HEADERS_TOO_LARGE in reading.troubles and reading.text == "hello"


def test_a_header_of_a_megabyte_cannot_hide_a_second_sender() -> None:
    """The sender that stands behind what is looked at is not seen; that the headers were cut is."""
    raw = mail(
        headers={"From": None},
        extra=[b"From: a@example.org", b"X-Pad: " + b"x" * 1_000_000, b"From: b@example.net"],
    )
    assert Trouble.HEADERS_TOO_LARGE in read(raw).troubles


def test_a_sender_that_the_limit_cuts_is_no_sender() -> None:
    for pad in range(HEADERS_MOST - 60, HEADERS_MOST):
        raw = mail(
            headers={"From": None},
            extra=[
                b"X-Pad: " + b"x" * (pad - 9),
                b"From: ceo@bank.example.evil.net",
                b"X-More: " + b"x" * 1000,
            ],
        )
        assert read_message(raw, envelope()).from_address in ("", "ceo@bank.example.evil.net")


def test_text_without_an_end_is_cut_and_said_to_be() -> None:
    reading = read(mail(b"lorem ipsum\n" * 400_000))
    assert len(reading.text) <= TEXT_MOST and {Trouble.TEXT_CUT, Trouble.REPLY_UNTRIMMED} <= set(
        reading.troubles
    )


SLOW = {
    "line feeds": b"\n" * 500_000,
    "quotation marks": b"> " * 250_000,
    "quoted lines": b"> x\n" * 4_900,
    "On On On": b"On " * 160_000,
    "lines of On": b"On x wrote:\n" * 4_900,
    "headers in the text": b"From: a\n" * 4_900,
    "colons": b"a:\n" * 4_900,
    "spaces": b" " * 500_000 + b"x",
    "underscores": b"_" * 500_000,
    "dashes": b"-" * 500_000,
    "long lines with colons": (b"1 <a@b>" * 60 + b":\n") * 1_000,
}


@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW)
def test_text_that_is_slow_to_match(body: bytes) -> None:
    read(mail(body))


PAGES = {
    "deep": b"<div>" * 50_000 + b"x",
    "open tags": b"<" * 300_000,
    "attributes": b"<a " + b'x="' * 100_000,
    "tables": b"<table>" * 3_000,
    "formatting": b"<b>" * 3_000 + b"<p>x" * 3_000,
    "quotes": b"<blockquote>" * 2_000 + b"x",
    "entities": b"&amp;" * 100_000 + b"&#xD800;&#0;&bogus;",
    "links": b'<a href="http://x">' * 10_000,
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_markup_that_is_slow_to_clean(page: bytes) -> None:
    read(mail(page, {"Content-Type": "text/html"}))


def test_markup_too_deep_to_be_cleaned_in_time_still_gives_its_words() -> None:
    reading = read(mail(PAGES["deep"], {"Content-Type": "text/html"}))
    assert (reading.text, reading.html) == (
        "x",
        None,
    ) and Trouble.MARKUP_TOO_DEEP in reading.troubles


IDS: list[tuple[bytes | None, str | None, Trouble | None]] = [
    (None, None, Trouble.NO_MESSAGE_ID),
    (b" ", None, Trouble.NO_MESSAGE_ID),
    (b"<a@b.example>", "<a@b.example>", None),
    (b"a@b.example", "<a@b.example>", Trouble.BAD_MESSAGE_ID),
    (b"<a b@c.example>", "<ab@c.example>", Trouble.BAD_MESSAGE_ID),
    (b"<a@b.example> <c@d.example>", "<a@b.example>", Trouble.BAD_MESSAGE_ID),
]


@pytest.mark.parametrize(("value", "expected", "trouble"), IDS)
def test_message_ids(value: bytes | None, expected: str | None, trouble: Trouble | None) -> None:
    reading = read(mail(headers={"Message-ID": value}))
    assert reading.message_id == expected
    assert trouble is None or trouble in reading.troubles


DATES = [
    b"",
    b"yesterday",
    b"Tue, 99 Foo 2026 99:99:99 +9999",
    b"Sat, 3 Mar 1821 00:00:00 +0000",
    b"\xff\xfe",
    b"1" * 5000,
    b"Tue, 3 Mar 2026 15:04:05 -99999999",
]


@pytest.mark.parametrize("value", DATES)
def test_a_date_that_is_none_is_left_out(value: bytes) -> None:
    reading = read(mail(headers={"Date": value}))
    assert reading.date is None and {Trouble.NO_DATE, Trouble.BAD_DATE} & set(reading.troubles)


NAMES = [
    ("../../etc/passwd", "passwd"),
    ("C:\\Windows\\system32\\evil.dll", "evil.dll"),
    (".bashrc", "bashrc"),
    ("con.txt", "attachment-1.txt"),
    ("", "attachment-1.txt"),
    ("a" * 300 + ".pdf", "a" * 116 + ".pdf"),
    ("=?utf-8?q?=2E=2E=2Fx=0D=0A.txt?=", "x .txt"),
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ('x"; rm -rf.sh', "x_; rm -rf.sh"),
]


@pytest.mark.parametrize(("declared", "expected"), NAMES)
def test_file_names(declared: str, expected: str) -> None:
    quoted = declared.replace("\\", "\\\\").replace('"', '\\"')
    (found,) = read(multipart(b"\r\nhi", attached(b"text", quoted))).attachments
    assert found.filename == expected


TYPES = [
    (b"<html><script>x</script>", "text/html"),
    (b"  <!doctype html>", "text/html"),
    (b"<?xml version='1.0'?><svg onload='x'/>", "image/svg+xml"),
    (b"%PDF-1.7", "application/pdf"),
    (b"\x00\x01\x02", "application/octet-stream"),
    ("äöü".encode() * 3000, "text/plain"),
    (b"BEGIN:VCALENDAR\r\n", "text/calendar"),
    (b"", "text/plain"),
]


@pytest.mark.parametrize(("content", "expected"), TYPES)
def test_types_are_looked_at_not_believed(content: bytes, expected: str) -> None:
    (found,) = read(multipart(b"\r\nhi", attached(content, "x.jpg", "image/jpeg"))).attachments
    assert found.content_type == expected
    assert found.content == content
