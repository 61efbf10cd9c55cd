"""The spine against a real broker, in this process: recovery, timers, effects, poison, waiting, the
burst guard.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import ids
from shared.bus import Admin, Producer, Reader, Record, record_for
from shared.clock import Clock, SteeredClock, SystemClock
from shared.errors import Unavailable
from shared.events import DeadLetter
from shared.spine.runtime import Limits, Spine
from shared.spine.work import Work
from shared.wire import Message, headers_for
from tests.chaos.spine.domain import (
    WORK,
    Count,
    Delivered,
    Event,
    Fact,
    Rang,
    Sent,
    Tally,
    parse_fact,
)
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

PARTITIONS = 4


@dataclass
class Desk:
    """Topics of a test's own, workers on them, and what they said."""

    bootstrap: str
    prefix: str
    producer: Producer
    reader: Reader
    running: list[tuple[Spine[Tally], asyncio.Task[int]]] = field(default_factory=list)

    def works(
        self, work: Work[Tally] = WORK, clock: Clock | None = None, **limits: Any
    ) -> Spine[Tally]:
        spine = Spine(
            work,
            bootstrap=self.bootstrap,
            prefix=self.prefix,
            clock=clock or SystemClock(),
            limits=Limits(**limits),
        )
        self.running.append((spine, asyncio.create_task(spine.run())))
        return spine

    async def stops(self, kill: bool = False) -> list[int]:
        """End all workers, decently or by cancelling them wherever they are; their exit codes."""
        codes = []
        for spine, task in self.running:
            if kill:
                task.cancel()
                await asyncio.wait({task})
            else:
                spine.stop()
                codes.append(await asyncio.wait_for(task, 30))
        self.running.clear()
        return codes

    async def asks(self, *requests: Count, headers: dict[str, bytes] | None = None) -> None:
        for request in requests:
            extra = list((headers or {}).items())
            await self.producer.send(
                Record("in", request.key, request.wire(), [*headers_for(request, "test"), *extra])
            )

    async def log(self, topic: str) -> list[Message]:
        return [
            m
            async for batch in self.reader.read_to_end({(topic, p): 0 for p in range(PARTITIONS)})
            for m in batch
        ]

    async def facts(self) -> list[Fact]:
        return [parse_fact(message) for message in await self.log("out")]

    async def letters(self) -> list[DeadLetter]:
        return [DeadLetter.read(message.value) for message in await self.log("dead-letters")]

    async def until(self, look: Callable[[list[Fact]], bool], within: float = 40.0) -> list[Fact]:
        deadline = time.monotonic() + within
        while not look(facts := await self.facts()):
            assert time.monotonic() < deadline, [
                (fact.type, fact.key, fact.seq, fact.cause) for fact in facts
            ]
            await asyncio.sleep(0.02)
        return facts


@pytest.fixture
async def desk(kafka_bootstrap: str) -> AsyncIterator[Desk]:
    prefix = f"spine-{os.getpid()}-{time.time_ns()}-"
    async with Admin(kafka_bootstrap, prefix) as admin:
        for topic in ("in", "out", WORK.changelog, "dead-letters"):
            await admin.create_topic(topic, PARTITIONS)
    made = Desk(
        kafka_bootstrap,
        prefix,
        Producer(kafka_bootstrap, prefix, "test"),
        Reader(kafka_bootstrap, prefix),
    )
    await made.reader.start()
    yield made
    await made.stops()
    await made.producer.stop()
    await made.reader.stop()
    async with Admin(kafka_bootstrap, prefix) as admin:
        await admin.delete_all()


def count(name: str, key: str = "k", **fields: Any) -> Count:
    return Count(id=name, key=key, at=datetime.now(UTC), **fields)


def causes(facts: list[Fact]) -> set[str]:
    return {fact.cause for fact in facts}


async def test_requests_become_facts_and_a_stop_is_clean(desk: Desk) -> None:
    spine = desk.works()
    await desk.asks(count("r1"), count("r2", key="o"))
    facts = await desk.until(lambda found: len(found) == 6)
    assert [fact.seq for fact in facts if fact.key == "k"] == [1, 2, 3]
    assert await spine.unready() is None
    assert await desk.stops() == [0]
    async with Admin(desk.bootstrap, desk.prefix) as admin:
        assert sum(offset for offset, _ in (await admin.committed("tally")).values()) == 2


async def test_facts_whose_row_was_lost_are_adopted_and_a_firing_is_not_contradicted(
    desk: Desk,
) -> None:
    """A worker published a firing and died before the row; the next one must go on from it, not
    decide something else.
    """
    soon = datetime.now(UTC) + timedelta(hours=1)
    desk.works()
    await desk.asks(count("r1", due_at=soon))
    facts = await desk.until(lambda found: len(found) == 3)
    await desk.stops(kill=True)
    row = WORK.advance(None, facts)
    (fired,) = ids.stamp(WORK.fire(row, soon) if WORK.fire else [], key="k", first_seq=4, cause="")
    await desk.producer.send(record_for("out", fired, "tally"))
    desk.works()
    await desk.asks(count("r2"))
    facts = await desk.until(lambda found: "r2" in causes(found))
    assert [(fact.type, fact.seq) for fact in facts][3:5] == [("Rang", 4), ("Counted", 5)]


async def test_a_timer_moves_with_the_clock_and_waits_for_the_input(
    desk: Desk, tmp_path: Path
) -> None:
    hand = tmp_path / "clock"
    hand.write_text("0")
    desk.works(clock=SteeredClock(hand))
    due = datetime.now(UTC) + timedelta(minutes=30)
    await desk.asks(count("r1", due_at=due))
    await desk.until(lambda found: len(found) == 3)
    begun = time.monotonic()
    hand.write_text("1860")
    facts = await desk.until(lambda found: any(isinstance(fact, Rang) for fact in found))
    assert time.monotonic() - begun < stretched(2)
    rang = facts[-1]
    assert rang.at >= due


async def test_an_effect_is_performed_and_its_outcome_recorded_also_after_a_crash(
    desk: Desk,
) -> None:
    performed: list[str] = []
    release = asyncio.Event()

    async def perform(effect: Any) -> Event:
        performed.append(effect.id)
        await release.wait()
        return Sent(id=f"out-{effect.id}", at=datetime.now(UTC), effect=effect.id)

    work = replace(WORK, perform=perform)
    desk.works(work)
    await desk.asks(count("r1", send=True))
    await desk.until(lambda found: len(found) == 3 and bool(performed))
    await desk.stops(kill=True)
    release.set()
    desk.works(work)
    facts = await desk.until(lambda found: any(isinstance(fact, Delivered) for fact in found))
    assert [type(fact).__name__ for fact in facts].count("Delivered") == 1
    assert performed == [performed[0]] * 2


async def test_a_failing_effect_is_tried_again(desk: Desk) -> None:
    tries: list[float] = []

    async def perform(effect: Any) -> Event:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise Unavailable("far side")
        return Sent(id=f"out-{effect.id}", at=datetime.now(UTC), effect=effect.id)

    desk.works(replace(WORK, perform=perform))
    await desk.asks(count("r1", send=True))
    await desk.until(lambda found: any(isinstance(fact, Delivered) for fact in found))
    assert len(tries) == 3


async def test_poison_and_bugs_become_letters_and_neighbours_go_on(desk: Desk) -> None:
    desk.works()
    await desk.producer.send(Record("in", "k", b"{", [("ce_type", b"dev.signalbox.Count")]))
    await desk.asks(count("r1", text="bug", key="b"), count("r2", key="b"), count("r3"))
    facts = await desk.until(lambda found: "r3" in causes(found))
    assert causes(facts) == {"r3"}
    letters = await desk.letters()
    assert sorted((letter.key, letter.parked) for letter in letters) == [
        ("b", True),
        ("b", True),
        ("k", False),
    ]
    await desk.stops(kill=True)
    desk.works()
    await desk.asks(count("r4", key="b"), count("r5"))
    await desk.until(lambda found: "r5" in causes(found))
    assert len(await desk.letters()) == 4
    await desk.asks(count("r2", key="b"), headers={"redrive": b"1"})
    await desk.asks(count("r6", key="b"))
    facts = await desk.until(lambda found: "r6" in causes(found))
    assert causes(facts) == {"r2", "r3", "r5", "r6"}


async def test_a_missing_reference_holds_its_partition_only(desk: Desk) -> None:
    known: set[str] = set()

    def decide(row: Tally | None, event: Event, now: datetime) -> Any:
        if event.key == "waits" and "policy" not in known:
            raise Unavailable("policies")
        return WORK.decide(row, event, now)

    spine = desk.works(replace(WORK, decide=decide))
    await desk.asks(count("r1", key="waits"), *(count(f"n{i}", key=f"n{i}") for i in range(12)))
    facts = await desk.until(lambda found: len(causes(found)) >= 6)
    assert "r1" not in causes(facts)
    async with asyncio.timeout(40):  # it is not held while it is tried again
        while "wait for something" not in (await spine.unready() or ""):
            await asyncio.sleep(0.02)
    known.add("policy")
    await desk.until(lambda found: len(causes(found)) == 13)
    assert not await desk.letters()


async def test_a_burst_of_dead_letters_stops_the_worker(desk: Desk) -> None:
    spine = desk.works(letters=10)
    await desk.producer.send_many(
        [Record("in", f"k{i}", b"{", [("ce_type", b"dev.signalbox.Count")]) for i in range(40)]
    )
    deadline = time.monotonic() + 40
    while "halted" not in (await spine.unready() or ""):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert len(await desk.letters()) <= 10
    assert await desk.stops() == [3]


async def test_two_workers_share_the_keys_and_hand_them_over(desk: Desk) -> None:
    first = desk.works()
    await desk.asks(*(count(f"a{i}", key=f"k{i}") for i in range(40)))
    await desk.until(lambda found: len(causes(found)) == 40)
    desk.works()
    await desk.asks(*(count(f"b{i}", key=f"k{i}") for i in range(40)))
    await desk.until(lambda found: len(causes(found)) == 80, within=60)
    first.stop()
    await desk.asks(*(count(f"c{i}", key=f"k{i}") for i in range(40)))
    facts = await desk.until(lambda found: len(causes(found)) == 120, within=60)
    assert len(facts) == 360
    assert all(
        sorted(fact.seq for fact in facts if fact.key == f"k{i}") == list(range(1, 10))
        for i in range(40)
    )


async def test_a_worker_waits_for_a_broker_that_is_away() -> None:
    spine = Spine(WORK, bootstrap="127.0.0.1:1", prefix="x-", clock=SystemClock())
    running = asyncio.create_task(spine.run())
    deadline = time.monotonic() + 40
    while "kafka" not in (await spine.unready() or ""):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    spine.stop()
    assert await asyncio.wait_for(running, 30) == 0
