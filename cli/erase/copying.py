"""The log without the person: first beside the old one, compared, then in its place. The order of
steps is `command.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from cli.erase import course
from cli.erase.course import STAGE, TopicSnapshot
from cli.erase.person import PersonToErase
from cli.erase.records import Digest, ErasureCounts, by_others, event_of, left_of
from cli.erase.traces import Traces
from shared.bus.rewriting import FILLER, RawRecord, Rewriting, TopicShape
from shared.errors import SignalboxError
from shared.topics import DIRECTORY, ERASING, MAIL, POLICIES, PUBLIC

Json = dict[str, Any]


class CopyDiffers(SignalboxError):
    """A copy is not what it should be. Nothing was lost: the old topics, or the complete copies,
    are still there.
    """


async def read_shapes(kafka: Rewriting) -> dict[str, TopicShape]:
    """Every topic of ours but those of an erasure."""
    return {
        name: await kafka.shape(name)
        for name in await kafka.topics()
        if name != ERASING and not name.startswith(STAGE)
    }


async def records(
    kafka: Rewriting, topic: str, shape: TopicShape
) -> AsyncIterator[tuple[int, RawRecord]]:
    """The records of a topic, without what an earlier erasure filled holes with."""
    async for partition, raws in kafka.read(topic, shape.bounds):
        for raw in raws:
            if raw.key != FILLER or raw.value is not None:
                yield partition, raw


async def find(
    kafka: Rewriting, there: dict[str, TopicShape], address: str, pseudonym: str
) -> PersonToErase:
    """Whom it is about: what of the log is theirs."""
    traces = Traces(address, pseudonym)
    stands = re.compile(re.escape(address).encode(), re.IGNORECASE)
    for topic in (each.name for each in PUBLIC if each.name in there):
        async for _, raw in records(kafka, topic, there[topic]):
            # The bytes first: most records do not hold the address, and parsing them all would take
            # long.
            if stands.search(raw.value or b"") and (event := event_of(raw.value)) is not None:
                traces.heard(event)
    # The mail twice more: which messages are in their tickets, then the files of those.
    for each in (traces.joined, traces.sent):
        if MAIL.name in there:
            async for _, raw in records(kafka, MAIL.name, there[MAIL.name]):
                if (event := event_of(raw.value)) is not None:
                    each(event)
    return traces.person()


async def reference(
    kafka: Rewriting, there: dict[str, TopicShape], policy: str
) -> tuple[dict[str, dict[str, object]], dict[str, object] | None]:
    """The directory as it stands, by key, and the newest version of a policy document."""
    directory: dict[str, Json] = {}
    async for _, raw in records(kafka, DIRECTORY.name, there[DIRECTORY.name]):
        # The newest record of a key wins; a tombstone removes it.
        event, key = event_of(raw.value), (raw.key or b"").decode()
        directory.pop(key, None)
        if event is not None and event.get("document") is not None:
            directory[key] = event["document"]
    newest: tuple[int, Json | None] = (0, None)
    async for _, raw in records(kafka, POLICIES.name, there[POLICIES.name]):
        event = event_of(raw.value)
        if event is not None and event.get("key") == policy and event["version"] > newest[0]:
            newest = (event["version"], event["document"])
    return directory, newest[1]


async def count(
    kafka: Rewriting, there: dict[str, TopicShape], person: PersonToErase
) -> ErasureCounts:
    """What would change. Raises `erasing.UnknownEvent`."""
    numbers = ErasureCounts()
    for topic, shape in there.items():
        async for _, raw in records(kafka, topic, shape):
            left = left_of(topic, raw.key, raw.value, raw.headers, person)
            numbers.records[topic] += left.changed
            numbers.texts[topic] += left.texts and left.changed
            event = event_of(raw.value) if topic == "tickets" else None
            numbers.not_judged += event is not None and by_others(event, person)
    # Unary plus: drops topics without a change.
    numbers.records = +numbers.records
    return numbers


async def copy(
    kafka: Rewriting, topic: str, shape: TopicShape, person: PersonToErase
) -> TopicSnapshot:
    """The erased copy of a topic beside it, read back and compared. Raises NotTheSame."""
    staged = STAGE + topic
    # A rest of an earlier try.
    await kafka.delete(staged)
    await kafka.make(staged, shape, KEPT)

    def left(raw: RawRecord) -> RawRecord:
        found = left_of(topic, raw.key, raw.value, raw.headers, person)
        return RawRecord(raw.offset, found.key, found.value, found.headers, raw.at_ms)

    wanted = await _pour(kafka, topic, shape, staged, left)
    await compare(
        kafka,
        staged,
        TopicShape(shape.partitions, shape.replication, shape.config, shape.bounds),
        wanted,
    )
    await _names_nobody(kafka, staged, shape, person)
    # Something was written to the original meanwhile: the copy is not complete.
    if (await kafka.shape(topic)).bounds != shape.bounds:
        raise CopyDiffers(
            f"somebody writes to {topic}: stop everything that does (mail listeners too) "
            "and run it again"
        )
    return TopicSnapshot(
        partitions=shape.partitions,
        replication=shape.replication,
        config=dict(shape.config),
        bounds=dict(shape.bounds),
        digests=wanted,
    )


async def replace(kafka: Rewriting, topic: str, bounds: TopicSnapshot, at: datetime) -> None:
    """The old topic goes, the copy's records come in its place under the old name. Begun anew where
    it was begun before.
    """
    await kafka.delete(topic)
    await kafka.make(topic, bounds.shape, KEPT)
    # Nothing is changed any more: the copy holds what the digests say.
    poured = await _pour(kafka, STAGE + topic, bounds.shape, topic, lambda raw: raw)
    if poured != bounds.digests:
        raise CopyDiffers(f"the copy of {topic} is not what it was")
    await compare(kafka, topic, bounds.shape, bounds.digests)
    # Only now its own rules: compaction may begin again.
    await kafka.configure(topic, bounds.config)
    await course.record_replaced(kafka, topic, at)


KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Nothing may be taken out of a copy, by compaction or for its age, while it waits."""


async def _pour(
    kafka: Rewriting,
    source: str,
    shape: TopicShape,
    target: str,
    change: Callable[[RawRecord], RawRecord],
) -> dict[int, str]:
    """Every record of `source` to the same place of `target`; the digests of what was written, by
    partition.
    """
    digests = {partition: Digest() for partition in shape.bounds}
    last_at = dict.fromkeys(shape.bounds, 0)
    async with kafka.writer(target) as writer:
        async for partition, raw in records(kafka, source, shape):
            changed = change(raw)
            digests[partition].add(
                changed.offset, changed.at_ms, changed.key, changed.value, changed.headers
            )
            last_at[partition] = changed.at_ms
            await writer.add(partition, [changed])
        # Also holes at the end are filled: the next record must get the offset it would have had.
        for partition, (_, end) in shape.bounds.items():
            await writer.fill(partition, end, last_at[partition])
    # What retention had deleted is not there in the copy either.
    await kafka.cut(target, {partition: begin for partition, (begin, _) in shape.bounds.items()})
    return {partition: digest.said() for partition, digest in digests.items()}


async def compare(kafka: Rewriting, topic: str, shape: TopicShape, wanted: dict[int, str]) -> None:
    """Read a topic back. Raises NotTheSame where its bounds or its records are not as wanted."""
    found = (await kafka.shape(topic)).bounds
    if found != shape.bounds:
        raise CopyDiffers(f"{topic} reaches over {found}, not over {shape.bounds}")
    digests = {partition: Digest() for partition in shape.bounds}
    async for partition, raw in records(kafka, topic, shape):
        digests[partition].add(raw.offset, raw.at_ms, raw.key, raw.value, raw.headers)
    if {partition: digest.said() for partition, digest in digests.items()} != wanted:
        raise CopyDiffers(f"{topic} does not hold what was written to it")


async def _names_nobody(
    kafka: Rewriting, topic: str, shape: TopicShape, person: PersonToErase
) -> None:
    async for partition, raw in records(kafka, topic, shape):
        said = b" ".join(
            (raw.key or b"", raw.value or b"", *(value for _, value in raw.headers))
        ).decode("utf-8", "replace")
        if person.is_named(said):
            raise CopyDiffers(
                f"{topic}/{partition}/{raw.offset} still names them: please report this"
            )


async def read_committed(
    kafka: Rewriting, topics: set[str]
) -> dict[str, dict[str, tuple[int, str]]]:
    """What every group has committed for these topics: deleting a topic makes Kafka forget it."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for group in await kafka.groups():
        mine = {
            f"{topic}/{number}": at
            for (topic, number), at in (await kafka.committed(group)).items()
            if topic in topics
        }
        if mine:
            found[group] = mine
    return found


async def commit_again(
    kafka: Rewriting, committed: Mapping[str, Mapping[str, tuple[int, str]]]
) -> bool:
    """Give the groups back what they had committed; whether everything stood there already."""
    stood = True
    for group, mine in committed.items():
        wanted = {
            (topic, int(number)): at
            for place, at in mine.items()
            for topic, _, number in [place.rpartition("/")]
        }
        there = await kafka.committed(group)
        # Only where it differs: a commit takes a consumer of its own.
        if any(there.get(place) != at for place, at in wanted.items()):
            stood = False
            await kafka.commit(group, wanted)
    return stood
