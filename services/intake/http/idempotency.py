"""Idempotency keys seen lately, in a local SQLite file: a second body under the same key is told at
once.

It is a courtesy and not the guarantee: ids are derived from the key, so a repeat makes the same
ticket, and the router keeps what it has taken. So nothing is fsynced, keys are written a few
hundred together (a crash forgets the last of them), and a file that fails costs a log line, not a
ticket.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from shared.storage.derived_file import open_derived

KEPT = timedelta(hours=48)
# A write of some hundred keys costs hardly more than one; the sweep is bounded for the same reason.
_TOGETHER, _SWEEP_ROWS = 256, 2_000

log = structlog.get_logger()


class Keys:
    """Request id → digest of the body it came with. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._db = open_derived(path, _prepare)
        self._unsaved: dict[str, tuple[str, float]] = {}

    def claim(self, request_id: str, digest: str, now: datetime) -> bool:
        """Whether this id is new or came with the same body before."""
        # Keys of the last moments are not in the file yet.
        known = self._unsaved.get(request_id)
        if known is None:
            try:
                if not self._db.in_transaction:
                    # Looking is four times as quick in a transaction that stays open until `save`.
                    self._db.execute("BEGIN")
                known = self._db.execute(
                    "SELECT digest, at FROM keys WHERE id = ?", (request_id,)
                ).fetchone()
                if known is None:
                    self._unsaved[request_id] = (digest, now.timestamp())
                    if len(self._unsaved) >= _TOGETHER:
                        self.save(now)
                    return True
            except sqlite3.Error as error:
                # When in doubt the request is new: the router refuses a real repeat.
                log.warning("idempotency keys are not kept", reason=str(error))
                return True
        return known[0] == digest

    def known(self, request_id: str) -> str | None:
        """The digest that was claimed for this id; None where it is not known (any more)."""
        unsaved = self._unsaved.get(request_id)
        if unsaved is not None:
            return unsaved[0]
        try:
            found = self._db.execute(
                "SELECT digest FROM keys WHERE id = ?", (request_id,)
            ).fetchone()
        except sqlite3.Error as error:
            log.warning("idempotency keys are not kept", reason=str(error))
            return None
        return str(found[0]) if found is not None else None

    def save(self, now: datetime) -> None:
        """Write what is only in memory yet, and forget some of what is too old. Raises
        sqlite3.Error.
        """
        rows = [(request_id, digest, at) for request_id, (digest, at) in self._unsaved.items()]
        # Cleared before the write: if it fails, these keys are forgotten and not tried for ever.
        self._unsaved.clear()
        old = (now - KEPT).timestamp()
        self._db.commit()  # what another process wrote meanwhile is seen from here on
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", rows)
            self._db.execute(
                "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE at < ? LIMIT ?)",
                (old, _SWEEP_ROWS),
            )

    def close(self, now: datetime) -> None:
        # A full disk must not keep the process from ending.
        with contextlib.suppress(sqlite3.Error):
            self.save(now)
        self._db.close()


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode=WAL")
    # Losing the last keys in a crash is allowed (see above), so no fsync.
    database.execute("PRAGMA synchronous=OFF")
    database.execute(
        "CREATE TABLE IF NOT EXISTS keys"
        " (id TEXT PRIMARY KEY, digest TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID"
    )
    database.execute("CREATE INDEX IF NOT EXISTS keys_at ON keys (at)")
