"""Whom a report names: the address that we wrote to, in whatever way the report writes it."""

from __future__ import annotations

import pytest

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Bounce
from tests.support.mails import envelope, mail, multipart

ANN = "ann@example.net"


def report_of(status: bytes, letter: bytes = b"It failed.\n") -> Bounce:
    parts = [
        b"Content-Type: text/plain\r\n\r\n" + letter,
        b"Content-Type: message/delivery-status\r\n\r\n" + status,
    ]
    subtype, sender = "report; report-type=delivery-status", {"From": "MAILER-DAEMON@mx.example"}
    raw = multipart(*parts, subtype=subtype, headers=sender)
    found = read_message(raw, envelope("")).bounce
    assert found is not None
    return found


def letter_of(text: str, subject: str = "Undeliverable: Help") -> Bounce | None:
    raw = mail(text, {"From": "postmaster@mx.example", "Subject": subject})
    return read_message(raw, envelope("")).bounce


@pytest.mark.parametrize(
    ("original", "final", "address"),
    [
        ("rfc822; ann@example.net", "rfc822; a.archer@inner.example", ANN),
        ("rfc822;ann@example.net", "rfc822; ann@ims-ms-daemon", ANN),
        ("rfc822;<ann@example.net>", "x400; /s=ann/ou=shop/c=gb/", ANN),
        ("", "rfc822; ann@example.net", ANN),
        ("rfc822; ann", "rfc822; ann@example.net", ANN),
        ("x400; /s=ann/c=gb/", "rfc822; ann@example.net", ANN),
        ("rfc822; ann", "", "ann"),
    ],
)
def test_the_address_that_we_wrote_to_comes_first(original: str, final: str, address: str) -> None:
    lines = [
        f"{name}: {value}"
        for name, value in (("Original-Recipient", original), ("Final-Recipient", final))
        if value
    ]
    status = "\r\n".join(["Reporting-MTA: dns; mx.example", "", *lines, "Action: failed", ""])
    found = report_of(status.encode())
    assert [one.address for one in found.recipients] == [address]
    assert found.standard


def test_a_report_that_names_nobody_is_read_as_the_letter_above_it() -> None:
    found = report_of(
        b"Reporting-MTA: dns; mx.example\r\n", b"Not delivered:\r\n\r\n<ann@example.net>\r\n"
    )
    assert [one.address for one in found.recipients] == [ANN]
    assert not found.standard


@pytest.mark.parametrize(
    "line",
    [
        "SMTP=ann@example.net; on Tue, 6 Oct 2026",
        "smtp=ann@example.net",
        "550 ann@example.net...User unknown",
        "<ann@example.net>... User unknown",
        "The address ann@example.net.",
    ],
)
def test_the_signs_of_a_mail_system_are_no_part_of_the_address(line: str) -> None:
    found = letter_of(f"It did not reach:\n\n{line}\n")
    assert found is not None and [one.address for one in found.recipients] == [ANN]


def test_an_equals_sign_within_an_address_stays() -> None:
    found = letter_of("It did not reach:\n\nnews+ann=example.net@list.example\n")
    assert found is not None
    assert [one.address for one in found.recipients] == ["news+ann=example.net@list.example"]


@pytest.mark.parametrize(
    ("subject", "is_report"), [("FAILED MAIL to ann", True), ("Failed login to the mail", False)]
)
def test_a_postmaster_who_says_failed_mail_reports(subject: str, is_report: bool) -> None:
    assert (letter_of(f"<{ANN}>", subject) is not None) is is_report
