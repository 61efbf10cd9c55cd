"""How much may be said of one incident, and which times it may be given. Pure; intake says it at
once, the router for good.

Ours: the status page shows 90 days, and a document of the view holds 16 MB.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.errors import Refused

MOST_UPDATES = 200
"""Updates of one incident that people write; as many corrections."""

LONGEST_UPDATE = 10_000
"""Characters of one update."""

LONGEST_AGO = timedelta(days=90)
"""How long before it is recorded an incident may have begun."""

AHEAD = timedelta(minutes=1)
"""How much a clock of theirs may be ahead of ours."""


def check_past(
    asked_at: datetime, at: datetime, what: str, known_since: datetime | None = None
) -> None:
    """Raises Refused `not-in-the-past` where `at` is ahead, or more than 90 days ago: before it was
    asked, or before `known_since`, where a correction comes later.
    """
    if at > asked_at + AHEAD:
        raise Refused("not-in-the-past", f"{what} is ahead. Give the time when it happened.")
    # A correction may come late: it counts from when the incident was known.
    if at < min(asked_at, known_since or asked_at) - LONGEST_AGO:
        raise Refused(
            "not-in-the-past",
            f"{what} is more than {LONGEST_AGO.days} days ago, which is longer than the status "
            "page goes back.",
        )


def check_between(at: datetime, after: datetime | None, before: datetime | None, what: str) -> None:
    """Raises Refused `not-in-order` where `at` lies before what came before it, or after what came
    after it.
    """
    if after is not None and at < after:
        raise Refused(
            "not-in-order", f"{what} lies before what happened before: {_format_time(after)}."
        )
    if before is not None and at > before:
        raise Refused(
            "not-in-order", f"{what} lies after what happened next: {_format_time(before)}."
        )


def _format_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
