"""Reading without a group: from given offsets to the end, or on and on (replicas, recovery, proofs)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.bus.connection import BACKOFF_MS, bounded, let_end, message_of
from shared.errors import Unavailable
from shared.wire import Message

Ask = Callable[[list[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]

_LONG_POLL_MS = 1500
"""How long the broker may keep a replica's fetch that finds nothing; it answers at once when something comes."""


class Reader:
    """Reads without a group: to the end as it stands (loading), or on and on (replicas, streams)."""

    def __init__(self, bootstrap: str, prefix: str, *, client_id: str = "reader", timeout: float = 10.0) -> None:
        self._bootstrap, self._prefix, self._client_id, self._timeout = bootstrap, prefix, client_id, timeout
        self._known: set[str] = set()
        self._kafka = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, client_id=client_id, enable_auto_commit=False, auto_offset_reset="earliest",
            request_timeout_ms=int(timeout * 1000), fetch_max_wait_ms=_LONG_POLL_MS, retry_backoff_ms=BACKOFF_MS,
        )  # fmt: skip

    async def start(self) -> None:
        try:
            await bounded("connecting", self._kafka.start(), self._timeout)
        except Unavailable:
            await self.stop()
            raise

    async def stop(self) -> None:
        await let_end(self._kafka.stop(), min(self._timeout, 3.0))

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
                yield [message_of(self._prefix, record) for record in records]
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
                yield [message_of(self._prefix, record) for record in records]

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
