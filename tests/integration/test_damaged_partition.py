"""A partition with a damaged record stands still, by name, and the others go on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.bus import Admin, Consumer, Producer, Reader, Record, partition_of
from shared.bus.around import DamageSkipper
from shared.clock import SystemClock
from shared.spine import damage
from shared.spine.replica import Replica
from shared.spine.runtime import Limits, Spine
from shared.telemetry.logs import verdict
from shared.wire import headers_for
from tests.chaos.spine.domain import WORK, Count, parse_fact
from tests.support.stack import Stack
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

PARTITIONS = 4
RECORDS = 12
BAD = 7


@dataclass
class Broker:
    """A broker on this machine, topics of a test's own, and their bytes."""

    bootstrap: str
    prefix: str
    data: Path
    producer: Producer

    async def fill(self, topic: str, text: bytes = b"value") -> None:
        """The same records into each partition, each a batch of its own."""
        for i in range(RECORDS):
            await self.producer.send_many(
                [Record(topic, f"k{i}", text + b"-%04d" % i, [], p) for p in range(PARTITIONS)]
            )

    def flip(self, topic: str, partition: int, text: bytes) -> None:
        """Change a bit of the last record that has `text`; once more, and it is whole again."""
        folder = self.data / "kafka" / "log" / f"{self.prefix}{topic}-{partition}"
        (segment,) = folder.glob("*.log")
        with segment.open("r+b") as file:
            raw = file.read()
            at = max(raw.rfind(text), raw.rfind(bytes([text[0] ^ 1]) + text[1:]))
            assert at > 0
            file.seek(at)
            file.write(bytes([raw[at] ^ 1]))


@pytest.fixture
async def broker(engine: Stack) -> AsyncIterator[Broker]:
    prefix = f"damage-{os.getpid()}-{time.time_ns()}-"
    async with Admin(engine.kafka, prefix) as admin:
        for topic in ("t", "in", "out", WORK.changelog, "dead-letters"):
            await admin.create_topic(topic, PARTITIONS)
    producer = Producer(engine.kafka, prefix, "test")
    yield Broker(engine.kafka, prefix, engine.data, producer)
    await producer.stop()
    for place in damage.list_damage():
        damage.clear(place)
    async with Admin(engine.kafka, prefix) as admin:
        await admin.delete_all()


@asynccontextmanager
async def member(broker: Broker, again: float) -> AsyncIterator[Consumer]:
    consumer = Consumer(broker.bootstrap, broker.prefix, "g", ["t"])
    consumer._around = DamageSkipper(consumer._kafka, broker.prefix, again=again)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def test_a_consumer_reads_around_it_and_goes_on_when_it_is_mended(broker: Broker) -> None:
    await broker.fill("t")
    broker.flip("t", 1, b"value-%04d" % BAD)
    got: dict[int, list[int]] = {}
    async with member(broker, again=1.0) as consumer:

        async def until(wanted: dict[int, int]) -> None:
            async with asyncio.timeout(stretched(30)):
                while {p: len(found) for p, found in got.items()} != wanted:
                    _, batch = await consumer.fetch(0.3)
                    for (_, p), messages in batch.items():
                        got.setdefault(p, []).extend(m.offset for m in messages)

        await until({0: RECORDS, 1: BAD, 2: RECORDS, 3: RECORDS})
        assert consumer.damaged == {("t", 1)}
        status, said = await verdict({})
        assert (status, "t/1" in said["partitions"]) == (200, True)
        await broker.fill("t", b"later")
        await until({0: 2 * RECORDS, 1: BAD, 2: 2 * RECORDS, 3: 2 * RECORDS})
        broker.flip("t", 1, b"value-%04d" % BAD)
        await until(dict.fromkeys(range(PARTITIONS), 2 * RECORDS))
        assert consumer.damaged == frozenset()
    assert all(found == list(range(2 * RECORDS)) for found in got.values()), "each once, in order"
    assert "partitions" not in (await verdict({}))[1]


async def test_a_reader_reads_the_others_to_their_ends(broker: Broker) -> None:
    await broker.fill("t")
    broker.flip("t", 2, b"value-%04d" % BAD)
    reader = Reader(broker.bootstrap, broker.prefix)
    await reader.start()
    try:
        got: dict[int, int] = {}
        async for messages in reader.read_to_end({("t", p): 0 for p in range(PARTITIONS)}):
            got[messages[0].partition] = got.get(messages[0].partition, 0) + len(messages)
        assert got == {0: RECORDS, 1: RECORDS, 2: BAD, 3: RECORDS}
        assert reader.unread == {("t", 2)}
    finally:
        await reader.stop()


async def test_a_replica_is_ready_with_what_can_be_read(broker: Broker) -> None:
    await broker.fill("t")
    broker.flip("t", 3, b"value-%04d" % BAD)
    async with Replica("t", broker.bootstrap, broker.prefix) as replica:
        await replica.caught_up(stretched(30))
        assert ("t", 3) in damage.list_damage()
        assert len(replica) == RECORDS


def key_of(partition: int) -> str:
    return next(f"k{i}" for i in range(1000) if partition_of(f"k{i}", PARTITIONS) == partition)


@pytest.mark.parametrize("topic", ["in", "out", WORK.changelog])
async def test_a_worker_decides_on_the_other_partitions(broker: Broker, topic: str) -> None:
    """Whichever of its topics is damaged: after a start it is ready, and they go on."""

    async def asks(name: str) -> None:
        for p in range(PARTITIONS):
            count = Count(id=f"{name}-{p}", key=key_of(p), at=datetime.now(UTC))
            await broker.producer.send(
                Record("in", count.key, count.wire(), headers_for(count, "test"))
            )

    async def decided() -> set[str]:
        reader = Reader(broker.bootstrap, broker.prefix)
        await reader.start()
        try:
            places = {("out", p): 0 for p in range(PARTITIONS)}
            return {
                parse_fact(message).cause
                async for messages in reader.read_to_end(places)
                for message in messages
            }
        finally:
            await reader.stop()

    @asynccontextmanager
    async def working() -> AsyncIterator[Spine]:  # type: ignore[type-arg]
        spine = Spine(
            WORK,
            bootstrap=broker.bootstrap,
            prefix=broker.prefix,
            clock=SystemClock(),
            limits=Limits(load_again=1.0),
        )
        task = asyncio.create_task(spine.run())
        try:
            yield spine
        finally:
            spine.stop()
            assert await asyncio.wait_for(task, stretched(30)) == 0

    async def until(wanted: set[str]) -> None:
        async with asyncio.timeout(stretched(40)):
            while not wanted <= await decided():
                await asyncio.sleep(0.1)

    async with working():
        await asks("first")
        await until({f"first-{p}" for p in range(PARTITIONS)})
    if topic == "in":
        await asks("second")
    needle = {"in": b"second-1", "out": b"first-1", WORK.changelog: b"first-1"}[topic]
    broker.flip(topic, 1, needle)
    async with working() as spine:
        if topic != "in":
            await asks("second")
        await until({f"second-{p}" for p in range(PARTITIONS) if p != 1})
        assert await spine.unready() is None
        if topic == "in":
            assert "second-1" not in await decided()
            assert ("in", 1) in damage.list_damage()
