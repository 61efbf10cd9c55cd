"""What was answered under which Idempotency-Key: the same request again gets the same answer, and
nothing happens twice.

Tickets, pages and mail do without: their ids come from the key, and the router keeps what it has
taken. Everything else (a swap of shifts, a document, a contact method, a subscription) would happen
again, and a swap done twice is undone. Kept in a local SQLite file for two days. Another intake
does not see it; new versions of policies carry the key in the log as well
(`PolicyPublished.asked`).

A file that fails costs a log line, never a request.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import structlog

from shared.errors import Refused
from shared.storage.derived_file import open_derived

# The time that docs/api.md promises for an Idempotency-Key.
KEPT = timedelta(hours=48)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, status INTEGER NOT NULL, body BLOB, etag TEXT, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
"""

log = structlog.get_logger()


class Remembered(NamedTuple):
    """An answer that was given. `body` None: it held a secret and was not kept, so it is worked
    out again (which is safe: the id of what it made comes from the key).
    """

    status: int
    body: bytes | None
    etag: str | None = None


class AnsweredBefore(Exception):
    """This very request was answered: send that answer, do nothing."""

    def __init__(self, found: Remembered) -> None:
        super().__init__("answered before")
        self.found = found


class Answers:
    """Request id (who, where, key) → digest of the body and the answer. `path` None: in memory."""

    def __init__(self, path: Path | None) -> None:
        # Requests that this process works on now. Not in the file: they end with the process.
        self._going: set[str] = set()
        self._db = open_derived(path, _prepare)

    def begin(self, request_id: str, digest: str, key: str) -> None:
        """A request begins. Raises AnsweredBefore; Refused `idempotency-key-reused` (422) for
        another body, `idempotency-key-in-use` (409) while the first is still worked on.
        """
        if request_id in self._going:
            raise Refused(
                "idempotency-key-in-use",
                "A request with this Idempotency-Key is being worked on. Try again in a moment.",
                status=409,
                extra={"idempotency_key": key},
            )
        known = self._find(request_id)
        if known is not None and known[0] != digest:
            raise Refused(
                "idempotency-key-reused",
                "This Idempotency-Key came before with another body. Use a new key for a new "
                "request.",
                extra={"idempotency_key": key},
            )
        # An answer that was not kept (`body` None) is worked out again, under the same id.
        if known is not None and known[1].body is not None:
            raise AnsweredBefore(known[1])
        self._going.add(request_id)

    def end(self, request_id: str, digest: str, answer: Remembered | None, now: datetime) -> None:
        """It is over. `answer` None: nothing was done, so the key may come again."""
        self._going.discard(request_id)
        if answer is None:
            return
        row = (request_id, digest, answer.status, answer.body, answer.etag, now.timestamp())
        try:
            with self._db:
                self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
                # A few old rows go with each new one, so no sweep ever holds up a request.
                old = (now - KEPT).timestamp()
                self._db.execute(
                    "DELETE FROM answers WHERE id IN "
                    "(SELECT id FROM answers WHERE at < ? ORDER BY at LIMIT 100)",
                    (old,),
                )
        except sqlite3.Error as error:
            # The request is done and its answer goes out; only a repeat would be worked out again.
            log.warning("answers under keys are not kept", reason=str(error))

    def close(self) -> None:
        self._db.close()

    def _find(self, request_id: str) -> tuple[str, Remembered] | None:
        try:
            row = self._db.execute(
                "SELECT digest, status, body, etag FROM answers WHERE id = ?", (request_id,)
            ).fetchone()
        except sqlite3.Error as error:
            log.warning("answers under keys cannot be read", reason=str(error))
            # As if the key were new: better a request done twice than one that fails for our file.
            return None
        return (row[0], Remembered(row[1], row[2], row[3])) if row else None


def _prepare(file: sqlite3.Connection) -> None:
    file.execute("PRAGMA journal_mode=WAL")
    # Not fsynced: a lost row costs one repeat, and a damaged file is made anew.
    file.execute("PRAGMA synchronous=OFF")
    file.executescript(_SCHEMA)
