"""Parts that hold others in a form of their own are taken apart: S/MIME that is signed and not
encrypted, Outlook's winmail.dat, files that stand in a text as uuencode.

What is unpacked takes the place of what held it, in the tree. What cannot be unpacked stays a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from services.intake.mail.reading.models import DEPTH_MOST, PARTS_MOST, Trouble
from services.intake.mail.reading.packed.signed_content import signed_content
from services.intake.mail.reading.packed.uuencode import EncodedFile, find_uuencoded_files
from services.intake.mail.reading.packed.winmail import SIGNATURE, open_winmail
from services.intake.mail.reading.structure import MimePart, split_inner
from services.intake.mail.reading.text.decoding import content_of, transfer_encoding
from services.intake.mail.reading.text.parameters import parse_parameters

SIGNED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_FORWARDED = ("message/rfc822", "message/global")
# A mail with many forwarded ones is a collection: its own text says what it is about.
_FORWARDED_MOST = 3


def unpack(raw: bytes, message: MimePart, troubles: list[Trouble]) -> None:
    """Takes apart what is in the tree, and what comes out of it."""
    # The count is for all that is unpacked, or a nest of files would multiply.
    room = [PARTS_MOST]
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if not part.children and part.depth < DEPTH_MOST:
            part.children = _open_part(raw, part, room[0], troubles)
            if part.children:
                # The place of the packed part now holds several.
                part.kind = "multipart/mixed"
                kept = part.children[: max(room[0], 0)]
                message.beyond += len(part.children) - len(kept)
                part.children = kept
                room[0] -= len(kept)
        waiting += part.children


def _open_part(raw: bytes, part: MimePart, room: int, troubles: list[Trouble]) -> list[MimePart]:
    # By type or by name: mailers often send these as octet-stream.
    name = _name(part)
    if part.kind in SIGNED or name.endswith(".p7m"):
        inner = signed_content(content_of(raw, part, []))
        return [split_inner(inner, part.depth + 1, troubles)] if inner else []
    if part.kind.endswith("ms-tnef") or name == "winmail.dat":
        return _from_winmail(raw, part)
    if part.kind == "text/plain" and not name:
        return _from_text(raw, part, room)
    return []


def _name(part: MimePart) -> str:
    disposition = parse_parameters(part.first("content-disposition"))
    return (disposition.of.get("filename") or part.parameters.get("name") or "").lower()


def _from_winmail(raw: bytes, part: MimePart) -> list[MimePart]:
    content = content_of(raw, part, [])
    opened = open_winmail(content) if content.startswith(SIGNATURE) else None
    if opened is None:
        return []
    files = [_file(name, content, part.depth + 1) for name, content in opened.files]
    # Read only if the mail says nothing elsewhere: Outlook sends its text outside as well.
    part.spare = [
        MimePart(
            [],
            0,
            len(text),
            part.depth + 1,
            kind=kind,
            parameters={"charset": "utf-8"},
            source=text,
        )
        for kind, text in opened.texts
    ]
    if not files and part.spare:  # a letter and nothing else: an empty place for it
        return [MimePart([], 0, 0, part.depth + 1, source=b"")]
    return files


def _file(name: str, content: bytes, depth: int) -> MimePart:
    return MimePart(
        [("content-disposition", b"attachment")],
        0,
        len(content),
        depth,
        kind="application/octet-stream",
        parameters={"name": name},
        source=content,
    )


def _from_text(raw: bytes, part: MimePart, room: int) -> list[MimePart]:
    """As many files as there is room for; the others stay text."""
    if "uu" in transfer_encoding(part):
        return []  # the whole part is one such file
    content = content_of(raw, part, [])
    # A file and the text before it make two parts, so half the room is for files.
    files = (
        list(islice(find_uuencoded_files(content), max(0, room // 2 - 1)))
        if b"begin" in content
        else []
    )
    return _pieces(content, files, part) if files else []


def _pieces(content: bytes, files: Sequence[EncodedFile], part: MimePart) -> list[MimePart]:
    """The text between the files, and the files, in their order."""
    pieces: list[MimePart] = []
    at = 0
    for found in files:
        pieces += [_text(content, at, found.start, part)]
        name = found.name.decode("utf-8", "surrogateescape")
        pieces += [_file(name, found.content, part.depth + 1)]
        at = found.end
    return [*pieces, _text(content, at, len(content), part)]


def _text(content: bytes, start: int, end: int, part: MimePart) -> MimePart:
    return MimePart(
        [],
        start,
        end,
        part.depth + 1,
        kind="text/plain",
        parameters={key: value for key, value in part.parameters.items() if key != "name"},
        source=content,
    )


def find_forwarded(raw: bytes, message: MimePart) -> list[MimePart]:
    """The first messages that are attached whole, each as the tree that it is."""
    found: list[MimePart] = []
    for part in message.walk():
        # Only those that were not opened already.
        if part.kind in _FORWARDED and not part.children and len(found) < _FORWARDED_MOST:
            inner = split_inner(content_of(raw, part, []).lstrip(), part.depth + 1, [])
            found += [inner] if inner.fields else []
    return found
