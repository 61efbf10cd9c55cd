"""Answers kept under Idempotency-Keys (`services/intake/http/answers.py`): the person's names in
them are replaced. The rows stay, so that a request that comes again after the erasing is still not
done twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cli.erase.person import PersonToErase

PATTERN = "intake/**/answers.sqlite"


def find_companions(data: Path) -> set[Path]:
    """The files themselves and what SQLite keeps beside them."""
    return {path for path in data.glob(f"{PATTERN}*") if path.is_file()}


def rewrite_answers(path: Path, person: PersonToErase, *, dry_run: bool) -> bool:
    """Whether an answer in the file at `path` names them. Raises sqlite3.Error for a damaged file:
    intake puts one aside when it starts.
    """
    with _open_database(path) as file:
        named = [
            (person.replaced(text).encode(), row)
            for row, text in _texts(file)
            if person.is_named(text)
        ]
        if named and not dry_run:
            with file:
                # One transaction: half of the answers must not name them still.
                file.executemany("UPDATE answers SET body = ? WHERE id = ?", named)
        if not dry_run:  # nothing of an older row stays in a free page or in the log beside it
            file.execute("VACUUM")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return bool(named)


def _texts(file: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for row, body in file.execute("SELECT id, body FROM answers WHERE body IS NOT NULL"):
        yield row, bytes(body).decode(errors="replace")


@contextlib.contextmanager
def _open_database(path: Path) -> Iterator[sqlite3.Connection]:
    file = sqlite3.connect(path)
    try:
        yield file
    finally:
        file.close()
