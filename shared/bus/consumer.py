"""Reading as a member of a consumer group that commits by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared.bus.connection import BACKOFF_MS, bounded, let_end, message_of, refuse_while_erasing
from shared.errors import Unavailable
from shared.wire import Batch

log = structlog.get_logger()

SESSION_TIMEOUT_S = 6.0
HEARTBEAT_S = 1.0
COMMIT_EVERY_S = 0.2
_REBALANCE_S = 15.0
"""How long the group waits for a member to finish the batch it has in hand."""
_PATIENT_S = 1.0
"""While we are busy with a turn, aiokafka holds the next fetch back so long. Sent earlier, it would leave out the partitions
whose records still wait to be taken, and these could not be fetched before it comes back: up to half a second late."""


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
            retry_backoff_ms=BACKOFF_MS,
        )  # fmt: skip

    async def start(self) -> None:
        """Join the group. Raises Unavailable; the consumer cannot be started again then."""
        self._kafka.subscribe([self._prefix + topic for topic in self._topics], listener=self)
        try:
            await bounded("connecting", self._kafka.start(), self._timeout)
            refuse_while_erasing(self._prefix, await bounded("listing topics", self._kafka.topics(), self._timeout))
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
        await let_end(self._kafka.stop(), min(self._timeout, 3.0))

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
        batch = {
            (tp.topic[len(prefix) :], tp.partition): [message_of(prefix, record) for record in records] for tp, records in found.items()
        }
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
