"""Every instant of a ticket is somebody's, and only one's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.custody import Custody, Holder, holder_of
from shared.events import Status

BEGAN = datetime(2026, 3, 3, 15, tzinfo=UTC)

HOLDERS = [
    (Status.NEW, None, Holder.PLATFORM),
    (Status.OPEN, None, Holder.PLATFORM),
    (Status.NEW, "redisco", Holder.PROVIDER),
    (Status.OPEN, "redisco", Holder.PROVIDER),
    (Status.PENDING, None, Holder.REQUESTER),
    (Status.PENDING, "redisco", Holder.REQUESTER),
    (Status.SOLVED, "redisco", None),
    (Status.CLOSED, None, None),
]


@pytest.mark.parametrize(("status", "provider", "holder"), HOLDERS)
def test_whose_turn_it_is(status: Status, provider: str | None, holder: Holder | None) -> None:
    assert holder_of(status, provider) is holder


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def test_a_life() -> None:
    held = Custody(holder=Holder.PLATFORM, since=BEGAN)
    turns = [(10, Holder.PROVIDER), (40, Holder.REQUESTER), (100, Holder.PROVIDER), (120, None)]
    for after, holder in turns:
        held = held.passed(holder, BEGAN + minutes(after))
    spent = {
        Holder.PLATFORM: minutes(10),
        Holder.PROVIDER: minutes(50),
        Holder.REQUESTER: minutes(60),
    }
    assert held.until(BEGAN + minutes(500)) == spent, "solved: the age ended then"
    held = held.passed(Holder.PROVIDER, BEGAN + minutes(150))
    assert held.until(BEGAN + minutes(151)) == spent | {
        Holder.REQUESTER: minutes(90),
        Holder.PROVIDER: minutes(51),
    }


@given(
    st.lists(st.tuples(st.integers(-5, 60), st.sampled_from([*Holder, None])), max_size=20),
    st.integers(0, 100),
)
def test_the_times_add_up_to_the_age(turns: list[tuple[int, Holder | None]], rest: int) -> None:
    held, now, latest, solved = Custody(holder=Holder.PLATFORM, since=BEGAN), BEGAN, BEGAN, None
    for after, holder in turns:
        now += minutes(after)
        latest = max(latest, now)
        if (holder is None) != (held.holder is None):
            solved = max(now, held.since) if holder is None else None
        held = held.passed(holder, now)
        assert Custody.model_validate(held.model_dump(mode="json")) == held
    end = latest + minutes(rest)
    spent = held.until(end)
    assert all(span >= timedelta(0) for span in spent.values())
    assert sum(spent.values(), timedelta(0)) == (solved or max(end, held.since)) - BEGAN
