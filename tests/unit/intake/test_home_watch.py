"""Files that were dropped are named until they are back, or an operator has taken note."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.intake.files import home_watch as module
from services.intake.files.home_watch import HomeWatch
from shared.files.home import MARK
from tests.support.shelf import Shelf


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)


@contextlib.asynccontextmanager
async def watching(folder: Path, shelf: Shelf) -> AsyncIterator[HomeWatch]:
    watch = HomeWatch(folder / "files-home", shelf)
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()
        await asyncio.wait({running})


async def until(watch: HomeWatch, said: str | None) -> None:
    async with asyncio.timeout(30):
        while (watch.trouble() or "").find(said or "") < 0 or (said is None and watch.trouble()):
            await asyncio.sleep(0.01)


async def test_what_was_dropped_is_named_until_it_is_back(tmp_path: Path) -> None:
    shelf = Shelf()
    async with watching(tmp_path, shelf) as watch:
        async with asyncio.timeout(30):
            while not (tmp_path / "files-home").exists():
                await asyncio.sleep(0.01)
        assert watch.trouble() is None
        kept = dict(shelf.kept)
        shelf.kept.clear()
        await until(watch, "gone from a shelf")
    async with watching(tmp_path, shelf) as watch:
        await until(watch, "gone from a shelf")
        assert MARK not in shelf.kept, "also after a restart"
        shelf.kept.update(kept)
        await until(watch, None)


async def test_an_operator_may_go_on_without_them(tmp_path: Path) -> None:
    shelf = Shelf()
    (tmp_path / "files-home").write_text("earlier")
    async with watching(tmp_path, shelf) as watch:
        await until(watch, "gone")
        (tmp_path / "files-home").unlink()
        await until(watch, None)
        assert MARK in shelf.kept


async def test_a_home_that_is_away_is_named(tmp_path: Path) -> None:
    shelf = Shelf(away=True)
    async with watching(tmp_path, shelf) as watch:
        await until(watch, "cannot be kept now")
        shelf.away = False
        await until(watch, None)
