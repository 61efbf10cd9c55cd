"""The log as the proofs read it: the same partition number of several topics, by key, in the order
of the log.

All topics have the same number of partitions and one partitioner, so everything about a ticket, or
about a lane, is in the partitions of one number: eight pieces that are small enough to be held one
after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from shared import topics
from shared.errors import Poisonous
from shared.events import DeadLetter, PolicyPublished
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.policy.writing.rehearsal import why_unusable
from shared.spine.records import check_policies
from shared.wire import Message

TICKET_TOPICS = (
    topics.REQUESTS.name,
    topics.URGENT.name,
    topics.TICKETS.name,
    topics.STATUS.name,
    topics.CLOCKS.name,
)
"""Keyed by ticket, or by incident (and, in `requests`, by page)."""
LANE_TOPICS = (topics.PAGE_INBOX.name, topics.PAGES.name)
"""Keyed by lane."""

Place = tuple[str, int, int]
"""(topic, partition, offset)"""


class Slice:
    """One partition number of some topics. `begins`: the first offset still kept, per topic."""

    def __init__(
        self,
        partition: int,
        messages: Iterable[Message] = (),
        begins: Mapping[str, int] | None = None,
    ) -> None:
        self.partition, self.begins = partition, dict(begins or {})
        # By topic and key: a proof goes through one key after the other.
        self._by_key: dict[str, dict[str, list[Message]]] = defaultdict(lambda: defaultdict(list))
        for message in messages:
            self.add(message)

    def add(self, message: Message) -> None:
        self._by_key[message.topic][message.key].append(message)

    def of(self, topic: str, key: str) -> Sequence[Message]:
        """What `topic` says about `key`, in the order of the log."""
        return self._by_key[topic].get(key, ())

    def keys(self, *names: str) -> list[str]:
        """Every key of these topics, once, in the order in which they appeared."""
        return list(dict.fromkeys(key for name in names for key in self._by_key[name]))

    def all(self, topic: str) -> Iterable[Message]:
        for messages in self._by_key[topic].values():
            yield from messages

    def is_cut(self, topic: str) -> bool:
        """Whether the beginning of the topic is not kept any more."""
        return self.begins.get(topic, 0) > 0


def slices(messages: Iterable[Message]) -> list[Slice]:
    """A log in memory (a copy, a test's), cut by partition number."""
    found: dict[int, Slice] = {}
    for message in messages:
        found.setdefault(message.partition, Slice(message.partition)).add(message)
    return [found[partition] for partition in sorted(found)]


@dataclass(frozen=True)
class VersionInForce:
    """A published version: from `at` on it is what services read."""

    version: int
    at: datetime
    document: DeskPolicy | OnCallPolicy


@dataclass
class PolicyVersions:
    """Every usable version of both documents, the first in the log with a number counting;
    `unusable` do not parse here.
    """

    desk: dict[int, VersionInForce] = field(default_factory=dict)
    on_call: dict[int, VersionInForce] = field(default_factory=dict)
    unusable: list[str] = field(default_factory=list)

    def take(self, message: Message) -> None:
        """A record of topic `policies`."""
        if not message.value:
            return
        # Checked as every reader of policies does, so that the proof uses what they used.
        try:
            check_policies(message.key, message.value)
        except Poisonous as error:
            self.unusable.append(f"{message.key}: {error}")
            return
        published = PolicyPublished.read(message.value)
        known = {DESK: self.desk, ON_CALL: self.on_call}.get(published.key)
        # The first in the log counts, as in `shared/policy/book.py`.
        if known is None or published.version in known:
            return
        model: type[DeskPolicy | OnCallPolicy] = (
            DeskPolicy if published.key == DESK else OnCallPolicy
        )
        try:
            document = model.model_validate(published.document, extra="ignore")
            if (fault := why_unusable(document, published.at)) is not None:
                self.unusable.append(f"{published.key} version {published.version}: {fault}")
                return
            known[published.version] = VersionInForce(published.version, published.at, document)
        except ValidationError as error:
            self.unusable.append(
                f"{published.key} version {published.version}: {error.error_count()} mistakes"
            )

    @classmethod
    def of(cls, messages: Iterable[Message]) -> PolicyVersions:
        found = cls()
        for message in messages:
            found.take(message)
        return found


def find_put_aside(messages: Iterable[Message]) -> dict[str, set[Place]]:
    """Worker → where the inputs stood that it put aside: they were not decided on (re-driven, they
    come again).
    """
    found: dict[str, set[Place]] = defaultdict(set)
    for message in messages:
        try:
            event = topics.read(message.value, message.headers.get("ce_type"))
        # A letter that cannot be read puts nothing aside.
        except Poisonous:
            continue
        if isinstance(event, DeadLetter):
            found[event.worker].add((event.topic, event.partition, event.offset))
    return found


Decided = Callable[[str, Message], bool]
"""(worker, input) → whether the worker says that it is done with it."""


@dataclass(frozen=True)
class DoneOffsets:
    """A `Decided` by what the workers have committed: (worker, topic, partition) → the first offset
    that is not done.
    """

    committed: Mapping[tuple[str, str, int], int]

    def __call__(self, worker: str, message: Message) -> bool:
        return message.offset < self.committed.get((worker, message.topic, message.partition), 0)
