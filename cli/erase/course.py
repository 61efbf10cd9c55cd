"""How far an erasure has come, in a topic of its own that is there only meanwhile: so a command
that was killed goes on, on any machine, and the services keep away (`shared/bus`).

Until `copied` is written nothing of the log has been touched, and the erasure may be begun anew.
From then on it only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel

from cli.erase.person import PersonToErase
from shared.bus.rewriting import RawRecord, Rewriting, TopicShape
from shared.topics import ERASING

STAGE = f"{ERASING}."
"""What the erased copy of a topic is called until it takes its place."""


class TopicSnapshot(BaseModel):
    """A topic as it was found. `bounds`, `digests`: by partition; a digest is of the erased copy."""

    partitions: int
    replication: int
    config: dict[str, str]
    bounds: dict[int, tuple[int, int]]
    digests: dict[int, str]

    @property
    def shape(self) -> TopicShape:
        return TopicShape(self.partitions, self.replication, self.config, self.bounds)


class CopiedTopics(BaseModel):
    """All that is needed to go on: who, which topics in what shape, what the groups had committed,
    and what is told at the end.
    """

    person: PersonToErase
    at: datetime
    by: str
    topics: dict[str, TopicSnapshot]
    committed: dict[str, dict[str, tuple[int, str]]]
    """Group → `topic/partition` → (offset, note)."""
    records: dict[str, int]
    texts: int
    not_judged: int


@dataclass
class ErasureProgress:
    """`pseudonym`: whose erasure it is. `copied` None: it may be begun anew. `replaced`: topics
    that are in their place.
    """

    pseudonym: str
    copied: CopiedTopics | None = None
    replaced: set[str] = field(default_factory=set)


async def course(kafka: Rewriting) -> ErasureProgress | None:
    """The erasure under way; None: there is none. Raises Unavailable."""
    if ERASING not in await kafka.topics():
        return None
    shape = await kafka.shape(ERASING)
    found = ErasureProgress("")
    # Read from the beginning each time: the topic has a few records, and this needs no state of its
    # own.
    async for _, records in kafka.read(ERASING, shape.bounds):
        for record in records:
            said = orjson.loads(record.value or b"{}")
            match said.get("step"):
                case "begun":
                    found = ErasureProgress(said["pseudonym"])
                case "copied":
                    found.copied = CopiedTopics.model_validate(said["copied"], extra="ignore")
                case "replaced":
                    found.replaced.add(said["topic"])
    return found


async def begin(kafka: Rewriting, pseudonym: str, at: datetime, replication: int) -> None:
    """From here on the services keep away."""
    await kafka.make(
        ERASING,
        TopicShape(
            # One partition: the order of steps is all that matters.
            1,
            replication,
            {"retention.ms": "-1", "max.message.bytes": str(32 * 1024 * 1024)},
            {},
        ),
    )
    await _note(kafka, {"step": "begun", "pseudonym": pseudonym}, at)


async def record_copied(kafka: Rewriting, copied: CopiedTopics) -> None:
    await _note(kafka, {"step": "copied", "copied": copied.model_dump(mode="json")}, copied.at)


async def record_replaced(kafka: Rewriting, topic: str, at: datetime) -> None:
    await _note(kafka, {"step": "replaced", "topic": topic}, at)


async def end(kafka: Rewriting) -> None:
    """Nothing is under way any more. The copies go first: without the note of them nobody would
    look for them.
    """
    for topic in await kafka.topics():
        if topic.startswith(STAGE):
            await kafka.delete(topic)
    await kafka.delete(ERASING)


async def _note(kafka: Rewriting, said: dict[str, Any], at: datetime) -> None:
    shape = await kafka.shape(ERASING)
    value = orjson.dumps(said, option=orjson.OPT_NON_STR_KEYS)
    async with kafka.writer(ERASING) as writer:
        await writer.append(
            0, RawRecord(shape.bounds[0][1], b"course", value, (), int(at.timestamp() * 1000))
        )
