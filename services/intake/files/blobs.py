"""Raw bytes of attachments: first on this machine's disk, then where files are kept
(`shared/files`), named by their SHA-256.

    <directory>/<sha256>         the bytes, fsynced before `keep` returns

`run` moves them and deletes them here once they are kept there; while that is away they wait.
Content under its own hash is never another's, so processes of one machine share the directory.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import structlog
from prometheus_client import Gauge

from services.intake.spool import disk
from shared.errors import Refused, Unavailable
from shared.files import FileHome

log = structlog.get_logger()

WAITING = Gauge(
    "signalbox_blobs_waiting", "Blobs on this machine's disk that are not where files are kept yet"
)

_ID = re.compile(r"[0-9a-f]{64}")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_LOOK_EVERY_S = 5.0
# So much is enough to tell a file's type.
_HEAD_BYTES = 8192


class StoredBlob(NamedTuple):
    """What was kept: its hash, its bytes, and how it begins (up to 8 KiB)."""

    id: str
    size: int
    head: bytes


async def stream_bytes(raw: bytes) -> AsyncIterator[bytes]:
    """Bytes that are all there, as if they came."""
    yield raw


class Blobs:
    """`files` None: everything stays on the disk."""

    def __init__(
        self,
        directory: Path,
        files: FileHome | None,
        *,
        free: Callable[[Path], float] = disk.free_share,
    ) -> None:
        self._directory, self._files, self._free = directory, files, free
        self._come = asyncio.Event()
        directory.mkdir(parents=True, exist_ok=True)

    async def keep(self, chunks: AsyncIterator[bytes], limit: int) -> StoredBlob:
        """Bytes as they come; they are on the disk on return. Raises Refused: `disk-full` (503),
        `too-large` (413) beyond `limit` bytes; then nothing is kept. Raises OSError.
        """
        if disk.is_short(self._free(self._directory)):
            raise disk.disk_full()
        # A name of its own: two uploads of the same bytes never write the same half file.
        half = self._directory / f".{secrets.token_hex(8)}.half"
        digest, size, head = hashlib.sha256(), 0, b""
        try:
            with half.open("xb") as file:
                async for chunk in chunks:
                    # Counted as it comes: the announced length may be a lie.
                    size += len(chunk)
                    if size > limit:
                        raise Refused("too-large", f"A file may have {limit} bytes.", status=413)
                    digest.update(chunk)
                    head += chunk[: _HEAD_BYTES - len(head)]
                    file.write(chunk)
                file.flush()
                # On the disk before it has its name, so a name never shows a torn file.
                await asyncio.to_thread(os.fsync, file.fileno())
            blob_id = digest.hexdigest()
            await asyncio.to_thread(self._name, half, blob_id)
        finally:
            # After success the half file has its new name, and there is nothing to remove.
            half.unlink(missing_ok=True)
        self._come.set()
        return StoredBlob(blob_id, size, head)

    async def get(self, blob_id: str) -> bytes | None:
        """The bytes, from the disk or from where files are kept; None: nobody has them. Raises
        Unavailable.
        """
        if not _ID.fullmatch(blob_id):
            return None
        # This machine's disk first: it is quick, and new files are only there.
        try:
            return await asyncio.to_thread((self._directory / blob_id).read_bytes)
        except FileNotFoundError:
            return await self._files.get(blob_id) if self._files is not None else None

    def is_waiting(self, blob_id: str) -> bool:
        """Whether it is on this machine's disk only, as far as this machine knows."""
        return (self._directory / blob_id).exists()

    async def run(self) -> None:
        """Move what comes to where files are kept; until cancelled."""
        pause = _FIRST_PAUSE_S
        while self._files is not None:
            self._come.clear()
            try:
                for blob_id in self._list_waiting():
                    await self._move(self._files, blob_id)
            except (Unavailable, OSError) as error:
                # The bytes are durable here; they wait and are tried again.
                log.warning(
                    "blobs wait on this machine's disk",
                    count=len(self._list_waiting()),
                    error=str(error),
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            finally:
                WAITING.set(len(self._list_waiting()))
            pause = _FIRST_PAUSE_S
            try:
                async with asyncio.timeout(
                    _LOOK_EVERY_S
                ):  # another process of this machine may have kept something
                    await self._come.wait()
            except TimeoutError:
                continue

    def _name(self, half: Path, blob_id: str) -> None:
        half.replace(self._directory / blob_id)
        disk.sync_directory(self._directory)

    def _list_waiting(self) -> list[str]:
        return [path.name for path in self._directory.iterdir() if _ID.fullmatch(path.name)]

    async def _move(self, files: FileHome, blob_id: str) -> None:
        path = self._directory / blob_id
        try:
            # Read whole: it is at most as large as an upload may be.
            raw = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:  # a neighbour moved it
            return
        # Removed here only after it is kept there.
        await files.put_many([(blob_id, raw)])
        path.unlink(missing_ok=True)
        # an earlier release kept a second file beside it
        path.with_name(f"{blob_id}.json").unlink(missing_ok=True)
