"""Secrets in uploaded text files (logs, configuration) are masked on their way to the disk: no file
with them is ever kept.

A file that begins as text is read block by block (`mask_bytes.py`), so a large log costs no more
memory than a small one, in a thread, so that nobody waits for it, and one large file at a time.
Pictures, archives and other binary files pass untouched: nothing here opens them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from services.intake.files.mask_bytes import (
    BLOCK_BYTES,
    HEAD_BYTES,
    cut,
    encoding_of,
    mask_block,
    take,
)
from shared.errors import Refused
from shared.text.redact import MaskedSecret

# Up to this a file does not wait for others.
_SMALL_BYTES: Final = 4 * BLOCK_BYTES


class TextFiles:
    """The way of all files of a process to the disk. Blocks of large files take turns; small files
    do not wait for them.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def masked(
        self, chunks: AsyncIterator[bytes], found: list[MaskedSecret], most: int
    ) -> AsyncGenerator[bytes, None]:
        """`chunks` without secrets; what was masked is added to `found`. Raises Refused `too-large`
        (413) beyond `most` bytes.
        """
        held, size, encoding, is_known = bytearray(), 0, None, False
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise Refused("too-large", f"A file may have {most} bytes.", status=413)
            held += chunk
            # What a file is shows in its head; until then nothing of it goes on.
            if not is_known and len(held) >= HEAD_BYTES:
                is_known, encoding = True, encoding_of(bytes(held[:HEAD_BYTES]))
            # No text: it passes as it comes.
            if is_known and encoding is None:
                yield bytes(held)
                held.clear()
            # A block goes on only with another one behind it, so that a cut has room.
            while encoding is not None and len(held) >= 2 * BLOCK_BYTES:
                yield await self._block(take(held, cut(held, encoding)), encoding, found, size)
        # A file that is shorter than a head.
        if not is_known:
            encoding = encoding_of(bytes(held))
        rest = bytes(held)
        yield await self._block(rest, encoding, found, size) if encoding is not None else rest

    async def _block(
        self, block: bytes, encoding: str, found: list[MaskedSecret], size: int
    ) -> bytes:
        # Large files one block at a time, in turns: the search holds other threads up.
        async with self._turn if size > _SMALL_BYTES else contextlib.nullcontext():
            return await asyncio.to_thread(mask_block, block, encoding, found)
