"""Secrets in uploaded text files (logs, configuration) are masked on their way to the disk: no file with them is ever kept.

A file that begins as text is read block by block, so a large log costs no more memory than a small one, in a thread, so that
nobody waits for it, and one large file at a time. Everything that is no secret stays byte for byte as it came, whatever its
encoding. Pictures, archives and other binary files pass untouched: nothing here opens them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import filetype

from shared.errors import Refused
from shared.text.redact import Masked, redact

HEAD_BYTES: Final = 8192
"""By so many the kind of a file is told."""
BLOCK_BYTES: Final = 64 * 1024
_SMALL_BYTES: Final = 4 * BLOCK_BYTES
_SEARCHED: Final = 8 * 1024
_LONGEST_KEY: Final = 32 * 1024
"""A key block that ends within so many bytes is never cut in two."""
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x08\x1b")


def encoding_of(head: bytes) -> str | None:
    """How a file that begins with `head` is to be read as text and written again without loss; None: it is no text."""
    if (wide := _WIDE.get(head[:2])) is not None:
        return wide
    if filetype.guess(head) is not None or any(byte in _CONTROLS for byte in head):
        return None
    return "utf-8"


class TextFiles:
    """The way of all files of a process to the disk. Blocks of large files take turns; small files do not wait for them."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def masked(self, chunks: AsyncIterator[bytes], found: list[Masked], most: int) -> AsyncGenerator[bytes, None]:
        """`chunks` without secrets; what was masked is added to `found`. Raises Refused `too-large` (413) beyond `most` bytes."""
        held, size, encoding, is_known = bytearray(), 0, None, False
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise Refused("too-large", f"A file may have {most} bytes.", status=413)
            held += chunk
            if not is_known and len(held) >= HEAD_BYTES:
                is_known, encoding = True, encoding_of(bytes(held[:HEAD_BYTES]))
            if is_known and encoding is None:
                yield bytes(held)
                held.clear()
            while encoding is not None and len(held) >= 2 * BLOCK_BYTES:
                yield await self._block(_taken(held, cut(held, encoding)), encoding, found, size)
        if not is_known:
            encoding = encoding_of(bytes(held))
        rest = bytes(held)
        yield await self._block(rest, encoding, found, size) if encoding is not None else rest

    async def _block(self, block: bytes, encoding: str, found: list[Masked], size: int) -> bytes:
        async with self._turn if size > _SMALL_BYTES else contextlib.nullcontext():
            return await asyncio.to_thread(mask_block, block, encoding, found)


def _taken(held: bytearray, end: int) -> bytes:
    block = bytes(held[:end])
    del held[:end]
    return block


def cut(held: bytes | bytearray, encoding: str) -> int:
    """Where a block of `held` (at least two blocks long) ends: behind an empty line, else behind a line, and never within a key."""
    unit = 1 if encoding == "utf-8" else 2
    line = "\n".encode(encoding)
    for mark in (line + line, line, " ".encode(encoding)):
        at = held.rfind(mark, BLOCK_BYTES - _SEARCHED, BLOCK_BYTES)
        if at >= 0 and (at + len(mark)) % unit == 0:
            break
    else:
        at, mark = BLOCK_BYTES, b""
    end = at + len(mark)
    begins = held.rfind("-----BEGIN ".encode(encoding), 0, end)
    if begins >= 0 and held.find("-----END ".encode(encoding), begins, end) < 0:
        closes = held.find("-----END ".encode(encoding), end, end + _LONGEST_KEY)
        after = held.find(line, closes, closes + 200 * unit) if closes >= 0 else -1
        end = after + len(line) if after >= 0 and (after + len(line)) % unit == 0 else end
    return end


def mask_all(content: bytes, encoding: str, found: list[Masked]) -> bytes:
    """Content that is all there, block by block: a search of it all would let no other thread run meanwhile."""
    held, safe = bytearray(content), list[bytes]()
    while len(held) >= 2 * BLOCK_BYTES:
        safe.append(mask_block(_taken(held, cut(held, encoding)), encoding, found))
    return b"".join([*safe, mask_block(bytes(held), encoding, found)])


def mask_block(block: bytes, encoding: str, found: list[Masked]) -> bytes:
    """`block`, of which `encoding_of` knew the encoding, without secrets; itself where there is none."""
    errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
    even = len(block) if encoding == "utf-8" else len(block) // 2 * 2
    redacted = redact(block[:even].decode(encoding, errors))
    if not redacted.found:
        return block
    found += redacted.found
    return redacted.text.encode(encoding, errors) + block[even:]
