"""Outlook's winmail.dat (TNEF) → the texts and files in it.

After MS-OXTNEF 2.1 and MS-OXCDATA 2.11. Our own, since `tnefparse` copies the rest of the file for
each of its values and counts as far as a damaged file says (docs/decisions/0016). One pass; counts
are never believed beyond the bytes that there are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from services.intake.mail.reading.models import PARTS_MOST, TEXT_MOST
from services.intake.mail.reading.packed.rtf import decompress_rtf, words_of
from services.intake.mail.reading.text.charsets import decode_bytes

SIGNATURE = b"\x78\x9f\x3e\x22"

# Attributes (MS-OXTNEF 2.1.3.2), without the type in their upper half.
_BODY, _ATTACH_DATA, _ATTACH_TITLE = 0x800C, 0x800F, 0x8010
_ATTACH_BEGINS, _MESSAGE_PROPERTIES, _ATTACH_PROPERTIES, _CODE_PAGE = 0x9002, 0x9003, 0x9005, 0x9007

# Properties (MS-OXPROPS).
_TEXT, _HTML, _RTF = 0x1000, 0x1013, 0x1009
_INTERNET_CODE_PAGE = 0x3FDE
_FILE_NAME, _LONG_FILE_NAME, _DISPLAY_NAME, _CONTENT = 0x3704, 0x3707, 0x3001, 0x3701

_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8}
_FIXED |= {0x48: 16, 0x00: 4, 0x01: 4}
"""Bytes of a property's value, by its type, in fours."""
# Types whose value says its length.
_STRING, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
# The flag of a property with many values.
_MANY = 0x1000
# Bounds on what a damaged or hostile file can make us count.
_PROPERTIES_MOST, _DEPTH_MOST = 5000, 3
_PLAIN, _PAGE = "text/plain", "text/html"


class Winmail(NamedTuple):
    """`texts`: kind and UTF-8 bytes, the best first. `files`: name and content."""

    texts: list[tuple[str, bytes]]
    files: list[tuple[str, bytes]]


class _Property(NamedTuple):
    name: int
    kind: int
    value: bytes


def open_winmail(content: bytes, depth: int = 0) -> Winmail | None:
    """None where there is nothing in it that can be read."""
    # Files can hold other winmail.dat files.
    if not content.startswith(SIGNATURE) or depth > _DEPTH_MOST:
        return None
    texts, files = dict[str, bytes](), list[dict[int, bytes]]()
    code_page = "cp1252"
    # One pass: attributes of the message are level 1, those of its files level 2.
    for level, name, start, end in _attributes(content):
        value = content[start:end]
        if name == _CODE_PAGE and len(value) >= 4:
            code_page = _code_page(value)
        elif name == _ATTACH_BEGINS:
            files.append({})
        elif level == 1 and name == _BODY:
            texts.setdefault(_PLAIN, _utf8(value, code_page))
        elif level == 1 and name == _MESSAGE_PROPERTIES:
            texts |= _texts_in(value, code_page)
        elif level == 2 and files and len(files) <= PARTS_MOST:
            files[-1] |= _file_parts(name, value, code_page)
    found = Winmail(
        [(kind, text) for kind in (_PLAIN, _PAGE) if (text := texts.get(kind, b"").strip())],
        _files(files, depth),
    )
    return found if found.texts or found.files else None


def _attributes(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Level, name, and where the value stands. A cut file ends early."""
    # Behind the signature and the key.
    at = 6
    while at + 9 <= len(content):
        level, name, _, size = struct.unpack_from("<BHHI", content, at)
        if level not in (1, 2) or at + 9 + size > len(content):
            return
        yield level, name, at + 9, at + 9 + size
        # Two bytes of checksum: not compared, a damaged file gives what it can.
        at += 9 + size + 2


def _texts_in(value: bytes, code_page: str) -> dict[str, bytes]:
    found = {one.name: one for one in _properties(value)}
    page_set = code_page
    if _INTERNET_CODE_PAGE in found and len(found[_INTERNET_CODE_PAGE].value) >= 4:
        page_set = _code_page(found[_INTERNET_CODE_PAGE].value)
    texts: dict[str, bytes] = {}
    if plain := found.get(_TEXT):
        texts[_PLAIN] = _utf8(plain.value, "utf-16-le" if plain.kind == _UNICODE else code_page)
    if page := found.get(_HTML):
        texts[_PAGE] = _utf8(page.value, "utf-16-le" if page.kind == _UNICODE else page_set)
    # RTF is the poorest form: only where there is no other.
    if not texts and (rich := found.get(_RTF)):
        texts[_PLAIN] = words_of(decompress_rtf(rich.value)).encode("utf-8", "replace")
    return texts


def _file_parts(name: int, value: bytes, code_page: str) -> dict[int, bytes]:
    """Names in UTF-8, and the content."""
    if name == _ATTACH_DATA:
        return {_CONTENT: value}
    if name == _ATTACH_TITLE:
        return {_FILE_NAME: _utf8(value, code_page)}
    if name != _ATTACH_PROPERTIES:
        return {}
    parts: dict[int, bytes] = {}
    for one in _properties(value):
        if one.name == _CONTENT:
            # An object begins with 16 bytes that name its interface.
            parts[_CONTENT] = one.value[16:] if one.kind == _OBJECT else one.value
        elif one.name in (_FILE_NAME, _LONG_FILE_NAME, _DISPLAY_NAME):
            text = _utf8(one.value, "utf-16-le" if one.kind == _UNICODE else code_page)
            parts[one.name] = text
    return parts


def _files(found: list[dict[int, bytes]], depth: int) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    for parts in found:
        content = parts.get(_CONTENT, b"")
        name = next(
            (
                parts[key].decode("utf-8", "replace")
                for key in (_LONG_FILE_NAME, _FILE_NAME, _DISPLAY_NAME)
                if parts.get(key)
            ),
            "",
        )
        inner = open_winmail(content, depth + 1)
        # A file that is not a message of its own stays as it is.
        if inner is None:
            files.append((name, content))
            continue
        letter = next((text for kind, text in inner.texts if kind == _PLAIN), b"")
        files += [(f"{name or 'message'}.txt", letter)] if letter else []
        files += inner.files
    return files


def _properties(value: bytes) -> Iterator[_Property]:
    """Each property with its (first) value. What is damaged ends it."""
    try:
        (count,) = struct.unpack_from("<I", value, 0)
        at = 4
        # The count is not believed beyond a bound.
        for _ in range(min(count, _PROPERTIES_MOST)):
            kind, name = struct.unpack_from("<HH", value, at)
            at += 4
            if name >= 0x8000:
                at = _after_name(value, at)
            many, kind = bool(kind & _MANY), kind & ~_MANY
            size = _FIXED.get(kind)
            values = 1
            if size is None or many:
                (values,) = struct.unpack_from("<I", value, at)
                at += 4
            first: bytes | None = None
            for _ in range(min(values, _PROPERTIES_MOST)):
                length = size
                if length is None:
                    (length,) = struct.unpack_from("<I", value, at)
                    at += 4
                if at + length > len(value):
                    return
                first = value[at : at + length] if first is None else first
                # Values stand in fours.
                at += length + (-length % 4)
            yield _Property(name, kind, first or b"")
    except struct.error:
        return


def _after_name(value: bytes, at: int) -> int:
    """A named property says its set and its number, or its name."""
    (kind,) = struct.unpack_from("<I", value, at + 16)
    at += 20
    if kind == 0:
        return at + 4
    (length,) = struct.unpack_from("<I", value, at)
    return int(at + 4 + length + (-length % 4))


def _code_page(value: bytes) -> str:
    number = int.from_bytes(value[:4], "little")
    special = {65001: "utf-8", 20127: "us-ascii", 20866: "koi8-r", 21866: "koi8-u"}
    special |= {51932: "euc-jp", 50220: "iso-2022-jp", 50221: "iso-2022-jp", 54936: "gb18030"}
    if 28591 <= number <= 28606:
        return f"iso-8859-{number - 28590}"
    return special.get(number, f"cp{number}")


def _utf8(value: bytes, charset: str) -> bytes:
    text = decode_bytes(value[: 4 * TEXT_MOST], charset).text
    return text.rstrip("\x00").encode("utf-8", "replace")
