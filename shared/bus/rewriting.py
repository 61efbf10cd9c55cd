"""Topics made anew, record by record: what erasing a person needs, and nothing else may use.

A copy has the same partitions, offsets, keys, headers and times. Kafka gives offsets one after the other, so where compaction has
left a hole the copy gets a tombstone under `FILLER`, which compaction takes away again; readers of a compacted topic know
tombstones. Where retention has cut the beginning, the copy is filled up to there and cut at the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError
from aiokafka.structs import OffsetAndMetadata

from shared.bus.connection import BACKOFF_MS, bounded, let_end
from shared.errors import Unavailable

FILLER = b"erased-gap"
_BATCH_BYTES = 400 * 1024
_LARGEST = 32 * 1024 * 1024
_IN_FLIGHT = 8
_SET_ON_THE_TOPIC = 1
"""DescribeConfigs: where a value comes from."""


class Raw(NamedTuple):
    """A record as it stands in the log. `at_ms` is its time in milliseconds; `value` None is a tombstone."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    at_ms: int

    @property
    def size(self) -> int:
        return len(self.key or b"") + len(self.value or b"") + sum(len(name) + len(value) + 8 for name, value in self.headers) + 40


@dataclass(frozen=True)
class Shape:
    """What a topic is made with. `bounds`: partition → (first offset kept, offset after the last)."""

    partitions: int
    replication: int
    config: Mapping[str, str]
    bounds: Mapping[int, tuple[int, int]]


Committed = dict[tuple[str, int], tuple[int, str]]
"""(topic, partition) → (offset, note)."""


class Rewriting:
    """One prefix of one Kafka. Use as `async with`. Every call may raise Unavailable."""

    def __init__(self, bootstrap: str, prefix: str, *, timeout: float = 60.0) -> None:
        self._bootstrap, self._prefix, self._timeout = bootstrap, prefix, timeout
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout * 1000))
        self._kafka = self._consumer()

    async def __aenter__(self) -> Rewriting:
        await bounded("connecting", self._admin.start(), self._timeout)
        await bounded("connecting", self._kafka.start(), self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await let_end(self._kafka.stop(), 3.0)
        await let_end(self._admin.close(), 3.0)

    async def topics(self) -> list[str]:
        """The logical names of all topics under our prefix."""
        found = await bounded("listing topics", self._admin.list_topics(), self._timeout)
        return sorted(name[len(self._prefix) :] for name in found if name.startswith(self._prefix))

    async def shape(self, topic: str) -> Shape:
        named = self._prefix + topic
        about = await bounded(f"asking for {topic}", self._described(named), self._timeout)
        partitions = sorted(each["partition"] for each in about["partitions"])
        replication = len(about["partitions"][0]["replicas"])
        asked = [ConfigResource(ConfigResourceType.TOPIC, named)]
        answers = await bounded(f"asking for {topic}", self._admin.describe_configs(asked), self._timeout)
        entries = [entry for answer in answers for resource in answer.resources for entry in resource[4]]
        config = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_THE_TOPIC}
        places = [TopicPartition(named, number) for number in partitions]
        begins = await bounded(f"asking for {topic}", self._kafka.beginning_offsets(places), self._timeout)
        ends = await bounded(f"asking for {topic}", self._kafka.end_offsets(places), self._timeout)
        return Shape(len(partitions), replication, config, {tp.partition: (begins[tp], ends[tp]) for tp in places})

    async def _described(self, named: str) -> dict[str, Any]:
        """A topic that has just been made has no partitions, or no leaders, for a moment."""
        while True:
            (about,) = await self._admin.describe_topics([named])
            if about["partitions"] and not any(each["error_code"] for each in about["partitions"]):
                return dict(about)
            await asyncio.sleep(0.1)

    async def read(self, topic: str, bounds: Mapping[int, tuple[int, int]]) -> AsyncIterator[tuple[int, list[Raw]]]:
        """(partition, records) within the bounds, each partition in the order of the log."""
        left = {TopicPartition(self._prefix + topic, number): end for number, (begin, end) in bounds.items() if begin < end}
        if not left:
            return
        kafka = self._consumer()
        await bounded("connecting", kafka.start(), self._timeout)
        try:
            kafka.assign(list(left))
            for where in left:
                kafka.seek(where, bounds[where.partition][0])
            async for found in self._until(kafka, left):
                yield found
        finally:
            await let_end(kafka.stop(), 3.0)

    async def _until(self, kafka: AIOKafkaConsumer, left: dict[TopicPartition, int]) -> AsyncIterator[tuple[int, list[Raw]]]:
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        while left:
            found = await bounded("reading", kafka.getmany(*left, timeout_ms=500), self._timeout)
            for where, records in found.items():
                moved_at = loop.time()
                raws = [
                    Raw(each.offset, each.key, each.value, tuple((name, value) for name, value in each.headers), each.timestamp)
                    for each in records
                    if each.offset < left[where]
                ]
                if raws:
                    yield where.partition, raws
            for where, end in list(left.items()):
                if await bounded("asking for the position", kafka.position(where), self._timeout) >= end:
                    kafka.pause(where)
                    del left[where]
            if loop.time() - moved_at > self._timeout:
                raise Unavailable("kafka", f"reading {sorted(left)}: nothing for {self._timeout:g} s")

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, client_id="signalbox-erase", enable_auto_commit=False, auto_offset_reset="none",
            request_timeout_ms=int(self._timeout * 1000), retry_backoff_ms=BACKOFF_MS, fetch_max_wait_ms=100,
        )  # fmt: skip

    async def make(self, topic: str, shape: Shape, more: Mapping[str, str] | None = None) -> None:
        """Make a topic that may just have been deleted; it can be written on return. One that is there already is left as it is."""
        new = NewTopic(
            self._prefix + topic, shape.partitions, shape.replication, topic_configs={**shape.config, **(more or {})},
        )  # fmt: skip
        try:
            answer = await bounded(f"making {topic}", self._admin.create_topics([new]), self._timeout)
        except Unavailable as error:
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return
            raise
        code = answer.topic_errors[0][1]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Unavailable("kafka", f"making {topic}: {answer.topic_errors[0]}")
        await bounded(f"making {topic}", self._described(self._prefix + topic), self._timeout)

    async def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Exactly these settings are the topic's own from now on."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, self._prefix + topic, configs=dict(config))]
        answers = await bounded(f"configuring {topic}", self._admin.alter_configs(asked), self._timeout)
        for answer in answers:
            for resource in answer.resources:
                if resource[0]:
                    raise Unavailable("kafka", f"configuring {topic}: {resource}")

    async def delete(self, topic: str) -> None:
        """Delete a topic, if it is there, and wait until nobody lists it."""
        try:
            answer = await bounded(f"deleting {topic}", self._admin.delete_topics([self._prefix + topic]), self._timeout)
        except Unavailable as error:
            if not isinstance(error.__cause__, UnknownTopicOrPartitionError):
                raise
        else:
            code = answer.topic_error_codes[0][1]
            if code not in (0, UnknownTopicOrPartitionError.errno):
                raise Unavailable("kafka", f"deleting {topic}: error {code}")
        try:
            async with asyncio.timeout(self._timeout):
                while topic in await self.topics():
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise Unavailable("kafka", f"deleting {topic}: it is still there after {self._timeout:g} s") from error

    def writer(self, topic: str) -> Writer:
        """For one topic, once: an idempotent producer must not meet a topic that was made anew under it."""
        return Writer(self._bootstrap, self._prefix + topic, self._timeout)

    async def cut(self, topic: str, begins: Mapping[int, int]) -> None:
        """Forget what stands before these offsets."""
        asked = {TopicPartition(self._prefix + topic, number): RecordsToDelete(begin) for number, begin in begins.items() if begin}
        if asked:
            await bounded(f"cutting {topic}", self._admin.delete_records(asked), self._timeout)

    async def groups(self) -> dict[str, list[str]]:
        """Our consumer groups, by logical name, each with its members."""
        listed = await bounded("listing groups", self._admin.list_consumer_groups(), self._timeout)
        found: dict[str, list[str]] = {}
        for name in sorted(name for name, *_ in listed if name.startswith(self._prefix)):
            # One at a time: aiokafka reads the answer of version 3 as if it were of version 2, and loses its place after one group.
            (answer,) = await bounded(f"asking for group {name}", self._admin.describe_consumer_groups([name]), self._timeout)
            ((_, _, _, _, _, members),) = answer.groups
            found[name[len(self._prefix) :]] = [str(member[0]) for member in members]
        return found

    async def committed(self, group: str) -> Committed:
        found: Mapping[Any, Any] = await bounded(
            "asking for offsets", self._admin.list_consumer_group_offsets(self._prefix + group), self._timeout
        )
        return {
            (tp.topic[len(self._prefix) :], tp.partition): (at.offset, at.metadata or "")
            for tp, at in found.items()
            if at.offset >= 0 and tp.topic.startswith(self._prefix)
        }

    async def commit(self, group: str, offsets: Committed) -> None:
        """Commit for a group that has no members."""
        exact = {TopicPartition(self._prefix + t, p): OffsetAndMetadata(at, note) for (t, p), (at, note) in offsets.items()}
        if not exact:
            return
        kafka = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=self._prefix + group, enable_auto_commit=False, retry_backoff_ms=BACKOFF_MS,
        )  # fmt: skip
        await bounded("connecting", kafka.start(), self._timeout)
        try:
            kafka.assign(list(exact))
            await bounded("committing", kafka.commit(exact), self._timeout)
        finally:
            await let_end(kafka.stop(), 3.0)


class Writer:
    """Writes one topic in order. Use as `async with`; `add` what comes next of a partition, the offset it must get said with it."""

    def __init__(self, bootstrap: str, named: str, timeout: float) -> None:
        self._named, self._timeout = named, timeout
        self._kafka = AIOKafkaProducer(
            bootstrap_servers=bootstrap, client_id="signalbox-erase", acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST, request_timeout_ms=int(timeout * 1000), retry_backoff_ms=BACKOFF_MS,
        )  # fmt: skip
        self._next: dict[int, int] = {}
        self._run: dict[int, list[Raw]] = {}
        self._weight = 0

    async def __aenter__(self) -> Writer:
        await bounded("connecting", self._kafka.start(), self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await let_end(self._kafka.stop(), 5.0)

    async def add(self, partition: int, records: Iterable[Raw]) -> None:
        """Write records at the offsets they say; holes before them are filled."""
        for record in records:
            begin = self._next.get(partition, 0)
            for offset in range(begin, record.offset):
                await self._put(partition, Raw(offset, FILLER, None, (), record.at_ms))
            await self._put(partition, record)

    async def append(self, partition: int, record: Raw) -> None:
        """Write one record behind what is there: it says the offset that it must get."""
        await self._put(partition, record)
        await self.flush()

    async def fill(self, partition: int, end: int, at_ms: int) -> None:
        """Up to `end`, so that the next record gets this offset; then everything is in the log."""
        for offset in range(self._next.get(partition, 0), end):
            await self._put(partition, Raw(offset, FILLER, None, (), at_ms))
        await self.flush()

    async def _put(self, partition: int, record: Raw) -> None:
        self._run.setdefault(partition, []).append(record)
        self._next[partition] = record.offset + 1
        self._weight += record.size
        if self._weight > _IN_FLIGHT * _BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Everything added is acknowledged, at its offset. Raises Unavailable."""
        run, self._run, self._weight = self._run, {}, 0
        for partition, records in run.items():
            await bounded(f"writing to {self._named}", self._write(partition, records), self._timeout)

    async def _write(self, partition: int, records: Sequence[Raw]) -> None:
        waiting: list[tuple[int, Any]] = []
        batch, first = self._kafka.create_batch(), records[0].offset if records else 0
        for record in records:
            if not _append(batch, record):
                waiting.append((first, await self._kafka.send_batch(batch, self._named, partition=partition)))
                batch, first = self._kafka.create_batch(), record.offset
                if not _append(batch, record):
                    raise Unavailable("kafka", f"a record of {record.size} bytes does not fit a batch")
        waiting.append((first, await self._kafka.send_batch(batch, self._named, partition=partition)))
        for offset, acked in waiting:
            placed = await acked
            if placed.offset != offset:
                raise Unavailable("kafka", f"{self._named}/{partition}: offset {placed.offset} where {offset} was due; somebody writes")


def _append(batch: Any, record: Raw) -> bool:
    placed = batch.append(timestamp=record.at_ms, key=record.key, value=record.value, headers=list(record.headers))
    return placed is not None
