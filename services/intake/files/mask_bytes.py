"""Secrets in the bytes of a text file: found and masked block by block, so that everything else
stays byte for byte as it came, whatever its encoding. Pure.
"""

from __future__ import annotations

from typing import Final

import filetype

from shared.text.redact import MaskedSecret, redact

HEAD_BYTES: Final = 8192
"""By so many the kind of a file is told."""
# Small enough to be searched in a moment, large enough to hold a key.
BLOCK_BYTES: Final = 64 * 1024
# So far back from the end of a block an empty line is looked for.
_SEARCHED: Final = 8 * 1024
_LONGEST_KEY: Final = 32 * 1024
"""A key block that ends within so many bytes is never cut in two."""
# UTF-16 is told by its byte order mark alone.
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# Controls that no text has; tab, line ends, backspace and escape are in logs.
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x08\x1b")


def encoding_of(head: bytes) -> str | None:
    """How a file that begins with `head` is to be read as text and written again without loss;
    None: it is no text.
    """
    if (wide := _WIDE.get(head[:2])) is not None:
        return wide
    if filetype.guess(head) is not None or any(byte in _CONTROLS for byte in head):
        return None
    return "utf-8"


def take(held: bytearray, end: int) -> bytes:
    """The first `end` bytes of `held`, which loses them."""
    block = bytes(held[:end])
    del held[:end]
    return block


def cut(held: bytes | bytearray, encoding: str) -> int:
    """Where a block of `held` (at least two blocks long) ends: behind an empty line, else behind a
    line, and never within a key.
    """
    unit = 1 if encoding == "utf-8" else 2
    # The best place to cut is where a text pauses.
    line = "\n".encode(encoding)
    for mark in (line + line, line, " ".encode(encoding)):
        at = held.rfind(mark, BLOCK_BYTES - _SEARCHED, BLOCK_BYTES)
        # A mark of two bytes may be found at an odd place, between two letters.
        if at >= 0 and (at + len(mark)) % unit == 0:
            break
    else:
        at, mark = BLOCK_BYTES, b""
    end = at + len(mark)
    # A key that begins in this block and has no end in it goes on in the next one.
    begins = held.rfind("-----BEGIN ".encode(encoding), 0, end)
    if begins >= 0 and held.find("-----END ".encode(encoding), begins, end) < 0:
        # Its end must be near, or what looks like a key is none.
        closes = held.find("-----END ".encode(encoding), end, end + _LONGEST_KEY)
        after = held.find(line, closes, closes + 200 * unit) if closes >= 0 else -1
        end = after + len(line) if after >= 0 and (after + len(line)) % unit == 0 else end
    return end


def mask_all(content: bytes, encoding: str, found: list[MaskedSecret]) -> bytes:
    """Content that is all there, block by block: a search of it all would let no other thread run
    meanwhile.
    """
    held, safe = bytearray(content), list[bytes]()
    # Two blocks must be there, so that a cut always has room behind it.
    while len(held) >= 2 * BLOCK_BYTES:
        safe.append(mask_block(take(held, cut(held, encoding)), encoding, found))
    return b"".join([*safe, mask_block(bytes(held), encoding, found)])


def mask_block(block: bytes, encoding: str, found: list[MaskedSecret]) -> bytes:
    """`block`, of which `encoding_of` knew the encoding, without secrets; itself where there is
    none.
    """
    # Bytes that are no letters come back unchanged, with either error handler.
    errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
    # The half of a letter of two bytes stays as it is.
    even = len(block) if encoding == "utf-8" else len(block) // 2 * 2
    redacted = redact(block[:even].decode(encoding, errors))
    if not redacted.found:
        return block
    found += redacted.found
    return redacted.text.encode(encoding, errors) + block[even:]
