"""Reading without a group: from given offsets to the end, or on and on (replicas, recovery,
proofs).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.bus.access.security import client_options, in_words
from shared.bus.around import DamageSkipper
from shared.bus.client import METADATA_AGE_MS, talk_to_any
from shared.bus.connection import (
    BACKOFF_MS,
    PATIENCE_S,
    connect,
    let_end,
    message_of,
    wait_for_kafka,
)
from shared.bus.progress.overseer import Overseer
from shared.bus.progress.progress import Place
from shared.errors import Unavailable
from shared.wire import Message

Ask = Callable[[list[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]

_LONG_POLL_MS = 1500
"""How long the broker may keep a replica's fetch that finds nothing; it answers at once when
something comes.
"""


class Reader:
    """Reads without a group: to the end as it stands (loading), or on and on (replicas,
    streams).
    """

    def __init__(
        self, bootstrap: str, prefix: str, *, client_id: str = "reader", timeout: float = PATIENCE_S
    ) -> None:
        self._bootstrap, self._prefix, self._client_id, self._timeout = (
            bootstrap,
            prefix,
            client_id,
            timeout,
        )
        self._known: set[str] = set()
        self._kafka = AIOKafkaConsumer(
            **client_options(bootstrap),
            client_id=client_id,
            enable_auto_commit=False,
            auto_offset_reset="none",  # `DamageSkipper` decides
            request_timeout_ms=int(timeout * 1000),
            fetch_max_wait_ms=_LONG_POLL_MS,
            retry_backoff_ms=BACKOFF_MS,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        talk_to_any(self._kafka)
        self._around = DamageSkipper(self._kafka, prefix)
        # The lambda reads `damaged` when it is called: `DamageSkipper` is asked each time.
        self._overseer = Overseer(client_id, self._still_ahead, damaged=lambda: self.damaged)
        self.unread: set[tuple[str, int]] = set()
        """The partitions that `read_to_end` could not read to their ends, ever."""

    async def start(self) -> None:
        try:
            await connect(self._bootstrap, self._kafka.start(), self._timeout)
        except Unavailable:
            await self.stop()
            raise

    @property
    def damaged(self) -> frozenset[tuple[str, int]]:
        """The partitions (topic, number) that cannot be read now."""
        return self._around.damaged

    async def stop(self) -> None:
        self._around.forget()
        await let_end(self._kafka.stop(), min(self._timeout, 3.0))

    async def begins(self, where: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset of the first record still kept. Raises Unavailable."""
        return await self._offsets("beginnings", where, self._kafka.beginning_offsets)

    async def ends(self, where: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset after the last record of each (topic, partition). Raises Unavailable."""
        return await self._offsets("ends", where, self._kafka.end_offsets)

    async def _offsets(
        self, what: str, where: Iterable[tuple[str, int]], ask: Ask
    ) -> dict[tuple[str, int], int]:
        places = list(where)
        for topic in {topic for topic, _ in places} - self._known:
            await self.partitions(topic)  # else every new topic costs aiokafka a pause of 100 ms
        exact = [TopicPartition(self._prefix + topic, partition) for topic, partition in places]
        found = (
            await wait_for_kafka(f"asking for {what}", ask(exact), self._timeout) if exact else {}
        )
        return {
            (tp.topic[len(self._prefix) :], tp.partition): offset for tp, offset in found.items()
        }

    async def read_to_end(
        self, starts: Mapping[tuple[str, int], int]
    ) -> AsyncIterator[list[Message]]:
        """Everything from the given offsets to the ends as they stand at the call; of a damaged
        partition what stands before the damage, and then it is in `unread`. Raises Unavailable
        after `timeout` idle.
        """
        ends = await self.ends(starts)
        # Ends are those of now: records that come later are no part of "to the end", so this ends.
        left = {where: ends[where] for where, start in starts.items() if start < ends[where]}
        if not left:
            return
        # A connection of its own: a consumer that is given other partitions first waits for the
        # poll it has in flight.
        own = Reader(
            self._bootstrap, self._prefix, client_id=self._client_id, timeout=self._timeout
        )
        try:
            await own.start()
            own._assign({where: starts[where] for where in left})
            async for messages in own._read(left):
                yield messages
            self.unread |= own.unread
        finally:
            await own.stop()

    async def _read(self, left: dict[tuple[str, int], int]) -> AsyncIterator[list[Message]]:
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        while left:
            found = await wait_for_kafka("reading", self._around.getmany(250), self._timeout)
            for records in found.values():
                moved_at = loop.time()
                yield [message_of(self._prefix, record) for record in records]
            # A damaged partition would keep this loop from ending: leave it out and say so.
            for place in self._around.damaged & left.keys():
                self.unread.add(place)
                del left[place]
            for (topic, partition), end in list(left.items()):
                where = TopicPartition(self._prefix + topic, partition)
                # The position and not the last record is compared: holes of compaction and
                # transaction marks move the position without a record.
                if (
                    await wait_for_kafka(
                        "asking for the position", self._kafka.position(where), self._timeout
                    )
                    >= end
                ):
                    del left[topic, partition]
            # No partition ended and nothing came: say so, do not wait for ever.
            if loop.time() - moved_at > self._timeout:
                raise Unavailable(
                    "kafka", f"reading {sorted(left)}: nothing for {self._timeout:g} s"
                )

    async def tail(self, starts: Mapping[tuple[str, int], int]) -> AsyncIterator[list[Message]]:
        """From the given offsets on, without end. A broker that is away is waited for. One `tail`
        at a time. An empty list: `damaged` has changed. Raises Unavailable where Kafka has more of
        a partition and it does not come: a new reader may get it.
        """
        self._assign(starts)
        self._overseer.forget()
        self._overseer.delivered.update(starts)
        watching = asyncio.create_task(self._overseer.watch())
        try:
            damaged = self.damaged
            # The check comes first: it raises where Kafka has more that does not come.
            while True:
                self._overseer.check()
                for messages in await self._next():
                    yield messages
                if damaged != self.damaged:
                    damaged = self.damaged
                    yield []
        finally:
            watching.cancel()

    async def _next(self) -> list[list[Message]]:
        """What has come within a second, by partition. Raises Unavailable."""
        try:
            found = await self._around.getmany(1000)
        except KafkaError as error:
            raise Unavailable("kafka", f"reading: {in_words(error)}") from error
        self._overseer.fetches += 1
        batches = [
            [message_of(self._prefix, record) for record in records] for records in found.values()
        ]
        for batch in batches:
            last = batch[-1]
            self._overseer.delivered[last.topic, last.partition] = last.offset + 1
            self._overseer.written[last.topic, last.partition] = last.at
        return batches

    async def _still_ahead(self, places: Collection[Place]) -> Mapping[Place, int]:
        return await wait_for_kafka("asking for ends", self.ends(places), 10.0)

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises Unavailable, also where there is no such
        topic.
        """
        named = self._prefix + topic

        # aiokafka answers with nothing while a new topic has no leader.
        async def look() -> int:
            while not (found := await self._kafka._client._wait_on_metadata(named)):
                await asyncio.sleep(0.1)
            return len(found)

        count = await wait_for_kafka(f"asking for {topic}", look(), self._timeout)
        self._known.add(topic)
        return count

    def _assign(self, starts: Mapping[tuple[str, int], int]) -> None:
        exact = {
            TopicPartition(self._prefix + topic, partition): offset
            for (topic, partition), offset in starts.items()
        }
        self._kafka.assign(list(exact))
        for where, offset in exact.items():
            self._around.seek(where, offset)
