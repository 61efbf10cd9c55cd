"""Raw bytes (attachments, messages as they came): first on this machine's disk, then in GridFS, named by their SHA-256.

    <directory>/<sha256>         the bytes, fsynced before `keep` returns
    <directory>/<sha256>.json    what was said about them

`run` moves them to GridFS and deletes them here after MongoDB's majority has them; while it is away they wait. Content under
its own hash is never another's, so processes of one machine share the directory.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson
import structlog
from prometheus_client import Gauge

from services.intake import disk
from shared.errors import Refused, Unavailable

log = structlog.get_logger()

WAITING = Gauge("signalbox_blobs_waiting", "Blobs on this machine's disk that GridFS does not have yet")

_ID = re.compile(r"[0-9a-f]{64}")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_LOOK_EVERY_S = 5.0
_HEAD_BYTES = 8192


class Files(Protocol):
    """GridFS (`shared.store.Files`)."""

    async def put(self, name: str, raw: bytes, about: Mapping[str, str]) -> None: ...

    async def get(self, name: str) -> bytes | None: ...


class Kept(NamedTuple):
    """What was kept: its hash, its bytes, and how it begins (up to 8 KiB)."""

    id: str
    size: int
    head: bytes


async def at_once(raw: bytes) -> AsyncIterator[bytes]:
    """Bytes that are all there, as if they came."""
    yield raw


class Blobs:
    """`files` None: everything stays on the disk."""

    def __init__(self, directory: Path, files: Files | None, *, free: Callable[[Path], float] = disk.free_share) -> None:
        self._directory, self._files, self._free = directory, files, free
        self._come = asyncio.Event()
        directory.mkdir(parents=True, exist_ok=True)

    async def keep(self, raw: bytes, about: Mapping[str, str]) -> str:
        """The SHA-256 of `raw` in hex; it is on the disk. Raises Refused `disk-full` (503), OSError."""
        return (await self.keep_stream(at_once(raw), about, len(raw))).id

    async def keep_stream(self, chunks: AsyncIterator[bytes], about: Mapping[str, str], limit: int) -> Kept:
        """The same for bytes as they come. Raises Refused `too-large` (413) beyond `limit` bytes; then nothing is kept."""
        if disk.is_short(self._free(self._directory)):
            raise disk.disk_full()
        half = self._directory / f".{secrets.token_hex(8)}.half"
        digest, size, head = hashlib.sha256(), 0, b""
        try:
            with half.open("xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise Refused("too-large", f"A file may have {limit} bytes.", status=413)
                    digest.update(chunk)
                    head += chunk[: _HEAD_BYTES - len(head)]
                    file.write(chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            blob_id = digest.hexdigest()
            await asyncio.to_thread(self._name, half, blob_id, about)
        finally:
            half.unlink(missing_ok=True)
        self._come.set()
        return Kept(blob_id, size, head)

    async def get(self, blob_id: str) -> bytes | None:
        """The bytes, from the disk or from GridFS; None: nobody has them. Raises Unavailable where GridFS is away."""
        if not _ID.fullmatch(blob_id):
            return None
        try:
            return await asyncio.to_thread((self._directory / blob_id).read_bytes)
        except FileNotFoundError:
            return await self._files.get(blob_id) if self._files is not None else None

    def is_waiting(self, blob_id: str) -> bool:
        """Whether it is on this machine's disk only, as far as this machine knows."""
        return (self._directory / blob_id).exists()

    async def run(self) -> None:
        """Move what comes to GridFS; until cancelled."""
        pause = _FIRST_PAUSE_S
        while self._files is not None:
            self._come.clear()
            try:
                for blob_id in self._waiting():
                    await self._move(self._files, blob_id)
            except (Unavailable, OSError) as error:
                log.warning("blobs wait on this machine's disk", count=len(self._waiting()), error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            finally:
                WAITING.set(len(self._waiting()))
            pause = _FIRST_PAUSE_S
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):  # another process of this machine may have kept something
                    await self._come.wait()
            except TimeoutError:
                continue

    def _name(self, half: Path, blob_id: str, about: Mapping[str, str]) -> None:
        """The bytes under their hash; what is said about them stands there before they do."""
        disk.write_durably(self._directory / f"{blob_id}.json", orjson.dumps(dict(about)))
        half.replace(self._directory / blob_id)
        disk.sync_directory(self._directory)

    def _waiting(self) -> list[str]:
        return [path.name for path in self._directory.iterdir() if _ID.fullmatch(path.name)]

    async def _move(self, files: Files, blob_id: str) -> None:
        raw, about = self._directory / blob_id, self._directory / f"{blob_id}.json"
        try:
            said = orjson.loads(about.read_bytes()) if about.exists() else {}
            await files.put(blob_id, await asyncio.to_thread(raw.read_bytes), said)
        except FileNotFoundError:  # a neighbour moved it
            return
        raw.unlink(missing_ok=True)
        about.unlink(missing_ok=True)
