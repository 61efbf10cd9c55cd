"""Parts that hold others: S/MIME that is signed, winmail.dat, uuencode. Taken apart, or kept whole."""

from __future__ import annotations

import base64
import binascii
import struct
import time

import pytest
import tnefparse
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import PARTS_MOST, Trouble
from services.intake.mail.reading.packed.rtf import decompress_rtf, words_of
from services.intake.mail.reading.packed.signed_content import signed_content
from services.intake.mail.reading.packed.uuencode import find_uuencoded_files
from services.intake.mail.reading.packed.winmail import open_winmail
from tests.support.mails import attached, envelope, mail, multipart, written

LETTER = b"Content-Type: text/plain; charset=utf-8\r\n\r\nOur dynos answer H12.\r\n"


def ber(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    count = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | count]) + size.to_bytes(count, "big") + content


def open_ber(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x80]) + content + b"\0\0"


SIGNED, DATA = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010701")
ENVELOPED = bytes.fromhex("06092a864886f70d010703")


def signed(content: bytes, oid: bytes = SIGNED) -> bytes:
    """As Outlook writes it."""
    inside = ber(0x30, DATA + ber(0xA0, ber(4, content)))
    data = ber(0x30, ber(2, b"\1") + ber(0x31, b"") + inside + ber(0x31, b""))
    return ber(0x30, oid + ber(0xA0, data))


def signed_in_pieces(content: bytes, size: int = 1000) -> bytes:
    """As OpenSSL streams it."""
    pieces = b"".join(ber(4, content[at : at + size]) for at in range(0, len(content), size))
    inside = open_ber(0x30, DATA + open_ber(0xA0, open_ber(0x24, pieces)))
    data = open_ber(0x30, ber(2, b"\1") + ber(0x31, b"") + inside + ber(0x31, b""))
    return open_ber(0x30, SIGNED + open_ber(0xA0, data))


def smime(der: bytes, head: str = "application/pkcs7-mime; smime-type=signed-data") -> bytes:
    body = base64.encodebytes(der)
    return mail(body, {"Content-Type": head, "Content-Transfer-Encoding": "base64"})


PACKED = {
    "whole": smime(signed(LETTER)),
    "in pieces": smime(signed_in_pieces(LETTER, 10)),
    "without its type": smime(signed(LETTER), "application/x-pkcs7-mime; name=smime.p7m"),
    "called a file": smime(signed(LETTER), "application/octet-stream; name=smime.p7m"),
    "signed twice": smime(
        signed(
            b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(signed(LETTER))
        )
    ),
    "within a list's mail": multipart(
        b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(signed(LETTER)),
    ),
}


@pytest.mark.parametrize("raw", PACKED.values(), ids=PACKED)
def test_what_is_signed_and_not_encrypted_is_read(raw: bytes) -> None:
    reading = read_message(raw, envelope())
    assert (reading.text, reading.attachments) == ("Our dynos answer H12.", ())
    assert not reading.troubles


def test_files_within_what_is_signed_are_files() -> None:
    inner = multipart(LETTER, attached(b"x,y\n", "a.csv")).partition(b"MIME-Version")[2]
    reading = read_message(smime(signed_in_pieces(b"MIME-Version" + inner, 7)), envelope())
    assert reading.text == "Our dynos answer H12."
    assert [one.filename for one in reading.attachments] == ["a.csv"]


def test_what_is_encrypted_or_broken_stays_a_file_and_is_said_to_be_so() -> None:
    for der in (signed(LETTER, ENVELOPED), signed(LETTER)[:40], b"\x30\x80" * 5000, b""):
        reading = read_message(smime(der), envelope())
        assert Trouble.ENCRYPTED in reading.troubles and reading.text == ""


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_are_signed_content_or_none(content: bytes, place: int, byte: int) -> None:
    assert signed_content(signed(content) or b"") == (content or None)
    damaged = bytearray(signed_in_pieces(content, 20))
    damaged[place % len(damaged)] = byte
    signed_content(bytes(damaged))


def test_a_large_signed_mail_takes_one_pass() -> None:
    content = b"x" * 3_000_000
    begun = time.process_time()
    assert signed_content(signed_in_pieces(content, 16)) == content
    assert time.process_time() - begun < 2


UU = binascii.b2a_uu(b"the log: H12\n").decode()


def test_files_in_a_text_are_files_and_the_text_is_what_is_around_them() -> None:
    text = f"Before.\n\nbegin 644 log.txt\n{UU}`\nend\n\nBetween.\nbegin 755 b.bin\n{UU}`\nend\nAfter.\n"
    reading = read_message(mail(text), envelope())
    assert reading.text == "Before.\n\nBetween.\n\nAfter."
    assert [(one.filename, one.content) for one in reading.attachments] == [
        ("log.txt", b"the log: H12\n"),
        ("b.bin", b"the log: H12\n"),
    ]


@pytest.mark.parametrize("begin", ["begin 644", "begin 644 "])
def test_a_file_without_a_name_is_a_file(begin: str) -> None:
    reading = read_message(mail(f"Before.\n\n{begin}\n{UU}`\nend\nAfter.\n"), envelope())
    assert reading.text == "Before.\n\nAfter."
    assert [(one.filename, one.content) for one in reading.attachments] == [
        ("attachment-1.txt", b"the log: H12\n")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 is how it starts\nand then words",
        "begin 644 a\n\nWe begin 644 things.\nend",
        "we begin\nend",
        "begin 644 a.txt\nhello there friends\nbye",
    ],
)
def test_words_that_only_look_like_a_file_stay_words(text: str) -> None:
    reading = read_message(mail(text), envelope())
    assert (reading.text, reading.attachments) == (text, ())


@given(st.binary(max_size=300))
def test_what_is_uuencoded_comes_out_as_it_was(content: bytes) -> None:
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    found = list(find_uuencoded_files(b"x\nbegin 644 a b.txt\n" + b"".join(lines) + b"`\nend\ny"))
    assert [(one.name, one.content, one.whole) for one in found] == [(b"a b.txt", content, True)]


def attribute(level: int, name: int, value: bytes) -> bytes:
    return (
        struct.pack("<BHHI", level, name, 6, len(value))
        + value
        + struct.pack("<H", sum(value) & 0xFFFF)
    )


def properties(*found: tuple[int, int, bytes]) -> bytes:
    out = struct.pack("<I", len(found))
    for kind, name, value in found:
        out += struct.pack("<HHII", kind, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return out


def winmail(*attributes: bytes, code_page: int = 1252) -> bytes:
    head = struct.pack("<IH", 0x223E9F78, 1)
    return head + attribute(1, 0x9007, struct.pack("<II", code_page, 0)) + b"".join(attributes)


def file(name: str, content: bytes, *more: tuple[int, int, bytes]) -> bytes:
    found = attribute(2, 0x9002, b"\0" * 14) + attribute(2, 0x8010, b"SHORT~1.TXT\0")
    found += attribute(2, 0x800F, content)
    named = (0x1F, 0x3707, (name + "\0").encode("utf-16-le"))
    return found + attribute(2, 0x9005, properties(named, *more))


HTML = attribute(1, 0x9003, properties((0x102, 0x1013, b"<p>Our dynos answer <b>H12</b>.</p>")))
PLAIN = attribute(1, 0x9003, properties((0x1F, 0x1000, "Störung: H12\0".encode("utf-16-le"))))
TWO = file("Größe über alles.txt", b"one") + file("b.csv", b"x,y\n")


def sent(content: bytes, text: str = "", kind: str = "application/ms-tnef") -> bytes:
    return multipart(
        b"Content-Type: text/plain\r\n\r\n" + text.encode(), attached(content, "winmail.dat", kind)
    )


@pytest.mark.parametrize("kind", ["application/ms-tnef", "application/octet-stream"])
def test_the_files_of_a_winmail_dat_take_its_place(kind: str) -> None:
    reading = read_message(sent(winmail(HTML, TWO), "See the files.", kind), envelope())
    assert reading.text == "See the files."
    assert [(one.filename, one.content) for one in reading.attachments] == [
        ("Größe über alles.txt", b"one"),
        ("b.csv", b"x,y\n"),
    ]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (HTML, "Our dynos answer H12."),
        (PLAIN, "Störung: H12"),
        (attribute(1, 0x800C, b"St\xf6rung: H12\0"), "Störung: H12"),
        (
            attribute(
                1,
                0x9003,
                properties(
                    (
                        0x102,
                        0x1009,
                        struct.pack("<II4sI", 60, 60, b"MELA", 0)
                        + rb"{\rtf1\ansi\ansicpg1252 St\'f6rung:\par H12}",
                    )
                ),
            ),
            "Störung:\nH12",
        ),
    ],
)
def test_where_nothing_else_says_anything_its_text_is_the_text(body: bytes, text: str) -> None:
    assert read_message(sent(winmail(body)), envelope()).text == text
    whole = mail(
        base64.encodebytes(winmail(body, TWO)),
        {"Content-Type": "application/ms-tnef", "Content-Transfer-Encoding": "base64"},
    )
    reading = read_message(whole, envelope())
    assert (reading.text, len(reading.attachments)) == (text, 2)


def test_a_winmail_dat_in_a_winmail_dat_is_opened_too() -> None:
    inner = b"\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46" + winmail(
        PLAIN, TWO
    )
    outer = winmail(
        HTML,
        attribute(2, 0x9002, b"")
        + attribute(2, 0x9005, properties((0x0D, 0x3701, inner), (0x1E, 0x3001, b"Fwd\0"))),
    )
    found = open_winmail(outer)
    assert found is not None
    assert [name for name, _ in found.files] == ["Fwd.txt", "Größe über alles.txt", "b.csv"]


def test_a_winmail_dat_that_is_broken_stays_a_file() -> None:
    for content in (b"\x78\x9f\x3e\x22", b"\x78\x9f\x3e\x22" + b"\xff" * 200, b"no TNEF"):
        reading = read_message(sent(content, "See."), envelope())
        assert [one.filename for one in reading.attachments] == ["winmail.dat"]


@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(codec="utf-16", exclude_characters="\0"), min_size=1, max_size=20
            ),
            st.binary(min_size=1, max_size=50),
        ),
        max_size=5,
    )
)
def test_tnefparse_finds_the_same_files(files: list[tuple[str, bytes]]) -> None:
    content = winmail(HTML, *(file(name, data) for name, data in files))
    found, judge = open_winmail(content), tnefparse.TNEF(content)
    assert found is not None
    assert found.files == files
    assert [(one.long_filename(), one.data) for one in judge.attachments] == [
        (name, data) for name, data in files
    ]
    assert dict(found.texts)["text/html"] == judge.htmlbody


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 255))
def test_any_damage_is_survived(content: bytes, place: int, byte: int) -> None:
    whole = bytearray(winmail(HTML, PLAIN, TWO))
    whole[4 + place % (len(whole) - 4)] = byte
    open_winmail(bytes(whole[:-place] if place % 3 == 0 and place else whole))
    open_winmail(b"\x78\x9f\x3e\x22" + content)
    words_of(decompress_rtf(struct.pack("<II4sI", 999, 9999, b"LZFu", 0) + content))
    words_of(content)


def test_counts_beyond_the_bytes_take_no_time() -> None:
    many = struct.pack("<I", 0xFFFFFFFF) + struct.pack("<HHI", 0x1002, 0x1000, 0xFFFFFFFF)
    begun = time.process_time()
    open_winmail(winmail(attribute(1, 0x9003, many), attribute(1, 0x9003, many[:4]), TWO))
    open_winmail(winmail(*[attribute(1, 0x8000, b"")] * 100_000))
    open_winmail(winmail(*[file("a", b"x")] * 5_000))
    words_of(b"{\\f1 \\fcharset" * 50_000)
    assert time.process_time() - begun < 2


def test_compressed_rtf_is_read() -> None:
    """The example of MS-OXRTFCP, section 3.1.1."""
    example = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232"
        "0af32068656c090020627705b06c647d0a800fa0"
    )
    rtf = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert decompress_rtf(example) == rtf and words_of(rtf) == "hello world"


def test_more_files_than_are_looked_at_are_counted() -> None:
    reading = read_message(sent(winmail(*[file(f"{n}.txt", b"x") for n in range(130)])), envelope())
    assert len(reading.attachments) + reading.files_beyond >= 100
    many = multipart(*[attached(b"x", f"{number}.txt") for number in range(PARTS_MOST + 7)])
    reading = read_message(many, envelope())
    assert (len(reading.attachments), reading.files_beyond) == (PARTS_MOST, 7)


def test_the_case_signed_by_openssl_is_read() -> None:
    reading = read_message(written("case-05d-smime-opaque-signed"), envelope())
    assert reading.text == "Our dynos answer H12 since noon."
