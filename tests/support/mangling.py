"""Mail made worse with its structure in mind: what senders, gateways and attackers do to it.
Seeded, so that each can be made again.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from random import Random

CHARSETS = [
    b"utf-8",
    b"utf-16",
    b"utf-7",
    b"iso-2022-jp",
    b"hz",
    b"gb18030",
    b"big5",
    b"koi8-r",
    b"x-nothing",
    b"idna",
    b"zlib",
    b"",
    b"\xff",
]
ENCODINGS = [
    b"base64",
    b"quoted-printable",
    b"7bit",
    b"8bit",
    b"binary",
    b"x-uuencode",
    b"rot13",
    b"BASE64 ;x",
    b"",
]
KINDS = [
    b"text/plain",
    b"text/html",
    b"multipart/mixed; boundary=frontier",
    b"multipart/alternative",
    b"message/rfc822",
    b"application/ms-tnef",
]
KINDS += [
    b"multipart/report; report-type=delivery-status",
    b"message/delivery-status",
    b"text/calendar",
    b"a/b/c",
    b";",
    b'multipart/x; boundary=""',
]
VALUES = [
    b"",
    b"\x00",
    b"<>",
    b"<" * 500,
    b"a@b, c@d",
    b'"' * 99,
    b"(" * 300,
    b"=?utf-8?b?AA=?=",
    b"=?utf-16?q?=00=D8?=",
    b"\xff\xfe",
    b",;:@" * 50,
]
VALUES += [
    b"=?utf-8?q?=0D=0ABcc:_x?=",
    "\u202e\u2028x".encode(),
    b" \t" * 200,
    b"x" * 5000,
    b"Tue, 31 Feb 99999 25:61:61 +99999",
    b"%s%n{}${x}",
]
NAMES = [
    b"From",
    b"To",
    b"Subject",
    b"Message-ID",
    b"In-Reply-To",
    b"References",
    b"Date",
    b"Content-Type",
    b"Content-Transfer-Encoding",
]
NAMES += [
    b"Content-Disposition",
    b"Auto-Submitted",
    b"Precedence",
    b"DKIM-Signature",
    b"Reply-To",
    b"X-Failed-Recipients",
    b"Content-ID",
]
BODIES = [
    b"> " * 2000,
    b"<div>" * 3000,
    b"\n" * 5000,
    b"On Mon, 1 Jan 2024 a <b@c> wrote:\n> x\n" * 50,
    b"From: a\nTo: b\nSubject: c\n" * 50,
]
BODIES += [
    b"--frontier\n" * 200,
    b"=" * 3000,
    b"\x00\xd8" * 500,
    b"A" * 10001,
    b"<!--" * 900,
    b"&#xd800;&#0;" * 200,
    b"Final-Recipient: rfc822;\n\n" * 99,
]


def _at(random: Random, raw: bytes) -> int:
    return random.randrange(len(raw) + 1)


def cut(raw: bytes, random: Random) -> bytes:
    return raw[: _at(random, raw)]


def flip(raw: bytes, random: Random) -> bytes:
    out = bytearray(raw)
    for _ in range(random.randint(1, 20)):
        if out:
            out[random.randrange(len(out))] = random.randrange(256)
    return bytes(out)


def drop_line(raw: bytes, random: Random) -> bytes:
    lines = raw.split(b"\n")
    del lines[random.randrange(len(lines))]
    return b"\n".join(lines)


def double_lines(raw: bytes, random: Random) -> bytes:
    lines = raw.split(b"\n")
    at = random.randrange(len(lines))
    return b"\n".join(
        lines[:at] + lines[at : at + random.randint(1, 9)] * random.randint(1, 30) + lines[at:]
    )


def swap_lines(raw: bytes, random: Random) -> bytes:
    lines = raw.split(b"\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def add_header(raw: bytes, random: Random) -> bytes:
    return random.choice(NAMES) + b": " + random.choice(VALUES) + b"\r\n" + raw


def worsen_header(raw: bytes, random: Random) -> bytes:
    return re.sub(
        rb"(?im)^(" + random.choice(NAMES) + rb"):.*$",
        lambda found: found[1] + b": " + random.choice(VALUES),
        raw,
    )


def change_kind(raw: bytes, random: Random) -> bytes:
    return re.sub(
        rb"(?i)(content-type:\s*)[^\r\n;]+", lambda found: found[1] + random.choice(KINDS), raw
    )


def change_charset(raw: bytes, random: Random) -> bytes:
    return re.sub(
        rb'(?i)(charset=)"?[^\s";]+"?', lambda found: found[1] + random.choice(CHARSETS), raw
    )


def change_encoding(raw: bytes, random: Random) -> bytes:
    return re.sub(
        rb"(?i)(content-transfer-encoding:)[^\r\n]*",
        lambda found: found[1] + b" " + random.choice(ENCODINGS),
        raw,
    )


def change_breaks(raw: bytes, random: Random) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(
        b"\n", random.choice([b"\n", b"\r", b"\r\n", b"\n\r", b"\r\r\n", b"\x00\n"])
    )


def add_bytes(raw: bytes, random: Random) -> bytes:
    at = _at(random, raw)
    return raw[:at] + random.choice([*VALUES, *BODIES]) + raw[at:]


def put_within(raw: bytes, random: Random) -> bytes:
    kind = random.choice([b"message/rfc822", b"multipart/mixed; boundary=frontier", b"text/html"])
    part = b"--frontier\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind, raw)
    return (
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=frontier\r\n\r\n"
        + part * random.randint(1, 3)
        + b"--frontier--"
    )


def put_in_base64(raw: bytes, random: Random) -> bytes:
    head, mark, body = raw.partition(b"\r\n\r\n")
    return (
        head
        + b"\r\nContent-Transfer-Encoding: base64"
        + mark
        + base64.encodebytes(body)[: _at(random, body) + 1]
    )


WAYS: Sequence[Callable[[bytes, Random], bytes]] = (
    cut,
    flip,
    drop_line,
    double_lines,
    swap_lines,
    add_header,
    worsen_header,
    change_kind,
    change_charset,
    change_encoding,
    change_breaks,
    add_bytes,
    put_within,
    put_in_base64,
)
LARGEST = 500_000


def mangled(raw: bytes, random: Random) -> bytes:
    """`raw` after one to six ways to spoil it."""
    for _ in range(random.randint(1, 6)):
        raw = random.choice(WAYS)(raw, random)[:LARGEST]
    return raw
