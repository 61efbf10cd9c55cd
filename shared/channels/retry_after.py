"""The header `Retry-After` (RFC 9110, section 10.2.3): seconds, or an HTTP date. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)
"""Nobody makes us wait longer. Ours."""

SAYS_WHEN = frozenset({429, 503})
"""Statuses whose answer may say when to come again (RFC 6585, section 4; RFC 9110, 15.6.4)."""

_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)


def wait_from(header: str | None, now: datetime) -> timedelta | None:
    """How long to wait, from zero to `LONGEST`; None where the header says nothing we can read."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        # Bounded before the timedelta is made: fifteen digits of seconds would overflow it.
        return min(timedelta(seconds=min(int(text), LONGEST.total_seconds())), LONGEST)
    try:
        at = parsedate_to_datetime(text)
        # A date without a zone is UTC: RFC 9110 allows no other.
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(wait, timedelta(0)), LONGEST)
