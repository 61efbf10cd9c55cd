"""Kafka: the only module that knows aiokafka. Topics are logical names here; the prefix is added at this door.

Defaults that lose data or hang are closed off (LIBRARIES.md): acks=all and idempotence, no auto-commit, earliest, explicit
offsets, every wait bounded. A dependency that does not answer in its time raises `Unavailable`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError
from aiokafka.partitioner import murmur2
from aiokafka.structs import OffsetAndMetadata

from shared.errors import Poisonous, Unavailable
from shared.wire import Batch, Message, Record, headers_for, record_for

__all__ = [
    "Admin", "Batch", "Consumer", "Message", "Producer", "Reader", "Record", "headers_for", "partition_of", "record_for",
]  # fmt: skip

log = structlog.get_logger()
T = TypeVar("T")
Ask = Callable[[list[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]

SESSION_TIMEOUT_S = 6.0
HEARTBEAT_S = 1.0
COMMIT_EVERY_S = 0.2
_REBALANCE_S = 15.0
"""How long the group waits for a member to finish the batch it has in hand."""

_LONG_POLL_MS = 1500
"""How long the broker may keep a replica's fetch that finds nothing; it answers at once when something comes."""
_PATIENT_S = 1.0
"""While we are busy with a turn, aiokafka holds the next fetch back so long. Sent earlier, it would leave out the partitions
whose records still wait to be taken, and these could not be fetched before it comes back: up to half a second late."""
_BACKOFF_MS = 250
"""Between tries to reach a broker that is away."""

BATCH_BYTES = 512 * 1024
"""Kafka refuses a batch over `message.max.bytes` (1 MiB as shipped)."""
GROUP_BYTES = 400 * 1024
"""The most a group of records may weigh together, by our estimate."""


@functools.lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """Where Kafka's default partitioner puts `key` among so many partitions."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def weight(record: Record) -> int:
    """The bytes a record takes in a batch, estimated from above."""
    total = len(record.value or b"") + 4 * len(record.key) + 40
    for name, value in record.headers:
        total += len(name) + len(value) + 8
    return total


async def bounded(what: str, waiting: Awaitable[T], timeout: float) -> T:
    """The awaited value, or `Unavailable` when Kafka fails or does not answer in `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):  # not wait_for: it makes a task of every call
            return await waiting
    except TimeoutError as error:
        raise Unavailable("kafka", f"{what}: no answer in {timeout:g} s") from error
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"{what}: {error!r}") from error


class Producer:
    """Writes records and waits for the acks of all in-sync replicas. Connects when first used, and again after a failure.

    Safe for concurrent use. A write that raised `Unavailable` may still have reached the log: write it again with the same
    ids. `timeout` (seconds) bounds every call.
    """

    def __init__(self, bootstrap: str, prefix: str, client_id: str, *, timeout: float = 10.0, linger_ms: int = 0) -> None:
        self._bootstrap, self._prefix, self._client_id = bootstrap, prefix, client_id
        self._timeout, self._linger_ms = timeout, linger_ms
        self._live: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._counts: dict[str, int] = {}

    async def start(self) -> None:
        """Connect now. Raises Unavailable."""
        await self._connected()

    async def send(self, record: Record) -> int:
        """Write one record; the offset it got. Concurrent callers share batches.

        Raises Unavailable, and Poisonous for a record the broker will never take.
        """
        producer = await self._connected()

        async def write() -> int:
            sent = await producer.send_and_wait(
                self._prefix + record.topic, record.value, record.key.encode(), record.partition, headers=list(record.headers)
            )
            return int(sent.offset)

        try:
            return await bounded(f"writing to {record.topic}", write(), self._timeout)
        except Unavailable as error:
            if isinstance(error.__cause__, MessageSizeTooLargeError):
                raise Poisonous(f"a record of {weight(record)} bytes is too large for {record.topic}") from error
            self._retire(producer)
            raise
        except asyncio.CancelledError:  # the caller's patience ended before ours: no word from the broker either
            self._retire(producer)
            raise

    async def send_many(self, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        """Write records in as few Kafka batches as they fit, order kept per partition; the next offset of each partition.

        A partition is missing in the answer where the broker acknowledged without an offset. Raises Unavailable: then any
        prefix, per partition, may have been written, but never a part of a group.
        """
        if not records:
            return {}
        producer = await self._connected()
        try:
            return await bounded(f"writing {len(records)} records", self._write(producer, records), self._timeout)
        except Unavailable:
            self._retire(producer)
            raise

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has. Raises Unavailable, also where there is no such topic."""
        if topic not in self._counts:
            producer = await self._connected()
            found = await bounded(f"asking for {topic}", producer.partitions_for(self._prefix + topic), self._timeout)
            self._counts[topic] = len(found)
        return self._counts[topic]

    async def stop(self) -> None:
        """Write what is pending and disconnect, within the timeout."""
        producer, self._live = self._live, None
        if producer is not None:
            await _close(producer, self._timeout)
        if self._retiring:
            await asyncio.wait(self._retiring, timeout=self._timeout)

    async def _write(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            partition = record.partition
            if partition is None:
                partition = partition_of(record.key, await self.partitions(record.topic))
            by_partition.setdefault((record.topic, partition), []).append(record)
        waiting = []
        for (topic, partition), mine in by_partition.items():
            for chunk in in_batches(mine, BATCH_BYTES - 16 * 1024):
                batch = producer.create_batch()
                for record in chunk:
                    if batch.append(timestamp=None, key=record.key.encode(), value=record.value, headers=list(record.headers)) is None:
                        raise Poisonous(f"{len(chunk)} records for {topic} do not fit one batch")
                acked = await producer.send_batch(batch, self._prefix + topic, partition=partition)
                waiting.append((topic, partition, len(chunk), acked))
        ends: dict[tuple[str, int], int] = {}
        for topic, partition, count, acked in waiting:
            placed = await acked
            if placed.offset >= 0:
                ends[topic, partition] = placed.offset + count
        return ends

    async def _connected(self) -> AIOKafkaProducer:
        if self._live is not None:
            return self._live
        async with self._starting:
            if self._live is None:
                candidate = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap, client_id=self._client_id, acks="all", enable_idempotence=True,
                    linger_ms=self._linger_ms, max_batch_size=BATCH_BYTES, request_timeout_ms=int(self._timeout * 1000),
                    retry_backoff_ms=_BACKOFF_MS,
                )  # fmt: skip
                try:
                    await bounded("connecting", candidate.start(), self._timeout)
                except (Unavailable, asyncio.CancelledError):
                    self._let_go(candidate)
                    raise
                self._live = candidate
            return self._live

    def _retire(self, producer: AIOKafkaProducer) -> None:
        """An idempotent producer that failed once refuses everything after (aiokafka #1017): the next write gets a new one."""
        if self._live is producer:
            self._live = None
            self._let_go(producer)

    def _let_go(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_close(producer, 0.2))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def in_batches(records: Sequence[Record], limit: int) -> list[list[Record]]:
    """Cut into runs that weigh at most `limit`, never inside a group; a single record or group may weigh more."""
    runs: list[list[Record]] = []
    run: list[Record] = []
    full = start = 0
    while start < len(records):
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


async def _let_end(ending: Coroutine[None, None, None], patience: float) -> bool:
    """True: it ended by itself. A task of its own, because aiokafka's stop() lets the cancellation of its inner tasks out."""
    task = asyncio.ensure_future(ending)
    await asyncio.wait({task}, timeout=patience)
    if not task.done():
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None


async def _close(producer: AIOKafkaProducer, patience: float) -> None:
    """stop() flushes, and waits for ever where the broker is away (aiokafka #1101): then the sender is ended by force."""
    if not await _let_end(producer.stop(), patience):
        await _let_end(producer._sender.close(), 1.0)
        await _let_end(producer.client.close(), 1.0)


def _message(prefix: str, record: ConsumerRecord[bytes | None, bytes | None]) -> Message:
    return Message(
        record.topic[len(prefix) :], record.partition, record.offset,
        (record.key or b"").decode("utf-8", "replace"), record.value or b"", dict(record.headers), record.timestamp / 1000,
    )  # fmt: skip


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of a consumer group that commits by hand. Rebalances wait for `lock`, so hold it from reading to committing.

    `generation` grows when partitions are taken away: what was fetched under an older one must be dropped; `settled` is the
    generation whose assignment is known; `refused` the one in which a commit was refused; `on_change`
    is called when either moves. With `instance`
    the membership is static: a killed process that comes back under the same name goes on at once, without the session
    timeout. The range assignor gives the same numbers of every topic to one member.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        group: str,
        topics: Sequence[str],
        *,
        instance: str | None = None,
        max_records: int = 500,
        timeout: float = 10.0,
        session_timeout: float = SESSION_TIMEOUT_S,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.lock = asyncio.Lock()
        self.generation = 0
        self.settled = -1
        self.assigned: frozenset[tuple[str, int]] = frozenset()
        self.refused = -1
        self._uncommitted: dict[tuple[str, int], tuple[int, str]] = {}
        self._committing: asyncio.Future[None] | None = None
        self._on_change = on_change
        self._prefix, self._topics, self._timeout, self._max_records = prefix, topics, timeout, max_records
        self._stopping = asyncio.Event()
        self._kafka = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, client_id=group, group_id=prefix + group,
            group_instance_id=f"{prefix}{group}-{instance}" if instance else None,
            enable_auto_commit=False, auto_offset_reset="earliest", partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=int(session_timeout * 1000), heartbeat_interval_ms=int(HEARTBEAT_S * 1000),
            rebalance_timeout_ms=int(_REBALANCE_S * 1000), max_poll_records=max_records,
            request_timeout_ms=max(int(timeout * 1000), int(_REBALANCE_S * 1000) + 5000),
            retry_backoff_ms=_BACKOFF_MS,
        )  # fmt: skip

    async def start(self) -> None:
        """Join the group. Raises Unavailable; the consumer cannot be started again then."""
        self._kafka.subscribe([self._prefix + topic for topic in self._topics], listener=self)
        try:
            await bounded("connecting", self._kafka.start(), self._timeout)
        except Unavailable:
            await self.stop()
            raise
        self._kafka._fetcher._prefetch_backoff = _PATIENT_S

    async def stop(self) -> None:
        """Leave (a static member stays until its session ends), within the timeout."""
        self._stopping.set()
        if self._committing is not None:
            self._committing.cancel()
        with contextlib.suppress(Unavailable):
            await self._commit_now()
        await _let_end(self._kafka.stop(), min(self._timeout, 3.0))

    def finish(self) -> None:
        """End `batches()` after the batch in hand."""
        self._stopping.set()

    async def fetch(self, max_wait: float) -> tuple[int, Batch]:
        """The messages that have come, at once when there are some, with the generation they belong to."""
        try:
            found = await self._kafka.getmany(timeout_ms=int(max_wait * 1000), max_records=self._max_records)
        except KafkaError as error:
            raise Unavailable("kafka", f"reading: {error!r}") from error
        prefix = self._prefix
        batch = {(tp.topic[len(prefix) :], tp.partition): [_message(prefix, record) for record in records] for tp, records in found.items()}
        return self.generation, batch

    async def batches(self, max_wait: float = 1.0, *, gather: float = 0.0) -> AsyncIterator[Batch]:
        """For stateless readers: handle each batch and `commit` it before asking for the next. Ends after `finish()`.

        `gather`: seconds to let more messages come once the first have; a batch costs the same with one or with fifty.
        """
        stopping = asyncio.ensure_future(self._stopping.wait())
        fetching: asyncio.Task[tuple[int, Batch]] | None = None
        try:
            while not self._stopping.is_set():
                fetching = fetching or asyncio.ensure_future(self.fetch(max_wait))
                await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not fetching.done():
                    break
                generation, batch = fetching.result()
                fetching = None
                if batch and gather:
                    await asyncio.sleep(gather)
                    fetched_under, more = await self.fetch(0)
                    if fetched_under != generation:
                        generation, batch = fetched_under, {}
                    for where, messages in more.items():
                        batch.setdefault(where, []).extend(messages)
                async with self.lock:
                    if batch and generation == self.generation:
                        yield batch
        finally:
            stopping.cancel()
            if fetching is not None:
                fetching.cancel()

    def commit(self, batch: Batch) -> None:
        """Commit, soon, what follows the last message of each partition of the batch. See `commit_soon`."""
        self.commit_soon({where: (messages[-1].offset + 1, "") for where, messages in batch.items()})

    async def commit_offsets(self, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> bool:
        """Commit (next offset, note) by partition. False: the group moved on, whoever owns them now repeats the work.

        Raises Unavailable.
        """
        exact = {TopicPartition(self._prefix + t, p): OffsetAndMetadata(offset, note) for (t, p), (offset, note) in offsets.items()}
        try:
            await bounded("committing", self._kafka.commit(exact), self._timeout)
        except Unavailable as error:
            if isinstance(error.__cause__, CommitFailedError):
                log.warning("commit refused, the group moved on", reason=str(error.__cause__))
                return False
            raise
        return True

    def commit_soon(self, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> None:
        """Commit these within `COMMIT_EVERY_S`, and before partitions are given up or the consumer stops.

        A commit costs as much as the work of a small batch; whoever is killed before it repeats that work under the same
        ids. A refusal shows in `refused`.
        """
        self._uncommitted.update(offsets)
        if self._uncommitted and (self._committing is None or self._committing.done()):
            self._committing = asyncio.ensure_future(self._commit_later())

    async def _commit_later(self) -> None:
        while self._uncommitted:
            await asyncio.sleep(COMMIT_EVERY_S)
            try:
                await self._commit_now()
            except Unavailable as error:
                log.warning("a commit waits", reason=str(error))

    async def _commit_now(self) -> None:
        """Commit what waits. Raises Unavailable: it still waits."""
        offsets, self._uncommitted = self._uncommitted, {}
        generation = self.generation
        try:
            if offsets and not await self.commit_offsets(offsets):
                self.refused = generation
        except (Unavailable, asyncio.CancelledError):
            self._uncommitted = {**offsets, **self._uncommitted}
            raise

    def hold(self, topic: str, partition: int, offset: int) -> None:
        """Go back to `offset` of a partition and read no further until `release`."""
        where = TopicPartition(self._prefix + topic, partition)
        self._kafka.seek(where, offset)
        self._kafka.pause(where)

    def release(self, topic: str, partition: int) -> None:
        self._kafka.resume(TopicPartition(self._prefix + topic, partition))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """aiokafka's background task calls this: the batch in hand is finished and committed first."""
        async with self.lock:
            with contextlib.suppress(Unavailable):
                await self._commit_now()
            self._uncommitted = {}
            self.generation += 1
            self.assigned = frozenset()
            self._on_change()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """No heartbeat goes out before this returns, so nothing is read here: whoever keeps rows loads them afterwards."""
        async with self.lock:
            self.assigned = frozenset((tp.topic[len(self._prefix) :], tp.partition) for tp in assigned)
            self.settled = self.generation
            self._on_change()


class Reader:
    """Reads without a group: to the end as it stands (loading), or on and on (replicas, streams)."""

    def __init__(self, bootstrap: str, prefix: str, *, client_id: str = "reader", timeout: float = 10.0) -> None:
        self._bootstrap, self._prefix, self._client_id, self._timeout = bootstrap, prefix, client_id, timeout
        self._known: set[str] = set()
        self._kafka = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, client_id=client_id, enable_auto_commit=False, auto_offset_reset="earliest",
            request_timeout_ms=int(timeout * 1000), fetch_max_wait_ms=_LONG_POLL_MS, retry_backoff_ms=_BACKOFF_MS,
        )  # fmt: skip

    async def start(self) -> None:
        try:
            await bounded("connecting", self._kafka.start(), self._timeout)
        except Unavailable:
            await self.stop()
            raise

    async def stop(self) -> None:
        await _let_end(self._kafka.stop(), min(self._timeout, 3.0))

    async def begins(self, where: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset of the first record still kept. Raises Unavailable."""
        return await self._offsets("beginnings", where, self._kafka.beginning_offsets)

    async def ends(self, where: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset after the last record of each (topic, partition). Raises Unavailable."""
        return await self._offsets("ends", where, self._kafka.end_offsets)

    async def _offsets(self, what: str, where: Iterable[tuple[str, int]], ask: Ask) -> dict[tuple[str, int], int]:
        places = list(where)
        for topic in {topic for topic, _ in places} - self._known:
            await self.partitions(topic)  # else every new topic costs aiokafka a pause of 100 ms
        exact = [TopicPartition(self._prefix + topic, partition) for topic, partition in places]
        found = await bounded(f"asking for {what}", ask(exact), self._timeout) if exact else {}
        return {(tp.topic[len(self._prefix) :], tp.partition): offset for tp, offset in found.items()}

    async def read_to_end(self, starts: Mapping[tuple[str, int], int]) -> AsyncIterator[list[Message]]:
        """Everything from the given offsets to the ends as they stand at the call. Raises Unavailable after `timeout` idle."""
        ends = await self.ends(starts)
        left = {where: ends[where] for where, start in starts.items() if start < ends[where]}
        if not left:
            return
        # A connection of its own: a consumer that is given other partitions first waits for the poll it has in flight.
        own = Reader(self._bootstrap, self._prefix, client_id=self._client_id, timeout=self._timeout)
        try:
            await own.start()
            own._assign({where: starts[where] for where in left})
            async for messages in own._read(left):
                yield messages
        finally:
            await own.stop()

    async def _read(self, left: dict[tuple[str, int], int]) -> AsyncIterator[list[Message]]:
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        while left:
            found = await bounded("reading", self._kafka.getmany(timeout_ms=250), self._timeout)
            for records in found.values():
                moved_at = loop.time()
                yield [_message(self._prefix, record) for record in records]
            for (topic, partition), end in list(left.items()):
                where = TopicPartition(self._prefix + topic, partition)
                if await bounded("asking for the position", self._kafka.position(where), self._timeout) >= end:
                    del left[topic, partition]
            if loop.time() - moved_at > self._timeout:
                raise Unavailable("kafka", f"reading {sorted(left)}: nothing for {self._timeout:g} s")

    async def tail(self, starts: Mapping[tuple[str, int], int]) -> AsyncIterator[list[Message]]:
        """From the given offsets on, without end. A broker that is away is waited for. One `tail` at a time."""
        self._assign(starts)
        while True:
            try:
                found = await self._kafka.getmany(timeout_ms=1000)
            except KafkaError as error:
                raise Unavailable("kafka", f"reading: {error!r}") from error
            for records in found.values():
                yield [_message(self._prefix, record) for record in records]

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises Unavailable, also where there is no such topic."""
        named = self._prefix + topic

        async def look() -> int:
            while not (found := await self._kafka._client._wait_on_metadata(named)):
                await asyncio.sleep(0.1)
            return len(found)

        count = await bounded(f"asking for {topic}", look(), self._timeout)
        self._known.add(topic)
        return count

    def _assign(self, starts: Mapping[tuple[str, int], int]) -> None:
        exact = {TopicPartition(self._prefix + topic, partition): offset for (topic, partition), offset in starts.items()}
        self._kafka.assign(list(exact))
        for where, offset in exact.items():
            self._kafka.seek(where, offset)


class Admin:
    """Topics and committed offsets. Use as `async with Admin(bootstrap, prefix) as admin`."""

    def __init__(self, bootstrap: str, prefix: str, *, timeout: float = 10.0) -> None:
        self._prefix, self._timeout = prefix, timeout
        self._kafka = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout * 1000))

    async def __aenter__(self) -> Admin:
        await bounded("connecting", self._kafka.start(), self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await _let_end(self._kafka.close(), 3.0)

    async def create_topic(self, name: str, partitions: int, replication: int = 1, config: Mapping[str, str] | None = None) -> bool:
        """False: it is already there (and left as it is). Raises Unavailable."""
        new = NewTopic(self._prefix + name, partitions, replication, topic_configs=dict(config or {}))
        try:
            answer = await bounded(f"creating {name}", self._kafka.create_topics([new]), self._timeout)
        except Unavailable as error:
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return False
            raise
        code = answer.topic_errors[0][1]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Unavailable("kafka", f"creating {name}: {answer.topic_errors[0]}")
        return bool(code == 0)

    async def topics(self) -> list[str]:
        """The logical names of the topics under our prefix."""
        found = await bounded("listing topics", self._kafka.list_topics(), self._timeout)
        return sorted(name[len(self._prefix) :] for name in found if name.startswith(self._prefix))

    async def delete_all(self) -> list[str]:
        """Delete every topic under our prefix (tests clean up with this)."""
        names = await self.topics()
        if names:
            await bounded("deleting topics", self._kafka.delete_topics([self._prefix + name for name in names]), self._timeout)
        return names

    async def committed(self, group: str) -> dict[tuple[str, int], tuple[int, str]]:
        """The group's committed offsets with their notes, by (topic, partition); empty for an unknown group."""
        found = await bounded("asking for offsets", self._kafka.list_consumer_group_offsets(self._prefix + group), self._timeout)
        return {
            (tp.topic[len(self._prefix) :], tp.partition): (at.offset, at.metadata or "")
            for tp, at in found.items()
            if at.offset >= 0 and tp.topic.startswith(self._prefix)
        }


async def lag(reader: Reader, admin: Admin, group: str) -> dict[tuple[str, int], int]:
    """How many records each partition's committed offset is behind the end."""
    committed = await admin.committed(group)
    ends = await reader.ends(committed)
    return {where: max(0, ends[where] - offset) for where, (offset, _) in committed.items()}
