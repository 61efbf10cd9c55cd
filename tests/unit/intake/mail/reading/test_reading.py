"""What mails say: hand-written ones of the kinds that arrive, each with what must come out."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.shape import Address, Trouble
from tests.support.mails import attached, envelope, mail, multipart, written

REPLIES: dict[str, tuple[str, str]] = {
    "reply-gmail": ("It is back – thank you. One question: do I need to restart?", "On Tue, Mar 3, 2026 at 3:58 PM Signalbox Support <"),
    "reply-html-only": (
        "Still broken on café-production, see the log <https://status.example.org/x>.\n\n* one\n* two\n\nclick",
        "On 3 March 2026 at 15:58, Support <support@signalbox.example> wrote:",
    ),
    "reply-outlook-german": (
        "Guten Tag,\n\nder Fehler tritt wieder auf, seit gestern Abend.\n\nMit freundlichen Grüßen\nJörg Müller",
        "________________________________",
    ),
    "reply-french": (
        "Bonjour, cela fonctionne de nouveau depuis ce matin, mais la base de données reste lente.",
        "Le mar. 3 mars 2026 à 15:58, Support <support@signalbox.example> a écrit :",
    ),
    "reply-japanese": ("再起動しても直りません。", "2026年3月3日(火) 15:58 Support <support@signalbox.example>:"),
    "reply-below": ("It is shop-production.\n\n-- \nAnn", "On Tue, Mar 3, 2026 at 3:58 PM Support <support@signalbox.example> wrote:"),
}
"""Mail → its new text, and the line with which what it quotes begins."""


@pytest.mark.parametrize("name", REPLIES)
def test_the_new_text_is_told_from_the_quoted(name: str) -> None:
    reading = read_message(written(name), envelope())
    reply, quoted = REPLIES[name]
    assert (reading.reply, reading.quoted.split("\n")[0]) == (reply, quoted)
    assert not reading.troubles


def test_answers_between_quotations_keep_what_they_answer() -> None:
    reading = read_message(written("reply-inline"), envelope())
    assert reading.reply == reading.text and "> Since when?\n\nSince Monday." in reading.reply
    assert reading.quoted == ""


HEADERS: dict[str, dict[str, Any]] = {
    "reply-gmail": {
        "sender": Address(address="ann@example.org", name="Ann Archer"),
        "subject": "Re: [Signalbox] Dyno restarts",
        "message_id": "<CAF+ann=1@mail.example.org>",
        "in_reply_to": ("<ntc-7@notifications.signalbox.example>",),
        "references": ("<thread-1@notifications.signalbox.example>",),
    },
    "reply-outlook-german": {"sender": Address(address="joerg@example.org", name="Jörg Müller"), "subject": "AW: Dyno stürzt ab"},
    "reply-french": {"sender": Address(address="zoe@example.org", name="Zoé Petit"), "subject": "Re : panne à Paris"},
    "reply-japanese": {"sender": Address(address="yamada@example.org", name="山田")},
    "reply-html-only": {"sender": Address(address="ann@example.org", name="Archer, Ann")},
    "reply-inline": {"sender": Address(address="ann@example.org")},
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_decoded(name: str) -> None:
    reading = read_message(written(name), envelope())
    assert {key: getattr(reading, key) for key in HEADERS[name]} == HEADERS[name]


AUTOMATIC: dict[str, tuple[str, str, bool] | None] = {
    "away-exchange": ("auto-generated", "Auto-Submitted: auto-generated", True),
    "away-gmail": ("auto-replied", "Auto-Submitted: auto-replied", True),
    "newsletter": ("list", "List-Id: <news.shop.example>", True),
    "bounce-postfix": ("bounce", "a delivery report", True),
    "code": ("auto-generated", "From: no-reply@accounts.acme.example", False),
    "reply-gmail": None,
    "code-question": None,
}


@pytest.mark.parametrize("name", AUTOMATIC)
def test_machines_are_told_from_people(name: str) -> None:
    found = read_message(written(name), envelope()).automatic
    assert (found and (found.kind, found.reason, found.certain)) == AUTOMATIC[name]


BY_HEADER: list[tuple[dict[str, str], str, tuple[str, bool] | None]] = [
    ({"Auto-Submitted": "no"}, "a@b.example", None),
    ({"Auto-Submitted": "auto-replied (vacation)"}, "a@b.example", ("auto-replied", True)),
    ({"Auto-Submitted": "auto-notified; owner-email=x"}, "a@b.example", ("auto-generated", True)),
    ({"Precedence": "auto_reply"}, "a@b.example", ("auto-replied", True)),
    ({"Precedence": "junk"}, "a@b.example", ("bulk", True)),
    ({"Precedence": "list"}, "a@b.example", ("list", True)),
    ({"Precedence": "first-class"}, "a@b.example", None),
    ({"X-Autoreply": "yes"}, "a@b.example", ("auto-replied", True)),
    ({"X-Autorespond": ""}, "a@b.example", ("auto-replied", True)),
    ({"X-Autoreply": "no"}, "a@b.example", None),
    ({"X-Loop": "bot@signalbox.example"}, "a@b.example", ("loop", True)),
    ({"X-Auto-Response-Suppress": "DR, RN"}, "a@b.example", None),
    ({"X-Auto-Response-Suppress": "OOF, AutoReply"}, "a@b.example", ("auto-generated", False)),
    ({"Subject": "Abwesenheitsnotiz: Dyno"}, "a@b.example", ("auto-replied", False)),
    ({"Subject": "Re: Automatic reply: x"}, "a@b.example", ("auto-replied", False)),
    ({"Subject": "自動返信: 件名"}, "a@b.example", ("auto-replied", False)),
    ({"Subject": "Our automatic replies are broken"}, "a@b.example", None),
    ({"From": "noreply@b.example"}, "noreply@b.example", ("auto-generated", False)),
    ({}, "", ("auto-replied", True)),
    ({}, "<>", ("auto-replied", True)),
    ({"Content-Type": "multipart/report; report-type=disposition-notification; boundary=x"}, "a@b.example", ("auto-replied", True)),
]


@pytest.mark.parametrize(("headers", "mail_from", "expected"), BY_HEADER)
def test_each_sign_of_a_machine(headers: dict[str, str], mail_from: str, expected: tuple[str, bool] | None) -> None:
    body = "--x\n\nseen\n--x--\n" if "Content-Type" in headers else "Hello.\n"
    found = read_message(mail(body, headers), envelope(mail_from)).automatic
    assert (found and (found.kind, found.certain)) == expected


BOUNCES = {
    "bounce-postfix": ("gone@example.org", "5.1.1", "<ntc-11@notifications.signalbox.example>", True, False),
    "bounce-exchange": ("left@example.org", "5.1.10", "<ntc-12@notifications.signalbox.example>", True, False),
    "bounce-qmail": ("nobody@example.net", "5.7.1", "<ntc-13@notifications.signalbox.example>", False, False),
    "delayed-postfix": ("slow@example.org", "4.4.1", None, True, True),
}


@pytest.mark.parametrize("name", BOUNCES)
def test_bounces_name_the_recipient_and_our_mail(name: str) -> None:
    found = read_message(written(name), envelope("")).bounce
    assert found is not None
    (recipient,) = found.recipients
    assert (recipient.address, recipient.status, found.original_id, found.standard, found.delayed) == BOUNCES[name]
    assert recipient.permanent is not found.delayed


def test_a_person_who_forwards_a_bounce_does_not_bounce() -> None:
    report = b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; x@example.net\r\nAction: failed\r\nStatus: 5.0.0\r\n"
    reading = read_message(multipart(b"\r\nLook what we get.\r\n", report), envelope())
    assert reading.bounce is None and reading.automatic is None


@pytest.mark.parametrize(("name", "expected"), [("code", True), ("confirm-link", True), ("code-question", False), ("reply-gmail", False)])
def test_codes_for_our_address_are_seen(name: str, expected: bool) -> None:
    assert read_message(written(name), envelope()).verification_code is expected


def test_attachments_have_harmless_names_and_the_types_their_bytes_show() -> None:
    reading = read_message(written("attachments"), envelope())
    assert [(one.filename, one.content_type, one.inline) for one in reading.attachments] == [
        ("shot.png", "image/png", True),
        ("evil.log", "text/plain", False),
        ("Bild gnp.exe", "image/svg+xml", False),
        ("attachment-4.eml", "message/rfc822", False),
        ("attachment-5.ics", "text/calendar", False),
        ("winmail.dat", "application/ms-tnef", False),
    ]
    assert all(one.size == len(one.content) for one in reading.attachments)
    assert "the nested text" not in reading.text and "H12" not in reading.text


def test_markup_that_runs_loads_or_shows_pictures_is_gone() -> None:
    clean = read_message(written("reply-html-only"), envelope()).html
    assert clean is not None and "café-production" in clean
    assert not [word for word in ("script", "style", "onload", "img", "tracker", "javascript", "<html", "<body") if word in clean]


def test_of_several_texts_the_plain_one_is_taken_and_others_follow() -> None:
    both = b"Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain\r\n--i\r\nContent-Type: text/html\r\n\r\n"
    both += b"<p>rich</p>\r\n--i--"
    reading = read_message(multipart(both, b"\r\nfooter of the list"), envelope())
    assert (reading.text, reading.html, reading.attachments) == ("plain\n\nfooter of the list", "<p>rich</p>", ())


def test_of_an_alternative_no_version_becomes_an_attachment() -> None:
    """Apple's way: plain text, or HTML in two pieces with a file between them."""
    page = b"Content-Type: text/html\r\n\r\n<p>%s</p>"
    rich = [page % b"before", attached(b"%PDF-1.7", "a.pdf"), page % b"after"]
    mixed = b"Content-Type: multipart/mixed; boundary=i\r\n\r\n" + b"".join(b"--i\r\n" + one + b"\r\n" for one in rich) + b"--i--"
    reading = read_message(multipart(b"\r\nbefore after", mixed, subtype="alternative"), envelope())
    assert (reading.text, [one.filename for one in reading.attachments]) == ("before after", ["a.pdf"])
    assert reading.html is not None and "before" in reading.html and "after" in reading.html


def test_too_many_hops_are_a_loop() -> None:
    found = read_message(mail(extra=[b"Received: from a by b"] * 51), envelope()).automatic
    assert found is not None and (found.kind, found.certain) == ("loop", True)
    assert read_message(mail(extra=[b"Received: from a by b"] * 20), envelope()).automatic is None


def test_a_blank_plain_text_gives_way_to_the_html() -> None:
    reading = read_message(multipart(b"\r\n \r\n", b"Content-Type: text/html\r\n\r\n<p>rich</p>", subtype="alternative"), envelope())
    assert reading.text == "rich"


def test_an_encrypted_mail_is_said_to_be_one() -> None:
    parts = (
        b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
        b"Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----",
    )
    reading = read_message(multipart(*parts, subtype="encrypted"), envelope())
    assert Trouble.ENCRYPTED in reading.troubles and len(reading.attachments) == 2
