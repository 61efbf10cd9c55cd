"""Topics and groups: made, listed, deleted, and how far a group is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAlreadyExistsError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from shared.bus.connection import bounded, let_end
from shared.bus.reader import Reader
from shared.errors import Unavailable


class Admin:
    """Topics and committed offsets. Use as `async with Admin(bootstrap, prefix) as admin`."""

    def __init__(self, bootstrap: str, prefix: str, *, timeout: float = 10.0) -> None:
        self._prefix, self._timeout = prefix, timeout
        self._kafka = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout * 1000))

    async def __aenter__(self) -> Admin:
        await bounded("connecting", self._kafka.start(), self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await let_end(self._kafka.close(), 3.0)

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
        found = await bounded("asking for offsets", self._offsets(self._prefix + group), self._timeout)
        return {
            (tp.topic[len(self._prefix) :], tp.partition): (at.offset, at.metadata or "")
            for tp, at in found.items()
            if at.offset >= 0 and tp.topic.startswith(self._prefix)
        }

    async def _offsets(self, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
        while True:
            try:
                found: Mapping[TopicPartition, OffsetAndMetadata] = await self._kafka.list_consumer_group_offsets(group)
                return found
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.2)  # the first to ask a new Kafka for any group has it make the topic of offsets


async def lag(reader: Reader, admin: Admin, group: str) -> dict[tuple[str, int], int]:
    """How many records each partition's committed offset is behind the end."""
    committed = await admin.committed(group)
    ends = await reader.ends(committed)
    return {where: max(0, ends[where] - offset) for where, (offset, _) in committed.items()}
