"""Where the partitions of one consumer begin and end, and which position its group has
committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus.admin import Admin
from shared.bus.connection import wait_for_kafka
from shared.bus.progress.progress import Place
from shared.bus.progress.twin import refuse_twin

# Kept short beside the client's own bound: the overseer asks this again and again.
_OFFSETS_S = 10.0

_Ask = Callable[[list[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]


class Positions:
    """Asks Kafka for one group; every call raises Unavailable."""

    def __init__(
        self, kafka: AIOKafkaConsumer, bootstrap: str, prefix: str, group: str, timeout: float
    ) -> None:
        self._kafka, self._bootstrap, self._prefix = kafka, bootstrap, prefix
        self._group, self._timeout = group, timeout

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """The offset after the last record of each partition."""
        return await self._offsets(self._kafka.end_offsets, places)

    async def read_positions(
        self, places: Collection[Place]
    ) -> tuple[dict[Place, int], dict[Place, int]]:
        """What the group has committed of these partitions; and the beginning of the others."""
        async with self._admin() as admin:
            committed = await admin.committed(self._group)
        known = {where: offset for where, (offset, _) in committed.items() if where in places}
        # Only these need their leader asked: a commit is known to the coordinator alone.
        new = [where for where in places if where not in known]
        return known, await self._offsets(self._kafka.beginning_offsets, new)

    async def refuse_twin(self, membership: str, session: float) -> None:
        """Raises Unavailable also where another living process has this membership."""
        async with self._admin() as admin:
            await refuse_twin(admin.members, self._group, membership, session)

    def _admin(self) -> Admin:
        return Admin(self._bootstrap, self._prefix, timeout=self._timeout)

    async def _offsets(self, ask: _Ask, places: Collection[Place]) -> dict[Place, int]:
        if not places:
            return {}
        exact = [TopicPartition(self._prefix + topic, number) for topic, number in places]
        patience = min(self._timeout, _OFFSETS_S)
        found = await wait_for_kafka("asking for offsets", ask(exact), patience)
        return {
            (tp.topic[len(self._prefix) :], tp.partition): offset for tp, offset in found.items()
        }
