"""Topics and groups: made, listed, deleted, and how far a group is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupIdNotFound,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from shared.bus.access.security import client_options, in_words
from shared.bus.client import METADATA_AGE_MS, talk_to_any
from shared.bus.connection import PATIENCE_S, connect, let_end, look_for, wait_for_kafka
from shared.bus.creating import CLUSTERS_OWN, CreateTopics
from shared.bus.progress.twin import Member
from shared.bus.reader import Reader
from shared.errors import Unavailable

SET_ON_THE_TOPIC = 1
"""DescribeConfigs: where a value comes from."""


@dataclass(frozen=True)
class TopicSettings:
    """A topic as Kafka has it. `config` is all that holds, `own` what was set on the topic."""

    partitions: int
    replication: int
    config: Mapping[str, str]
    own: Mapping[str, str]


class Admin:
    """Topics and committed offsets. Use as `async with Admin(bootstrap, prefix) as admin`."""

    def __init__(self, bootstrap: str, prefix: str, *, timeout: float = PATIENCE_S) -> None:
        self._bootstrap, self._prefix, self._timeout = bootstrap, prefix, timeout
        self._kafka = AIOKafkaAdminClient(
            **client_options(bootstrap),
            request_timeout_ms=int(timeout * 1000),
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        talk_to_any(self._kafka)

    async def __aenter__(self) -> Admin:
        try:
            await connect(self._bootstrap, self._kafka.start(), self._timeout)
        except (Unavailable, asyncio.CancelledError):
            await let_end(self._kafka.close(), 3.0)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await let_end(self._kafka.close(), 3.0)

    async def create_topic(
        self,
        name: str,
        partitions: int,
        replication: int = CLUSTERS_OWN,
        config: Mapping[str, str] | None = None,
    ) -> bool:
        """False: it is already there (and left as it is). Raises Unavailable."""
        new: tuple[Any, ...] = (
            self._prefix + name,
            partitions,
            replication,
            [],
            list((config or {}).items()),
        )
        try:
            answer = await wait_for_kafka(
                f"creating {name}",
                self._kafka._send_to_controller(CreateTopics(new, int(self._timeout * 1000))),
                self._timeout,
            )
        except Unavailable as error:
            # Two processes may make the same topic at start: the second one finds it there.
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return False
            raise
        _, code, message = answer.topic_errors[0]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Unavailable(
                "kafka", f"creating {name}: {message or in_words(for_code(code)(name))}"
            )
        return bool(code == 0)

    # No list of topics here: a client without the right to describe a topic finds it in no list,
    # and would make it again.
    async def is_there(self, name: str) -> bool:
        """Whether there is this topic. Raises Unavailable, also where we may not know."""
        return await look_for(self._kafka._client, self._prefix + name, self._timeout)

    async def brokers(self) -> int:
        """How many the cluster has now."""
        found = await wait_for_kafka(
            "asking for brokers", self._kafka.describe_cluster(), self._timeout
        )
        return len(found["brokers"])

    async def settings_of_topics(self) -> dict[str, TopicSettings]:
        """Every topic under our prefix, by its logical name."""
        names = [self._prefix + name for name in await self.topics()]
        if not names:
            return {}
        about = await wait_for_kafka(
            "asking for topics", self._kafka.describe_topics(names), self._timeout
        )
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers = await wait_for_kafka(
            "asking for topics", self._kafka.describe_configs(asked), self._timeout
        )
        entries: dict[str, list[Any]] = {}
        for answer in answers:
            for code, message, _, name, found in answer.resources:
                if code:
                    raise Unavailable(
                        "kafka", f"asking for {name}: {message or in_words(for_code(code)(name))}"
                    )
                entries[name] = found
        return {
            topic["topic"][len(self._prefix) :]: TopicSettings(
                partitions=len(topic["partitions"]),
                replication=len(topic["partitions"][0]["replicas"]),
                config={entry[0]: entry[1] for entry in entries[topic["topic"]]},
                # `config` also holds what the broker sets by default; only what somebody set on the
                # topic can differ from our table.
                own={
                    entry[0]: entry[1]
                    for entry in entries[topic["topic"]]
                    if entry[3] == SET_ON_THE_TOPIC
                },
            )
            for topic in about
        }

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Exactly these settings are the topic's own from now on."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, self._prefix + name, dict(config))]
        answers = await wait_for_kafka(
            f"configuring {name}", self._kafka.alter_configs(asked), self._timeout
        )
        for answer in answers:
            for code, message, *_ in answer.resources:
                if code:
                    raise Unavailable("kafka", f"configuring {name}: {message or code}")

    async def topics(self) -> list[str]:
        """The logical names of the topics under our prefix."""
        found = await wait_for_kafka("listing topics", self._kafka.list_topics(), self._timeout)
        return sorted(name[len(self._prefix) :] for name in found if name.startswith(self._prefix))

    async def delete_all(self) -> list[str]:
        """Delete every topic under our prefix (tests clean up with this)."""
        names = await self.topics()
        if names:
            await wait_for_kafka(
                "deleting topics",
                self._kafka.delete_topics([self._prefix + name for name in names]),
                self._timeout,
            )
        return names

    async def committed(self, group: str) -> dict[tuple[str, int], tuple[int, str]]:
        """The group's committed offsets with their notes, by (topic, partition); empty for an
        unknown group.
        """
        found = await wait_for_kafka(
            "asking for offsets", self._offsets(self._prefix + group), self._timeout
        )
        return {
            (tp.topic[len(self._prefix) :], tp.partition): (at.offset, at.metadata or "")
            for tp, at in found.items()
            if at.offset >= 0 and tp.topic.startswith(self._prefix)
        }

    async def members(self, group: str) -> list[Member]:
        """Who is in the group; nobody in an unknown one. Raises Unavailable."""
        named = self._prefix + group
        # one group at a time: aiokafka loses its place in an answer about two
        answers = await wait_for_kafka(
            "asking for members", self._describe_group(named), self._timeout
        )
        return [
            Member(str(member_id), str(client), str(host))
            for _, _, _, _, _, members, *_ in answers
            for member_id, client, host, *_ in members
        ]

    async def _describe_group(self, group: str) -> list[Any]:
        while True:
            try:
                (answer,) = await self._kafka.describe_consumer_groups([group])
                # aiokafka does not raise for an error code of this answer: it is looked at here.
                (group_of,) = answer.groups
                if (error := for_code(group_of[0])) is NoError:
                    return list(answer.groups)
                if error is GroupIdNotFound:
                    return []
                raise error()
            except KafkaError as error:
                # A new coordinator refuses questions until it has loaded the group: the caller's
                # timeout ends these tries.
                if not error.retriable:
                    raise
                await asyncio.sleep(0.2)

    async def _offsets(self, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
        while True:
            try:
                found: Mapping[
                    TopicPartition, OffsetAndMetadata
                ] = await self._kafka.list_consumer_group_offsets(group)
                return found
            except KafkaError as error:
                # A group moves with its broker; and the first to ask a new Kafka for any group has
                # it make the topic of offsets.
                if not error.retriable:
                    raise
                await asyncio.sleep(0.2)


async def lag(reader: Reader, admin: Admin, group: str) -> dict[tuple[str, int], int]:
    """How many records each partition's committed offset is behind the end."""
    committed = await admin.committed(group)
    ends = await reader.ends(committed)
    # The end may be older than the commit: it was asked first to answer. A lag is never negative.
    return {where: max(0, ends[where] - offset) for where, (offset, _) in committed.items()}
