"""Files in a MongoDB database of their own (GridFS), so that dropping the views loses none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from shared.files.home import FileEntry
from shared.storage.store import Store

BUCKET = "blobs"
_SMALL_BYTES = 4 * 1024 * 1024
"""Smaller ones go many together."""


class DatabaseHome:
    """Every call may raise Unavailable `mongodb`."""

    def __init__(self, uri: str, database: str, *, timeout_ms: int = 2000) -> None:
        self.where = f"the MongoDB database {database}"
        self.store = Store(uri, database, timeout_ms=timeout_ms)
        self._bucket = self.store.bucket(BUCKET)

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        """As `FileHome` says; what is there is left as it is."""
        # Large files go one by one: MongoDB bounds a message to 48 MB.
        small = [file for file in files if len(file[1]) <= _SMALL_BYTES]
        if small:
            await self._bucket.put_many(small)
        for name, raw in files:
            if len(raw) > _SMALL_BYTES:
                await self._bucket.put(name, raw)

    async def replace(self, name: str, raw: bytes) -> None:
        await self._bucket.replace(name, raw)

    async def get(self, name: str) -> bytes | None:
        return await self._bucket.get(name)

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        return await self._bucket.stream(name)

    async def has(self, name: str) -> bool:
        return await self._bucket.has(name)

    async def delete(self, name: str) -> bool:
        return await self._bucket.delete(name)

    async def entries(self) -> AsyncIterator[FileEntry]:
        async for name, size in self._bucket.entries():
            yield FileEntry(name, size)

    async def unready(self) -> str | None:
        return await self.store.unready()

    async def close(self) -> None:
        self.store.close()
