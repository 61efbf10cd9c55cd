"""Which parts are the text: those that say something. And encodings that are said and not used."""

from __future__ import annotations

import base64

import pytest

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Trouble
from tests.support.mails import attached, envelope, mail, multipart

BLANKS = ["", "\r\n \r\n", "\u00a0\u200b", "\ufeff\u200e", "\ufffc"]


def part(text: str, kind: str = "text/plain", head: str = "") -> bytes:
    return f"Content-Type: {kind}; charset=utf-8\r\n{head}\r\n{text}".encode()


def inner(kind: str, *parts: bytes, boundary: str = "i", more: str = "") -> bytes:
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), one) for one in parts)
    head = f"Content-Type: {kind}; boundary={boundary}{more}\r\n\r\n".encode()
    return head + body + f"--{boundary}--".encode()


def page(text: str) -> bytes:
    return part(f"<p>{text}</p>", "text/html")


PDF = attached(b"%PDF-1.7", "a.pdf", "application/pdf")
PNG = b"Content-Type: image/png\r\nContent-ID: <i1>\r\n\r\nx"
ROOT = part("<p>H12</p>", "text/html", "Content-ID: <root>\r\n")


@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_text_gives_way_to_what_says_something(blank: str) -> None:
    split_up = inner("multipart/mixed", page("Before."), PDF, page("After: H12."))
    raw = multipart(part(blank), split_up, subtype="alternative")
    reading = read_message(raw, envelope())
    assert reading.text == "Before.\n\nAfter: H12."
    assert [one.filename for one in reading.attachments] == ["a.pdf"]


SAYS: dict[str, tuple[bytes, str, int]] = {
    "related, the root is last and named": (
        multipart(PNG, ROOT, subtype='related; start="<root>"'),
        "H12",
        1,
    ),
    "related, the root is last and not named": (multipart(PNG, ROOT, subtype="related"), "H12", 1),
    "related, start names none": (multipart(PNG, ROOT, subtype='related; start="<x>"'), "H12", 1),
    "related, two pages": (
        multipart(page("a frame"), ROOT, subtype='related; start="<root>"'),
        "H12",
        1,
    ),
    "related around an alternative that is last": (
        multipart(PNG, inner("multipart/alternative", part("H12"), page("H12")), subtype="related"),
        "H12",
        1,
    ),
    "plain text split around a file": (
        multipart(part("One."), PDF, part("Two.")),
        "One.\n\nTwo.",
        1,
    ),
    "a page split around a file": (multipart(page("One."), PDF, page("Two.")), "One.\n\nTwo.", 1),
    "the same twice in a mixed": (
        multipart(part("H12 since noon"), page("H12 since noon")),
        "H12 since noon",
        0,
    ),
    "only a note that HTML is needed": (
        multipart(
            part("This is an HTML message. Your program cannot display HTML."),
            page("Our dynos answer H12 since noon today, and the database is slow as well."),
            subtype="alternative",
        ),
        "Our dynos answer H12 since noon today, and the database is slow as well.",
        0,
    ),
    "a plain text that speaks of HTML": (
        multipart(part("Our HTML version fails with H12."), page("short"), subtype="alternative"),
        "Our HTML version fails with H12.",
        0,
    ),
    "the page first": (multipart(page("rich"), part("plain"), subtype="alternative"), "plain", 0),
    "an empty page": (multipart(part("plain"), page(""), subtype="alternative"), "plain", 0),
    "two pages, the last is empty": (
        multipart(page("H12"), page("\u00a0"), subtype="alternative"),
        "H12",
        0,
    ),
    "AMP": (
        multipart(
            part("plain"),
            part("<html amp4email>", "text/x-amp-html"),
            page("rich"),
            subtype="alternative",
        ),
        "plain",
        0,
    ),
    "a page that is called plain text": (
        mail("<html><body><p>H12</p></body></html>", {"Content-Type": "text/plain"}),
        "H12",
        0,
    ),
    "plain text that is called a page": (
        mail("one\n  two\n", {"Content-Type": "text/html"}),
        "one\n  two",
        0,
    ),
    "the only text has a name": (
        mail("H12\n", {"Content-Type": "text/plain; name=message.txt"}),
        "H12",
        1,
    ),
    "the only text is inline, with a name": (
        multipart(part("H12", head="Content-Disposition: inline; filename=a.txt\r\n"), PDF),
        "H12",
        2,
    ),
    "the only text is an attachment without a name": (
        multipart(part("H12", head="Content-Disposition: attachment\r\n"), PDF),
        "H12",
        1,
    ),
    "an attached log is no text": (
        multipart(part(" "), part("x", head="Content-Disposition: attachment; filename=a.log\r\n")),
        "",
        1,
    ),
    "markdown alone": (mail("*H12*", {"Content-Type": "text/markdown"}), "*H12*", 0),
    "forwarded as a file, and nothing written": (
        multipart(
            part(""),
            b"Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nSubject: Down\r\n\r\nH12",
        ),
        "From: a@b.example\nSubject: Down\n\nH12",
        1,
    ),
    "forwarded as a file, with a word": (
        multipart(
            part("See this."), b"Content-Type: message/rfc822\r\n\r\nSubject: Down\r\n\r\nH12"
        ),
        "See this.",
        1,
    ),
    "a report with words": (
        multipart(part("H12"), b"Content-Type: message/x\r\n\r\nA: b", subtype="report"),
        "H12",
        1,
    ),
    "quoted and flowed": (
        mail(
            "one \ntwo\n> three \n> four\n-- \nme\n", {"Content-Type": "text/plain; format=flowed"}
        ),
        "one two\n> three four\n-- \nme",
        0,
    ),
}


@pytest.mark.parametrize(("raw", "text", "files"), SAYS.values(), ids=SAYS)
def test_the_text_is_what_says_something(raw: bytes, text: str, files: int) -> None:
    reading = read_message(raw, envelope())
    assert (reading.text, len(reading.attachments)) == (text, files)
    assert (Trouble.NO_TEXT in reading.troubles) is not bool(text)


ENCODINGS: list[tuple[str, str, bytes, str]] = [
    (
        "said, not used",
        "base64",
        b"The app answers H12.\r\nPlease help!\r\n",
        "The app answers H12.\nPlease help!",
    ),
    ("said, one word", "base64", b"Hello!\r\n", "Hello!"),
    ("said, UTF-8 sent", "base64", "Störung seit heute früh.".encode(), "Störung seit heute früh."),
    (
        "used, with noise",
        "base64",
        b"!" + base64.b64encode(b"hello world") + b"\r\n.",
        "hello world",
    ),
    ("used, with spaces", "base64", b"aGVs bG8g d29y bGQ=", "hello world"),
    ("used, torn", "base64", base64.b64encode("Grüße aus Köln".encode())[:-3], "Grüße aus Kö"),
    ("written otherwise", "Base-64", base64.b64encode(b"hello"), "hello"),
    ("quoted", '"base64"', base64.b64encode(b"hello"), "hello"),
    ("with a comment", "quoted-printable (by us)", b"a=3Db", "a=b"),
    ("with a slash", "quoted/printable", b"a=3Db", "a=b"),
    ("spaces behind a soft break", "quoted-printable", b"one =  \r\ntwo", "one two"),
    ("not used", "quoted-printable", b"1 + 1 = 2, a=b", "1 + 1 = 2, a=b"),
    ("lower-case hex", "quoted-printable", b"=c3=a9", "é"),
]


@pytest.mark.parametrize(
    ("encoding", "body", "text"), [e[1:] for e in ENCODINGS], ids=[e[0] for e in ENCODINGS]
)
def test_a_transfer_encoding_that_is_not_what_it_says(
    encoding: str, body: bytes, text: str
) -> None:
    head = {"Content-Transfer-Encoding": encoding, "Content-Type": "text/plain; charset=utf-8"}
    assert read_message(mail(body, head), envelope()).text == text


def test_a_file_that_says_base64_and_is_sent_as_it_is() -> None:
    body = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    (file,) = read_message(
        multipart(part("x"), body + b"%PDF-1.7\xe2\xe3\xcf\xd3 (obj) <<>>"), envelope()
    ).attachments
    assert file.content.startswith(b"%PDF-1.7") and file.content_type == "application/pdf"
