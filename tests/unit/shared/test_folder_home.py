"""Files in a folder: whole or not at all, and nobody else's to read."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.errors import Unavailable
from shared.files.folder import FolderHome

NAME = "ab" * 32


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[FolderHome]:
    made = FolderHome(tmp_path / "files")
    yield made
    await made.close()


def modes(folder: Path) -> set[tuple[bool, int]]:
    found = [folder, *folder.rglob("*")]
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in found}


async def test_only_our_user_may_read_them(home: FolderHome, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await home.put_many([(NAME, b"x")])
    finally:
        os.umask(before)
    assert modes(tmp_path / "files") == {(True, 0o700), (False, 0o600)}


async def test_a_write_that_fails_leaves_nothing(
    home: FolderHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(Unavailable, match="No space left"):
            await home.put_many([(NAME, b"x")])
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
    assert not await home.has(NAME)


async def test_what_died_half_way_is_no_file_and_goes_in_time(
    home: FolderHome, tmp_path: Path
) -> None:
    await home.put_many([(NAME, b"whole")])
    fresh, old = (tmp_path / "files" / "ab" / f".{n}.half" for n in (1, 2))
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (0, time.time() - 7200))
    assert [entry async for entry in home.entries()] == [(NAME, 5)]
    assert (fresh.exists(), old.exists()) == (True, False)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "", ".half", "x" * 200])
async def test_a_name_is_never_a_path(home: FolderHome, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        await home.get(name)


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "files").write_bytes(b"")
    home = FolderHome(tmp_path / "files")
    said = await home.unready()
    assert said is not None and str(tmp_path / "files") in said
    with pytest.raises(Unavailable):
        await home.put_many([(NAME, b"x")])
    await home.close()
