"""Address fields (RFC 5322 section 3.4, RFC 6532). Strict where it matters: one From mailbox, read one way only.

Structure first, words after: an RFC 2047 word can bring neither a comma nor an angle bracket into the structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.intake.mail.reading.shape import Address, Trouble
from services.intake.mail.reading.words import decode, decode_words, one_line

FIELD_MOST = 64 * 1024
ADDRESSES_MOST = 200
NAME_MOST = 120

_LOCAL = re.compile(r'(?:[^\s@<>(),;:"\\\[\]\x00-\x20\x7f]{1,64}|"(?:[^"\\\r\n]|\\.){0,62}")', re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def addresses(values: list[bytes]) -> tuple[Address, ...]:
    """The readable mailboxes of To, Cc or Reply-To; the others are left out."""
    found: list[Address] = []
    for value in values:
        for text, in_angles, name in _mailboxes(decode(value[:FIELD_MOST], "utf-8")[0]):
            address = canonical(text)
            if address and len(found) < ADDRESSES_MOST:
                found.append(Address(address=address, name=_display(name) if in_angles else ""))
    return tuple(found)


def sender(values: list[bytes]) -> tuple[Address | None, Trouble | None]:
    """The one From mailbox, or what keeps us from knowing it."""
    if not values:
        return None, Trouble.NO_FROM
    if len(values) > 1:
        return None, Trouble.MANY_FROM
    text = decode(values[0][:FIELD_MOST], "utf-8")[0]
    boxes = list(_mailboxes(text))
    if len(boxes) > 1:
        return None, Trouble.MANY_FROM
    if not boxes:
        return None, Trouble.BAD_FROM if text.strip() else Trouble.NO_FROM
    spec, in_angles, name = boxes[0]
    address = canonical(spec)
    if address is None or len(values[0]) > FIELD_MOST:
        return None, Trouble.BAD_FROM
    return Address(address=address, name=_display(name) if in_angles else ""), None


def canonical(text: str) -> str | None:
    """`local@domain` with the domain in lower-case ASCII; None if it is no address."""
    local, mark, domain = text.strip().rpartition("@")
    if not mark or not _LOCAL.fullmatch(local) or len(text) > 254:
        return None
    domain = domain.lower().removesuffix(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    labels = domain.split(".")
    return f"{local}@{domain}" if len(domain) <= 253 and all(map(_LABEL.fullmatch, labels)) else None


def _display(name: str) -> str:
    return one_line(decode_words(re.sub(r"\\(.)", r"\1", name)), NAME_MOST).strip("\"' ")


def _mailboxes(text: str) -> Iterator[tuple[str, bool, str]]:
    """Each mailbox as (address text, whether it stood in angle brackets, display name). One pass.

    Whatever follows an angle address other than a comment makes the address unreadable, so that nobody can choose which of
    two addresses a reader takes.
    """
    bare: list[str] = []
    angle: list[str] | None = None
    depth, quoted, in_angle, skip, after = 0, False, False, False, False
    for letter in text + ",":
        if skip:
            skip = False
            if not depth:
                (angle if in_angle and angle is not None else bare).append("\\" + letter if quoted else letter)
        elif letter == "\\" and (quoted or depth):
            skip = True
        elif depth:
            depth += (letter == "(") - (letter == ")")
        elif quoted:
            quoted = letter != '"'
            (angle if in_angle and angle is not None else bare).append(letter)
        elif letter == '"':
            quoted, after = True, after or (angle is not None and not in_angle)
            (angle if in_angle and angle is not None else bare).append(letter)
        elif letter == "(":
            depth = 1
        elif in_angle:
            if letter == ">":
                in_angle = False
            elif angle is not None:
                angle.append(letter)
        elif letter == "<":
            after, in_angle, angle = after or angle is not None, True, angle if angle is not None else []
        elif letter in ",;":
            if angle is not None:
                yield ("" if after else "".join(angle)), True, "".join(bare).strip().strip('"')
            elif "".join(bare).strip():
                yield "".join(bare), False, ""
            bare, angle, after = [], None, False
        elif letter == ":" and angle is None:
            bare = []  # the name of a group
        else:
            after = after or (angle is not None and not letter.isspace())
            bare.append(letter)
    if depth or quoted or in_angle:  # it ended within something
        yield "", False, ""
