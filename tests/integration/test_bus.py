"""The bus against a real broker: what is written is read, groups commit, waits are bounded."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.bus import BATCH_BYTES, Admin, Consumer, Producer, Reader, Record, lag, partition_of
from shared.errors import Poisonous, Unavailable
from shared.kafka.access import read_access
from shared.wire import Message
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

PARTITIONS = 4
NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def prefix(kafka_bootstrap: str) -> AsyncIterator[str]:
    """A topic `t` under a prefix of its own."""
    name = f"bus-{os.getpid()}-{time.time_ns()}-"
    async with Admin(kafka_bootstrap, name) as admin:
        await admin.create_topic("t", PARTITIONS)
    yield name
    async with Admin(kafka_bootstrap, name) as admin:
        await admin.delete_all()


@pytest.fixture
async def producer(kafka_bootstrap: str, prefix: str) -> AsyncIterator[Producer]:
    live = Producer(kafka_bootstrap, prefix, "test")
    yield live
    await live.stop()


async def everything(bootstrap: str, prefix: str) -> list[Message]:
    reader = Reader(bootstrap, prefix)
    await reader.start()
    try:
        return [
            found
            async for batch in reader.read_to_end({("t", p): 0 for p in range(PARTITIONS)})
            for found in batch
        ]
    finally:
        await reader.stop()


async def test_a_record_comes_back_as_it_was_written(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    offset = await producer.send(
        Record("t", "kéy", b"value", [("ce_id", b"1"), ("traceparent", b"00-x")])
    )
    (message,) = await everything(kafka_bootstrap, prefix)
    assert (message.topic, message.key, message.value, message.offset) == (
        "t",
        "kéy",
        b"value",
        offset,
    )
    assert message.headers == {"ce_id": b"1", "traceparent": b"00-x"}
    assert message.traceparent == "00-x"
    assert abs(message.at - time.time()) < 30


async def test_one_and_many_land_in_the_default_partition_in_order(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    await producer.send(Record("t", "k1", b"0"))
    ends = await producer.send_many([Record("t", f"k{i % 7}", b"%d" % i) for i in range(1, 300)])
    messages = await everything(kafka_bootstrap, prefix)
    assert {
        (m.topic, m.partition): 1 + max(n.offset for n in messages if n.partition == m.partition)
        for m in messages
    } == ends
    assert all(message.partition == partition_of(message.key, PARTITIONS) for message in messages)
    for key in {message.key for message in messages}:
        numbers = [int(message.value) for message in messages if message.key == key]
        assert numbers == sorted(numbers)


async def test_more_than_a_batch_holds_is_cut_into_several(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    big = b"x" * (BATCH_BYTES // 5)
    await producer.send_many(
        [Record("t", "k", big, (), 0, group) for group in range(4) for _ in range(3)]
    )
    assert len(await everything(kafka_bootstrap, prefix)) == 12


async def test_an_empty_value_is_a_tombstone(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    await producer.send_many([Record("t", "k", None)])
    assert [message.value for message in await everything(kafka_bootstrap, prefix)] == [b""]


async def test_a_record_the_broker_never_takes_is_poisonous(producer: Producer) -> None:
    with pytest.raises(Poisonous):
        await producer.send(Record("t", "k", b"x" * 3_000_000))
    assert await producer.send(Record("t", "k", b"small")) == 0


async def test_a_group_goes_on_where_it_committed(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    await producer.send_many([Record("t", f"k{i}", b"%d" % i) for i in range(50)])
    seen = await read_as_group(kafka_bootstrap, prefix, 50)
    await producer.send_many([Record("t", f"k{i}", b"%d" % i) for i in range(50, 60)])
    seen += await read_as_group(kafka_bootstrap, prefix, 10)
    assert sorted(map(int, seen)) == list(range(60))
    reader = Reader(kafka_bootstrap, prefix)
    await reader.start()
    async with Admin(kafka_bootstrap, prefix) as admin:
        assert sum((await lag(reader, admin, "group")).values()) == 0
        assert (await admin.committed("group"))["t", 0][1] == ""
    await reader.stop()


async def read_as_group(bootstrap: str, prefix: str, count: int) -> list[bytes]:
    consumer = Consumer(bootstrap, prefix, "group", ["t"], instance="one")
    await consumer.start()
    values: list[bytes] = []
    async with asyncio.timeout(30):
        async for batch in consumer.batches():
            values.extend(message.value for messages in batch.values() for message in messages)
            consumer.commit(batch)
            if len(values) >= count:
                consumer.finish()
    await consumer.stop()
    return values


async def test_every_wait_is_bounded_where_nobody_listens() -> None:
    producer = Producer(NOWHERE, "x-", "test", timeout=2)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await producer.send(Record("t", "k", b""))
    with pytest.raises(Unavailable):
        await producer.send_many([Record("t", "k", b"")])
    reader = Reader(NOWHERE, "x-", timeout=2)
    with pytest.raises(Unavailable):
        await reader.start()
    consumer = Consumer(NOWHERE, "x-", "g", ["t"], timeout=2)
    with pytest.raises(Unavailable):
        await consumer.start()
    await producer.stop()
    assert time.monotonic() - begun < stretched(12)


async def test_a_topic_that_does_not_exist_is_unavailable_in_time(
    kafka_bootstrap: str, prefix: str
) -> None:
    producer = Producer(kafka_bootstrap, prefix, "test", timeout=1)
    with pytest.raises(Unavailable):
        await producer.send(Record("missing", "k", b""))
    with pytest.raises(Unavailable):
        await producer.partitions("missing")
    await producer.stop()


async def test_a_silent_broker_costs_no_more_than_the_timeout() -> None:
    """It accepts connections and never answers, as a stopped process does."""
    server = await asyncio.start_server(lambda _, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    producer = Producer(f"127.0.0.1:{port}", "x-", "test", timeout=1.5)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await producer.send(Record("t", "k", b""))
    assert time.monotonic() - begun < stretched(3)
    await producer.stop()
    server.close()


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Takes connections and says nothing, as a frozen broker does."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in held:
        writer.close()


async def test_servers_that_hang_keep_nobody_from_one_that_answers(
    kafka_bootstrap: str, prefix: str, silent: str
) -> None:
    real = read_access(kafka_bootstrap)
    addresses = replace(real, servers=(silent, NOWHERE, *real.servers, silent)).address
    begun = time.monotonic()
    producer = Producer(addresses, prefix, "test")
    await producer.send(Record("t", "k", b"v"))
    consumer = Consumer(addresses, prefix, "g", ["t"])
    await consumer.start()
    async with Admin(addresses, prefix) as admin:
        assert await admin.topics() == ["t"]
    assert len(await everything(addresses, prefix)) == 1
    await consumer.stop()
    await producer.stop()
    assert time.monotonic() - begun < stretched(6.0)


async def test_every_partition_gets_a_first_position(kafka_bootstrap: str, prefix: str) -> None:
    consumer = Consumer(kafka_bootstrap, prefix, "g", ["t"])
    await consumer.start()
    try:
        async with Admin(kafka_bootstrap, prefix) as admin, asyncio.timeout(30):
            while len(found := await admin.committed("g")) < PARTITIONS:
                await consumer.fetch(0.05)
    finally:
        await consumer.stop()
    assert found == {("t", p): (0, "") for p in range(PARTITIONS)}


async def test_a_first_position_takes_nothing_back(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    for partition in range(PARTITIONS):
        await producer.send(Record("t", "k", b"v", partition=partition))
    for _ in range(2):
        consumer = Consumer(kafka_bootstrap, prefix, "g", ["t"])
        await consumer.start()
        async with Admin(kafka_bootstrap, prefix) as admin, asyncio.timeout(30):
            found: dict[tuple[str, int], tuple[int, str]] = {}
            while {offset for offset, _ in found.values()} != {1} or len(found) < PARTITIONS:
                _, batch = await consumer.fetch(0.05)
                consumer.commit(batch)
                found = await admin.committed("g")
        await consumer.stop()


async def test_a_second_process_of_one_name_is_refused(
    kafka_bootstrap: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Consumer(kafka_bootstrap, prefix, "g", ["t"], instance="worker-0")
    await first.start()
    # whoever comes now takes itself for another process; the first one lives
    monkeypatch.setattr("shared.bus.progress.twin.identity", lambda: "elsewhere.1.1")
    monkeypatch.setattr("shared.bus.consumer.identity", lambda: "elsewhere.1.1")
    second = Consumer(kafka_bootstrap, prefix, "g", ["t"], instance="worker-0")
    with pytest.raises(Unavailable, match="g-worker-0 already"):
        await second.start()
    other = Consumer(kafka_bootstrap, prefix, "g", ["t"], instance="worker-1")
    await other.start()
    await other.stop()
    await first.stop()
