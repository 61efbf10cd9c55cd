"""Files in a folder of this machine, or of a disk that all machines share.

    <folder>/3f/<name>     the last two letters of the name, so that no folder grows too large

A file is written under another name, synced, renamed, and its folder synced: it is there whole or
not at all. Only our user may read it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from shared.errors import Unavailable
from shared.files.home import PIECE_BYTES, FileEntry, is_name

_HALF = ".half"
_LEFT_OVER_S = 3600.0
"""A half-written file that is older was left by a process that died."""
_AT_ONCE = 8
"""Syncs that are asked for together share what the disk does for one."""
R = TypeVar("R")


class FolderHome:
    """`folder` is made when the first file comes. Every call may raise Unavailable `files`."""

    def __init__(self, folder: Path) -> None:
        self.where = f"the folder {folder}"
        self._folder = folder
        self._threads = ThreadPoolExecutor(_AT_ONCE, "files")

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        """As `FileHome` says; what is there is left as it is."""
        fresh = [(self._path(name), raw) for name, raw in files]
        # First all files, then each folder once: a folder's sync covers all names made in it.
        await asyncio.gather(*(self._do(_write_missing, path, raw) for path, raw in fresh))
        await self._sync({path.parent for path, _ in fresh})

    async def replace(self, name: str, raw: bytes) -> None:
        path = self._path(name)
        await self._do(_write, path, raw)
        await self._sync({path.parent})

    async def _sync(self, folders: set[Path]) -> None:
        """Names made or removed in them are durable, and so are they."""
        await asyncio.gather(*(self._do(_sync, each) for each in {*folders, self._folder}))

    async def get(self, name: str) -> bytes | None:
        try:
            return await self._do(self._path(name).read_bytes)
        except FileNotFoundError:
            return None

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        try:
            return self._pieces(await self._do(self._path(name).open, "rb"))
        except FileNotFoundError:
            return None

    async def _pieces(self, file: BinaryIO) -> AsyncIterator[bytes]:
        with file:
            while piece := await self._do(file.read, PIECE_BYTES):
                yield piece

    async def has(self, name: str) -> bool:
        return await self._do(self._path(name).is_file)

    async def delete(self, name: str) -> bool:
        path = self._path(name)
        try:
            await self._do(path.unlink)
        except FileNotFoundError:
            return False
        await self._sync({path.parent})
        return True

    async def entries(self) -> AsyncIterator[FileEntry]:
        for folder in await self._do(_folders_in, self._folder):
            # Listed at once in the thread: a lazy listing would read the disk in the loop.
            for entry in await self._do(lambda folder=folder: list(_files_in(folder))):
                yield entry

    async def unready(self) -> str | None:
        try:
            await self._do(_folders_in, self._folder)
        except Unavailable as error:
            return str(error)
        return None

    async def close(self) -> None:
        self._threads.shutdown(wait=False)

    def _path(self, name: str) -> Path:
        # The last door before the disk: a name must never be a path.
        if not is_name(name):
            raise ValueError(f"no name of a file: {name!r}")
        # The last letters, since the first are the same for all descriptions.
        return self._folder / name[-2:].rjust(2, "0") / name

    async def _do(self, work: Callable[..., R], *args: Any) -> R:
        """`work` in a thread. Raises FileNotFoundError, Unavailable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work, *args)
        # It is an OSError, too, but an answer and no trouble.
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable("files", f"{self.where}: {error.strerror or error}") from error


def _write_missing(path: Path, raw: bytes) -> None:
    if not path.exists():
        _write(path, raw)


def _write(path: Path, raw: bytes) -> None:
    for folder in (path.parent.parent, path.parent):  # `mode` is not that of made parents
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Begins with a dot, so `entries` and readers never take it for a file.
    half = path.with_name(f".{secrets.token_hex(8)}{_HALF}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Data first, then the name: after a crash the name never stands for half a file.
            file.write(raw)
            file.flush()
            os.fdatasync(file.fileno())
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folders_in(folder: Path) -> list[Path]:
    """Raises OSError where it is no folder, or may not be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(Path(each) for each in found if each.is_dir())
    except FileNotFoundError:
        return []


def _files_in(folder: Path) -> Iterator[FileEntry]:
    """What is half written and will never be whole goes."""
    with os.scandir(folder) as found:
        for each in found:
            if is_name(each.name) and each.is_file():
                yield FileEntry(each.name, each.stat().st_size)
            # An hour is more than any write takes: nobody is still at it.
            elif each.name.endswith(_HALF) and time.time() - each.stat().st_mtime > _LEFT_OVER_S:
                Path(each).unlink(missing_ok=True)
