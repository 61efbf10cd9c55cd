"""Topics made anew, record by record: what erasing a person and restoring a backup need, and
nothing else may use.

A copy has the same partitions, offsets, keys, headers and times. Kafka gives offsets one after the
other, so where compaction has left a hole the copy gets a tombstone under `FILLER`, which
compaction takes away again; readers of a compacted topic know tombstones. Where retention has cut
the beginning, the copy is filled up to there and cut at the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError
from aiokafka.structs import OffsetAndMetadata

from shared.bus.access.security import client_options
from shared.bus.client import talk_to_any
from shared.bus.connection import BACKOFF_MS, connect, let_end, wait_for_kafka
from shared.bus.creating import CreateTopics
from shared.errors import Unavailable

# The key of records that stand in holes. A tombstone under one key: compaction keeps the last
# alone.
FILLER = b"erased-gap"
# Below `message.max.bytes` (1 MiB as shipped), with room for the batch's head. `_LARGEST` bounds
# one request of several batches, `_IN_FLIGHT` the batches kept in memory.
_BATCH_BYTES = 400 * 1024
_LARGEST = 32 * 1024 * 1024
_IN_FLIGHT = 8
_SET_ON_THE_TOPIC = 1
"""DescribeConfigs: where a value comes from."""


class RawRecord(NamedTuple):
    """A record as it stands in the log. `at_ms` is its time in milliseconds; `value` None is a
    tombstone.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    at_ms: int

    @property
    def size(self) -> int:
        return (
            len(self.key or b"")
            + len(self.value or b"")
            + sum(len(name) + len(value) + 8 for name, value in self.headers)
            + 40
        )


@dataclass(frozen=True)
class TopicShape:
    """What a topic is made with; `replication` may be `CLUSTERS_OWN`. `bounds`: partition → (first
    offset kept, offset after the last).
    """

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
        self.prefix = prefix
        self._admin = AIOKafkaAdminClient(
            **client_options(bootstrap), request_timeout_ms=int(timeout * 1000)
        )
        talk_to_any(self._admin)
        self._kafka = self._consumer()

    async def __aenter__(self) -> Rewriting:
        # Only the first may explain a refusal: both clients have the same login.
        await connect(self._bootstrap, self._admin.start(), self._timeout)
        await wait_for_kafka("connecting", self._kafka.start(), self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await let_end(self._kafka.stop(), 3.0)
        await let_end(self._admin.close(), 3.0)

    async def topics(self) -> list[str]:
        """The logical names of all topics under our prefix."""
        found = await wait_for_kafka("listing topics", self._admin.list_topics(), self._timeout)
        return sorted(name[len(self._prefix) :] for name in found if name.startswith(self._prefix))

    async def shape(self, topic: str) -> TopicShape:
        named = self._prefix + topic
        about = await wait_for_kafka(
            f"asking for {topic}", self._describe_topic(named), self._timeout
        )
        partitions = sorted(each["partition"] for each in about["partitions"])
        replication = len(about["partitions"][0]["replicas"])
        asked = [ConfigResource(ConfigResourceType.TOPIC, named)]
        answers = await wait_for_kafka(
            f"asking for {topic}", self._admin.describe_configs(asked), self._timeout
        )
        entries = [
            entry for answer in answers for resource in answer.resources for entry in resource[4]
        ]
        # Defaults of the broker are left out: a copy with them would no longer follow the broker's.
        config = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_THE_TOPIC}
        places = [TopicPartition(named, number) for number in partitions]
        begins = await wait_for_kafka(
            f"asking for {topic}", self._kafka.beginning_offsets(places), self._timeout
        )
        ends = await wait_for_kafka(
            f"asking for {topic}", self._kafka.end_offsets(places), self._timeout
        )
        return TopicShape(
            len(partitions),
            replication,
            config,
            {tp.partition: (begins[tp], ends[tp]) for tp in places},
        )

    async def _describe_topic(self, named: str) -> dict[str, Any]:
        """A topic that has just been made has no partitions, or no leaders, for a moment."""
        while True:
            (about,) = await self._admin.describe_topics([named])
            if about["partitions"] and not any(each["error_code"] for each in about["partitions"]):
                return dict(about)
            await asyncio.sleep(0.1)

    async def read(
        self, topic: str, bounds: Mapping[int, tuple[int, int]]
    ) -> AsyncIterator[tuple[int, list[RawRecord]]]:
        """(partition, records) within the bounds, each partition in the order of the log."""
        left = {
            TopicPartition(self._prefix + topic, number): end
            for number, (begin, end) in bounds.items()
            if begin < end
        }
        if not left:
            return
        # A consumer of its own: the shared one is asked for offsets meanwhile.
        kafka = self._consumer()
        await wait_for_kafka("connecting", kafka.start(), self._timeout)
        try:
            kafka.assign(list(left))
            for where in left:
                kafka.seek(where, bounds[where.partition][0])
            async for found in self._until(kafka, left):
                yield found
        finally:
            await let_end(kafka.stop(), 3.0)

    async def _until(
        self, kafka: AIOKafkaConsumer, left: dict[TopicPartition, int]
    ) -> AsyncIterator[tuple[int, list[RawRecord]]]:
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        while left:
            found = await wait_for_kafka(
                "reading", kafka.getmany(*left, timeout_ms=500), self._timeout
            )
            for where, records in found.items():
                moved_at = loop.time()
                raws = [
                    RawRecord(
                        each.offset,
                        each.key,
                        each.value,
                        tuple((name, value) for name, value in each.headers),
                        each.timestamp,
                    )
                    for each in records
                    if each.offset < left[where]
                ]
                if raws:
                    yield where.partition, raws
            # By position, not by last record: a hole at the end brings no record.
            for where, end in list(left.items()):
                if (
                    await wait_for_kafka(
                        "asking for the position", kafka.position(where), self._timeout
                    )
                    >= end
                ):
                    # Records behind the bound are not wanted, and would fill the fetches of the
                    # others.
                    kafka.pause(where)
                    del left[where]
            if loop.time() - moved_at > self._timeout:
                raise Unavailable(
                    "kafka", f"reading {sorted(left)}: nothing for {self._timeout:g} s"
                )

    def _consumer(self) -> AIOKafkaConsumer:
        kafka = AIOKafkaConsumer(
            **client_options(self._bootstrap),
            client_id="signalbox-erase",
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=int(self._timeout * 1000),
            retry_backoff_ms=BACKOFF_MS,
            fetch_max_wait_ms=100,
        )
        talk_to_any(kafka)
        return kafka

    async def make(
        self, topic: str, shape: TopicShape, more: Mapping[str, str] | None = None
    ) -> None:
        """Make a topic that may just have been deleted; it can be written on return. One that is
        there already is left as it is.
        """
        config = {**shape.config, **(more or {})}
        new: tuple[Any, ...] = (
            self._prefix + topic,
            shape.partitions,
            shape.replication,
            [],
            list(config.items()),
        )
        asked = CreateTopics(new, int(self._timeout * 1000))
        try:
            answer = await wait_for_kafka(
                f"making {topic}", self._admin._send_to_controller(asked), self._timeout
            )
        except Unavailable as error:
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return
            raise
        code = answer.topic_errors[0][1]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Unavailable("kafka", f"making {topic}: {answer.topic_errors[0]}")
        # Kafka answers before the partitions have leaders; a write before that would fail.
        await wait_for_kafka(
            f"making {topic}", self._describe_topic(self._prefix + topic), self._timeout
        )

    async def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Exactly these settings are the topic's own from now on."""
        asked = [
            ConfigResource(ConfigResourceType.TOPIC, self._prefix + topic, configs=dict(config))
        ]
        answers = await wait_for_kafka(
            f"configuring {topic}", self._admin.alter_configs(asked), self._timeout
        )
        for answer in answers:
            for resource in answer.resources:
                if resource[0]:
                    raise Unavailable("kafka", f"configuring {topic}: {resource}")

    async def delete(self, topic: str) -> None:
        """Delete a topic, if it is there, and wait until nobody lists it."""
        try:
            answer = await wait_for_kafka(
                f"deleting {topic}",
                self._admin.delete_topics([self._prefix + topic]),
                self._timeout,
            )
        except Unavailable as error:
            if not isinstance(error.__cause__, UnknownTopicOrPartitionError):
                raise
        else:
            code = answer.topic_error_codes[0][1]
            if code not in (0, UnknownTopicOrPartitionError.errno):
                raise Unavailable("kafka", f"deleting {topic}: error {code}")
        # Deleting is finished some time after the answer. A topic made before that would be
        # refused.
        try:
            async with asyncio.timeout(self._timeout):
                while topic in await self.topics():
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise Unavailable(
                "kafka", f"deleting {topic}: it is still there after {self._timeout:g} s"
            ) from error

    # No shared producer: it remembers sequence numbers by topic and partition.
    def writer(self, topic: str) -> TopicWriter:
        """For one topic, once: an idempotent producer must not meet a topic that was made anew
        under it.
        """
        return TopicWriter(self._bootstrap, self._prefix + topic, self._timeout)

    async def cut(self, topic: str, begins: Mapping[int, int]) -> None:
        """Forget what stands before these offsets."""
        asked = {
            TopicPartition(self._prefix + topic, number): RecordsToDelete(begin)
            for number, begin in begins.items()
            if begin
        }
        if asked:
            await wait_for_kafka(
                f"cutting {topic}", self._admin.delete_records(asked), self._timeout
            )

    async def groups(self) -> dict[str, list[str]]:
        """Our consumer groups, by logical name, each with its members."""
        listed = await wait_for_kafka(
            "listing groups", self._admin.list_consumer_groups(), self._timeout
        )
        found: dict[str, list[str]] = {}
        # The prefix is the border between installations on one Kafka: groups of others are left
        # alone.
        for name in sorted(name for name, *_ in listed if name.startswith(self._prefix)):
            # One at a time: aiokafka reads the answer of version 3 as if it were of version 2, and
            # loses its place after one group.
            (answer,) = await wait_for_kafka(
                f"asking for group {name}",
                self._admin.describe_consumer_groups([name]),
                self._timeout,
            )
            ((_, _, _, _, _, members),) = answer.groups
            found[name[len(self._prefix) :]] = [str(member[0]) for member in members]
        return found

    async def committed(self, group: str) -> Committed:
        found: Mapping[Any, Any] = await wait_for_kafka(
            "asking for offsets",
            self._admin.list_consumer_group_offsets(self._prefix + group),
            self._timeout,
        )
        return {
            (tp.topic[len(self._prefix) :], tp.partition): (at.offset, at.metadata or "")
            for tp, at in found.items()
            if at.offset >= 0 and tp.topic.startswith(self._prefix)
        }

    async def commit(self, group: str, offsets: Committed) -> None:
        """Commit for a group that has no members."""
        exact = {
            TopicPartition(self._prefix + t, p): OffsetAndMetadata(at, note)
            for (t, p), (at, note) in offsets.items()
        }
        if not exact:
            return
        # A consumer that assigns and never subscribes: it commits without becoming a member.
        kafka = AIOKafkaConsumer(
            **client_options(self._bootstrap),
            group_id=self._prefix + group,
            enable_auto_commit=False,
            retry_backoff_ms=BACKOFF_MS,
        )
        talk_to_any(kafka)
        await wait_for_kafka("connecting", kafka.start(), self._timeout)
        try:
            kafka.assign(list(exact))
            await wait_for_kafka("committing", kafka.commit(exact), self._timeout)
        finally:
            await let_end(kafka.stop(), 3.0)


class TopicWriter:
    """Writes one topic in order. Use as `async with`; `add` what comes next of a partition, the
    offset it must get said with it.
    """

    def __init__(self, bootstrap: str, named: str, timeout: float) -> None:
        self._named, self._timeout = named, timeout
        self._kafka = AIOKafkaProducer(
            **client_options(bootstrap),
            client_id="signalbox-erase",
            # Idempotent, so that a write tried again cannot stand twice and move every later
            # offset.
            acks="all",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST,
            request_timeout_ms=int(timeout * 1000),
            retry_backoff_ms=BACKOFF_MS,
        )
        talk_to_any(self._kafka)
        self._next: dict[int, int] = {}
        self._run: dict[int, list[RawRecord]] = {}
        self._weight = 0

    async def __aenter__(self) -> TopicWriter:
        await wait_for_kafka("connecting", self._kafka.start(), self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await let_end(self._kafka.stop(), 5.0)

    async def add(self, partition: int, records: Iterable[RawRecord]) -> None:
        """Write records at the offsets they say; holes before them are filled."""
        for record in records:
            begin = self._next.get(partition, 0)
            for offset in range(begin, record.offset):
                await self._put(partition, RawRecord(offset, FILLER, None, (), record.at_ms))
            await self._put(partition, record)

    async def append(self, partition: int, record: RawRecord) -> None:
        """Write one record behind what is there: it says the offset that it must get."""
        await self._put(partition, record)
        await self.flush()

    async def fill(self, partition: int, end: int, at_ms: int) -> None:
        """Up to `end`, so that the next record gets this offset; then everything is in the log."""
        for offset in range(self._next.get(partition, 0), end):
            await self._put(partition, RawRecord(offset, FILLER, None, (), at_ms))
        await self.flush()

    async def _put(self, partition: int, record: RawRecord) -> None:
        self._run.setdefault(partition, []).append(record)
        self._next[partition] = record.offset + 1
        self._weight += record.size
        # Bounds the memory: a run is kept until it is written.
        if self._weight > _IN_FLIGHT * _BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Everything added is acknowledged, at its offset. Raises Unavailable."""
        # Emptied first: a failure raises and ends the whole rewriting, nothing is tried twice from
        # here.
        run, self._run, self._weight = self._run, {}, 0
        for partition, records in run.items():
            await wait_for_kafka(
                f"writing to {self._named}", self._write(partition, records), self._timeout
            )

    async def _write(self, partition: int, records: Sequence[RawRecord]) -> None:
        waiting: list[tuple[int, Any]] = []
        batch, first = self._kafka.create_batch(), records[0].offset if records else 0
        for record in records:
            if not _append(batch, record):
                waiting.append(
                    (first, await self._kafka.send_batch(batch, self._named, partition=partition))
                )
                batch, first = self._kafka.create_batch(), record.offset
                if not _append(batch, record):
                    raise Unavailable(
                        "kafka", f"a record of {record.size} bytes does not fit a batch"
                    )
        waiting.append(
            (first, await self._kafka.send_batch(batch, self._named, partition=partition))
        )
        for offset, acked in waiting:
            placed = await acked
            # The offset is the proof of the whole copy: committed offsets and references point at
            # it.
            if placed.offset != offset:
                raise Unavailable(
                    "kafka",
                    (
                        f"{self._named}/{partition}: offset {placed.offset} where {offset} was "
                        f"due; somebody writes"
                    ),
                )


def _append(batch: Any, record: RawRecord) -> bool:
    placed = batch.append(
        timestamp=record.at_ms, key=record.key, value=record.value, headers=list(record.headers)
    )
    return placed is not None
