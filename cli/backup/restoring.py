"""A backup into an empty Kafka, with the same offsets, and its files. Views and other copies of the
log go: they are made anew from it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cli.backup import frames
from cli.backup.archive import Archive
from cli.backup.manifest import FILES, FLOW, TOPICS, Manifest, place_of
from cli.erase.copying import KEPT, commit_again, compare
from cli.erase.stored import drop_views
from shared.bus import CLUSTERS_OWN
from shared.bus.rewriting import RawRecord, Rewriting
from shared.errors import SignalboxError, Unavailable
from shared.files import FileHome
from shared.files.home import DESCRIBED
from shared.storage.store import Store
from shared.topics import ERASING

_OFFSETS_WITHIN_S = 20.0
# A setting of the cluster and not of the log: a smaller cluster could not write with the old one.
_INSYNC = "min.insync.replicas"
COPIES = (
    "intake/**/directory.sqlite*",
    "intake/**/policies.json",
    "intake/**/incidents.json",
    "intake/**/answers.sqlite*",
    "intake/**/idempotency.sqlite*",
    "intake/**/seen.sqlite*",
    "auditor/*",
    "status-page/**/*",
)
"""Below the data folder: what is known of a log that may be longer than the backup's."""


class NotEmpty(SignalboxError):
    """Something is there already, or at work. Nothing was changed."""


@dataclass(frozen=True)
class Copies:
    """How many copies new topics get; None: as the cluster makes them."""

    replication: int | None = None
    min_insync: int | None = None

    def config(self, kept: dict[str, str]) -> dict[str, str]:
        """The settings of a topic on this cluster."""
        left = {name: value for name, value in kept.items() if name != _INSYNC}
        return left | ({_INSYNC: str(self.min_insync)} if self.min_insync else {})


async def refuse_if_used(kafka: Rewriting, manifest: Manifest) -> list[str]:
    """Our topics that are there and hold nothing. Raises NotEmpty, Unavailable."""
    listed = await kafka.topics()
    # In this order: each reason is worth more than the ones after it.
    if ERASING in listed:
        raise NotEmpty("An erasure is under way in this Kafka: end it first.")
    for group, members in (await kafka.groups()).items():
        if members and group in manifest.committed:
            raise NotEmpty(f"Stop the services first: group {group!r} has {len(members)} members.")
    # Another installation's prefix may begin with ours: its topics are none of ours.
    there = [topic for topic in listed if topic in FLOW]
    for topic in there:
        if any(end for _, end in (await kafka.shape(topic)).bounds.values()):
            raise NotEmpty(
                f"Kafka is not empty: topic {topic!r} has records. Restore into an empty one, or "
                "under another SIGNALBOX_TOPIC_PREFIX."
            )
    return there


async def restore(
    archive: Archive, kafka: Rewriting, files: FileHome, store: Store, data: Path, copies: Copies
) -> int:
    """How many files were written. Raises NotEmpty, BadArchive, NotTheSame, Unavailable.

    Killed half-way, Kafka is not empty: delete its topics and begin again.
    """
    # All of it is read twice: a broken backup must not leave a half-filled Kafka.
    for _ in archive.verified():
        pass  # nothing is touched before all of it is known to be whole
    there = await refuse_if_used(kafka, archive.manifest)
    await drop_views(store)
    drop_copies(data)
    written = await _restore_files(archive, files)
    # Empty topics are made anew, since theirs may have another number of partitions.
    for topic in there:
        await kafka.delete(topic)
    await _restore_topics(archive, kafka, copies)
    await _commit(kafka, archive.manifest)
    return written


def drop_copies(data: Path) -> None:
    """Of the log, on this machine. What waits to be sent to Kafka stays."""
    for pattern in COPIES:
        for path in data.glob(pattern):
            if path.is_file():
                path.unlink(missing_ok=True)


async def _restore_files(archive: Archive, files: FileHome) -> int:
    written = 0
    for member, raw in archive.verified():
        if not member.startswith(FILES):
            continue
        name = member.removeprefix(FILES)
        # A restore that is run again writes only what is missing.
        if await files.get(name) == raw:
            continue
        # `put_many` leaves what is there; here the backup's bytes count.
        if name.startswith(DESCRIBED) or await files.has(name):
            await files.replace(name, raw)
        else:
            await files.put_many([(name, raw)])
        # Read back: storage that says yes and keeps something else must be found out now.
        kept = await files.get(name)
        if kept is None or hashlib.sha256(kept).hexdigest() != archive.manifest.members[member]:
            raise Unavailable("files", f"{name} does not read back as it was written")
        written += 1
    return written


async def _restore_topics(archive: Archive, kafka: Rewriting, copies: Copies) -> None:
    # All topics first: a record may be needed while another topic is filled.
    for topic, part in archive.manifest.topics.items():
        config = copies.config(part.config)
        shape = part.shape(copies.replication or CLUSTERS_OWN, config)
        await kafka.make(topic, shape, KEPT)
    for topic, records in groupby(_records(archive), key=lambda each: each[0]):
        await _pour(kafka, topic, archive.manifest, ((place, raw) for _, place, raw in records))
    # Compared, then set to its own rules: compaction must not change what is compared.
    for topic, part in archive.manifest.topics.items():
        config = copies.config(part.config)
        if not part.records:
            await _pour(kafka, topic, archive.manifest, iter(()))
        await compare(kafka, topic, part.shape(CLUSTERS_OWN, config), part.digests)
        await kafka.configure(topic, config)


def _records(archive: Archive) -> Iterator[tuple[str, int, RawRecord]]:
    """(topic, partition, record), topic after topic."""
    for member, packed in archive.verified():
        if member.startswith(TOPICS):
            topic, partition = place_of(member)
            for raw in frames.unpack(packed):
                yield topic, partition, raw


async def _pour(
    kafka: Rewriting, topic: str, manifest: Manifest, records: Iterator[tuple[int, RawRecord]]
) -> None:
    """Every record at its offset; holes and the beginning that was cut away as in an erasure."""
    part = manifest.topics[topic]
    last_at = dict.fromkeys(part.bounds, 0)
    async with kafka.writer(topic) as writer:
        # The last time of each partition is kept for the tombstones that fill its end.
        for partition, raw in records:
            last_at[partition] = raw.at_ms
            await writer.add(partition, [raw])
        for partition, (_, end) in part.bounds.items():
            await writer.fill(partition, end, last_at[partition])
    await kafka.cut(topic, {number: begin for number, (begin, _) in part.bounds.items()})


async def _commit(kafka: Rewriting, manifest: Manifest) -> None:
    """Each group goes on where it was. Looked at twice: Kafka forgets the offsets of a deleted
    topic a moment after it is gone.
    """
    until, stood = time.monotonic() + _OFFSETS_WITHIN_S, 0
    while stood < 2:
        stood = stood + 1 if await commit_again(kafka, manifest.committed) else 0
        if time.monotonic() > until:
            raise Unavailable("kafka", "the groups' offsets do not stand")
        await asyncio.sleep(1.0 if stood < 2 else 0)
