"""How late a consumer is: against a log of known times."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from shared.bus.progress.lateness import MOST_LOOKS, Lateness
from shared.bus.progress.overseer import Overseer
from shared.errors import Unavailable

PLACE = ("tickets", 3)
EVERY = 2.5


def test_who_keeps_up_is_never_late() -> None:
    late = Lateness()
    for n in range(10):
        late.look(n * EVERY, {PLACE: n}, {PLACE: n})
    assert late.seconds(100.0, {}) == 0.0
    assert (late.take_passed(), late.take_passed()) == (9, 0)


def test_who_stands_still_is_as_late_as_the_oldest_that_waits() -> None:
    late = Lateness()
    late.look(0.0, {PLACE: 5}, {PLACE: 5})
    late.look(10.0, {PLACE: 5}, {PLACE: 6})
    late.look(20.0, {PLACE: 5}, {PLACE: 9})
    assert late.seconds(30.0, {PLACE: -9999.0}) == 20.0
    late.look(30.0, {PLACE: 6}, {PLACE: 9})
    assert late.seconds(30.0, {}) == 10.0
    late.look(32.0, {PLACE: 9}, {PLACE: 9})
    assert late.seconds(40.0, {}) == 0.0


def test_what_was_there_before_the_first_look_is_as_old_as_what_was_handed_out() -> None:
    """After an outage of an hour the first looks must not say "a few seconds"."""
    late = Lateness()
    late.look(3600.0, {PLACE: 0}, {PLACE: 1000})
    assert late.seconds(3602.0, {}) == 2.0
    assert late.seconds(3602.0, {PLACE: 100.0}) == 3502.0
    late.look(3610.0, {PLACE: 1000}, {PLACE: 1001})
    assert late.seconds(3611.0, {PLACE: 100.0}) == 1.0


def test_the_worst_partition_counts_and_others_are_forgotten() -> None:
    late, other = Lateness(), ("tickets", 4)
    late.look(0.0, {PLACE: 0, other: 0}, {PLACE: 0, other: 0})
    late.look(5.0, {PLACE: 0, other: 0}, {PLACE: 1, other: 0})
    late.look(9.0, {PLACE: 0, other: 0}, {PLACE: 1, other: 1})
    assert late.seconds(10.0, {}) == 5.0
    late.forget()
    assert late.seconds(10.0, {}) == 0.0


def test_long_outages_keep_few_looks() -> None:
    late = Lateness()
    late.look(0.0, {PLACE: 0}, {PLACE: 0})
    for n in range(1, 5000):
        late.look(n * EVERY, {PLACE: 0}, {PLACE: n})
    assert len(late._looks[PLACE]) <= MOST_LOOKS + 1
    assert late.seconds(5000 * EVERY, {}) == 4999 * EVERY


@given(
    st.lists(st.floats(0.01, 30), min_size=1, max_size=60),
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
)
def test_never_too_small_by_more_than_a_look(gaps: list[float], steps: list[int]) -> None:
    """One partition from its beginning: records written at known times, one consumer."""
    written = list(itertools.accumulate(gaps))
    late, done, now = Lateness(), 0, 0.0
    late.look(0.0, {PLACE: 0}, {PLACE: 0})
    for step in steps:
        now += EVERY
        end = sum(at <= now for at in written)
        done = min(end, done + step)
        late.look(now, {PLACE: done}, {PLACE: end})
        true = now - written[done] if done < end else 0.0
        assert true - EVERY - 1e-6 <= late.seconds(now, {}) <= true + 1e-6


def told(name: str, consumer: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"consumer": consumer})


async def test_the_overseer_tells_it() -> None:
    ends, clock, answers = {PLACE: 5}, [1000.0], [True]

    async def ask(places: object) -> dict[tuple[str, int], int]:
        if not answers[0]:
            raise Unavailable("kafka", "away")
        return ends

    overseer = Overseer("of a test", ask, epoch=lambda: clock[0], seconds=lambda: clock[0])
    overseer.note_rebalance()
    overseer.done[PLACE] = 5
    await overseer.look()
    ends[PLACE] = 8
    clock[0] += 10
    await overseer.look()
    assert told("signalbox_behind_seconds", "of a test") == 0.0
    answers[0] = False
    clock[0] += 10
    await overseer.look()  # nobody says where the log ends now: what waited goes on to wait
    assert told("signalbox_behind_seconds", "of a test") == 10.0
    answers[0] = True
    overseer.done[PLACE] = 8
    await overseer.look()
    assert told("signalbox_behind_seconds", "of a test") == 0.0
    assert told("signalbox_consumed_records_total", "of a test") == 3.0
    assert told("signalbox_consumer_partitions", "of a test") == 1.0
    assert told("signalbox_rebalances_total", "of a test") == 1.0
