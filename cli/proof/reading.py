"""The log of a running system, piece by piece. Reads only: a `Reader` joins no group, commits
nothing and has no way to write.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from cli.proof.log import DoneOffsets, PolicyVersions, Slice
from shared import topics
from shared.bus import Admin, Message, Reader

# The workers that decide. Projector, courier and auditor decide nothing.
GROUPS = ("router", "sla", "pager", "notifier.front")


class LogReader:
    """One prefix of one Kafka. Every call may raise Unavailable."""

    def __init__(self, reader: Reader, bootstrap: str, prefix: str) -> None:
        self._reader, self._bootstrap, self._prefix = reader, bootstrap, prefix

    async def partitions(self) -> int:
        return await self._reader.partitions(topics.REQUESTS.name)

    async def length(self, name: str) -> int:
        """How many records a topic keeps, about."""
        places = [(name, partition) for partition in range(await self._reader.partitions(name))]
        begins, ends = await self._reader.begins(places), await self._reader.ends(places)
        return sum(ends[place] - begins[place] for place in places)

    async def slice(self, partition: int, names: Sequence[str]) -> Slice:
        """One partition number of the topics, from the first record kept to the end as it
        stands.
        """
        places = [(name, partition) for name in names]
        begins = await self._reader.begins(places)
        found = Slice(partition, begins={topic: offset for (topic, _), offset in begins.items()})
        async for messages in self._reader.read_to_end(begins):
            for message in messages:
                found.add(message)
        return found

    async def whole(self, name: str) -> list[Message]:
        """All of a small topic (policies, dead letters), partition after partition."""
        found: list[Message] = []
        begins = await self._reader.begins(
            [(name, partition) for partition in range(await self._reader.partitions(name))]
        )
        async for messages in self._reader.read_to_end(begins):
            found += messages
        # Read from several partitions at once, they come mixed.
        return sorted(found, key=lambda message: (message.partition, message.offset))

    async def policies(self) -> PolicyVersions:
        return PolicyVersions.of(await self.whole(topics.POLICIES.name))

    async def decided(self) -> DoneOffsets:
        """How far each worker has come. Ask before reading: what it has committed by then has its
        facts in the log.
        """
        found: dict[tuple[str, str, int], int] = {}
        async with Admin(self._bootstrap, self._prefix) as admin:
            for worker in GROUPS:
                committed = await admin.committed(worker)
                found |= {
                    (worker, topic, partition): offset
                    for (topic, partition), (offset, _) in committed.items()
                }
        return DoneOffsets(found)


@contextlib.asynccontextmanager
# No group: nothing is committed, and no rebalance disturbs the services.
async def open_log(bootstrap: str, prefix: str) -> AsyncIterator[LogReader]:
    reader = Reader(bootstrap, prefix, client_id="signalbox-proof", timeout=20.0)
    await reader.start()
    try:
        yield LogReader(reader, bootstrap, prefix)
    finally:
        await reader.stop()
