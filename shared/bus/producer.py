"""Writing: acks of all in-sync replicas, idempotent, as few Kafka batches as the records fit."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from shared.bus.access.security import client_options
from shared.bus.client import METADATA_AGE_MS, talk_to_any
from shared.bus.connection import (
    BACKOFF_MS,
    PATIENCE_S,
    connect,
    let_end,
    refuse_while_erasing,
    wait_for_kafka,
)
from shared.errors import Poisonous, Unavailable
from shared.wire import Record

BATCH_BYTES = 512 * 1024
"""Kafka refuses a batch over `message.max.bytes` (1 MiB as shipped)."""
SILENT_S = 5.0
"""After so long without any acknowledgement a caller who gives up takes the connection with him."""
GROUP_BYTES = 400 * 1024
"""The most a group of records may weigh together, by our estimate."""


@functools.lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """Where Kafka's default partitioner puts `key` among so many partitions."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def weight(record: Record) -> int:
    """The bytes a record takes in a batch, estimated from above."""
    # 40: length fields, offsets and the timestamp of a record. 4 a key byte: a character of the key
    # takes at most four bytes in UTF-8. 8 a header: its two lengths.
    total = len(record.value or b"") + 4 * len(record.key) + 40
    for name, value in record.headers:
        total += len(name) + len(value) + 8
    return total


class Producer:
    """Writes records and waits for the acks of all in-sync replicas. Connects when first used, and
    again after a failure.

    Safe for concurrent use. A write that raised `Unavailable` may still have reached the log: write
    it again with the same ids. `timeout` (seconds) bounds every call.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        client_id: str,
        *,
        timeout: float = PATIENCE_S,
        linger_ms: int = 0,
    ) -> None:
        self._bootstrap, self._prefix, self._client_id = bootstrap, prefix, client_id
        self._timeout, self._linger_ms = timeout, linger_ms
        self._live: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._counts: dict[str, int] = {}
        self._silent_since: float | None = None
        """When the first write began since the last acknowledgement of one."""

    async def start(self) -> None:
        """Connect now. Raises Unavailable."""
        await self._connect()

    async def send(self, record: Record) -> int:
        """Write one record; the offset it got. Concurrent callers share batches.

        Raises Unavailable, and Poisonous for a record the broker will never take.
        """
        producer = await self._connect()

        async def write() -> int:
            sent = await producer.send_and_wait(
                self._prefix + record.topic,
                record.value,
                record.key.encode(),
                record.partition,
                headers=list(record.headers),
            )
            self._silent_since = None
            return int(sent.offset)

        # Only the first of the writes in flight sets it: later ones must not make the silence look
        # young.
        if self._silent_since is None:
            self._silent_since = time.monotonic()
        try:
            return await wait_for_kafka(f"writing to {record.topic}", write(), self._timeout)
        except Unavailable as error:
            # Trying again cannot help, so it is no matter of waiting.
            if isinstance(error.__cause__, MessageSizeTooLargeError):
                raise Poisonous(
                    f"a record of {weight(record)} bytes is too large for {record.topic}"
                ) from error
            self._retire(producer)
            raise
        except asyncio.CancelledError:
            # The caller's patience ended before ours. One slow partition is no reason to give up
            # the writes to the others; but what nobody waits for must not arrive much later.
            if time.monotonic() - (self._silent_since or math.inf) > SILENT_S:
                self._retire(producer)
            raise

    async def send_many(self, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        """Write records in as few Kafka batches as they fit, order kept per partition; the next
        offset of each partition.

        A partition is missing in the answer where the broker acknowledged without an offset. Raises
        Unavailable: then any prefix, per partition, may have been written, but never a part of a
        group.
        """
        if not records:
            return {}
        producer = await self._connect()
        try:
            return await wait_for_kafka(
                f"writing {len(records)} records", self._write(producer, records), self._timeout
            )
        except Unavailable:
            self._retire(producer)
            raise

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has. Raises Unavailable, also where there is no such
        topic.
        """
        # Kept for good: the number of partitions of a topic never changes here, as keys would move.
        if topic not in self._counts:
            producer = await self._connect()
            found = await wait_for_kafka(
                f"asking for {topic}", producer.partitions_for(self._prefix + topic), self._timeout
            )
            self._counts[topic] = len(found)
        return self._counts[topic]

    async def ping(self) -> None:
        """Whether Kafka answers now. Raises Unavailable."""
        producer = await self._connect()
        try:
            await wait_for_kafka(
                "asking whether it is there", producer.client.fetch_all_metadata(), self._timeout
            )
        except (Unavailable, asyncio.CancelledError):
            self._retire(producer)
            raise

    async def stop(self) -> None:
        """Write what is pending and disconnect, within the timeout."""
        # Taken away first, so that a write during the stop connects anew and is not lost in this
        # one.
        producer, self._live = self._live, None
        if producer is not None:
            await _close(producer, self._timeout)
        if self._retiring:
            await asyncio.wait(self._retiring, timeout=self._timeout)

    async def _write(
        self, producer: AIOKafkaProducer, records: Sequence[Record]
    ) -> dict[tuple[str, int], int]:
        # Kafka orders within a partition alone: one run of batches for each.
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            partition = record.partition
            if partition is None:
                partition = partition_of(record.key, await self.partitions(record.topic))
            by_partition.setdefault((record.topic, partition), []).append(record)
        waiting = []
        for (topic, partition), mine in by_partition.items():
            # 16 KiB of room for the batch's own head and for estimates that are a little low.
            for chunk in in_batches(mine, BATCH_BYTES - 16 * 1024):
                batch = producer.create_batch()
                for record in chunk:
                    if (
                        batch.append(
                            timestamp=None,
                            key=record.key.encode(),
                            value=record.value,
                            headers=list(record.headers),
                        )
                        is None
                    ):
                        raise Poisonous(f"{len(chunk)} records for {topic} do not fit one batch")
                acked = await producer.send_batch(batch, self._prefix + topic, partition=partition)
                waiting.append((topic, partition, len(chunk), acked))
        # All batches are on their way before the first ack is waited for.
        ends: dict[tuple[str, int], int] = {}
        for topic, partition, count, acked in waiting:
            placed = await acked
            # -1: a retried batch that was in the log already. Its offset is not known.
            if placed.offset >= 0:
                ends[topic, partition] = placed.offset + count
        return ends

    async def _connect(self) -> AIOKafkaProducer:
        # Looked at twice: without the lock for speed, with it so that callers at once make one
        # client.
        if self._live is not None:
            return self._live
        async with self._starting:
            if self._live is None:
                candidate = AIOKafkaProducer(
                    **client_options(self._bootstrap),
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=self._linger_ms,
                    max_batch_size=BATCH_BYTES,
                    request_timeout_ms=int(self._timeout * 1000),
                    retry_backoff_ms=BACKOFF_MS,
                    metadata_max_age_ms=METADATA_AGE_MS,
                )
                talk_to_any(candidate)
                try:
                    await connect(self._bootstrap, candidate.start(), self._timeout)
                    await refuse_while_erasing(candidate.client, self._prefix, self._timeout)
                except (Unavailable, asyncio.CancelledError):
                    self._let_go(candidate)
                    raise
                self._live = candidate
            return self._live

    def _retire(self, producer: AIOKafkaProducer) -> None:
        """An idempotent producer that failed once refuses everything after (aiokafka #1017): the
        next write gets a new one.
        """
        if self._live is producer:
            self._live = self._silent_since = None
            self._let_go(producer)

    def _let_go(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_close(producer, 0.2))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def in_batches(records: Sequence[Record], limit: int) -> list[list[Record]]:
    """Cut into runs that weigh at most `limit`, never inside a group; a single record or group may
    weigh more.
    """
    runs: list[list[Record]] = []
    run: list[Record] = []
    full = start = 0
    while start < len(records):
        # A group is written whole or not at all, so it goes into one batch, whatever it weighs.
        stop, group, together = start + 1, records[start].group, weight(records[start])
        while group is not None and stop < len(records) and records[stop].group == group:
            together += weight(records[stop])
            stop += 1
        if run and full + together > limit:
            runs.append(run)
            run, full = [], 0
        run.extend(records[start:stop])
        full += together
        start = stop
    return [*runs, run] if run else runs


async def _close(producer: AIOKafkaProducer, patience: float) -> None:
    """stop() flushes, and waits for ever where the broker is away (aiokafka #1101): then the sender
    is ended by force.
    """
    if not await let_end(producer.stop(), patience):
        await let_end(producer._sender.close(), 1.0)
        await let_end(producer.client.close(), 1.0)
