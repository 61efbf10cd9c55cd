"""One key of one worker lived again: its inputs, timers and outcomes in the order its facts prove.
Pure.

Which of them came next is found out here; what each decides, and whether the log has it, in
`redeciding`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.erase.mark import MARK
from cli.proof.differences import DifferenceKind, ProofTally, about
from cli.proof.log import Decided, Place
from cli.proof.recorded import RecordedFacts, UnparsedFact, read_facts
from cli.proof.redeciding import CannotRedecide, ProofSubject, Redecision
from shared.errors import Poisonous
from shared.events import Event, Fact
from shared.spine.work import Work
from shared.wire import Message

GRACE = timedelta(minutes=2)
"""A timer or a send without a record is overdue after so long; a restart takes seconds."""


@dataclass(frozen=True)
class Circumstances:
    """What is the same for all keys: who has decided how far, inputs put aside, the present, and
    inputs known from elsewhere.
    """

    decided: Decided
    put_aside: Mapping[str, Collection[Place]]
    as_of: datetime
    spare: Callable[[str], Sequence[Event]] = lambda cause: ()
    """An input that is no longer kept, made again: each thing it may have said."""
    erased: Callable[[str], bool] = lambda cause: False
    """Whether what `spare` makes comes from a record that lost a text."""


class Rerun(Redecision):
    """One key. `run()` adds to the tally."""

    def __init__(
        self,
        subject: ProofSubject,
        key: str,
        facts: RecordedFacts,
        around: Circumstances,
        tally: ProofTally,
    ) -> None:
        super().__init__(subject, key, facts, tally)
        self.around = around
        self.consumed: set[str] = set()

    def run(self, inputs: Sequence[tuple[Message, Event]]) -> None:
        """`inputs` in the order of the log, each id once."""
        # Two queues are merged: inputs in their order, facts by seq. Each turn takes from one of
        # them.
        waiting = list(inputs)
        place = {event.id: number for number, (_, event) in enumerate(waiting)}
        done = 0
        while True:
            light = self.facts.by_seq.get(self.next)
            ahead = waiting[done] if done < len(waiting) else None
            # Both are empty.
            if light is None and ahead is None and self.next > self.facts.top:
                break
            if ahead is not None and self._is_its_turn(ahead, light, place, done):
                done += 1
                self.consumed.add(ahead[1].id)
                # Facts beyond the end: all inputs from here on are not decided yet.
                if not self._take(*ahead):
                    self.tally.waiting += len(waiting) - done + 1
                    return
            # No fact under this seq, though later ones are there.
            elif light is None:
                self._gap()
            elif light.cause in self.consumed and self._is_told(light):
                self._take_outcome(light)
            elif light.cause in self.consumed or light.cause.startswith("tmr_"):
                self._take_firing(light)
            else:
                self._otherwise(light)
        self._at_the_end()

    def _is_its_turn(
        self,
        ahead: tuple[Message, Event],
        light: UnparsedFact | None,
        place: dict[str, int],
        done: int,
    ) -> bool:
        """Whether the next input was decided before the next fact was recorded."""
        asked = ahead[1].id
        # The next fact names an input that is still ahead: so this one was decided before it.
        if light is not None:
            return place.get(light.cause, -1) >= done
        caused = self.facts.causes.get(asked)
        # It left no facts of its own: it may be taken now.
        if caused is None or self.next > self.facts.top:
            return True
        following = self.facts.after(self.next)
        # a gap before this input's own facts is its own where the rest of its decision follows at
        # once
        return (
            following is not None
            and following.cause == asked
            and caused == following.seq
            and self._begins_before(ahead, caused)
        )

    def _begins_before(self, ahead: tuple[Message, Event], caused: int) -> bool:
        # The input's later facts are there. Decide on it: is what is missing the beginning of that
        # decision?
        light = self.facts.by_seq[caused]
        try:
            expected = self._decide_expected(self.subject.under(light)[0], ahead[1], light.at)
        except CannotRedecide:
            return False
        rank = caused - self.next
        return rank < len(expected) and expected[rank].type == light.type

    def _take(self, message: Message, event: Event) -> bool:
        """Decide on an input. False: the worker has not come to it yet."""
        caused = self.facts.causes.get(event.id)
        # Its texts are gone: deciding on it would come out otherwise.
        if MARK in message.headers:
            return self._take_erased(message, caused)
        # The time of its own fact, else of the next one: rules of that time were in force.
        light = self.facts.by_seq.get(caused) if caused is not None else self.facts.after(self.next)
        at = light.at if light is not None else event.at
        try:
            found = self._best(light, lambda work: self._decide_expected(work, event, at))
        except CannotRedecide as failure:
            if caused is not None:
                self._differs(
                    DifferenceKind.UNDECIDABLE,
                    caused,
                    light.type if light else event.type,
                    str(failure),
                    at,
                )
                self._keep_recorded(caused)
            return True
        # It decides something, the log has nothing, and the worker has not committed it: it is
        # still waiting.
        if found and caused is None and not self.around.decided(self.subject.work.name, message):
            return False
        if found or caused is not None:
            self._compare(found, f"{event.type} {event.id} decides so")
        return True

    def _take_erased(self, message: Message, caused: int | None) -> bool:
        """A text of it was erased, so what was decided on it is taken as the log has it. `_take`'s
        answer.
        """
        if caused is None:
            decided = self.around.decided(self.subject.work.name, message)
            self.tally.erased += decided
            return decided
        self._keep_decision(caused)
        return True

    def _keep_decision(self, caused: int) -> None:
        """The facts of one decision that cannot be made again, the first of them with seq
        `caused`.
        """
        self.tally.erased += 1
        first, seq = self.facts.by_seq[caused], caused
        while (more := self.facts.by_seq.get(seq + 1)) is not None and (
            more.cause == first.cause or (more.cause in self.consumed and more.at == first.at)
        ):
            seq += 1  # with it, requests that had waited for it were decided
        self._keep_recorded(seq)

    def _take_firing(self, light: UnparsedFact) -> None:
        work = self.subject.work
        due = work.due_at(self.row) if work.due_at is not None and self.row is not None else None
        moment = self._until(light)
        if due is None or due > moment:
            # No timer of this row explains the fact.
            said = (
                f"nothing is due before {due.isoformat()}"
                if due
                else "no timer of this row and no input asks for it"
            )
            self._extra(light, said)
            return
        try:
            found = self._best(light, lambda one: self._fire_expected(one, moment, due))
        except CannotRedecide as failure:
            self._differs(DifferenceKind.UNDECIDABLE, light.seq, light.type, str(failure), light.at)
            self._keep_recorded(light.seq)
            return
        # A timer was due, but it is not the one that the fact names.
        if not found or found[0].cause != light.cause:
            self._extra(
                light,
                f"what is due at {due.isoformat()} is {found[0].type if found else 'nothing'}",
            )
            return
        self._compare(found, f"a timer was due at {due.isoformat()}")

    def _until(self, light: UnparsedFact) -> datetime:
        """When the timers were looked at: facts of parked requests carry when their patience ended,
        so the latest of a run.
        """
        moment, seq = light.at, light.seq
        while (
            (more := self.facts.by_seq.get(seq + 1)) is not None
            and more.cause in self.consumed
            and light.cause in self.consumed
        ):
            moment, seq = max(moment, more.at), seq + 1
        return moment

    def _otherwise(self, light: UnparsedFact) -> None:
        # Its cause is neither an input nor a timer of this key: the outcome of a send, or an input
        # that is no longer kept.
        try:
            if light.cause.startswith("out_"):
                self._take_outcome(light)
            else:
                self._take_uncaused(light)
        except CannotRedecide as failure:
            self._differs(DifferenceKind.UNDECIDABLE, light.seq, light.type, str(failure), light.at)
            self._keep_recorded(light.seq)

    def _is_told(self, light: UnparsedFact) -> bool:
        """The outcome of a side effect, named after the input that asked for it."""
        return self.row is not None and bool(
            self._call_guarded(self.subject.outcomes, self.row, light)
        )

    def _take_outcome(self, light: UnparsedFact) -> None:
        """A fact that the outcome of a side effect caused."""
        told = (
            self._call_guarded(self.subject.outcomes, self.row, light)
            if self.row is not None
            else ()
        )
        if not told:
            self._extra(light, "no send of this row has this outcome")
            return
        found = self._likeliest(light, told)
        self.consumed.add(light.cause)
        # The send was settled already, so this outcome changes nothing.
        if not found:
            self._extra(light, "the outcome of this send was recorded before")
            return
        self._compare(found, "the outcome of a send decides so")

    def _take_uncaused(self, light: UnparsedFact) -> None:
        # `page-inbox` keeps 30 days: older inputs are made again from the topics behind them.
        spare = self.around.spare(light.cause)
        if not spare:
            self._extra(light, f"its cause {light.cause} is not in the log")
            return
        self.consumed.add(light.cause)
        if self.around.erased(light.cause):
            self._keep_decision(light.seq)
        else:
            self._compare(
                self._likeliest(light, spare), f"{spare[0].type} {light.cause} decides so"
            )

    def _likeliest(self, light: UnparsedFact, events: Sequence[Event]) -> list[Fact]:
        """What is decided on that of these events which leads to what is in the log; on the first
        where none does.
        """
        tried = [
            self._best(light, functools.partial(self._decide_expected, event=event, at=light.at))
            for event in events
        ]
        return next((found for found in tried if self._agrees(found)), tried[0])

    def _gap(self) -> None:
        """Facts are missing that no input explains: a timer's, or an outcome's."""
        following = self.facts.after(self.next)
        assert following is not None
        work, row, lost = self.subject.work, self.row, following.seq - self.next
        due = work.due_at(row) if work.due_at is not None and row is not None else None
        # A lost firing explains the gap where a timer was due by then.
        if due is not None and due <= following.at:
            for moment in (due, following.at):
                try:
                    found = self._fire_expected(self.subject.under(following)[0], moment, due)
                except CannotRedecide:
                    continue
                if found and self._fits(found, following, lost):
                    self._compare(found, f"a timer was due at {due.isoformat()}")
                    return
        # Nothing explains it: each missing seq is told, with what the row still waited for.
        waits = "; ".join(self.subject.owes(row)) if row is not None else ""
        why = "the log has later facts of this key" + (
            f"; the row waits for: {waits}" if waits else ""
        )
        for seq in range(self.next, following.seq):
            self._differs(DifferenceKind.MISSING, seq, "a fact", why, following.at)
        self.next = following.seq

    def _fits(self, found: Sequence[Fact], following: UnparsedFact, lost: int) -> bool:
        """Whether the gap is (the beginning of) this decision."""
        return len(found) == lost or (
            len(found) > lost
            and found[lost].type == following.type
            and found[lost].cause == following.cause
        )

    def _at_the_end(self) -> None:
        for light in self.facts.conflicts:
            counts = self.facts.by_seq[light.seq]
            self._differs(
                DifferenceKind.CONFLICT,
                light.seq,
                light.type,
                f"{counts.type} {counts.id} has this seq already and counts",
                light.at,
            )
        work, row = self.subject.work, self.row
        if row is None:
            return
        due = work.due_at(row) if work.due_at is not None else None
        # The end of the log: what is long due and not recorded.
        if due is not None and due + GRACE < self.around.as_of:
            try:
                found = self._fire_expected(self.subject.under(None)[0], due, due)
            except CannotRedecide:
                found = []
            what = found[0] if found else None
            why = f"it was due at {due.isoformat()} and nothing is recorded"
            self._differs(
                DifferenceKind.OVERDUE,
                self.next,
                what.type if what else "a timer",
                why,
                due,
                about(what) if what else None,
            )
        elif self.last_at is not None and self.last_at + GRACE < self.around.as_of:
            for owed in self.subject.owes(row):
                self._differs(
                    DifferenceKind.OVERDUE,
                    self.next,
                    "an outcome",
                    f"nothing is recorded of: {owed}",
                    self.last_at,
                )


def check_key(
    subject: ProofSubject,
    key: str,
    inputs: Sequence[Message],
    facts: Sequence[Message],
    around: Circumstances,
    tally: ProofTally,
    *,
    is_cut: bool,
) -> None:
    """Decide key `key` again and compare. `is_cut`: the beginning of the input topic is not kept
    any more.
    """
    have = read_facts(facts)
    asked = list(_read(subject.work, inputs, around, tally))
    if is_cut and have.by_seq and not _starts_here(have, asked, around):
        tally.incomplete += 1
        return
    Rerun(subject, key, have, around, tally).run(asked)


def _starts_here(
    have: RecordedFacts, asked: Sequence[tuple[Message, Event]], around: Circumstances
) -> bool:
    first = have.by_seq[min(have.by_seq)].cause
    return first in {event.id for _, event in asked} or bool(around.spare(first))


def _read(
    work: Work[Any], inputs: Sequence[Message], around: Circumstances, tally: ProofTally
) -> Iterator[tuple[Message, Event]]:
    seen: set[str] = set()
    for message in inputs:
        # Inputs that went to the dead letters were never decided on.
        if (message.topic, message.partition, message.offset) in around.put_aside.get(
            work.name, ()
        ):
            tally.put_aside += 1
            continue
        try:
            event = work.parse(message) if message.value else None
        except Poisonous:
            continue
        if event is not None and event.id not in seen:
            seen.add(event.id)
            yield message, event
