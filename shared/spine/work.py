"""What a service hands the spine: plain functions, no inheritance. Pure; `shared/spine/runtime.py`
does the work with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from shared import topics
from shared.errors import Newer, Poisonous
from shared.events import Event, Fact
from shared.spine.rows import R
from shared.wire import Message


@dataclass(frozen=True)
class Effect:
    """A side effect that a row owes. Services derive theirs with what `perform` needs.

    `id` is derived and goes to the far side as idempotency key; a second attempt is an effect with
    another id. Effects of one `destination` share a few slots, so that a slow far side holds up
    nobody else.
    """

    id: str
    destination: str


class Bug(Exception):
    """Our own code failed on this input, as often as it was tried."""


def type_name(message: Message) -> str:
    """The name of the event's class, from the headers or else from the JSON. Raises Poisonous."""
    return topics.type_of(message.value, message.headers.get("ce_type"))


def read_event(message: Message) -> Event | None:
    """The event in a message; None for a type this version does not know. Raises Poisonous."""
    return topics.read(message.value, message.headers.get("ce_type"))


def read_request(message: Message) -> Event:
    """The event in a message of an input topic. Every request is owed an answer, so one of a type
    that this version does not know is not passed over. Raises Newer for it, else Poisonous.
    """
    event = read_event(message)
    # A request of a newer version becomes a dead letter; passing it over would lose it.
    if event is None:
        raise Newer(f"{type_name(message)} is of a newer Signalbox")
    return event


def read_fact(message: Message) -> Fact:
    """The fact in a message of one of our own output topics. Raises Poisonous."""
    event = read_event(message)
    if not isinstance(event, Fact):
        raise Poisonous(f"{message.topic}/{message.partition}/{message.offset} is no fact of ours")
    return event


@dataclass(frozen=True)
class Work(Generic[R]):
    """One worker: one input topic, one row per key.

    All functions but `perform` are pure and quick. They may raise `Poisonous` (dead letter) and
    `Unavailable` (reference data not read yet: this partition waits). Anything else is a bug: five
    tries, then the key is parked.

    name       consumer group and service name in `ce_source`; the changelog topic is
               `<name>-state`
    input      logical topic; outputs: the topics its facts go to. All facts of one key go to one
               topic
    row        the class of a row; it must be a function of the facts of its key
    decide     (row or None, input or outcome, now) -> unstamped facts (id "", seq 0); at least one
               for every request. A fact may name its own `cause` (a parked request that is answered
               now)
    evolve     (row or None, fact) -> a new row; the runtime sets `seq` and `seen` afterwards
    due_at     when the row wants to be woken next; fire: what happens then. Each fact of a firing
               should carry `cause=ids.firing_id(...)`; an empty answer: nothing to do until the row
               or the documents change
    effects    what the row still owes to the outside, by the row alone; perform: does one of them,
               outside the loop, and returns its outcome, an event with a derived id, which `decide`
               then gets like an input
    parse      message -> event; None: not for this worker
    documents  a number that grows when the documents changed that decisions go by: keys that were
               parked are tried again then, since one of them may have been the reason; so are
               timers that found nothing to do
    parse_row  where rows are of several classes: the row in its bytes; `row` is then what they have
               in common
    forgets    facts whose cause is not kept in `seen` for ever: the row itself keeps the newest,
               for a crash (`Row.has_taken`), and deciding on an older one again gives the same
    """

    name: str
    input: str
    outputs: tuple[str, ...]
    row: type[R]
    decide: Callable[[R | None, Any, datetime], Sequence[Fact]]
    evolve: Callable[[R | None, Any], R]
    due_at: Callable[[R], datetime | None] | None = None
    fire: Callable[[R, datetime], Sequence[Fact]] | None = None
    effects: Callable[[R], Sequence[Effect]] | None = None
    perform: Callable[[Any], Awaitable[Event]] | None = None
    parse: Callable[[Message], Event | None] = read_event
    read_fact: Callable[[Message], Fact] = read_fact
    topic_of: Callable[[Fact], str] = topics.topic_of
    parse_row: Callable[[bytes], R] | None = None
    forgets: Callable[[Any], bool] | None = None
    documents: Callable[[], int] | None = None

    @property
    def changelog(self) -> str:
        return f"{self.name}-state"

    def read_row(self, raw: bytes) -> R:
        if self.parse_row is not None:
            return self.parse_row(raw)
        return self.row.model_validate_json(raw, extra="ignore")

    def advance(self, row: R | None, facts: Sequence[Fact]) -> R:
        """The row after stamped facts; the only way in which rows change, when deciding and when
        recovering.
        """
        # `seq` and `seen` are the runtime's: `evolve` need not know of them.
        seq = row.seq if row else 0
        seen = row.seen if row else ()
        for fact in facts:
            row = self.evolve(row, fact)
            seq = fact.seq
            # A cause that is remembered makes its repeat a repeat.
            if fact.cause and fact.cause not in seen and not self._forgets(fact):
                seen = (*seen, fact.cause)
        if row is None:
            raise ValueError("advance needs a fact")
        return row.copy_with({"seq": seq, "seen": seen})

    def _forgets(self, fact: Fact) -> bool:
        return self.forgets is not None and self.forgets(fact)
