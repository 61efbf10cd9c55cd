"""Address fields (RFC 5322 section 3.4, RFC 6532). Strict where it matters: one From mailbox, read
one way only.

Structure first, words after: an RFC 2047 word can bring neither a comma nor an angle bracket into
the structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.intake.mail.reading.models import Address, Trouble
from services.intake.mail.reading.text.words import decode_words, header_string, one_line
from shared.people.folding import fold_address

# Bounds of a field: a hostile To may have a million addresses.
FIELD_MOST = 64 * 1024
ADDRESSES_MOST = 200
NAME_MOST = 120

# RFC 5321 section 4.5.3.1.1 allows 64; quoted local parts are rare and allowed.
_LOCAL = re.compile(
    r'(?:[^\s@<>(),;:"\\\[\]\x00-\x20\x7f]{1,64}|"(?:[^"\\\r\n]|\\.){0,62}")', re.DOTALL
)
# An underscore is no host name, but real domains have it.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class Mailbox(NamedTuple):
    """`spec`: the text of the address. `in_angles`: it stood in angle brackets, behind `name`."""

    spec: str
    in_angles: bool
    name: str


def addresses(values: list[bytes], hints: tuple[str, ...] = ()) -> tuple[Address, ...]:
    """The readable mailboxes of To, Cc or Reply-To; the others are left out."""
    found: list[Address] = []
    for value in values:
        for text, in_angles, name in _mailboxes(header_string(value[:FIELD_MOST])):
            address = canonical(text)
            if address and len(found) < ADDRESSES_MOST:
                shown = _display(name, hints) if in_angles else ""
                found.append(Address(address=address, name=shown))
    return tuple(found)


def sender(
    values: list[bytes], hints: tuple[str, ...] = ()
) -> tuple[Address | None, Trouble | None]:
    """The one From mailbox, or what keeps us from knowing it."""
    if not values:
        return None, Trouble.NO_FROM
    # Two From fields, or two mailboxes in one: nobody could say who is vouched for.
    if len(values) > 1:
        return None, Trouble.MANY_FROM
    text = header_string(values[0][:FIELD_MOST])
    boxes = _without_commas(list(_mailboxes(text)))
    if len(boxes) > 1:
        return None, Trouble.MANY_FROM
    if not boxes:
        return None, Trouble.BAD_FROM if text.strip() else Trouble.NO_FROM
    spec, in_angles, name = boxes[0] if boxes[0].in_angles else _without_angles(boxes[0])
    address = canonical(spec)
    # A field that was cut may have gone on with a second mailbox.
    if address is None or len(values[0]) > FIELD_MOST:
        return None, Trouble.BAD_FROM
    return Address(address=address, name=_display(name, hints) if in_angles else ""), None


def _without_commas(boxes: list[Mailbox]) -> list[Mailbox]:
    """`Premium, Pia <pia@example.com>` is one mailbox: what is between its commas without an `@`
    is a piece of the name. Two that have an `@` stay two.
    """
    addressed = [box for box in boxes if "@" in box.spec or "@" in box.name]
    # Only where one piece alone has an `@`; with two there would be a choice.
    if len(boxes) < 2 or len(addressed) != 1 or not all(_is_name(box) for box in boxes[:-1]):
        return boxes
    spec, in_angles, name = boxes[-1]
    words = [box.spec.strip() for box in boxes[:-1]]
    return [Mailbox(spec, True, ", ".join([*words, name]))] if in_angles else boxes


def _without_angles(box: Mailbox) -> Mailbox:
    """`Pia Premium pia@example.com`, where only one word is an address."""
    words = box.spec.split()
    addresses_ = [word for word in words if "@" in word]
    if len(words) < 2 or len(addresses_) != 1 or box.spec.count("@") != 1 or '"' in box.spec:
        return box
    name = " ".join(word for word in words if "@" not in word)
    return Mailbox(addresses_[0].strip("[]"), True, name)


def _is_name(box: Mailbox) -> bool:
    return not box.in_angles and "@" not in box.spec and bool(box.spec.strip())


def canonical(text: str) -> str | None:
    """`local@domain` with the domain in lower-case ASCII; None if it is no address, or if its
    domain is written with letters that IDNA takes for others (`ß`, full width, the Kelvin sign).
    """
    try:
        # Strictly, since a guessed character set could turn it into somebody else's address.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:
        return None
    # The last `@` splits: a quoted local part may hold others.
    local, mark, domain = text.strip().rpartition("@")
    if not mark or not _LOCAL.fullmatch(local) or len(text) > 254:
        return None
    domain = fold_address(domain).removesuffix(".")
    # Encoded and back: where the two differ, another reader may see another domain.
    if not domain.isascii():
        try:
            encoded = domain.encode("idna")
            if encoded.decode("idna") != domain:
                return None
        except UnicodeError:
            return None
        domain = encoded.decode("ascii")
    labels = domain.split(".")
    return (
        f"{local}@{domain}" if len(domain) <= 253 and all(map(_LABEL.fullmatch, labels)) else None
    )


def _display(name: str, hints: tuple[str, ...] = ()) -> str:
    unquoted = re.sub(r"\\(.)", r"\1", name)
    return one_line(decode_words(unquoted, hints), NAME_MOST).strip("\"' ")


def _mailboxes(text: str) -> Iterator[Mailbox]:
    """Each mailbox as it stands there. One pass.

    Whatever follows an angle address other than a comment makes the address unreadable, so that
    nobody can choose which of two addresses a reader takes.
    """
    bare: list[str] = []
    angle: list[str] | None = None
    depth, quoted, in_angle, skip, after = 0, False, False, False, False
    # A comma at the end closes the last mailbox like all others.
    for letter in text + ",":
        # Behind a backslash in quotes or comments: taken as it is.
        if skip:
            skip = False
            if not depth:
                (angle if in_angle and angle is not None else bare).append(
                    "\\" + letter if quoted else letter
                )
        elif letter == "\\" and (quoted or depth):
            skip = True
        elif depth:
            # Comments may be nested, and say nothing.
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
            if letter == "<" and angle == []:
                continue  # `<<pia@example.com>>`
            # What follows the bracket makes the address unreadable (`after`).
            if letter == ">":
                in_angle = False
            elif angle is not None:
                angle.append(letter)
        elif letter == "<":
            after, in_angle, angle = (
                after or angle is not None,
                True,
                angle if angle is not None else [],
            )
        elif letter in ",;":
            # The end of a mailbox; a semicolon ends a group.
            if angle is not None:
                name = "".join(bare).strip().strip('"')
                yield Mailbox("" if after else "".join(angle), True, name)
            elif "".join(bare).strip():
                yield Mailbox("".join(bare), False, "")
            bare, angle, after = [], None, False
        elif letter == ">" and angle is not None and not after:
            continue
        elif letter == ":" and angle is None:
            bare = []  # the name of a group
        else:
            after = after or (angle is not None and not letter.isspace())
            bare.append(letter)
    if depth or quoted or in_angle:  # it ended within something
        yield Mailbox("", False, "")
