"""SQLite files that hold nothing but copies: of the log, or of what can be known again.

A damaged one is put aside as `NAME.damaged`, said in the log, and made anew: it must never keep a
process from starting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()

_COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database file; they belong to the file that is put aside."""


def open_derived(
    path: Path | None,
    prepare: Callable[[sqlite3.Connection], None],
    *,
    autocommit: bool = False,
) -> sqlite3.Connection:
    """The database at `path` (None: in memory) after `prepare`, which sets its pragmas and tables.

    `autocommit`: transactions are begun by hand. Raises OSError where the folder cannot be made,
    and sqlite3.Error where a new file cannot be made either (a full or read-only disk).
    """
    if path is None:
        database = _connect(":memory:", autocommit)
        prepare(database)
        return database
    path.parent.mkdir(parents=True, exist_ok=True)
    existed = path.exists()
    try:
        return _open(path, prepare, autocommit)
    except sqlite3.DatabaseError as error:
        # A full disk must not throw a good file away, and a new file has nothing to put aside.
        if not existed or (isinstance(error, sqlite3.OperationalError) and not _is_damage(error)):
            raise
        log.error("a damaged file is put aside and made anew", path=str(path), error=str(error))
        put_aside(path)
    return _open(path, prepare, autocommit)


def put_aside(path: Path) -> None:
    """Rename the file to `NAME.damaged`; its companions are removed with an older one."""
    # First: a new database of the same name must not find the old one's journal.
    for suffix in _COMPANIONS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.replace(path.with_suffix(".damaged"))


def _open(
    path: Path, prepare: Callable[[sqlite3.Connection], None], autocommit: bool
) -> sqlite3.Connection:
    database = _connect(str(path), autocommit)
    try:
        prepare(database)
        # Whole pages are checked, not every index: it must stay quick at each start.
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {found}")
    except sqlite3.Error:
        database.close()
        raise
    return database


# None leaves every BEGIN to the caller; "DEFERRED" is Python's own way.
def _connect(path: str, autocommit: bool) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None if autocommit else "DEFERRED")


def _is_damage(error: sqlite3.OperationalError) -> bool:
    """SQLite's codes for "the disk is full" and the like say nothing about the file itself."""
    code = getattr(error, "sqlite_errorname", "")
    return not code.startswith(
        (
            "SQLITE_FULL",
            "SQLITE_IOERR",
            "SQLITE_READONLY",
            "SQLITE_BUSY",
            "SQLITE_LOCKED",
            "SQLITE_CANTOPEN",
        )
    )
