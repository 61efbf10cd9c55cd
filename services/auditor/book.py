"""The book of expectations: what is still owed, in a SQLite file with the offsets beside it, so
that a restart reads on.

Everything a batch of records says is taken in one transaction with the offsets after it. What is
settled is forgotten after a while: the file grows with what goes on, not with all that ever went
on.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.auditor.expectations import (
    HEARTBEAT,
    Bind,
    EndTimer,
    EndTimers,
    Expect,
    ExpectBound,
    Meet,
    MeetAll,
    Operation,
    SetTimer,
)
from shared.storage.derived_file import open_derived

KEPT = timedelta(days=90)
"""How long is remembered that a promise was kept: until then one that is made once more, under its
old key, is not expected again.
"""

# A file of another version is dropped and read again from the log.
_VERSION = 2
_TABLES = ("offsets", "heads", "owed", "met", "bound", "kept")
# `offsets` and `heads`: how far the log was read. `owed` and `met`: what is expected, what was
# kept. `bound` and `kept`: which promises are kept together.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS offsets (topic TEXT, part INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (topic TEXT, key TEXT, seq INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owed (
    kind TEXT, id TEXT, about TEXT NOT NULL, due REAL NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owed_due ON owed (due);
CREATE TABLE IF NOT EXISTS met (kind TEXT, id TEXT, at REAL NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bound (grp TEXT, kind TEXT, id TEXT, at REAL NOT NULL, PRIMARY KEY (grp, kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (grp TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something owed since `due` that did not happen. `about`: the ticket, page, notice or
    heartbeat.
    """

    kind: str
    id: str
    about: str
    due: datetime
    text: str


class Book:
    """`path` None keeps it in memory; kinds in `without` are not kept. Not safe for concurrent
    use.
    """

    def __init__(self, path: Path | None = None, *, without: Collection[str] = ()) -> None:
        # What nothing here can keep, such as a far end's list where there is none.
        self._without = frozenset(without)
        self._db = open_derived(path, _prepare, autocommit=True)

    def close(self) -> None:
        self._db.close()

    def offsets(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → the offset to read next."""
        return {
            (topic, part): nxt
            for topic, part, nxt in self._db.execute("SELECT topic, part, next FROM offsets")
        }

    def forget(self) -> None:
        """Start over: the log is another one."""
        for table in _TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand above

    def prune(self, before: datetime) -> int:
        """Forget what was settled before then, and which facts of a key were read where there was
        none since; the rows gone.

        Only for a book that was read to the log's end: while it is read, what keeps a promise may
        come long before the promise.
        """
        at, gone = before.timestamp(), 0
        with self._db:
            self._db.execute("BEGIN")
            # What was settled long ago; a repeat of it would be a new promise by then.
            for table in ("met", "kept", "heads"):
                # The names are our own, so nothing foreign gets into the statement.
                gone += self._db.execute(
                    f"DELETE FROM {table} WHERE at < ?",  # noqa: S608
                    (at,),
                ).rowcount
            # A binding stays while something is still owed under it.
            owed = "SELECT 1 FROM owed WHERE owed.kind = bound.kind AND owed.id = bound.id"
            gone += self._db.execute(
                f"DELETE FROM bound WHERE at < ? AND NOT EXISTS ({owed})",  # noqa: S608
                (at,),
            ).rowcount
        return gone

    def is_first(self, topic: str, key: str, seq: int, at: datetime) -> bool:
        """Whether the fact, written `at`, counts: the first in the log with its (key, seq)."""
        row = self._db.execute(
            "SELECT seq FROM heads WHERE topic = ? AND key = ?", (topic, key)
        ).fetchone()
        # A repeat of a fact that was written before: the first one counts.
        if row is not None and row[0] >= seq:
            return False
        self._db.execute(
            "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (topic, key, seq, at.timestamp())
        )
        return True

    @contextlib.contextmanager
    def transaction(self) -> Iterator[dict[tuple[str, int], int]]:
        """All that is taken inside, and the offsets that are put into what it gives, or nothing of
        it.
        """
        moved: dict[tuple[str, int], int] = {}
        # One transaction: after a crash either the records and their offsets are there, or neither.
        with self._db:
            self._db.execute("BEGIN")
            yield moved
            self._db.executemany(
                "INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)",
                [(*where, nxt) for where, nxt in moved.items()],
            )

    def take(self, operations: Iterable[Operation], at: datetime) -> None:
        """Apply what `expectations.operations` said of something that happened `at`."""
        for operation in operations:
            if getattr(operation, "kind", None) not in self._without:
                self._apply(operation, at.timestamp())

    def _apply(self, operation: Operation, at: float) -> None:
        run = self._db.execute
        match operation:
            # Met before it was promised: topics are read in no order among each other.
            case Expect(kind, id_, about, due, text):
                if not self._is_met(kind, id_):
                    run(
                        "INSERT OR IGNORE INTO owed VALUES (?, ?, ?, ?, ?)",
                        (kind, id_, about, due.timestamp(), text),
                    )
            case ExpectBound(group, kind, about, due, text):
                for id_ in self._list_bound(group, kind):
                    self._apply(Expect(kind, id_, about, due, text), at)
            # A timer is replaced, whether it was met or not; `moved` changes only one that runs.
            case SetTimer(kind, id_, about, due, text, moved):
                how = "UPDATE owed SET about = ?3, due = ?4, text = ?5 WHERE kind = ?1 AND id = ?2"
                run(
                    how if moved else "INSERT OR REPLACE INTO owed VALUES (?, ?, ?, ?, ?)",
                    (kind, id_, about, due.timestamp(), text),
                )
            case Meet(kind, id_):
                self._mark_met(kind, id_, at)
            # Over is not met: the same timer may begin again.
            case EndTimer(kind, id_):
                run("DELETE FROM owed WHERE kind = ? AND id = ?", (kind, id_))
            case EndTimers(kind, prefix):
                # Every id that begins with the prefix: the last code point stands after all of
                # them.
                run(
                    "DELETE FROM owed WHERE kind = ? AND id >= ? AND id < ?",
                    (kind, prefix, prefix + "\U0010ffff"),
                )
            case Bind(group, kind, id_):
                run("INSERT OR IGNORE INTO bound VALUES (?, ?, ?, ?)", (group, kind, id_, at))
                # Kept before it was bound: met at once.
                if run("SELECT 1 FROM kept WHERE grp = ?", (group,)).fetchone():
                    self._mark_met(kind, id_, at)
            case MeetAll(group):
                run("INSERT OR IGNORE INTO kept VALUES (?, ?)", (group, at))
                for kind, id_ in run(
                    "SELECT kind, id FROM bound WHERE grp = ?", (group,)
                ).fetchall():
                    self._mark_met(kind, id_, at)

    def _list_bound(self, group: str, kind: str) -> list[str]:
        return [
            id_
            for (id_,) in self._db.execute(
                "SELECT id FROM bound WHERE grp = ? AND kind = ?", (group, kind)
            )
        ]

    def overdue(self, now: datetime, limit: int = 1000) -> Sequence[Finding]:
        """What should have happened by `now`, the longest overdue first; heartbeats after all that
        we owe ourselves: customers promise those, as many as they like, and must not be able to
        hide anything behind them.
        """
        # False sorts before True, so heartbeats come last.
        rows = self._db.execute(
            "SELECT kind, id, about, due, text FROM owed WHERE due <= ? ORDER BY kind = ?, due "
            "LIMIT ?",
            (now.timestamp(), HEARTBEAT, limit),
        )
        return [
            Finding(kind, id_, about, datetime.fromtimestamp(due, UTC), text)
            for kind, id_, about, due, text in rows
        ]

    def _is_met(self, kind: str, id_: str) -> bool:
        return (
            self._db.execute("SELECT 1 FROM met WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
            is not None
        )

    def _mark_met(self, kind: str, id_: str, at: float) -> None:
        self._db.execute("DELETE FROM owed WHERE kind = ? AND id = ?", (kind, id_))
        # Remembered as met, so that a late promise is not expected.
        self._db.execute("INSERT OR IGNORE INTO met VALUES (?, ?, ?)", (kind, id_, at))


def _prepare(database: sqlite3.Connection) -> None:
    # Readers do not stop the writer.
    database.execute("PRAGMA journal_mode=WAL")
    # What is lost of it is read again, from the offsets beside it.
    database.execute("PRAGMA synchronous=NORMAL")
    if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        for table in _TABLES:  # one of an older Signalbox: the log is read again
            database.execute(f"DROP TABLE IF EXISTS {table}")
        database.execute(f"PRAGMA user_version = {_VERSION}")
    database.executescript(_SCHEMA)
