"""Whom pages woke, how often at night, and how soon they answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.portal.on_call.load import calls_of, is_night, load_of, zone_of
from shared.policy import OnCallPolicy

ROTATION = {"starts_at": "2026-01-05T00:00:00Z", "every": "7d"}
POLICY = OnCallPolicy.model_validate(
    {
        "people": {name: {"email": f"{name}@example.com"} for name in ("ann", "bob", "lead")},
        "schedules": {
            "support": {
                "zone": "America/New_York",
                "rotation": {"people": ["ann", "bob"], **ROTATION},
            }
        },
        "escalation": {
            "support": {"steps": [{"schedule": "support", "wait": "5m"}], "fallback": "lead"}
        },
    }
)
NOON = datetime(2026, 6, 1, 16, tzinfo=UTC)
NIGHT = datetime(2026, 6, 2, 6, tzinfo=UTC)
"""Two in the morning in New York, eight in the morning in Berlin."""


def page(
    name: str, at: datetime, *tries: tuple[str, int, str], by: str | None = None, after: int = 0
) -> dict[str, Any]:
    """`tries`: to whom, minutes after `at`, purpose."""
    return {
        "_id": name,
        "ticket_id": "tkt",
        "subject": name,
        "acknowledged_by": by,
        "acknowledged_at": (at + timedelta(minutes=after)).isoformat() if by else None,
        "attempts": [
            {"to": to, "at": (at + timedelta(minutes=late)).isoformat(), "purpose": what}
            for to, late, what in tries
        ],
    }


PAGES = [
    page(
        "noon",
        NOON,
        ("ann", 0, "page"),
        ("ann", 1, "page"),
        ("bob", 5, "page"),
        by="ann@example.com",
        after=7,
    ),
    page(
        "night", NIGHT, ("ann", 0, "page"), ("ann", 3, "stand-down"), by="Ann@example.com", after=1
    ),
    page("stood-down", NIGHT, ("bob", 0, "stand-down")),
    page("long", NIGHT, ("ann", 0, "page"), by="ann@example.com", after=30),
]


def test_the_load_of_each() -> None:
    ann, bob, lead = (
        load_of(name, calls_of(POLICY, name, PAGES)) for name in ("ann", "bob", "lead")
    )
    assert (ann.pages, ann.at_night, ann.acknowledged, ann.median_s) == (3, 2, 3, 7 * 60)
    assert (bob.pages, bob.at_night, bob.acknowledged, bob.median_s) == (1, 0, 0, None), (
        "ann acknowledged what bob was woken for"
    )
    assert (lead.pages, lead.median_s) == (0, None)


@pytest.mark.parametrize(
    ("at", "zone", "night"), [(NIGHT, "America/New_York", True), (NIGHT, "Europe/Berlin", False)]
)
def test_night_is_where_the_schedule_is(at: datetime, zone: str, night: bool) -> None:
    assert is_night(at, ZoneInfo(zone)) is night
    assert (zone_of(POLICY, "bob"), zone_of(POLICY, "lead")) == ("America/New_York", "UTC")


def test_night_begins_at_ten_and_ends_at_seven() -> None:
    day = datetime(2026, 6, 1, tzinfo=UTC)
    hours = [hour for hour in range(24) if is_night(day + timedelta(hours=hour), ZoneInfo("UTC"))]
    assert hours == [0, 1, 2, 3, 4, 5, 6, 22, 23]


def test_how_soon_pages_are_acknowledged_and_resolved() -> None:
    from services.portal.on_call.load import measure_times

    def page(minutes: float, state: str = "resolved", **more: object) -> dict[str, object]:
        at = {"opened_at": "2026-11-01T00:00:00Z", "state": state}
        return {**at, "ended_at": f"2026-11-01T00:{minutes:02.0f}:00Z", **more}

    pages = [page(n) for n in range(1, 11)] + [page(50, "cancelled"), page(5, ended_at=None)]
    found = measure_times(pages, "ended_at")
    assert (found.n, found.median_s, found.nine_of_ten_s) == (10, 330, 540)
    assert measure_times(pages, "acknowledged_at").n == 0


def test_pages_are_counted_by_the_hour_of_the_rotas_clock() -> None:
    from zoneinfo import ZoneInfo

    from services.portal.on_call.load import by_hour

    pages = [{"opened_at": f"2026-11-01T0{hour}:30:00Z"} for hour in (4, 5, 7)]
    hours = by_hour([*pages, {"opened_at": None}], ZoneInfo("America/New_York"))
    assert {hour: n for hour, n in enumerate(hours) if n} == {0: 1, 1: 1, 2: 1}
