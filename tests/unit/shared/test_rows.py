"""Rows of a partition: bytes, timers from a heap, parked keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.spine.rows import Rows

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_due_rows_come_earliest_first_and_once() -> None:
    rows = Rows()
    for key, minutes in (("c", 3), ("a", 1), ("b", 2), ("d", 9)):
        rows.arm(key, at(minutes))
    assert rows.pop_due(at(5), limit=10) == ["a", "b", "c"]
    assert rows.pop_due(at(5), limit=10) == []
    assert rows.next_due() == at(9).timestamp()


def test_a_row_is_due_at_its_latest_time_only() -> None:
    rows = Rows()
    rows.arm("a", at(1))
    rows.arm("a", at(7))
    assert rows.pop_due(at(5), limit=10) == []
    rows.arm("a", None)
    assert rows.next_due() is None


def test_the_limit_leaves_the_rest_armed() -> None:
    rows = Rows()
    for i in range(5):
        rows.arm(f"k{i}", at(i))
    assert rows.pop_due(at(9), limit=2) == ["k0", "k1"]
    assert rows.pop_due(at(9), limit=9) == ["k2", "k3", "k4"]


def test_a_million_changes_of_one_timer_do_not_fill_the_heap() -> None:
    rows = Rows()
    for i in range(20_000):
        rows.arm("a", at(i))
    assert len(rows._heap) < 2_000


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 50)))),
    st.integers(0, 50),
)
def test_the_heap_says_what_a_scan_would(changes: list[tuple[str, int | None]], now: int) -> None:
    rows, plain = Rows(), dict[str, int]()
    for key, minutes in changes:
        rows.arm(key, None if minutes is None else at(minutes))
        plain.pop(key, None)
        if minutes is not None:
            plain[key] = minutes
    due = {key for key, minutes in plain.items() if minutes <= now}
    left = [minutes for key, minutes in plain.items() if key not in due]
    assert set(rows.pop_due(at(now), limit=100)) == due
    assert rows.next_due() == (at(min(left)).timestamp() if left else None)
