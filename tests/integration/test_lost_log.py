"""Damage of the log that raises no error: a position beyond the end, a file cut while Kafka has it
open, a hole of zeros. Each is named, the other partitions go on, and nothing is left out silently.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.log.repair import find_damage
from services.auditor.damaged import Damage
from shared.bus import Admin, Consumer, Producer, Record, partition_of
from shared.bus.around import DamageSkipper
from shared.bus.rewriting import Rewriting
from shared.clock import SystemClock
from shared.spine import damage
from shared.spine.replica import Replica
from shared.spine.runtime import Spine
from shared.telemetry.logs import verdict
from shared.wire import headers_for
from tests.chaos.spine.domain import WORK, Count
from tests.support.stack import Stack, running
from tests.support.waiting import stretched

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PARTITIONS, RECORDS, BAD = 4, 12, 1
NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)


@dataclass
class Broker:
    """A broker on this machine, topics of a test's own, and their bytes."""

    bootstrap: str
    prefix: str
    data: Path
    producer: Producer

    async def fill(self, topic: str, text: str) -> None:
        for i in range(RECORDS):
            await self.producer.send_many(
                [
                    Record(topic, f"k{i}", f"{text}-{i:04}".encode(), [], p)
                    for p in range(PARTITIONS)
                ]
            )

    async def commits(self, group: str, topic: str, offset: int) -> None:
        """As a group that had read a longer log. Nobody joins it here: a member of ours commits a
        first position by itself, at any moment after it was given its partitions.
        """
        async with Rewriting(self.bootstrap, self.prefix) as outside:
            await outside.commit(group, {(topic, BAD): (offset, "")})

    def folder(self, topic: str) -> Path:
        return self.data / "kafka" / "log" / f"{self.prefix}{topic}-{BAD}"


@asynccontextmanager
async def topics_of(stack: Stack) -> AsyncIterator[Broker]:
    prefix = f"lost-{os.getpid()}-{time.time_ns()}-"
    async with Admin(stack.kafka, prefix) as admin:
        for topic in ("t", "in", "out", WORK.changelog, "dead-letters"):
            await admin.create_topic(topic, PARTITIONS)
    producer = Producer(stack.kafka, prefix, "test")
    try:
        yield Broker(stack.kafka, prefix, stack.data, producer)
    finally:
        await producer.stop()
        damage.forget()


@pytest.fixture
async def broker(engine: Stack) -> AsyncIterator[Broker]:
    async with topics_of(engine) as found:
        yield found
        async with Admin(engine.kafka, found.prefix) as admin:
            await admin.delete_all()


@pytest.fixture
def own() -> Iterator[Stack]:
    """Engines whose files may be broken."""
    with running("--only", "engines", clock=False) as stack:
        yield stack


class Reading:
    """A member of group `g`, and the values it was handed, by partition."""

    def __init__(self, broker: Broker) -> None:
        self.consumer = Consumer(broker.bootstrap, broker.prefix, "g", ["t"])
        self.consumer._around = DamageSkipper(
            self.consumer._kafka, broker.prefix, again=2.0, stall=stretched(2.0)
        )
        self.got: dict[int, list[str]] = {}

    async def __aenter__(self) -> Reading:
        await self.consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumer.stop()

    async def until(self, wanted: dict[int, int]) -> None:
        """Read until so many values of each partition have come, and no more."""
        async with asyncio.timeout(stretched(90)):
            while {p: len(self.got.get(p, [])) for p in wanted} != wanted:
                await self.step()

    async def step(self) -> None:
        _, batch = await self.consumer.fetch(0.3)
        for (_, p), messages in batch.items():
            known = self.got.setdefault(p, [])  # what stands is fetched anew, so some come twice
            known.extend(
                value for m in messages if (value := (m.value or b"").decode()) not in known
            )
        self.consumer.commit(batch)


def all_but(count: int, bad: int) -> dict[int, int]:
    return {p: bad if p == BAD else count for p in range(PARTITIONS)}


async def test_an_offset_beyond_the_end_goes_on_at_the_end_and_is_said(broker: Broker) -> None:
    await broker.fill("t", "old")
    await broker.commits("g", "t", 100)
    async with Reading(broker) as reading:
        await reading.until(all_but(RECORDS, 0))
        async with asyncio.timeout(stretched(30)):
            while ("t", BAD) not in damage.list_damage():
                await reading.step()
        await broker.fill("t", "new")
        await reading.until(all_but(2 * RECORDS, RECORDS))
    assert reading.got[BAD] == [f"new-{i:04}" for i in range(RECORDS)]
    said = damage.list_damage()["t", BAD]
    assert "offset 100 is beyond the end: records 12 to 99 are gone" in said
    (finding,) = Damage().findings(damage.list_damage(), (), NOW)
    assert finding.id == f"t/{BAD}", "the auditor pages"
    status, checks = await verdict({})
    assert (status, "t/1" in checks["partitions"]) == (200, True)
    damage.forget()
    async with Reading(broker) as again:
        await broker.fill("t", "last")
        await again.until(dict.fromkeys(range(PARTITIONS), RECORDS))
    assert damage.list_damage() == {}, "it is committed, and said once"


async def test_a_group_without_a_position_begins_at_the_beginning(broker: Broker) -> None:
    await broker.fill("t", "old")
    async with Reading(broker) as reading:
        await reading.until(dict.fromkeys(range(PARTITIONS), RECORDS))
    assert damage.list_damage() == {}


async def test_a_worker_decides_on_from_the_end(broker: Broker) -> None:
    key = next(f"k{i}" for i in range(1000) if partition_of(f"k{i}", PARTITIONS) == BAD)
    await broker.commits(WORK.name, "in", 100)
    spine = Spine(WORK, bootstrap=broker.bootstrap, prefix=broker.prefix, clock=SystemClock())
    task = asyncio.create_task(spine.run())
    try:
        async with asyncio.timeout(stretched(60)):
            while ("in", BAD) not in damage.list_damage():
                await asyncio.sleep(0.1)
            count = Count(id="after", key=key, at=datetime.now(UTC))
            await broker.producer.send(Record("in", key, count.wire(), headers_for(count, "test")))
            async with Admin(broker.bootstrap, broker.prefix) as admin:
                while (await admin.committed(WORK.name)).get(("in", BAD), (0, ""))[0] != 1:
                    await asyncio.sleep(0.1)
    finally:
        spine.stop()
        assert await asyncio.wait_for(task, stretched(30)) == 0


async def test_what_its_owner_holds_stays_held_while_others_are_read_alone(
    broker: Broker,
) -> None:
    await broker.fill("t", "old")
    async with Reading(broker) as reading:
        await reading.until(dict.fromkeys(range(PARTITIONS), RECORDS))
        around = reading.consumer._around
        by_number = {where.partition: where for where in around._kafka.assignment()}
        alone = asyncio.create_task(around._read_alone(by_number[BAD], 1000, 1))
        async with asyncio.timeout(stretched(10)):
            while not around._kafka.paused():
                await asyncio.sleep(0.01)
        reading.consumer.hold("t", 0, RECORDS)
        assert await alone == []
        assert around._kafka.paused() == {by_number[0]}
        await broker.fill("t", "new")
        await reading.until({0: RECORDS, **dict.fromkeys(range(1, PARTITIONS), 2 * RECORDS)})
        reading.consumer.release("t", 0)
        await reading.until(dict.fromkeys(range(PARTITIONS), 2 * RECORDS))


async def test_a_replica_of_a_log_that_was_cut_starts_over(broker: Broker, tmp_path: Path) -> None:
    await broker.fill("t", '{"document": 1}')
    replica = Replica("t", broker.bootstrap, broker.prefix)
    replica._next = {BAD: 100}
    async with replica:
        await replica.caught_up(stretched(30))
        assert len(replica) == RECORDS


@pytest.mark.long
@pytest.mark.parametrize("fault", ["zeros", "cut"])
async def test_a_partition_that_brings_nothing_stands_still_by_name(own: Stack, fault: str) -> None:
    async with topics_of(own) as broker:
        await broker.fill("t", "old")
        (segment,) = broker.folder("t").glob("*.log")
        raw = segment.read_bytes()
        with segment.open("r+b") as file:
            at = raw.index(b"old-0005") - 90
            if fault == "zeros":
                file.seek(at)
                file.write(bytes(len(raw) // 4))
            else:
                file.truncate(at)
        async with Reading(broker) as reading:
            async with asyncio.timeout(stretched(120)):
                while ("t", BAD) not in damage.list_damage():
                    await reading.step()
            await broker.fill("t", "new")
            async with asyncio.timeout(stretched(120)):
                while any(
                    len(reading.got.get(p, [])) < 2 * RECORDS for p in range(PARTITIONS) if p != BAD
                ):
                    await reading.step()
            assert reading.consumer.damaged == {("t", BAD)}
            whole = [f"old-{i:04}" for i in range(RECORDS)]
            assert reading.got.get(BAD, []) == whole[: len(reading.got.get(BAD, []))]
            (finding,) = Damage().findings(damage.list_damage(), (), NOW)
            assert "docs/runbooks/damaged-partition.md" in finding.text
        if fault == "zeros":
            assert find_damage(broker.folder("t")), "the runbook's command finds it"
