"""A raw message as it is kept: the secrets gone from every part that is text, everything else byte
for byte.
"""

from __future__ import annotations

import binascii
from pathlib import Path

import pytest

from services.intake.mail.masked import without_secrets
from services.intake.mail.reading.message import read_message
from tests.support.mails import WRITTEN, attached, envelope, mail, multipart, written
from tests.unit.intake.mail.reading.test_packed import (
    attribute,
    file,
    sent,
    signed,
    signed_in_pieces,
    smime,
    winmail,
)
from tests.unit.text.samples import drawn

PASSWORD = drawn("a mail's password", 20)
LINE = f"DATABASE_URL=postgres://u1:{PASSWORD}@ec2-1.compute-1.amazonaws.com:5432/d1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
TEXT = f"Größe\nIt fails.\n{LINE}\nThanks\n"


def part(text: str, kind: str = "plain", encoding: str = "8bit", charset: str = "utf-8") -> bytes:
    raw = text.encode(charset)
    body = {
        "base64": binascii.b2a_base64(raw),
        "quoted-printable": binascii.b2a_qp(raw),
        "8bit": raw,
    }[encoding]
    return (
        f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        + body
    )


WITH = {
    "plain": mail(TEXT),
    "quoted-printable": multipart(part(TEXT, encoding="quoted-printable")),
    "base64": multipart(part(TEXT, encoding="base64")),
    "latin-1": multipart(part(TEXT, charset="latin-1")),
    "text and HTML": multipart(
        part(TEXT),
        part(f"<p>Größe</p><p>It fails.</p><p>{LINE}</p><p>Thanks</p>", "html", "base64"),
        subtype="alternative",
    ),
    "a version that nobody shows": multipart(
        part("Größe It fails. Thanks"), part(TEXT), subtype="alternative"
    ),
    "an attached log": multipart(
        part("Größe It fails. Thanks"),
        attached(TEXT.encode(), "app.log"),
        attached(PNG, "shot.png"),
    ),
    "a mail in the mail": multipart(
        part("Größe It fails. Thanks"), b"Content-Type: message/rfc822\r\n\r\n" + mail(TEXT)
    ),
    "the subject": mail("Größe It fails. Thanks", {"Subject": f"password: {PASSWORD} Größe"}),
    "a folded subject": mail(
        "Größe It fails. Thanks", {"Subject": f"It\r\n fails, password: {PASSWORD}"}
    ),
}


def shown(raw: bytes) -> str:
    """All that one can read in it."""
    found = read_message(raw, envelope())
    files = b"".join(attachment.content for attachment in found.attachments)
    return f"{found.subject}\n{found.text}\n{found.html}\n{files.decode('utf-8', 'replace')}"


@pytest.mark.parametrize("raw", WITH.values(), ids=WITH)
def test_the_secret_goes_and_the_message_still_reads(raw: bytes) -> None:
    assert PASSWORD in shown(raw) or b"alternative" in raw, "the example is one"
    safe = without_secrets(raw)
    assert PASSWORD not in shown(safe)
    assert PASSWORD.encode() not in safe
    assert binascii.b2a_base64(PASSWORD.encode())[:20] not in safe
    assert "[masked: " in shown(safe) or b"[masked: " in safe
    before, after = read_message(raw, envelope()), read_message(safe, envelope())
    assert "Größe" in shown(safe)
    assert (after.message_id, after.sender, after.date) == (
        before.message_id,
        before.sender,
        before.date,
    )
    assert [each.filename for each in after.attachments] == [
        each.filename for each in before.attachments
    ]
    assert [each.content for each in after.attachments if each.filename == "shot.png"] == [PNG][
        : raw.count(b"shot.png")
    ]
    assert without_secrets(safe) == safe


@pytest.mark.parametrize("path", sorted(WRITTEN.glob("*.eml")), ids=lambda path: path.stem)
def test_a_message_without_secrets_stays_as_it_came(path: Path) -> None:
    raw = written(path.stem)
    assert without_secrets(raw) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\0" * 1000,
        b"Subject: x",
        b"--b\n" * 1000,
        b"Content-Type: multipart/mixed; boundary=b\n\n--b",
    ],
)
def test_what_is_no_message_stays_too(raw: bytes) -> None:
    assert without_secrets(raw) == raw


LONG = f"{LINE}\n".encode()
UU = b"".join(binascii.b2a_uu(LONG[at : at + 45]) for at in range(0, len(LONG), 45))
PACKED = {
    "S/MIME": smime(signed(part(TEXT))),
    "S/MIME in pieces": smime(signed_in_pieces(part(TEXT), 50)),
    "winmail.dat, its text": sent(winmail(attribute(1, 0x800C, TEXT.encode("cp1252")))),
    "winmail.dat, a file": sent(winmail(file("a.log", TEXT.encode())), "Größe"),
    "uuencode": mail(b"Gr\xc3\xb6\xc3\x9fe\nbegin 644 a.log\n" + UU + b"`\nend\n"),
}


@pytest.mark.parametrize("raw", PACKED.values(), ids=PACKED)
def test_a_packed_part_with_a_secret_goes_whole(raw: bytes) -> None:
    assert PASSWORD in shown(raw), "the example is one"
    safe = without_secrets(raw)
    assert PASSWORD not in shown(safe)
    assert "is not kept" in shown(safe)
    assert read_message(safe, envelope()).message_id == "<m-1@example.org>"
    assert without_secrets(safe) == safe
