"""What being on call costs whom: pages in a time, how many of them at night, how soon they were
acknowledged. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.web.filters import instant
from shared.people.folding import fold_address
from shared.policy import OnCallPolicy

OVER = timedelta(days=30)
NIGHT_BEGINS, NIGHT_ENDS = time(22), time(7)
"""By the clock of the person's own schedule."""


@dataclass(frozen=True, slots=True)
class PageToPerson:
    """One page as it was for one person: when it first went out to them, and when they themselves
    acknowledged it.
    """

    page: str
    ticket: str
    subject: str
    at: datetime
    at_night: bool
    acknowledged_after: timedelta | None


@dataclass(frozen=True, slots=True)
class PagingLoad:
    """`median_s`, seconds: from the first try to reach them to their own acknowledgement, of those
    pages they acknowledged.
    """

    person: str
    pages: int
    at_night: int
    acknowledged: int
    median_s: float | None


def zone_of(policy: OnCallPolicy, person: str) -> str:
    """The zone of the first schedule that names them; UTC where none does."""
    # In the order of names, so that the answer is always the same one.
    for _, schedule in sorted(policy.schedules.items()):
        if any(who == person for _, who in schedule.named):
            return schedule.zone
    return "UTC"


def calls_of(
    policy: OnCallPolicy, person: str, pages: Iterable[Mapping[str, Any]]
) -> list[PageToPerson]:
    """The pages (documents of the view) that tried to reach them, in the order given. Stand-downs
    wake nobody.
    """
    zone, email = ZoneInfo(zone_of(policy, person)), fold_address(policy.people[person].email)
    found = []
    for page in pages:
        tries = [
            instant(one["at"])
            for one in page["attempts"]
            # Attempts of older releases say no purpose: they were all pages.
            if one["to"] == person and one.get("purpose", "page") == "page"
        ]
        if not tries:
            continue
        at, by = min(tries), fold_address(str(page.get("acknowledged_by") or ""))
        # Never below nothing: the two instants may be of different machines.
        after = (
            max(instant(page["acknowledged_at"]) - at, timedelta(0))
            # A colleague who was faster is no answer of theirs.
            if by in (email, person) and page.get("acknowledged_at")
            else None
        )
        found.append(
            PageToPerson(
                str(page["_id"]),
                str(page.get("ticket_id") or ""),
                str(page["subject"]),
                at,
                is_night(at, zone),
                after,
            )
        )
    return found


def load_of(person: str, calls: Iterable[PageToPerson]) -> PagingLoad:
    known = list(calls)
    answered = [
        call.acknowledged_after.total_seconds()
        for call in known
        if call.acknowledged_after is not None
    ]
    return PagingLoad(
        person,
        len(known),
        sum(call.at_night for call in known),
        len(answered),
        median(answered) if answered else None,
    )


def by_hour(pages: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> list[int]:
    """How many pages began in which of the 24 hours of the day, by the clock of `zone`."""
    hours = [0] * 24
    for page in pages:
        if page.get("opened_at"):
            hours[instant(page["opened_at"]).astimezone(zone).hour] += 1
    return hours


@dataclass(frozen=True, slots=True)
class AcknowledgeTimes:
    """Of `n` pages: seconds from the page to the acknowledgement, or to its end, at the median and
    for nine of ten. None where there is none.
    """

    n: int
    median_s: float | None
    nine_of_ten_s: float | None


def measure_times(pages: Iterable[Mapping[str, Any]], until: str) -> AcknowledgeTimes:
    """From `opened_at` to `until`: `acknowledged_at`, or `ended_at` of those that were resolved.
    What is silent, cancelled or goes on has no time.
    """
    spent = sorted(
        (instant(page[until]) - instant(page["opened_at"])).total_seconds()
        for page in pages
        if page.get("opened_at")
        and page.get(until)
        # What was silenced or cancelled ended without an answer.
        and (until != "ended_at" or page["state"] == "resolved")
    )
    if not spent:
        return AcknowledgeTimes(0, None, None)
    # The nearest rank, as in reports: the smallest that nine of ten do not exceed.
    rank = -(-9 * len(spent) // 10)
    return AcknowledgeTimes(len(spent), median(spent), spent[rank - 1])


def is_night(at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(UTC).astimezone(zone).time()
    # The night goes over midnight.
    return local >= NIGHT_BEGINS or local < NIGHT_ENDS
