"""How a page shows instants to whoever looks: in the time zone and style of their account, or as
their browser has it. Pure.

Without a choice the page says UTC, and a small script shows it in the browser's own zone. With one,
the page says it at once, with or without scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.portal.web.filters import instant, utc
from shared.people.time_zones import time_zones

# Written out here: the short forms of `strftime` follow the machine's locale.
STYLES: Mapping[str, tuple[str, str]] = {
    "en-GB": ("%-d %b %Y, %H:%M", "22 Nov 2026, 14:41 (English)"),
    "en-US": ("%b %-d, %Y, %-I:%M %p", "Nov 22, 2026, 2:41 PM (American English)"),
    "sv-SE": ("%Y-%m-%d %H:%M", "2026-11-22 14:41 (ISO 8601)"),
    "de-DE": ("%d.%m.%Y, %H:%M", "22.11.2026, 14:41 (German)"),
    "fr-FR": ("%d/%m/%Y %H:%M", "22/11/2026 14:41 (French)"),
    "es-ES": ("%-d/%-m/%Y, %-H:%M", "22/11/2026, 14:41 (Spanish)"),
    "pt-BR": ("%d/%m/%Y, %H:%M", "22/11/2026, 14:41 (Portuguese)"),
    "ja-JP": ("%Y/%m/%d %H:%M", "2026/11/22 14:41 (Japanese)"),
}
"""Language as browsers know it → how the page writes an instant, and what people choose by."""


class Dates(NamedTuple):
    """`zone` and `style` are empty where the browser's count."""

    zone: str = ""
    style: str = ""


def dates_of(account: Mapping[str, Any] | None) -> Dates:
    """The choice of an account's owner. What this release does not know counts for nothing."""
    zone, style = ((account or {}).get(name) or "" for name in ("time_zone", "date_style"))
    return Dates(zone if zone in time_zones() else "", style if style in STYLES else "")


def show_instant(text: str, dates: Dates) -> str:
    """The instant of an ISO 8601 string as the page says it before any script runs."""
    # Without a zone the script turns it into the browser's own.
    if not dates.zone:
        return utc(text)
    pattern = STYLES[dates.style or "en-GB"][0]
    return instant(text).astimezone(ZoneInfo(dates.zone)).strftime(pattern)
