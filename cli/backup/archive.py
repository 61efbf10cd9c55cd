"""A backup on a disk: a folder, or a tar file where the name ends with `.tar`.

It is written under another name and renamed when it is whole. Only our user may read it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from cli.backup.manifest import FORMAT, NAME, Manifest
from shared.errors import SignalboxError

_HALF = ".half"


class BadArchive(SignalboxError):
    """It is no backup, not whole, or not what was written."""


class _Target(Protocol):
    def write(self, name: str, raw: bytes) -> None: ...

    def close(self) -> None: ...


class ArchiveWriter:
    """Use as `with`; what was begun and not finished goes. Raises FileExistsError, OSError."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise FileExistsError(f"{path} is there already")
        self._path = path
        self._half = path.with_name(f".{path.name}{_HALF}")
        self.members: dict[str, str] = {}

    def __enter__(self) -> ArchiveWriter:
        # For everything that is written from here on.
        os.umask(0o077)
        # A rest of one that was killed.
        _remove(self._half)
        self._to: _Target = _Tar(self._half) if self._path.suffix == ".tar" else _Folder(self._half)
        return self

    def __exit__(self, *_: object) -> None:
        self._to.close()
        _remove(self._half)

    def write(self, name: str, raw: bytes) -> None:
        self.members[name] = hashlib.sha256(raw).hexdigest()
        self._to.write(name, raw)

    def finish(self, manifest: Manifest) -> None:
        """From here on it is a backup, also after a crash of the machine."""
        # The manifest is last: without it the folder is no backup.
        self._to.write(NAME, manifest.model_dump_json(indent=1).encode())
        self._to.close()
        os.sync()
        self._half.rename(self._path)
        os.sync()


class Archive:
    """A backup that is read. Raises BadArchive, OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            raise BadArchive(f"there is no {path}")
        found = self._read_manifest()
        if found is None:
            raise BadArchive(f"{path} is no backup, or it was not finished: it has no {NAME}")
        try:
            self.manifest = Manifest.model_validate_json(found, extra="ignore")
        except ValidationError as error:
            raise BadArchive(f"{path}: {NAME} cannot be read: {error}") from error
        # An older format can be read; a newer one may mean something else.
        if self.manifest.format > FORMAT:
            raise BadArchive(f"{path} was made by a newer release")

    def verified(self) -> Iterator[tuple[str, bytes]]:
        """Every member in the order it was written, each held to its digest."""
        # Each member once: twice would be restored twice.
        left = set(self.manifest.members)
        for name, raw in self._members():
            wanted = self.manifest.members.get(name)
            if wanted is None or name not in left:
                raise BadArchive(f"{name} is not in the list of what the backup holds")
            if hashlib.sha256(raw).hexdigest() != wanted:
                raise BadArchive(f"{name} is not what was written")
            left.discard(name)
            yield name, raw
        if left:
            raise BadArchive(f"{min(left)} is missing, and {len(left) - 1} others")

    def _read_manifest(self) -> bytes | None:
        if self._path.is_dir():
            path = self._path / NAME
            return path.read_bytes() if path.is_file() else None
        return next((raw for name, raw in _of_tar(self._path) if name == NAME), None)

    def _members(self) -> Iterator[tuple[str, bytes]]:
        if not self._path.is_dir():
            yield from ((name, raw) for name, raw in _of_tar(self._path) if name != NAME)
            return
        for name in self.manifest.members:
            path = self._path / name
            # A name from the manifest must not lead out of the folder.
            if path.resolve().is_relative_to(self._path.resolve()) and path.is_file():
                yield name, path.read_bytes()


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)

    def write(self, name: str, raw: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)

    def close(self) -> None:
        """Nothing is held."""


class _Tar:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def write(self, name: str, raw: bytes) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(raw), 0o600
        self._tar.addfile(about, io.BytesIO(raw))

    def close(self) -> None:
        self._tar.close()


def _of_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        # "r:": no compression is guessed, members are compressed themselves.
        with tarfile.open(path, "r:") as tar:
            for about in tar:
                if (file := tar.extractfile(about)) is not None:
                    yield about.name, file.read()
    except tarfile.TarError as error:
        raise BadArchive(f"{path} is no tar file, or cut off: {error}") from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
