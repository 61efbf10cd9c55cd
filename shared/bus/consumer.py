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

from shared.bus.access.security import client_options, in_words
from shared.bus.around import DamageSkipper
from shared.bus.client import METADATA_AGE_MS, talk_to_any
from shared.bus.connection import (
    BACKOFF_MS,
    PATIENCE_S,
    connect,
    let_end,
    message_of,
    refuse_while_erasing,
    wait_for_kafka,
)
from shared.bus.progress.overseer import Overseer
from shared.bus.progress.positions import Positions
from shared.bus.progress.progress import Place
from shared.bus.progress.twin import identity
from shared.errors import Unavailable
from shared.wire import Batch

log = structlog.get_logger()

# Kafka gives the partitions of a silent member to others after this time. A lower value would move
# them at each long pause of a process; the broker's own least is 6 s.
SESSION_TIMEOUT_S = 6.0
HEARTBEAT_S = 1.0
# One commit for all batches of this time: see `commit_soon`.
COMMIT_EVERY_S = 0.2
_REBALANCE_S = 25.0
"""How long the group waits for a member to finish the batch it has in hand."""
_PATIENT_S = 1.0
"""While we are busy with a turn, aiokafka holds the next fetch back so long. Sent earlier, it would
leave out the partitions whose records still wait to be taken, and these could not be fetched before
it comes back: up to half a second late.
"""


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of a consumer group that commits by hand. Rebalances wait for `lock`, so hold it
    from reading to committing.

    `generation` grows when partitions are taken away: what was fetched under an older one must be
    dropped; `settled` is the generation whose assignment is known; `refused` the one in which a
    commit was refused; `on_change` is called when either moves. With `instance` the membership is
    static: a killed process that comes back under the same name goes on at once, without the
    session timeout. The range assignor gives the same numbers of every topic to one member.
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
        timeout: float = PATIENCE_S,
        session_timeout: float = SESSION_TIMEOUT_S,
        on_change: Callable[[], None] = lambda: None,
        waits: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`waits`: what the owner of this consumer is waiting for, besides Kafka; None where for
        nothing. While there is something, the process is not ended for its lack of progress.
        """
        self.lock = asyncio.Lock()
        self.generation = 0
        self.settled = -1
        self.assigned: frozenset[tuple[str, int]] = frozenset()
        self.refused = -1
        self._uncommitted: dict[tuple[str, int], tuple[int, str]] = {}
        self._committing: asyncio.Task[None] | None = None
        self._on_change = on_change
        self._prefix, self._topics, self._timeout, self._max_records = (
            prefix,
            topics,
            timeout,
            max_records,
        )
        self._bootstrap = bootstrap
        self._group, self._session = group, session_timeout
        self._membership = f"{prefix}{group}-{instance}" if instance else None
        self._beside: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._kafka = AIOKafkaConsumer(
            **client_options(bootstrap),
            client_id=f"{group}@{identity()}",
            group_id=prefix + group,
            group_instance_id=self._membership,
            enable_auto_commit=False,
            auto_offset_reset="none",  # `DamageSkipper` decides
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=int(session_timeout * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_S * 1000),
            rebalance_timeout_ms=int(_REBALANCE_S * 1000),
            max_poll_records=max_records,
            request_timeout_ms=int(_REBALANCE_S * 1000) + 5000,
            retry_backoff_ms=BACKOFF_MS,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        talk_to_any(self._kafka)
        self._around = DamageSkipper(self._kafka, prefix)
        self._positions = Positions(self._kafka, bootstrap, prefix, group, timeout)
        self._overseer = Overseer(
            group, self._positions.ends, waits=waits, damaged=lambda: self.damaged
        )

    async def start(self) -> None:
        """Join the group. Raises Unavailable, also where a living process has our instance name;
        the consumer cannot be started again then.
        """
        # In this order: a second process of our name would push the first out of the group, and an
        # erasure would find its topics read while they are made anew.
        self._kafka.subscribe([self._prefix + topic for topic in self._topics], listener=self)
        try:
            await self.refuse_twin()
            await connect(self._bootstrap, self._kafka.start(), self._timeout)
            await refuse_while_erasing(self._kafka._client, self._prefix, self._timeout)
        except Unavailable:
            await self.stop()
            raise
        # The fetcher exists only from here on.
        self._kafka._fetcher._prefetch_backoff = _PATIENT_S
        self._beside.append(asyncio.create_task(self._overseer.watch()))

    async def refuse_twin(self) -> None:
        """Raises Unavailable where another living process has our instance name. `start` asks as
        well; whoever acts under the name before that asks first.
        """
        if self._membership is not None:
            await self._positions.refuse_twin(self._membership, self._session + 1.0)

    async def stop(self) -> None:
        """Leave (a static member stays until its session ends), within the timeout."""
        self._stopping.set()
        # Ended first: a task that commits later must not commit beside the last commit below.
        for task in (*self._beside, *([self._committing] if self._committing else [])):
            task.cancel()
        if self._beside:
            await asyncio.wait(self._beside, timeout=1.0)
        # What is not committed is done again by whoever owns the partition next, under the same
        # ids.
        with contextlib.suppress(Unavailable):
            await self._commit_now()
        await let_end(self._kafka.stop(), min(self._timeout, 3.0))

    def finish(self) -> None:
        """End `batches()` after the batch in hand."""
        self._stopping.set()

    async def fetch(self, max_wait: float) -> tuple[int, Batch]:
        """The messages that have come, at once when there are some, with the generation they belong
        to. A partition that is damaged stands still and is in `damaged`; the others go on. Raises
        Unavailable, also where Kafka has more of a partition and it does not come.
        """
        # Raises where Kafka has more and nothing comes.
        self._overseer.check()
        try:
            found = await self._around.getmany(int(max_wait * 1000), self._max_records)
        except KafkaError as error:
            raise Unavailable("kafka", f"reading: {in_words(error)}") from error
        prefix = self._prefix
        batch = {
            (tp.topic[len(prefix) :], tp.partition): [
                message_of(prefix, record) for record in records
            ]
            for tp, records in found.items()
        }
        self._overseer.fetches += 1
        for where, messages in batch.items():
            self._overseer.delivered[where] = messages[-1].offset + 1
            self._overseer.written[where] = messages[-1].at
        # The generation goes with the batch: a rebalance during the wait makes the batch another's.
        return self.generation, batch

    async def batches(self, max_wait: float = 1.0, *, gather: float = 0.0) -> AsyncIterator[Batch]:
        """For stateless readers: handle each batch and `commit` it before asking for the next. Ends
        after `finish()`.

        `gather`: seconds to let more messages come once the first have; a batch costs the same with
        one or with fifty.
        """
        stopping = asyncio.ensure_future(self._stopping.wait())
        fetching: asyncio.Task[tuple[int, Batch]] | None = None
        try:
            # A fetch goes on across turns of the loop: cancelling it would lose the records it has
            # taken.
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
                    # Partitions moved in the meantime: the earlier part belongs to somebody else.
                    if fetched_under != generation:
                        generation, batch = fetched_under, {}
                    for where, messages in more.items():
                        batch.setdefault(where, []).extend(messages)
                # The lock keeps a rebalance waiting until the caller has handled and committed the
                # batch.
                async with self.lock:
                    if batch and generation == self.generation:
                        yield batch
        finally:
            stopping.cancel()
            if fetching is not None:
                fetching.cancel()

    def commit(self, batch: Batch) -> None:
        """Commit, soon, what follows the last message of each partition of the batch. See
        `commit_soon`.
        """
        self.commit_soon(
            {where: (messages[-1].offset + 1, "") for where, messages in batch.items()}
        )

    async def commit_offsets(self, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> bool:
        """Commit (next offset, note) by partition. False: the group moved on, whoever owns them now
        repeats the work.

        Raises Unavailable.
        """
        exact = {
            TopicPartition(self._prefix + t, p): OffsetAndMetadata(offset, note)
            for (t, p), (offset, note) in offsets.items()
        }
        try:
            await wait_for_kafka("committing", self._kafka.commit(exact), self._timeout)
        except Unavailable as error:
            # Nothing is lost: the next owner starts at its last commit.
            if isinstance(error.__cause__, CommitFailedError):
                log.warning("commit refused, the group moved on", reason=str(error.__cause__))
                return False
            raise
        self._note_done(offsets)
        return True

    def _note_done(self, offsets: Mapping[Place, tuple[int, str]]) -> None:
        self._overseer.done.update((where, offset) for where, (offset, _) in offsets.items())

    def commit_soon(self, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> None:
        """Commit these within `COMMIT_EVERY_S`, and before partitions are given up or the consumer
        stops.

        A commit costs as much as the work of a small batch; whoever is killed before it repeats
        that work under the same ids. A refusal shows in `refused`.
        """
        self._uncommitted.update(offsets)
        self._note_done(offsets)
        if self._uncommitted and (self._committing is None or self._committing.done()):
            self._committing = asyncio.create_task(self._commit_later())

    async def _commit_later(self) -> None:
        while self._uncommitted:
            await asyncio.sleep(COMMIT_EVERY_S)
            try:
                await self._commit_now()
            except Unavailable as error:
                log.warning("a commit waits", reason=str(error))

    async def _commit_now(self) -> None:
        """Commit what waits. Raises Unavailable: it still waits."""
        # Taken out first: what comes during the commit waits for the next one.
        offsets, self._uncommitted = self._uncommitted, {}
        generation = self.generation
        try:
            if offsets and not await self.commit_offsets(offsets):
                self.refused = generation
        except (Unavailable, asyncio.CancelledError):
            # Newer offsets of the same partition win over those that failed.
            self._uncommitted = {**offsets, **self._uncommitted}
            raise

    def hold(self, topic: str, partition: int, offset: int) -> None:
        """Go back to `offset` of a partition and read no further until `release`."""
        where = TopicPartition(self._prefix + topic, partition)
        self._around.hold(where, offset)
        self._overseer.delivered[topic, partition] = offset
        self._overseer.held.add((topic, partition))

    @property
    def damaged(self) -> frozenset[tuple[str, int]]:
        """The partitions (topic, number) that cannot be read now."""
        return self._around.damaged

    async def unready(self) -> str | None:
        """A telemetry check: which partition is behind and does not move."""
        return await self._overseer.unready()

    def take_cuts(self) -> dict[tuple[str, int], int]:
        """The partitions that lost their tail since the last call, and where they go on."""
        return self._around.take_cuts()

    def release(self, topic: str, partition: int) -> None:
        self._overseer.held.discard((topic, partition))
        self._around.release(TopicPartition(self._prefix + topic, partition))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """aiokafka's background task calls this: the batch in hand is finished and committed
        first.
        """
        async with self.lock:
            with contextlib.suppress(Unavailable):
                await self._commit_now()
            # Their next owner commits: these offsets must not be committed later.
            self._uncommitted = {}
            self._around.forget()
            self._overseer.forget()
            self.generation += 1
            self.assigned = frozenset()
            self._on_change()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """No heartbeat goes out before this returns, so nothing is read here: whoever keeps rows
        loads them afterwards.
        """
        async with self.lock:
            self.assigned = frozenset(
                (tp.topic[len(self._prefix) :], tp.partition) for tp in assigned
            )
            self.settled = self.generation
            self._overseer.note_rebalance()
            self._on_change()
        # Outside the lock: finding the first positions asks Kafka, and nothing may wait for that
        # here.
        self._beside = [task for task in self._beside if not task.done()]
        self._beside.append(asyncio.create_task(self._begin(self.generation)))

    async def _begin(self, generation: int) -> None:
        """Learn where each partition begins, and commit the beginning of those that have no
        position yet. Whoever comes after us then needs to ask no leader for it, and who is behind
        by how much is known from the first record on.
        """
        pause = 0.5
        while generation == self.generation and not self._stopping.is_set():
            try:
                known, begins = await self._positions.read_positions(self.assigned)
            except Unavailable as error:
                log.warning("first positions wait", consumer=self._group, reason=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)
                continue
            if generation == self.generation:
                done = self._overseer.done
                # A partition that has moved on by its first batch keeps that position, which is
                # later.
                first = {where: (at, "") for where, at in begins.items() if where not in done}
                for where, at in known.items():
                    done.setdefault(where, at)
                self.commit_soon(first)
            return
