"""Who is behind and does not move is named; who is busy, held, or up to date is not."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.progress.overseer import END_S, LOOK_EVERY_S, NOTICE_S, Overseer
from shared.bus.progress.progress import CATCHING_UP, Place, Progress, StalledPartition
from shared.errors import Unavailable
from shared.process.standing import note
from shared.telemetry.logs import verdict

A, B = ("tickets", 0), ("tickets", 1)


def looked(*looks: tuple[float, dict[Place, int], dict[Place, int]], **how: Any) -> Progress:
    progress = Progress()
    for now, at, ends in looks:
        progress.look(now, at, ends, **how)
    return progress


@pytest.mark.parametrize(
    ("looks", "standing"),
    [
        ([(0, {A: 5}, {A: 5}), (30, {A: 5}, {A: 5})], {}),
        ([(0, {A: 5}, {A: 6}), (30, {A: 5}, {A: 6})], {A: 30}),
        ([(0, {A: 5}, {A: 6}), (30, {A: 5}, {A: 99})], {A: 30}),
        ([(0, {A: 5}, {A: 9}), (30, {A: 6}, {A: 9})], {}),
        ([(0, {A: 5}, {A: 9}), (30, {A: 3}, {A: 9})], {}),
        ([(0, {A: 5}, {A: 9}), (10, {A: 9}, {A: 9}), (30, {A: 9}, {A: 10})], {}),
        ([(0, {A: 5, B: 1}, {A: 9, B: 2}), (30, {A: 5, B: 1}, {A: 9, B: 3})], {A: 30, B: 30}),
        ([(0, {A: 5}, {}), (30, {A: 5}, {})], {}),
    ],
    ids=[
        "up to date",
        "behind",
        "more comes",
        "it moves",
        "it is read again",
        "new after it was done",
        "each for itself",
        "ends unknown",
    ],
)
def test_who_stands_still(looks: Any, standing: dict[Place, float]) -> None:
    found = looked(*looks).standing(15)
    assert {each.place: each.seconds for each in found} == standing


def test_one_partition_is_seen_though_the_others_move() -> None:
    progress = Progress()
    for second in range(0, 40, 2):
        progress.look(second, {A: 5, B: second}, {A: 6, B: second + 10})
    assert [each.place for each in progress.standing(15)] == [A]


def test_who_waits_for_its_turn_in_a_backlog_does_not_stand_still() -> None:
    progress = Progress()
    for second in range(0, 40, 2):
        progress.look(second, {A: 5, B: second}, {A: 6, B: second + CATCHING_UP + 2})
    assert progress.standing(15) == []


@given(st.lists(st.tuples(st.floats(0.1, 20), st.booleans()), min_size=2, max_size=30))
def test_only_time_in_which_it_could_have_moved_counts(steps: list[tuple[float, bool]]) -> None:
    progress, now, counted = Progress(), 0.0, 0.0
    progress.look(now, {A: 5}, {A: 6})
    for seconds, counts in steps:
        now += seconds
        counted += seconds if counts else 0.0
        progress.look(now, {A: 5}, {A: 6}, counts=counts)
    found = progress.standing(-1)
    assert found[0].seconds == pytest.approx(counted)


@pytest.fixture(autouse=True)
def nobody_stands() -> Iterator[None]:
    """Readiness is of the whole process, and so of the tests after these."""
    yield
    note("consumer", None)


class Consuming:
    """A consumer as the overseer sees it; time passes by looks."""

    def __init__(self, waits: str | None = None) -> None:
        self.now, self.ends, self.ended = 0.0, dict[Place, int](), list[str]()
        self.is_there = True
        self.overseer = Overseer(
            "consumer",
            self._ends,
            waits=lambda: waits,
            damaged=lambda: {("damaged", 0)},
            end=self.ended.append,
            seconds=lambda: self.now,
        )

    async def _ends(self, places: Collection[Place]) -> Mapping[Place, int]:
        if not self.is_there:
            raise Unavailable("kafka", "away")
        return {place: self.ends.get(place, 0) for place in places}

    async def passes(self, seconds: float, *, fetching: bool = True) -> None:
        """Time, with looks in it; the owner asks for messages meanwhile, or not."""
        for _ in range(int(seconds / LOOK_EVERY_S) + 1):
            self.overseer.fetches += fetching
            await self.overseer.look()
            self.now += LOOK_EVERY_S


async def test_what_does_not_come_is_given_up() -> None:
    consuming = Consuming()
    consuming.overseer.done[A], consuming.ends[A] = 5, 6
    await consuming.passes(NOTICE_S / 2)
    consuming.overseer.check()
    assert await consuming.overseer.unready() is None
    await consuming.passes(NOTICE_S)
    with pytest.raises(Unavailable, match="tickets/0 stands at 5 of 6"):
        consuming.overseer.check()
    assert "tickets/0" in str(await consuming.overseer.unready())
    assert consuming.ended == []


async def test_with_kafka_away_nothing_counts() -> None:
    consuming = Consuming()
    consuming.overseer.done[A], consuming.ends[A] = 5, 6
    await consuming.passes(NOTICE_S / 2)
    consuming.is_there = False
    await consuming.passes(10 * NOTICE_S)
    consuming.overseer.check()


async def test_who_does_not_ask_is_not_given_what_comes() -> None:
    consuming = Consuming()
    consuming.overseer.done[A], consuming.ends[A] = 5, 6
    await consuming.passes(10 * NOTICE_S, fetching=False)
    consuming.overseer.check()


@pytest.mark.parametrize("place", [("held", 0), ("damaged", 0)])
async def test_a_partition_that_stands_still_for_a_known_reason_is_no_news(place: Place) -> None:
    consuming = Consuming()
    consuming.overseer.held.add(("held", 0))
    consuming.overseer.done[place], consuming.ends[place] = 5, 6
    await consuming.passes(10 * NOTICE_S)
    consuming.overseer.check()
    assert await consuming.overseer.unready() is None


@pytest.mark.parametrize(("waits", "ends"), [(None, True), ("mongodb is away", False)])
async def test_who_does_not_finish_is_ended_unless_it_waits(waits: str | None, ends: bool) -> None:
    consuming = Consuming(waits)
    consuming.overseer.done[A], consuming.overseer.delivered[A], consuming.ends[A] = 5, 6, 6
    await consuming.passes(END_S / 2, fetching=False)
    assert consuming.ended == []
    await consuming.passes(END_S, fetching=False)
    assert bool(consuming.ended) is ends
    assert all("tickets/0 stands at 5 of 6" in why for why in consuming.ended)


async def test_readiness_names_who_stands_still_in_every_process() -> None:
    consuming = Consuming()
    consuming.overseer.done[A], consuming.ends[A] = 5, 6
    await consuming.passes(2 * NOTICE_S)
    status, found = await verdict({})
    assert "consumer: tickets/0 stands at 5 of 6" in found["progress"]
    assert status == 200, "a server that takes tickets goes on taking them"
    watching = asyncio.create_task(consuming.overseer.watch())
    await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait({watching})
    assert (await verdict({}))[1] == {}, "whoever is stopped stands still no more"


async def test_who_gets_on_is_ready_again() -> None:
    consuming = Consuming()
    consuming.overseer.done[A], consuming.ends[A] = 5, 6
    await consuming.passes(2 * NOTICE_S)
    consuming.overseer.delivered[A] = consuming.overseer.done[A] = 6
    await consuming.passes(LOOK_EVERY_S)
    assert await consuming.overseer.unready() is None
    consuming.overseer.check()


def test_a_standing_partition_is_told_in_words() -> None:
    assert str(StalledPartition(A, 5, 9, 17.4)) == "tickets/0 stands at 5 of 9 for 17 s"
