"""Files in object storage by the S3 API: Amazon's, or any server that speaks it.

Needs the extra `s3` (`pip install 'signalbox[s3]'`). The library reads keys, region and roles from
the environment as Amazon's own tools do, where the settings do not say them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any

from shared.errors import Unavailable
from shared.files.address import ObjectsAt, in_short
from shared.files.home import PIECE_BYTES, FileEntry

# Requests at the same time. Two retries within ten seconds: the caller waits, and tries again
# itself.
_AT_ONCE = 16
_RETRIES: dict[str, Any] = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_PROBE = "is-it-there"


class ObjectsHome:
    """Every call may raise Unavailable `files`. Raises ValueError where the extra is missing."""

    def __init__(self, at: ObjectsAt, key_id: str, key: str) -> None:
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError as error:
            raise ValueError("s3:// needs the extra `s3`: pip install 'signalbox[s3]'") from error
        self._obstore = obstore
        self.where = in_short(at)
        self._prefix = at.prefix
        # Only what is set: empty values would hide what the environment says.
        said = {
            "access_key_id": key_id,
            "secret_access_key": key,
            "endpoint": at.endpoint,
            "region": at.region,
        }
        self._store = S3Store(
            at.bucket,
            config={name: value for name, value in said.items() if value},  # type: ignore[arg-type]
            client_options={
                "allow_http": at.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=30),
            },
            retry_config=_RETRIES,  # type: ignore[arg-type]
        )
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        await asyncio.gather(*(self._put(name, raw) for name, raw in files))

    async def replace(self, name: str, raw: bytes) -> None:
        await self._put(name, raw)

    async def _put(self, name: str, raw: bytes) -> None:
        async with self._slots:
            with self._translate_errors("writing"):
                await self._obstore.put_async(self._store, self._prefix + name, raw)

    async def get(self, name: str) -> bytes | None:
        async with self._slots:
            with self._translate_errors("reading"):
                # "Not there" is an answer; any other error is translated outside.
                try:
                    found = await self._obstore.get_async(self._store, self._prefix + name)
                except self._missing:
                    return None
                return bytes(await found.bytes_async())

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        with self._translate_errors("reading"):
            try:
                found = await self._obstore.get_async(self._store, self._prefix + name)
            except self._missing:
                return None
        return self._pieces(found)

    async def _pieces(self, found: Any) -> AsyncIterator[bytes]:
        with self._translate_errors("reading"):
            async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    async def has(self, name: str) -> bool:
        with self._translate_errors("reading"):
            try:
                await self._obstore.head_async(self._store, self._prefix + name)
            except self._missing:
                return False
            return True

    async def delete(self, name: str) -> bool:
        # S3 says yes to deleting what is not there.
        if not await self.has(name):
            return False
        with self._translate_errors("deleting"):
            await self._obstore.delete_async(self._store, self._prefix + name)
        return True

    async def entries(self) -> AsyncIterator[FileEntry]:
        with self._translate_errors("listing"):
            async for some in self._obstore.list(self._store, self._prefix or None):
                for each in some:
                    yield FileEntry(each["path"].removeprefix(self._prefix), each["size"])

    async def unready(self) -> str | None:
        try:
            await self.has(_PROBE)
        except Unavailable as error:
            return str(error)
        return None

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def _missing(self) -> tuple[type[BaseException], ...]:
        return (FileNotFoundError, self._obstore.exceptions.NotFoundError)

    @contextlib.contextmanager
    def _translate_errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (self._obstore.exceptions.BaseError, OSError) as error:
            # The first line alone: the rest is a dump of the request.
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise Unavailable("files", f"{doing} {self.where}: {why[0][:300]}") from error
