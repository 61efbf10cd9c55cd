"""Which instants are of our time. Pure.

Beyond it sums overflow: a maintenance at the end of the year 9999 could be taken, and whoever added
its notice would stop.
"""

from __future__ import annotations

from datetime import datetime

FIRST, LAST = 1970, 2199
"""Years."""


def is_of_ours(at: datetime) -> bool:
    """Whether it lies in a year that anybody here can mean."""
    return FIRST <= at.year <= LAST


def of_ours(at: datetime) -> datetime:
    """A validator of forms. Raises ValueError."""
    if not is_of_ours(at):
        raise ValueError(f"the year lies between {FIRST} and {LAST}")
    return at
