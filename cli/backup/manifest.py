"""What a backup holds. It is written last: without it there is no backup."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from shared.bus.rewriting import TopicShape

NAME = "manifest.json"
FORMAT = 1
FILES = "files/"
TOPICS = "topics/"

# A topic that is missing here would be in no backup; a test holds it to the table of topics.
FLOW = (
    "policies",
    "directory",
    "requests",
    "urgent",
    "tickets",
    "status",
    "clocks",
    "page-inbox",
    "pages",
    "mail",
    "notices",
    "figures",
    "dead-letters",
    "erasures",
    "router-state",
    "sla-state",
    "pager-state",
    "pulse-minutes-changelog",
    "pulse-hours-changelog",
)
"""Every topic, each before those whose records follow from its own. A backup asks for their ends
the other way round, so no record is in it without what it follows from.
"""


class TopicPart(BaseModel):
    """One topic. `bounds`: partition → (first offset kept, offset after the last); `digests`:
    partition → the digest of its records in their order.
    """

    model_config = ConfigDict(frozen=True)

    partitions: int
    config: dict[str, str]
    bounds: dict[int, tuple[int, int]]
    digests: dict[int, str]
    records: int

    def shape(self, replication: int, config: dict[str, str]) -> TopicShape:
        return TopicShape(self.partitions, replication, config, self.bounds)


class Manifest(BaseModel):
    """`committed`: group → `topic/partition` → (offset, note). `members`: name → SHA-256 of all
    that the archive holds beside this. `missing`: files that the log names and nobody had.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    made_at: datetime
    prefix: str
    topics: dict[str, TopicPart]
    committed: dict[str, dict[str, tuple[int, str]]]
    members: dict[str, str]
    missing: list[str] = []

    @property
    def files(self) -> list[str]:
        """The names of the files."""
        return [name.removeprefix(FILES) for name in self.members if name.startswith(FILES)]


def place_of(member: str) -> tuple[str, int]:
    """The topic and partition that a member holds records of."""
    # `topics/<topic>/<partition>/<first offset>.gz`
    _, topic, partition, _ = member.split("/")
    return topic, int(partition)
