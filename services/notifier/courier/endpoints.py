"""Webhooks that want no more: one that answers 410 Gone is left alone at once.

The courier says so on `notices` (`NoticeFailed.gone_url`); intake keeps it in the directory
(`shared/people/subscriptions.py`, `Endpoint`). Until the courier has read that back, it remembers
by itself.
"""

from __future__ import annotations

from datetime import datetime

from services.notifier.courier.ledger import OwedNotice
from services.notifier.notices.stopped import CHALLENGE, WANTS_NO_MORE
from services.notifier.notices.told import DirectoryIndex
from shared.channels.outcome import Outcome, Rejected
from shared.people.subscriptions import KIND, endpoint_id, endpoint_in


class Endpoints:
    """What one courier knows of its webhooks."""

    def __init__(self, directory: DirectoryIndex) -> None:
        self._directory = directory
        self._gone: dict[str, datetime] = {}

    def refusal(self, owed: OwedNotice) -> Rejected | None:
        """Why nothing may be sent there; None: send it. A challenge may always be sent: whoever
        answers it wants to be told again.
        """
        if owed.template == CHALLENGE:
            return None
        # Two sources: the directory, and answers that it does not know yet.
        key = endpoint_id(owed.to, owed.url)
        known, gone_at = endpoint_in(self._directory.get(KIND, key)), self._gone.get(key)
        # The directory knows, so the memory here is no longer needed.
        if known is not None and known.disabled:
            self._gone.pop(key, None)
            return Rejected(WANTS_NO_MORE)
        if gone_at is None:
            return None
        # Enabled again after the answer: it counts no more.
        if known is not None and known.enabled_at is not None and known.enabled_at > gone_at:
            del self._gone[key]
            return None
        return Rejected(WANTS_NO_MORE)

    def heed(self, owed: OwedNotice, outcome: Outcome, now: datetime) -> None:
        """Remember an answer that says that no more is wanted."""
        if isinstance(outcome, Rejected) and outcome.gone:
            self._gone[endpoint_id(owed.to, owed.url)] = now
