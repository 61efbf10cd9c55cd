"""The book of expectations: what is still owed, in a SQLite file with the offsets beside it, so that a restart reads on.

Everything a batch of records says is taken in one transaction with the offsets after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.auditor.expectations import HEARTBEAT, Await, Bind, Expect, ExpectBound, Met, MetAll, Operation, Over, OverAll

_SCHEMA = """
CREATE TABLE IF NOT EXISTS offsets (topic TEXT, part INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (topic TEXT, key TEXT, seq INTEGER NOT NULL, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owed (
    kind TEXT, id TEXT, about TEXT NOT NULL, due REAL NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owed_due ON owed (due);
CREATE TABLE IF NOT EXISTS met (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bound (grp TEXT, kind TEXT, id TEXT, PRIMARY KEY (grp, kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (grp TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something owed since `due` that did not happen. `about`: the ticket, page, notice or heartbeat."""

    kind: str
    id: str
    about: str
    due: datetime
    text: str


class Book:
    """`path` None keeps it in memory; kinds in `without` are not kept. Not safe for concurrent use."""

    def __init__(self, path: Path | None = None, *, without: Collection[str] = ()) -> None:
        self._without = frozenset(without)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # what is lost of it is read again from the offsets beside it
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def offsets(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → the offset to read next."""
        return {(topic, part): nxt for topic, part, nxt in self._db.execute("SELECT topic, part, next FROM offsets")}

    def forget(self) -> None:
        """Start over: the log is another one."""
        for table in ("offsets", "heads", "owed", "met", "bound", "kept"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand one line above

    def is_first(self, topic: str, key: str, seq: int) -> bool:
        """Whether the fact counts: the first in the log with its (key, seq)."""
        row = self._db.execute("SELECT seq FROM heads WHERE topic = ? AND key = ?", (topic, key)).fetchone()
        if row is not None and row[0] >= seq:
            return False
        self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", (topic, key, seq))
        return True

    def begin(self) -> None:
        self._db.execute("BEGIN")

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """End what `begin` began, with where the topics are read on."""
        self._db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", [(*where, nxt) for where, nxt in offsets.items()])
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        self._db.execute("ROLLBACK")

    def take(self, operations: Iterable[Operation]) -> None:
        """Apply what `expectations.operations` said."""
        for operation in operations:
            if getattr(operation, "kind", None) not in self._without:
                self._apply(operation)

    def _apply(self, operation: Operation) -> None:
        run = self._db.execute
        match operation:
            case Expect(kind, id_, about, due, text):
                if not self._is_met(kind, id_):
                    run("INSERT OR IGNORE INTO owed VALUES (?, ?, ?, ?, ?)", (kind, id_, about, due.timestamp(), text))
            case ExpectBound(group, kind, about, due, text):
                for id_ in self._bound_to(group, kind):
                    self._apply(Expect(kind, id_, about, due, text))
            case Await(kind, id_, about, due, text, moved):
                how = "UPDATE owed SET about = ?3, due = ?4, text = ?5 WHERE kind = ?1 AND id = ?2"
                run(how if moved else "INSERT OR REPLACE INTO owed VALUES (?, ?, ?, ?, ?)", (kind, id_, about, due.timestamp(), text))
            case Met(kind, id_):
                self._met(kind, id_)
            case Over(kind, id_):
                run("DELETE FROM owed WHERE kind = ? AND id = ?", (kind, id_))
            case OverAll(kind, prefix):
                run("DELETE FROM owed WHERE kind = ? AND id >= ? AND id < ?", (kind, prefix, prefix + "\U0010ffff"))
            case Bind(group, kind, id_):
                run("INSERT OR IGNORE INTO bound VALUES (?, ?, ?)", (group, kind, id_))
                if run("SELECT 1 FROM kept WHERE grp = ?", (group,)).fetchone():
                    self._met(kind, id_)
            case MetAll(group):
                run("INSERT OR IGNORE INTO kept VALUES (?)", (group,))
                for kind, id_ in run("SELECT kind, id FROM bound WHERE grp = ?", (group,)).fetchall():
                    self._met(kind, id_)

    def _bound_to(self, group: str, kind: str) -> list[str]:
        return [id_ for (id_,) in self._db.execute("SELECT id FROM bound WHERE grp = ? AND kind = ?", (group, kind))]

    def overdue(self, now: datetime, limit: int = 1000) -> Sequence[Finding]:
        """What should have happened by `now`, the longest overdue first; heartbeats after all that we owe ourselves: customers
        promise those, as many as they like, and must not be able to hide anything behind them.
        """
        rows = self._db.execute(
            "SELECT kind, id, about, due, text FROM owed WHERE due <= ? ORDER BY kind = ?, due LIMIT ?", (now.timestamp(), HEARTBEAT, limit)
        )
        return [Finding(kind, id_, about, datetime.fromtimestamp(due, UTC), text) for kind, id_, about, due, text in rows]

    def _is_met(self, kind: str, id_: str) -> bool:
        return self._db.execute("SELECT 1 FROM met WHERE kind = ? AND id = ?", (kind, id_)).fetchone() is not None

    def _met(self, kind: str, id_: str) -> None:
        self._db.execute("DELETE FROM owed WHERE kind = ? AND id = ?", (kind, id_))
        self._db.execute("INSERT OR IGNORE INTO met VALUES (?, ?)", (kind, id_))
