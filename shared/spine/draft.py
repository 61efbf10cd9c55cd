"""One turn of the spine on paper: what it would publish, remember and commit. Nothing here waits or
writes.

The runtime takes messages, outcomes and timers through `take`, `settle` and `fire`, then publishes
`facts` and `letters`, then `state()`, then commits `done` (DESIGN section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic

from shared import ids
from shared.errors import Newer, Poisonous
from shared.events import Event, Fact
from shared.spine.recovery import NO_ROW, PartitionState, state_record
from shared.spine.rows import R
from shared.spine.work import Bug, Effect, Work
from shared.wire import Message, Record, dead_letter, headers_for, record_for

DEAD_LETTERS = "dead-letters"
REDRIVE = "redrive"
"""Header of a dead letter that is put back on its input topic: it is tried although its key is
parked.
"""

GROUP_BYTES = 400 * 1024
"""What one decision may weigh: it goes into one Kafka batch, so that a crash cannot cut it in
two.
"""

ROW_BYTES = 8 * 1024 * 1024
"""A row remembers every request it has taken. Beyond this (some 100,000) its key is parked: the
changelog topic takes twice as much (`shared/topics.py`), and a row that Kafka refuses would stop
the whole worker."""

# A timer that is due again at once, so often, is a bug in `due_at` or `fire`.
FIRINGS_IN_A_ROW = 50

Place = tuple[int, str]
"""(partition, key)"""

Attempt = Callable[..., Any]
"""attempt(function, *arguments): its value; Poisonous and Unavailable as they come; `Bug` after
five tries.
"""


class Turn(Generic[R]):
    """`parts` are the partitions owned; rows in them are only read. `now` is the business time of
    the turn.

    By place (partition, key): `rows` that changed, `parked` keys (reason, or None for one let go),
    and for both what they want next, `due` and `owed`. `done` holds the next offset of every
    partition touched.

    `traces`: the newest trace context of each place, kept from turn to turn, so that what a timer
    or an outcome leads to belongs to the trace of what came before; a start forgets them.
    """

    def __init__(
        self,
        work: Work[R],
        parts: dict[int, PartitionState],
        now: datetime,
        attempt: Attempt,
        traces: dict[Place, bytes] | None = None,
    ) -> None:
        self._work, self._parts, self.now, self._attempt = work, parts, now, attempt
        self.facts: list[Record] = []
        self.letters: list[Record] = []
        self.fresh_letters = 0
        self.done: dict[int, int] = {}
        self.counts = {"message": 0, "outcome": 0, "firing": 0}
        self.rows: dict[Place, R] = {}
        self.parked: dict[Place, str | None] = {}
        self.due: dict[Place, datetime | None] = {}
        self.owed: dict[Place, Sequence[Effect]] = {}
        self.lateness: list[float] = []
        self.traces = {} if traces is None else traces
        self._read: dict[Place, R | None] = {}
        self._groups = 0

    def row(self, partition: int, key: str) -> R | None:
        """The row as this turn has made it so far. Raises ValidationError where it does not parse,
        Bug where it is too large.
        """
        place = (partition, key)
        # This turn first, then what was read in it, then memory.
        if place in self.rows:
            return self.rows[place]
        if place not in self._read:
            raw = self._parts[partition].rows.get(key)
            # A row of this size would not fit into the changelog any more.
            if raw is not None and len(raw) > ROW_BYTES:
                raise Bug(f"the row weighs more than {ROW_BYTES} bytes")
            self._read[place] = self._work.read_row(raw) if raw else None
        return self._read[place]

    def reason_parked(self, partition: int, key: str) -> str | None:
        """Why the key is parked, as of this turn."""
        place = (partition, key)
        return (
            self.parked[place]
            if place in self.parked
            else self._parts[partition].rows.parked.get(key)
        )

    def take(self, message: Message) -> None:
        """Decide on one message. Raises Unavailable, and has then done nothing."""
        partition, key = message.partition, message.key
        # Parked as of this turn: an earlier message of it may have parked the key.
        parked = self.reason_parked(partition, key)
        redriven = REDRIVE in message.headers
        try:
            if not key:
                raise Poisonous("the record has no key")
            # Behind a parked message nothing may pass, or the order would be lost.
            if parked and not redriven:
                self._letter(message, f"parked behind: {parked}", parked=True, fresh=False)
            # An empty value that is redriven only lets the key go on.
            elif message.value or not redriven:
                event = self._attempt(self._work.parse, message)
                if event is not None:
                    trace = message.headers.get("traceparent")
                    if trace:
                        self.traces[partition, key] = trace
                    self._decide(partition, key, event, trace)
            # It was decided, so the key goes on, and what it wants is asked again.
            if parked and redriven:
                self.parked[partition, key] = None
                self._look_ahead(partition, key, self.row(partition, key))
        # The input's fault: a letter, and the key goes on.
        except Poisonous as error:
            self._letter(message, str(error), fresh=not isinstance(error, Newer))
        # Our fault: the key waits for somebody, and what comes after it waits behind.
        except Bug as error:
            self.parked[partition, key] = f"{partition}/{message.offset}: {error}"
            self._letter(message, f"a bug: {error}", parked=True, fresh=not redriven)
        # Moved on in every case: each message has been answered somehow.
        self.done[partition] = message.offset + 1
        self.counts["message"] += 1

    def settle(self, partition: int, key: str, outcome: Event) -> None:
        """Decide on the outcome of an effect. Raises Unavailable."""
        try:
            self._decide(partition, key, outcome, self.traces.get((partition, key)))
        except (Poisonous, Bug) as error:
            self._stop_key(
                partition, key, f"outcome {outcome.type} {outcome.id}", error, outcome.wire()
            )
        self._touch(partition, "outcome")

    def fire(self, partition: int, key: str) -> None:
        """Fire whatever of this row is due. Raises Unavailable."""
        due_at, fire = self._work.due_at, self._work.fire
        # A parked key does not fire; letting it go arms its timer again.
        if due_at is None or fire is None or self.reason_parked(partition, key):
            return
        try:
            # A row may be due several times at once, each firing after the last one's facts.
            for _ in range(FIRINGS_IN_A_ROW):
                row = self._attempt(self.row, partition, key)
                due = self._attempt(due_at, row) if row is not None else None
                if due is None or due > self.now:
                    return
                facts = self._attempt(fire, row, self.now)
                # Nothing to do by the documents there are: not asked again before they change.
                if not facts:
                    self._parts[partition].rows.resting.add(key)
                    return
                # A firing may answer a request that was parked (its id is in `seen` already), but
                # repeat no firing.
                if any(fact.cause in row.seen and fact.cause.startswith("tmr_") for fact in facts):
                    raise Bug(f"timer due at {due.isoformat()} fires again what it has fired")
                cause = ids.firing_id(key, self._work.name, due)
                trace = self.traces.get((partition, key))
                self._add(partition, key, row, facts, cause, trace)
                self.lateness.append((self.now - due).total_seconds())
                self._touch(partition, "firing")
            raise Bug(f"fires {FIRINGS_IN_A_ROW} times at once and is still due")
        except (Poisonous, Bug) as error:
            self._stop_key(partition, key, "a timer", error, b"")
            self._touch(partition, "firing")

    def state(self) -> list[Record]:
        """The changelog records of the rows this turn has changed or parked."""
        changelog = self._work.changelog
        return [
            state_record(
                changelog,
                p,
                key,
                self.encode_row(p, key),
                self.seq(p, key),
                self.reason_parked(p, key),
            )
            # A key that was parked without a row has a record, too.
            for p, key in {**self.rows, **self.parked}
        ]

    def next_offset(self, partition: int) -> int:
        """Where the input of the partition stands after this turn."""
        return max(self.done.get(partition, 0), self._parts[partition].next_offset)

    def seq(self, partition: int, key: str) -> int:
        """The seq of the row after this turn."""
        changed = self.rows.get((partition, key))
        return changed.seq if changed is not None else self._parts[partition].seqs.get(key, 0)

    def encode_row(self, partition: int, key: str) -> bytes:
        """The row as bytes; `{}` stands for no row (of a key that is parked from its first
        message).
        """
        changed = self.rows.get((partition, key))
        return (
            changed.to_bytes()
            if changed is not None
            else self._parts[partition].rows.get(key) or NO_ROW
        )

    def _touch(self, partition: int, what: str) -> None:
        # A turn without messages still commits, at the offset it has.
        self.done.setdefault(partition, self._parts[partition].next_offset)
        self.counts[what] += 1

    def _look_ahead(self, partition: int, key: str, row: R | None) -> None:
        """What the row wants next, asked here so that a bug in it parks the key before anything is
        written.
        """
        if self._work.due_at is not None:
            self.due[partition, key] = (
                self._attempt(self._work.due_at, row) if row is not None else None
            )
        if self._work.effects is not None:
            self.owed[partition, key] = (
                self._attempt(self._work.effects, row) if row is not None else ()
            )

    def _decide(self, partition: int, key: str, event: Event, traceparent: bytes | None) -> None:
        row = self._attempt(self.row, partition, key)
        # A repeat: its facts are there already.
        if row is not None and row.has_taken(event.id):
            return
        facts = self._attempt(self._work.decide, row, event, self.now)
        if facts:
            self._add(partition, key, row, facts, event.id, traceparent)

    def _add(
        self,
        partition: int,
        key: str,
        row: R | None,
        facts: Sequence[Fact],
        cause: str,
        traceparent: bytes | None,
    ) -> None:
        work = self._work
        stamped = ids.stamp(facts, key=key, first_seq=(row.seq if row else 0) + 1, cause=cause)
        # Before anything is kept: a bug in `evolve` must leave no facts behind.
        advanced = self._attempt(work.advance, row, stamped)
        # One group is one batch, so a crash cannot cut a decision in two.
        self._groups += 1
        records = [
            Record(
                work.topic_of(fact),
                key,
                fact.wire(),
                headers_for(fact, work.name, traceparent),
                partition,
                self._groups,
            )
            for fact in stamped
        ]
        if any(record.topic != records[0].topic for record in records):
            raise Bug("the facts of one decision go to several topics")
        if sum(len(record.value or b"") for record in records) > GROUP_BYTES:
            raise Bug(f"the facts of one decision weigh more than {GROUP_BYTES} bytes")
        # Asked before the facts are kept: a bug here parks the key with nothing written.
        self._look_ahead(partition, key, advanced)
        self.facts.extend(records)
        self.rows[partition, key] = advanced

    def _stop_key(self, partition: int, key: str, what: str, error: Exception, raw: bytes) -> None:
        """Park a key whose timer or outcome hit a bug. Re-driving the letter (with its empty value)
        lets it go on.
        """
        self.parked[partition, key] = f"{what}: {error}"
        reason = f"{what}: {error}" + (f" ({raw.decode()})" if raw else "")
        # No message stands behind it, so the offset is -1 and the value empty.
        self._letter(
            Message(self._work.input, partition, -1, key, b"", {}, 0.0), reason, parked=True
        )

    def _letter(
        self, message: Message, reason: str, *, parked: bool = False, fresh: bool = True
    ) -> None:
        # A timer or outcome has no offset: the time tells two letters apart.
        again = self.now.isoformat() if message.offset < 0 else ""
        letter = dead_letter(
            message, self._work.name, reason, self.now, parked=parked, more=(message.key, again)
        )
        self.letters.append(
            record_for(DEAD_LETTERS, letter, self._work.name, message.headers.get("traceparent"))
        )
        # Letters behind a parked key, or of a newer version, do not count: they are no new fault.
        self.fresh_letters += fresh
