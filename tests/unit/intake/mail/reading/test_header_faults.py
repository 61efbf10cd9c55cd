"""Header lines that are none, and fields that are odd: the rest is read as if they were not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import MailContent, Trouble
from services.intake.mail.reading.structure import split
from services.intake.mail.reading.text.parameters import parse_parameters
from tests.support.mails import envelope, mail

LINES = [
    b"Received: from mx by y; Mon, 30 Nov 2026 05:00:00 +0000",
    b"From: Pia <premium@example.com>",
    b"Subject: Help",
    b"Message-ID: <m-1@example.com>",
    b"Content-Type: text/plain; charset=iso-8859-1",
    b"Content-Transfer-Encoding: quoted-printable",
]
BODY = b"caf=E9 since noon.\r\n\r\nTwo paragraphs.\r\n"
STRAY = [
    b"quite a stray line of a relay",
    b"From x@example.com Mon Nov 30 05:00:00 2026",
    b">From x@example.com Mon Nov 30 05:00:00 2026",
    b"*** spam score 1.2 ***",
    b"<br />",
    "日本語の行".encode(),
    b": no name",
    b"\x00\x01\x02",
]


def says(raw: bytes) -> tuple[str, str, str | None, str]:
    reading = read_message(raw, envelope())
    return reading.from_address, reading.subject, reading.message_id, reading.text


MEANT = (
    "premium@example.com",
    "Help",
    "<m-1@example.com>",
    "café since noon.\n\nTwo paragraphs.",
)


@pytest.mark.parametrize("line", STRAY)
@pytest.mark.parametrize("place", range(len(LINES) + 1))
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_line_that_is_no_header_is_skipped_wherever_it_stands(
    line: bytes, place: int, end: bytes
) -> None:
    lines = [*LINES[:place], line, *LINES[place:]]
    assert says(end.join(lines) + end * 2 + BODY) == MEANT


WHOLE: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + b"\r\n".join(LINES) + b"\r\n\r\n" + BODY,
    "blank lines above": b"\r\n\r\n" + b"\r\n".join(LINES) + b"\r\n\r\n" + BODY,
    "an mbox separator above": b"From a@b Mon Nov 30\n" + b"\n".join(LINES) + b"\n\n" + BODY,
    "CR alone": (b"\r".join(LINES) + b"\r\r" + BODY).replace(b"\r\n", b"\r"),
    "CR alone, and the wire's end": (b"\r".join(LINES) + b"\r\r" + BODY).replace(b"\r\n", b"\r")
    + b"\r\n",
    "CR CR LF": b"\r\r\n".join(LINES) + b"\r\r\n\r\r\n" + BODY.replace(b"\r\n", b"\r\r\n"),
    "CR within the header": b"\r".join(LINES) + b"\r\n\r\n" + BODY,
    "NUL within names": b"\r\n".join(LINES).replace(b"From:", b"Fr\x00om:") + b"\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_the_ends_of_lines(raw: bytes) -> None:
    assert says(raw) == MEANT


def test_a_body_without_a_blank_line_above_is_the_body() -> None:
    raw = b"\r\n".join(LINES[:4]) + b"\r\nHello,\r\nour dynos answer H12.\r\n\r\nBye\r\n"
    assert says(raw)[3] == "Hello,\nour dynos answer H12.\n\nBye"
    assert says(b"\r\n".join(LINES[:4]) + b"\r\nHello, H12.\r\n")[3] == "Hello, H12."


def test_a_second_sender_behind_a_stray_line_is_seen() -> None:
    for end in (b"\r\n", b"\r", b"\n"):
        raw = end.join([LINES[1], b"stray", b"From: other@example.net"]) + end * 2 + b"x"
        assert Trouble.MANY_FROM in read_message(raw, envelope()).troubles


FROM = {
    b"Premium, Pia <premium@example.com>": ("premium@example.com", "Premium, Pia"),
    b"Premium, Pia, Dr. <premium@example.com>": ("premium@example.com", "Premium, Pia, Dr."),
    b"Premium; Pia <premium@example.com>": ("premium@example.com", "Premium, Pia"),
    b"=?utf-8?Q?Pr=C3=A9mium?=, Pia <premium@example.com>": ("premium@example.com", "Prémium, Pia"),
    b"Pia Premium premium@example.com": ("premium@example.com", "Pia Premium"),
    b"<<premium@example.com>>": ("premium@example.com", ""),
    b"J\xf6rg <premium@example.com>": ("premium@example.com", "Jörg"),
    b"=?iso-8859-1?Q?J\xf6rg?= <premium@example.com>": ("premium@example.com", "Jörg"),
}
REFUSED = {
    b"a@example.com, Pia <premium@example.com>": Trouble.MANY_FROM,
    b"Pia <premium@example.com>, b@example.net": Trouble.MANY_FROM,
    b'"a@example.com", Pia <premium@example.com>': Trouble.MANY_FROM,
    b"<a@example.com>, <premium@example.com>": Trouble.MANY_FROM,
    b"Pia, a@example.com, x <premium@example.com>": Trouble.MANY_FROM,
    b"a@example.com premium@example.com": Trouble.BAD_FROM,
    b"<>": Trouble.BAD_FROM,
}


@pytest.mark.parametrize("value", FROM)
def test_a_name_may_have_what_it_should_quote(value: bytes) -> None:
    reading = read_message(mail(headers={"From": value}), envelope())
    assert (reading.from_address, reading.from_name) == FROM[value]


@pytest.mark.parametrize("value", REFUSED)
def test_two_addresses_stay_refused(value: bytes) -> None:
    reading = read_message(mail(headers={"From": value}), envelope())
    assert reading.sender is None and REFUSED[value] in reading.troubles


PARAMETERS: dict[bytes, tuple[str, dict[str, str]]] = {
    b'multipart/mixed boundary="=_b1"': ("multipart/mixed", {"boundary": "=_b1"}),
    b"text/plain charset=utf-8 format=flowed": (
        "text/plain",
        {"charset": "utf-8", "format": "flowed"},
    ),
    b'text/plain; charset="utf-8" format=flowed': (
        "text/plain",
        {"charset": "utf-8", "format": "flowed"},
    ),
    b"text/plain, charset=utf-8": ("text/plain", {"charset": "utf-8"}),
    b'text/plain; charset="utf-8; format=flowed': (
        "text/plain",
        {"charset": "utf-8", "format": "flowed"},
    ),
    b"text/plain; charset==utf-8": ("text/plain", {"charset": "utf-8"}),
    b"text/plain; charset: utf-8": ("text/plain", {"charset": "utf-8"}),
    b"text/plain; charset='utf-8'": ("text/plain", {"charset": "utf-8"}),
    b"text/plain (a; comment); charset=utf-8": ("text/plain", {"charset": "utf-8"}),
    b"text/plain;; charset=utf-8;": ("text/plain", {"charset": "utf-8"}),
    b'"text/plain"; charset=utf-8': ("text/plain", {"charset": "utf-8"}),
    b'a/b; name="a;b \\"c\\".txt"': ("a/b", {"name": 'a;b "c".txt'}),
    b"a/b; name=two words.txt": ("a/b", {"name": "two words.txt"}),
    b"a/b; name*0=one; name*1=two; name*2=.txt": ("a/b", {"name": "onetwo.txt"}),
    b"a/b; name*=utf-8'de'St%C3%B6rung.txt": ("a/b", {"name": "Störung.txt"}),
    b"a/b; name*0*=utf-8''St%C3; name*1*=%B6r; name*2=.txt": ("a/b", {"name": "Stör.txt"}),
    b"a/b; name*=gbk''%B4%ED%CE%F3": ("a/b", {"name": "错误"}),
}


@pytest.mark.parametrize("value", PARAMETERS)
def test_parameters_as_mailers_write_them(value: bytes) -> None:
    found = parse_parameters(value)
    assert (found.value, found.of) == PARAMETERS[value]


def test_a_boundary_that_no_header_names_is_seen() -> None:
    body = (
        "--abc\nContent-Type: text/plain\n\nH12\n--abc\nContent-Type: text/html\n\n<p>x\n--abc--\n"
    )
    for declared in ("multipart/alternative", "multipart/alternative; boundary=xyz"):
        assert read_message(mail(body, {"Content-Type": declared}), envelope()).text == "H12"


@given(
    st.lists(st.sampled_from([*LINES, *STRAY, b"", b" folded", b"X-A: b"]), max_size=12),
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
)
def test_any_header_is_split_and_every_offset_lies_within(lines: list[bytes], end: bytes) -> None:
    raw = end.join(lines) + end * 2 + BODY
    for part in split(raw, []).walk():
        assert 0 <= part.start <= part.end <= len(raw)


CR_BOUNCE = (
    b"From: <>\r\nSubject: Undelivered Mail Returned to Sender\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\n\r\nIt could not be delivered.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx\r\rFinal-Recipient: rfc822; gone@example.org\rAction: failed\r"
    b"Status: 5.1.1\r\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    b"From: us@signalbox.example\rMessage-ID: <ntc-1@notifications.signalbox.example>\r\r\n--b--\r\n"
)


def bounce_of(reading: MailContent) -> tuple[str, str, str | None] | None:
    found = reading.bounce
    if found is None or not found.recipients:
        return None
    return found.recipients[0].address, found.recipients[0].status, found.original_id


@pytest.mark.parametrize("mail_from", ["", "mx@example.org"])
@pytest.mark.parametrize(
    "raw",
    [
        CR_BOUNCE,
        CR_BOUNCE.replace(b"\r\n", b"\r"),
        CR_BOUNCE.replace(b"From: <>", b"From: MAILER-DAEMON"),
        CR_BOUNCE.replace(b"From: <>", b"From: Mail Delivery System <>"),
        CR_BOUNCE.replace(b"From: <>\r\n", b""),
        CR_BOUNCE.replace(b" report-type=delivery-status;", b""),
        CR_BOUNCE.replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed"),
    ],
)
def test_a_report_from_nobody_or_with_lines_of_cr_is_one(raw: bytes, mail_from: str) -> None:
    reading = read_message(raw, envelope(mail_from))
    wanted = ("gone@example.org", "5.1.1", "<ntc-1@notifications.signalbox.example>")
    assert bounce_of(reading) == wanted


def test_a_letter_of_a_daemon_without_an_address_is_a_report() -> None:
    words = "Hi. This is the qmail-send program.\n\n<gone@example.org>:\n5.1.1 no mailbox\n"
    raw = mail(words.replace("\n", "\r"), {"From": "<>", "Subject": "failure notice"})
    reading = read_message(raw, envelope(""))
    assert bounce_of(reading) == ("gone@example.org", "5.1.1", None)


def test_a_person_without_a_readable_address_is_no_daemon() -> None:
    reading = read_message(mail("Help, it is down.", {"From": "Pia"}), envelope(""))
    assert reading.bounce is None
