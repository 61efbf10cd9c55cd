"""The time zones people choose from: those named by a continent or ocean and a place, and UTC."""

from __future__ import annotations

import functools
from zoneinfo import available_timezones

# Leaves out the old names (`US/Eastern`, `EST5EDT`) and the offsets (`Etc/GMT+5`, with its reversed
# sign).
_AREAS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@functools.cache
def time_zones() -> tuple[str, ...]:
    """Sorted, UTC first."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(_AREAS)))
