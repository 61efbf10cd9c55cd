"""How long ahead a maintenance is announced, and how long it may take. Pure; intake says it at
once, the router for good.

Source: seed 003. "In general, 24 hours is the least notice you should give your customers"; a
reason overrides it, and stands in the log.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.errors import Refused

NOTICE = timedelta(hours=24)

USUAL_LENGTH = timedelta(hours=1)
"""How long an announced maintenance takes whose end nobody said. Ours."""

LONGEST = timedelta(days=14)
"""A maintenance mutes pages of its components, so it must have an end. Ours."""


def check_notice(asked_at: datetime, starts_at: datetime, override_reason: str | None) -> None:
    """Raises Refused `notice-too-short` where it begins within 24 hours and no reason is given."""
    # Blanks are no reason.
    if starts_at - asked_at < NOTICE and not (override_reason or "").strip():
        raise Refused(
            "notice-too-short",
            (
                "A maintenance is announced at least 24 hours ahead. If this one cannot wait, "
                "say why in override_reason."
            ),
        )


def check_window(asked_at: datetime, starts_at: datetime, ends_at: datetime) -> None:
    """Raises Refused `no-such-window` where it ends before it begins, is over already, or lasts
    longer than two weeks.
    """
    # From the plainest mistake on: the first one found is the one to tell.
    if ends_at <= starts_at:
        raise Refused("no-such-window", "A maintenance ends after it begins.")
    if ends_at <= asked_at:
        raise Refused("no-such-window", "This time is over. A maintenance lies ahead.")
    if ends_at - starts_at > LONGEST:
        raise Refused(
            "no-such-window",
            f"A maintenance takes no longer than {LONGEST.days} days. Schedule several.",
        )
