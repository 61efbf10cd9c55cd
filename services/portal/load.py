"""What being on call costs whom: pages in a time, how many of them at night, how soon they were acknowledged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.display import instant
from shared.policy import OnCallPolicy

OVER = timedelta(days=30)
NIGHT_BEGINS, NIGHT_ENDS = time(22), time(7)
"""By the clock of the person's own schedule."""


@dataclass(frozen=True, slots=True)
class Called:
    """One page as it was for one person: when it first went out to them, and when they themselves acknowledged it."""

    page: str
    ticket: str
    subject: str
    at: datetime
    at_night: bool
    acknowledged_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Load:
    """`median_s`, seconds: from the first try to reach them to their own acknowledgement, of those pages they acknowledged."""

    person: str
    pages: int
    at_night: int
    acknowledged: int
    median_s: float | None


def zone_of(policy: OnCallPolicy, person: str) -> str:
    """The zone of the first schedule that names them; UTC where none does."""
    for _, schedule in sorted(policy.schedules.items()):
        if any(who == person for _, who in schedule.named):
            return schedule.zone
    return "UTC"


def calls_of(policy: OnCallPolicy, person: str, pages: Iterable[Mapping[str, Any]]) -> list[Called]:
    """The pages (documents of the view) that tried to reach them, in the order given. Stand-downs wake nobody."""
    zone, email = ZoneInfo(zone_of(policy, person)), policy.people[person].email.lower()
    found = []
    for page in pages:
        tries = [instant(one["at"]) for one in page["attempts"] if one["to"] == person and one.get("purpose", "page") == "page"]
        if not tries:
            continue
        at, by = min(tries), str(page.get("acknowledged_by") or "").lower()
        after = max(instant(page["acknowledged_at"]) - at, timedelta(0)) if by in (email, person) and page.get("acknowledged_at") else None
        found.append(Called(str(page["_id"]), str(page.get("ticket_id") or ""), str(page["subject"]), at, is_night(at, zone), after))
    return found


def load_of(person: str, calls: Iterable[Called]) -> Load:
    known = list(calls)
    answered = [call.acknowledged_after.total_seconds() for call in known if call.acknowledged_after is not None]
    return Load(person, len(known), sum(call.at_night for call in known), len(answered), median(answered) if answered else None)


def is_night(at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(UTC).astimezone(zone).time()
    return local >= NIGHT_BEGINS or local < NIGHT_ENDS
