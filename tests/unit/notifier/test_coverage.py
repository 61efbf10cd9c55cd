"""The shifts of a schedule against a look at every minute; what a rota leaves open is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy import OnCallPolicy
from shared.policy.on_call.coverage import findings, shifts
from shared.policy.on_call.rota import handover, person_on, turn_at
from shared.policy.on_call.shifts import Rotation
from tests.support.examples import examples

MINUTE = timedelta(minutes=1)
PHONE = {
    "name": "phone",
    "channel": "webhook",
    "address": "https://pager.example/x",
    "verified": True,
}
MAIL = {"name": "mail", "channel": "email", "address": "x@example.com", "verified": True}
STARTS = "2025-01-06T09:00:00-05:00"
WEEKEND = {
    "sat": [{"opens": "00:00", "closes": "00:00"}],
    "sun": [{"opens": "00:00", "closes": "00:00"}],
}
NIGHT = {
    day: [{"opens": "02:30", "closes": "04:00"}, {"opens": "21:00", "closes": "00:00"}]
    for day in ("mon", "fri", "sat", "sun")
}


def policy(
    schedule: dict[str, Any], methods: list[dict[str, Any]] | None = None, **more: Any
) -> OnCallPolicy:
    people = {
        name: {"email": f"{name}@example.com", "methods": [PHONE, MAIL]}
        for name in ("ann", "bob", "cyd", "dan")
    }
    if methods is not None:
        people["dan"]["methods"] = methods
    schedules = {"s": {"zone": "America/New_York"} | schedule}
    return OnCallPolicy.model_validate(
        {"people": people, "schedules": schedules, "escalation": {}, **more}
    )


def turns(*people: str, every: str = "7d", starts_at: str = STARTS, **more: Any) -> dict[str, Any]:
    return {"people": list(people), "starts_at": starts_at, "every": every, **more}


def layer(
    name: str, rotation: dict[str, Any], week: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"name": name, "rotation": rotation, "week": week or {}}


CASES: dict[str, dict[str, Any]] = {
    "one rotation": {"rotation": turns("ann", "bob", "cyd")},
    "hourly": {"rotation": turns("ann", "bob", every="1h", starts_at="2025-01-06T00:30:00-05:00")},
    "monthly": {"rotation": turns("ann", "bob", months=1)},
    "weekends by others": {
        "layers": [
            layer("all", turns("ann", "bob", every="1d")),
            layer("weekend", turns("cyd", "dan"), WEEKEND),
        ]
    },
    "nights alone": {"layers": [layer("night", turns("ann", "bob", every="1d"), NIGHT)]},
    "overridden": {
        "rotation": turns("ann", "bob", every="1d"),
        "overrides": [
            {"person": "cyd", "since": "2025-03-08T22:17:00Z", "until": "2025-03-09T07:01:00Z"},
            {"person": "dan", "since": "2025-03-09T06:00:00Z", "until": "2025-03-09T06:30:00Z"},
        ],
    },
    "swapped": {
        "rotation": turns("ann", "bob", "cyd", every="1d"),
        "swaps": [
            {
                "one": "ann",
                "other": "bob",
                "since": "2025-03-08T14:00:00Z",
                "until": "2025-03-11T13:00:00Z",
            }
        ],
    },
}
"""Schedules, each looked at over both nights on which New York changes its clocks."""


@pytest.mark.parametrize(
    "begins", ["2025-03-08T20:00:00Z", "2025-11-01T20:00:00Z"], ids=["spring", "autumn"]
)
@pytest.mark.parametrize("name", CASES)
def test_the_shifts_say_who_is_on_in_every_minute(name: str, begins: str) -> None:
    rota, since = policy(CASES[name]), datetime.fromisoformat(begins)
    until = since + timedelta(hours=40)
    found = shifts(rota, "s", since, until)
    assert (found[0].since, found[-1].until) == (since, until)
    assert all(before.until == after.since for before, after in pairwise(found))
    minute = since
    for shift in found:
        while minute < shift.until:
            assert person_on(rota, "s", minute) == shift.person, minute
            minute += MINUTE


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIMES = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
WINDOWS = (
    st.tuples(TIMES, TIMES)
    .filter(lambda w: w[0] < w[1])
    .map(lambda w: [{"opens": w[0], "closes": w[1]}])
)
WEEKS = st.dictionaries(st.sampled_from(DAYS), WINDOWS, max_size=7)
ZONES = st.sampled_from(
    ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
BEGINS = st.sampled_from(
    ["2025-03-08", "2025-03-29", "2025-04-05", "2025-10-04", "2025-10-25", "2025-11-01"]
)


@settings(max_examples=examples(40))
@given(week=WEEKS, zone=ZONES, begins=BEGINS, hours=st.sampled_from(["1h", "8h", "1d"]))
def test_part_time_layers_too(week: dict[str, Any], zone: str, begins: str, hours: str) -> None:
    rota = policy(
        {"zone": zone, "layers": [layer("part", turns("ann", "bob", every=hours), week or WEEKEND)]}
    )
    since = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    for shift in shifts(rota, "s", since, since + timedelta(hours=30)):
        minute = shift.since
        while minute < shift.until:
            assert person_on(rota, "s", minute) == shift.person
            minute += 5 * MINUTE


def test_monthly_turns_change_on_the_same_day_or_the_last_of_a_short_month() -> None:
    rotation = Rotation.model_validate(
        turns("ann", "bob", months=1, starts_at="2025-01-31T09:00:00-05:00")
    )
    tz = ZoneInfo("America/New_York")
    found = [
        handover(rotation, tz, number).astimezone(tz).strftime("%m-%d %H:%M")
        for number in range(-1, 5)
    ]
    assert found == [
        "12-31 09:00",
        "01-31 09:00",
        "02-28 09:00",
        "03-31 09:00",
        "04-30 09:00",
        "05-31 09:00",
    ]
    assert [
        turn_at(rotation, tz, handover(rotation, tz, number) - MINUTE) for number in range(-1, 5)
    ] == [-2, -1, 0, 1, 2, 3]


NOW = datetime(2025, 6, 2, tzinfo=UTC)
ESCALATION = {
    "steps": [{"schedule": "s", "wait": "5m"}, {"person": "cyd", "wait": "5m"}],
    "fallback": "dan",
}


@pytest.mark.parametrize(
    ("rota", "kinds"),
    [
        (policy({"rotation": turns("ann", "bob")}), []),
        (policy({"rotation": turns("ann")}), ["single-person"]),
        (
            policy({"layers": [layer("weekend", turns("ann", "bob", every="1d"), WEEKEND)]}),
            ["uncovered"] * 13,
        ),
        (policy({"rotation": turns("ann", "dan")}, methods=[]), ["unreachable"]),
        (
            policy({"rotation": turns("ann", "dan")}, methods=[PHONE | {"verified": False}]),
            ["unreachable"],
        ),
        (policy({"rotation": turns("ann", "dan")}, methods=[PHONE]), ["single-method"]),
        (
            policy({"rotation": turns("ann", "bob")}, methods=[], escalation={"e": ESCALATION}),
            ["unreachable"],
        ),
        (policy({"rotation": turns("ann", "cyd")}, escalation={"e": ESCALATION}), ["same-person"]),
    ],
)
def test_what_a_rota_leaves_open_is_named(rota: OnCallPolicy, kinds: list[str]) -> None:
    assert [finding.kind for finding in findings(rota, NOW)] == kinds


def test_an_uncovered_time_has_its_exact_edges() -> None:
    rota = policy({"layers": [layer("weekend", turns("ann", "bob"), WEEKEND)]})
    gap = next(
        finding
        for finding in findings(rota, datetime(2025, 11, 1, 12, tzinfo=UTC))
        if finding.kind == "uncovered"
    )
    assert (gap.since, gap.until) == (
        datetime(2025, 11, 3, 5, tzinfo=UTC),
        datetime(2025, 11, 8, 4 + 1, tzinfo=UTC),
    )
    assert gap.text == "nobody is on call for 7200 minutes"


def test_a_stand_in_is_marked() -> None:
    rota = policy(CASES["swapped"])
    found = shifts(
        rota, "s", datetime(2025, 3, 8, 15, tzinfo=UTC), datetime(2025, 3, 10, 12, tzinfo=UTC)
    )
    assert [(shift.person, shift.by_override) for shift in found] == [("ann", True), ("cyd", False)]
