"""What Kafka's topics should be, and where they differ from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.topics import CHANGELOG_WORKERS, REQUESTS, Topic

if TYPE_CHECKING:
    from shared.bus import TopicSettings


@dataclass(frozen=True)
class TopicPlan:
    """One topic as Kafka is to make it; `name` is logical. `replication` None: the cluster's
    own.
    """

    name: str
    partitions: int
    replication: int | None
    config: dict[str, str]


@dataclass(frozen=True)
class TopicDifference:
    """Something of a topic that is not as it should be. What may not be changed by itself has
    `can_apply` False, and advice.
    """

    topic: str
    what: str
    found: str
    wanted: str
    can_apply: bool
    advice: str = ""


def plan_topics(
    topics: Iterable[Topic],
    *,
    partitions: int,
    replication: int | None,
    min_insync: int | None = None,
) -> list[TopicPlan]:
    """The table in Kafka's words. Whoever asks for three or more copies wants a write to count once
    two have it; who says nothing gets what the cluster does.
    """
    # With two copies a write that needs both would stop with either of them.
    if min_insync is None and replication is not None:
        min_insync = 2 if replication >= 3 else 1
    insync = {} if min_insync is None else {"min.insync.replicas": str(min_insync)}
    return [
        TopicPlan(
            topic.name,
            topic.partitions or partitions,
            replication,
            {
                "cleanup.policy": topic.cleanup,
                "retention.ms": "-1"
                if topic.retention is None
                else str(int(topic.retention.total_seconds() * 1000)),
                **insync,
                **topic.config,
            },
        )
        for topic in topics
    ]


def partitions_for(found: Mapping[str, TopicSettings], wished: int, *, is_said: bool) -> int:
    """How many partitions new topics get: what somebody said, else as many as the installation has
    already, else the default.
    """
    known = found.get(REQUESTS.name)
    return wished if is_said or known is None else known.partitions


def differences_of(
    asked: Iterable[TopicPlan], found: Mapping[str, TopicSettings], brokers: int
) -> list[TopicDifference]:
    """In the order of the table, what differs of each topic."""
    return [
        each
        for topic in asked
        for each in _differences(topic, found.get(topic.name), found, brokers)
    ]


def _differences(
    asked: TopicPlan, there: TopicSettings | None, found: Mapping[str, TopicSettings], brokers: int
) -> Iterable[TopicDifference]:
    name = asked.name
    # Missing: nothing else can differ.
    if there is None:
        yield TopicDifference(
            name, "topic", "missing", f"{asked.partitions} partitions", can_apply=True
        )
        return
    source = {f"{worker}-state": topic.name for worker, topic in CHANGELOG_WORKERS.items()}
    beside = found.get(source.get(name, ""))
    # Rows are found by the partition of their input: another number loses them.
    if beside is not None and beside.partitions != there.partitions:
        yield TopicDifference(
            name,
            "partitions",
            str(there.partitions),
            f"{beside.partitions} as {source[name]}",
            can_apply=False,
            advice="its worker finds rows by their input's partition: stop it, see "
            "docs/runbooks/damaged-partition.md",
        )
    elif there.partitions != asked.partitions:
        yield TopicDifference(
            name,
            "partitions",
            str(there.partitions),
            str(asked.partitions),
            can_apply=False,
            advice="stays: keys are spread by it, and each ticket's order hangs on that",
        )
    # Copies can be changed, but not by this command: Kafka moves all data for it.
    if asked.replication is not None and there.replication != asked.replication:
        yield TopicDifference(
            name,
            "copies",
            str(there.replication),
            str(asked.replication),
            can_apply=False,
            advice="change it with Kafka's kafka-reassign-partitions.sh",
        )
    elif there.replication == 1 and brokers > 1:
        yield TopicDifference(
            name,
            "copies",
            "1",
            f"2 or more on {brokers} brokers",
            can_apply=False,
            advice="one broker's loss is this topic's: kafka-reassign-partitions.sh makes copies",
        )
    # Settings are the one thing that `apply` may set.
    for key, value in asked.config.items():
        if there.config.get(key) != value:
            yield TopicDifference(name, key, there.config.get(key, "unset"), value, can_apply=True)
