"""Idempotency keys seen lately, in a local SQLite file: a second body under the same key is told at once.

It is a courtesy and not the guarantee: ids are derived from the key, so a repeat makes the same ticket, and the router keeps
what it has taken. So nothing is fsynced, and a file that fails costs a log line, not a ticket.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import structlog

KEPT = timedelta(hours=48)
_SWEEP_EVERY, _SWEEP_ROWS = 1_000, 2_000

log = structlog.get_logger()


class Keys:
    """Request id → digest of the body it came with. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(path or ":memory:"), isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, digest TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID")
        self._db.execute("CREATE INDEX IF NOT EXISTS keys_at ON keys (at)")
        self._until_sweep = 0

    def claim(self, request_id: str, digest: str, now: datetime) -> bool:
        """Whether this id is new or came with the same body before."""
        try:
            self._sweep(now)
            taken = self._db.execute("INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (request_id, digest, now.timestamp()))
            if taken.rowcount:
                return True
            row = self._db.execute("SELECT digest FROM keys WHERE id = ?", (request_id,)).fetchone()
        except sqlite3.Error as error:
            log.warning("idempotency keys are not kept", reason=str(error))
            return True
        return row is None or row[0] == digest

    def close(self) -> None:
        self._db.close()

    def _sweep(self, now: datetime) -> None:
        if self._until_sweep == 0:
            old = (now - KEPT).timestamp()
            self._db.execute("DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE at < ? LIMIT ?)", (old, _SWEEP_ROWS))
            self._until_sweep = _SWEEP_EVERY
        self._until_sweep -= 1
