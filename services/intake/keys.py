"""Idempotency keys seen lately, in a local SQLite file: a second body under the same key is told at once.

It is a courtesy and not the guarantee: ids are derived from the key, so a repeat makes the same ticket, and the router keeps
what it has taken. So nothing is fsynced, keys are written a few hundred together (a crash forgets the last of them), and a
file that fails costs a log line, not a ticket.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import structlog

KEPT = timedelta(hours=48)
_TOGETHER, _SWEEP_ROWS = 256, 2_000

log = structlog.get_logger()


class Keys:
    """Request id → digest of the body it came with. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(path or ":memory:"))
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, digest TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID")
        self._db.execute("CREATE INDEX IF NOT EXISTS keys_at ON keys (at)")
        self._unsaved: dict[str, tuple[str, float]] = {}

    def claim(self, request_id: str, digest: str, now: datetime) -> bool:
        """Whether this id is new or came with the same body before."""
        known = self._unsaved.get(request_id)
        if known is None:
            try:
                known = self._db.execute("SELECT digest, at FROM keys WHERE id = ?", (request_id,)).fetchone()
                if known is None:
                    self._unsaved[request_id] = (digest, now.timestamp())
                    if len(self._unsaved) >= _TOGETHER:
                        self.save(now)
                    return True
            except sqlite3.Error as error:
                log.warning("idempotency keys are not kept", reason=str(error))
                return True
        return known[0] == digest

    def save(self, now: datetime) -> None:
        """Write what is only in memory yet, and forget some of what is too old. Raises sqlite3.Error."""
        rows = [(request_id, digest, at) for request_id, (digest, at) in self._unsaved.items()]
        self._unsaved.clear()
        old = (now - KEPT).timestamp()
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", rows)
            self._db.execute("DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE at < ? LIMIT ?)", (old, _SWEEP_ROWS))

    def close(self, now: datetime) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.save(now)
        self._db.close()
