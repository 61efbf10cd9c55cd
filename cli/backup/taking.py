"""A backup of an installation that goes on meanwhile.

    1. what each group has committed        so that nothing a group has done is missing
    2. the ends, later topics first         so that no record is there without its cause
    3. the records up to these ends
    4. the files                            so that no record names a file that is not there

What a crash of everything at that moment would have left is what the backup holds, and the
processes go on from it as they do after a crash.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

from cli.backup import frames
from cli.backup.archive import ArchiveWriter
from cli.backup.manifest import FILES, FLOW, TOPICS, Manifest, TopicPart
from cli.erase.copying import read_committed
from cli.erase.mark import MARK
from cli.erase.records import Digest, event_of
from shared.bus.rewriting import FILLER, RawRecord, Rewriting, TopicShape
from shared.errors import Unavailable
from shared.files import FileHome
from shared.files.home import DESCRIBED
from shared.topics import ERASING

# Bytes of records in one member: bounds the memory of both ways.
_MEMBER_BYTES = 8 * 1024 * 1024
_LOOK_AGAIN_S = 1.0


async def take(kafka: Rewriting, files: FileHome, into: ArchiveWriter, patience: float) -> Manifest:
    """The backup, finished. `patience`: seconds until a file that the log names and that has not
    come counts as missing. Raises Unavailable, OSError.
    """
    there = set(await kafka.topics())
    if ERASING in there:
        raise Unavailable("the log", "an erasure is under way: end it first")
    if not there & set(FLOW):
        raise Unavailable("the log", "there are no topics under this prefix")
    # First of all: what a group has committed by now is done, so its facts are in what is read
    # later.
    groups = {
        group: offsets
        for group, offsets in (await read_committed(kafka, set(FLOW))).items()
        if "-rebuild-" not in group  # of a `signalbox rebuild`: nobody comes back to it
    }
    # Ends in reverse: the cause of every record that is taken is taken as well.
    shapes = {topic: await kafka.shape(topic) for topic in reversed(FLOW) if topic in there}
    named: set[str] = set()
    topics = {
        topic: await _take_topic(kafka, topic, shapes[topic], into, named)
        for topic in FLOW
        if topic in shapes
    }
    # Files last: what a record names has come by then, or comes within the patience.
    missing = await _take_files(files, into, named, patience)
    manifest = Manifest(
        made_at=datetime.now(UTC),
        prefix=kafka.prefix,
        topics=topics,
        committed=groups,
        members=into.members,
        missing=sorted(missing),
    )
    into.finish(manifest)
    return manifest


async def _take_topic(
    kafka: Rewriting, topic: str, shape: TopicShape, into: ArchiveWriter, named: set[str]
) -> TopicPart:
    digests = {partition: Digest() for partition in shape.bounds}
    waiting: dict[int, list[RawRecord]] = {partition: [] for partition in shape.bounds}
    sizes = dict.fromkeys(shape.bounds, 0)
    count = 0

    # One member: records of one partition in a row.
    def write(partition: int) -> None:
        records, waiting[partition], sizes[partition] = waiting[partition], [], 0
        if records:
            name = f"{TOPICS}{topic}/{partition}/{records[0].offset:020d}.gz"
            into.write(name, frames.pack(records))

    async for partition, raws in kafka.read(topic, shape.bounds):
        for raw in raws:
            # Records that an erasure filled holes with: a restore makes its own.
            if raw.key == FILLER and raw.value is None:
                continue
            digests[partition].add(raw.offset, raw.at_ms, raw.key, raw.value, raw.headers)
            waiting[partition].append(raw)
            sizes[partition] += raw.size
            count += 1
            if MARK not in dict(raw.headers):  # the files of an erased person are gone for good
                named |= frames.files_named(event_of(raw.value))
        if sizes[partition] > _MEMBER_BYTES:
            write(partition)
    for partition in shape.bounds:
        write(partition)
    return TopicPart(
        partitions=shape.partitions,
        config=dict(shape.config),
        bounds=dict(shape.bounds),
        digests={partition: digest.said() for partition, digest in digests.items()},
        records=count,
    )


async def _take_files(
    files: FileHome, into: ArchiveWriter, named: set[str], patience: float
) -> set[str]:
    """All files that are there, and those that the log names and that come within `patience`; the
    names of those that did not come.
    """
    taken: set[str] = set()
    await _copy([entry.name async for entry in files.entries()], files, into, taken, named)
    until = time.monotonic() + patience
    while named - taken:
        # What was uploaded a moment ago is on intake's disk, and moved within seconds.
        await _copy(sorted(named - taken), files, into, taken, named)
        if time.monotonic() > until or not named - taken:
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
    return named - taken


async def _copy(
    names: Iterable[str], files: FileHome, into: ArchiveWriter, taken: set[str], named: set[str]
) -> None:
    """Into the backup, each once. A description names the file it is about."""
    for name in names:
        raw = await files.get(name) if name not in taken else None
        if raw is None:
            continue
        into.write(FILES + name, raw)
        taken.add(name)
        # The file behind a description is needed as well.
        if name.startswith(DESCRIBED) and name in named:
            named.add(orjson.loads(raw)["blob"])
