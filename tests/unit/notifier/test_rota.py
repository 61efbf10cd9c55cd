"""Exactly one person in every minute, hand-overs at the same local time in summer and winter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import OnCallPolicy
from shared.policy.on_call.rota import handover, on_call, person_on, turn_at
from shared.policy.on_call.shifts import Rotation

EASTERN = ZoneInfo("America/New_York")


def schedule(
    every: str = "7d", starts_at: str = "2025-01-06T09:00:00-05:00", **more: object
) -> OnCallPolicy:
    people = {name: {"email": f"{name}@example.com"} for name in ("ann", "bob", "cyd")}
    rotation = {"people": list(people), "starts_at": starts_at, "every": every}
    return OnCallPolicy.model_validate(
        {
            "people": people,
            "schedules": {"s": {"zone": "America/New_York", "rotation": rotation, **more}},
            "escalation": {},
        }
    )


def only_rotation(policy: OnCallPolicy) -> Rotation:
    found = policy.schedules["s"].rotation
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("local", "person"),
    [
        ("2025-01-06T09:00", "ann"),
        ("2025-01-13T08:59", "ann"),
        ("2025-01-13T09:00", "bob"),
        ("2025-01-20T09:00", "cyd"),
        ("2025-01-27T09:00", "ann"),
        ("2025-01-06T08:59", "cyd"),  # before the start the turns are counted backwards
        ("2025-03-10T08:59", "cyd"),  # the clocks went forward on the 9th: still at nine
        ("2025-03-10T09:00", "ann"),
        ("2025-11-03T08:59", "ann"),  # and back on the 2nd
        ("2025-11-03T09:00", "bob"),
    ],
)
def test_turns_change_at_nine_local_time(local: str, person: str) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=EASTERN)
    assert person_on(schedule(), "s", at) == person
    assert on_call(schedule(), at) == {"s": person}


@pytest.mark.parametrize("night", ["2025-03-09", "2025-11-02"])
@pytest.mark.parametrize(
    "starts_at",
    ["2025-01-06T00:30:00-05:00", "2025-01-06T01:30:00-05:00", "2025-01-06T02:30:00-05:00"],
)
def test_on_both_nights_there_is_one_person_in_every_minute_and_no_turn_comes_back(
    night: str, starts_at: str
) -> None:
    policy = schedule(every="1d", starts_at=starts_at)
    rotation = only_rotation(policy)
    begins = datetime.fromisoformat(night).replace(tzinfo=EASTERN).astimezone(UTC)
    turns = [turn_at(rotation, EASTERN, begins + timedelta(minutes=n)) for n in range(23 * 60)]
    assert turns == sorted(turns)
    assert turns[-1] - turns[0] == 1


@pytest.mark.parametrize(
    ("number", "instant"),
    [(62, "2025-03-09T07:30:00Z"), (63, "2025-03-10T06:30:00Z"), (300, "2025-11-02T07:30:00Z")],
)
def test_a_hand_over_in_the_hour_that_is_skipped_counts_with_the_offset_before(
    number: int, instant: str
) -> None:
    rotation = only_rotation(schedule(every="1d", starts_at="2025-01-06T02:30:00-05:00"))
    assert handover(rotation, EASTERN, number) == datetime.fromisoformat(instant)


ZONES = st.sampled_from(
    [
        "America/New_York",
        "Europe/London",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "UTC",
    ]
)
NIGHTS = st.one_of(
    st.datetimes(datetime(2025, 3, 8), datetime(2025, 3, 11)),
    st.datetimes(datetime(2025, 11, 1), datetime(2025, 11, 4)),
    st.datetimes(datetime(2025, 10, 24), datetime(2025, 10, 28)),
    st.datetimes(datetime(2011, 12, 28), datetime(2012, 1, 2)),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
).map(lambda naive: naive.replace(tzinfo=UTC))


@given(
    zone=ZONES,
    at=NIGHTS,
    minutes=st.integers(1, 3000),
    every=st.sampled_from([30, 60, 480, 720, 1440, 10080]),
    starts=st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)),
)
def test_turns_never_go_back_and_each_instant_belongs_to_one(
    zone: str, at: datetime, minutes: int, every: int, starts: datetime
) -> None:
    tz = ZoneInfo(zone)
    rotation = Rotation(
        people=("ann", "bob"), starts_at=starts.replace(tzinfo=UTC), every=timedelta(minutes=every)
    )
    turn = turn_at(rotation, tz, at)
    assert handover(rotation, tz, turn) <= at
    assert turn_at(rotation, tz, at + timedelta(minutes=minutes)) >= turn
    following = [handover(rotation, tz, turn + n) for n in range(1, 4 + 26 * 60 // every)]
    assert all(instant > at for instant in following)


def test_the_last_override_that_covers_the_instant_wins() -> None:
    overrides = [
        {"person": "bob", "since": "2025-01-07T00:00:00Z", "until": "2025-01-08T00:00:00Z"},
        {"person": "cyd", "since": "2025-01-07T12:00:00Z", "until": "2025-01-07T13:00:00Z"},
    ]
    policy = schedule(overrides=overrides)
    for instant, person in [("00:00", "bob"), ("11:59", "bob"), ("12:00", "cyd"), ("13:00", "bob")]:
        assert person_on(policy, "s", datetime.fromisoformat(f"2025-01-07T{instant}:00Z")) == person
    assert person_on(policy, "s", datetime(2025, 1, 8, tzinfo=UTC)) == "ann"
