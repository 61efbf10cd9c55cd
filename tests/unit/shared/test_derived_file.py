"""Damaged files of copies are made anew, whatever part of them is damaged; a full disk is not
damage.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auditor.book import Book
from services.intake.http.idempotency import Keys
from shared.storage.derived_file import open_derived

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)")


def fill(path: Path) -> None:
    database = open_derived(path, prepare)
    with database:
        database.executemany("INSERT INTO things VALUES (?)", [(f"{n:0200}",) for n in range(200)])
    database.close()


@given(st.data())
def test_a_file_with_a_damaged_page_is_put_aside(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("files") / "copy.sqlite"
    fill(path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) // 4096 - 1)) * 4096
    content[at : at + 64] = b"\xa5" * 64  # the head of a page: its kind, counts and pointers
    path.write_bytes(content)
    database = open_derived(path, prepare)
    assert database.execute("SELECT count(*) FROM things").fetchone() == (0,)
    assert path.with_suffix(".damaged").exists()
    database.close()


def test_a_whole_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "copy.sqlite"
    fill(path)
    database = open_derived(path, prepare)
    assert database.execute("SELECT count(*) FROM things").fetchone() == (200,)
    assert not path.with_suffix(".damaged").exists()
    database.close()


def test_a_disk_that_is_full_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "copy.sqlite"
    fill(path)

    def full(database: sqlite3.Connection) -> None:
        database.execute("PRAGMA max_page_count = 1")  # SQLite says SQLITE_FULL beyond it
        database.execute("CREATE TABLE more (x)")
        with database:
            database.execute("INSERT INTO more VALUES (zeroblob(100000))")

    with pytest.raises(sqlite3.OperationalError, match="full"):
        open_derived(path, full)
    assert not path.with_suffix(".damaged").exists()


@pytest.mark.parametrize(
    "rubbish", [b"not a database at all" * 300, b"SQLite format 3\0" + b"x" * 5000]
)
def test_every_process_starts_with_a_damaged_copy(tmp_path: Path, rubbish: bytes) -> None:
    """Idempotency keys of the API and of mail, and the auditor's book."""
    keys, book = tmp_path / "idempotency.sqlite", tmp_path / "signalbox-book.sqlite"
    for path in (keys, book):
        path.write_bytes(rubbish)
    known = Keys(keys)
    assert known.claim("req_1", "digest", NOW)
    known.close(NOW)
    kept = Book(book)
    assert kept.offsets() == {}
    kept.close()
    assert {path.name for path in tmp_path.glob("*.damaged")} == {
        "idempotency.damaged",
        "signalbox-book.damaged",
    }
