"""Sessions as MongoDB last confirmed them, for the time it does not answer. Pure.

What ended never comes back: an end that this process made or heard of is remembered beside the
rows. A kept row lets somebody go on working; it is no proof for what must be sure (`Sessions.actor`
with `confirmed`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]

# Bounds for memory; whoever is left out waits for MongoDB like everybody else.
MOST_KEPT = 5_000
MOST_ENDED = 20_000
GOOD_FOR = timedelta(minutes=15)
"""How old a confirmation may be when MongoDB stops answering. While it is silent nobody can end a
session elsewhere either, so the time of its silence does not count.
"""


class KeptSessions:
    """Rows of collection `sessions` by `_id`."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Document, datetime]] = {}
        self._ended: dict[str, None] = {}
        self._silent_since: datetime | None = None

    def confirm(self, name: str, row: Document | None, now: datetime) -> None:
        """MongoDB has answered: this is the row of `name`, or there is none."""
        # MongoDB answers: it is not silent any more.
        self._silent_since = None
        # Taken out first, so that it goes to the end: the oldest confirmation is dropped first.
        self._rows.pop(name, None)
        if row is None:
            return
        self._rows[name] = (row, now)
        if len(self._rows) > MOST_KEPT:
            del self._rows[next(iter(self._rows))]

    def find(self, name: str, now: datetime) -> Document | None:
        """MongoDB does not answer: the row, where it was confirmed lately and has not ended."""
        # The clock stops with the first read that failed: a row does not get older by the silence.
        if self._silent_since is None:
            self._silent_since = now
        row, confirmed_at = self._rows.get(name, (None, now))
        if row is None or name in self._ended or self._silent_since - confirmed_at > GOOD_FOR:
            return None
        return row

    def is_ended(self, name: str) -> bool:
        """Whether its end is known here, whatever a row that was read a moment ago says."""
        return name in self._ended

    def end(self, names: Iterable[str]) -> set[str]:
        """These sessions are over for good. Gives the accounts of those that were kept here."""
        accounts = set()
        for name in names:
            row, _ = self._rows.pop(name, (None, None))
            if row is not None:
                accounts.add(str(row.get("email", "")))
            # Remembered whether it was kept or not: another process may have given it out.
            self._ended[name] = None
        while len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        return accounts

    def end_all(self, email: str) -> None:
        """Every session of the account that is kept here is over."""
        self.end([name for name, (row, _) in self._rows.items() if row.get("email") == email])
