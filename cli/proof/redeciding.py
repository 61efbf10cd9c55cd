"""One decision of one worker made again and compared, fact by fact, with what the log has. Pure.

Nothing here knows tickets, clocks or pages: a worker is its `Work`, so a change of a domain is
followed by itself. Where the log differs, its fact is what the row takes, so that one mistake is
named once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cli.proof.differences import Difference, DifferenceKind, ProofTally, Repeat, about, changes
from cli.proof.recorded import RecordedFacts, UnparsedFact
from shared import ids
from shared.errors import Poisonous, Unavailable
from shared.events import Event, Fact
from shared.spine.work import Work


@dataclass(frozen=True)
class ProofSubject:
    """What is checked. `under`: the worker as it may have been when `light` was recorded (several
    where its rules had just changed), the likeliest first. `outcomes`: what the far side may have
    said, for a fact that an outcome caused. `owes`: what a row still waits for, in words."""

    work: Work[Any]
    output: str
    under: Callable[[UnparsedFact | None], Sequence[Work[Any]]]
    outcomes: Callable[[Any, UnparsedFact], Sequence[Event]] = lambda row, light: ()
    owes: Callable[[Any], Sequence[str]] = lambda row: ()
    other: Mapping[str, str] = field(default_factory=dict)
    """Beginning of a key (four characters) → the topic its facts go to instead."""

    def of(self, key: str) -> ProofSubject:
        """The subject for one key: with the topic that has its facts."""
        output = self.other.get(key[:4])
        return replace(self, output=output) if output else self


class CannotRedecide(Exception):
    """A decision cannot be made again: the reason."""


class Redecision:
    """One key: the `row` so far, the seq that comes `next`, and the facts in the log that they are
    held against.
    """

    def __init__(
        self, subject: ProofSubject, key: str, facts: RecordedFacts, tally: ProofTally
    ) -> None:
        self.subject, self.key, self.facts, self.tally = subject, key, facts, tally
        self.row: Any = None
        self.next = 1
        self.last_at: datetime | None = None
        self._decisions, self._facts = (
            f"{subject.work.name} decisions",
            f"{subject.work.name} facts",
        )

    def _decide_expected(self, work: Work[Any], event: Event, at: datetime) -> list[Fact]:
        facts = self._call_guarded(work.decide, self.row, event, at)
        return ids.stamp(list(facts), key=self.key, first_seq=self.next, cause=event.id)

    def _fire_expected(self, work: Work[Any], at: datetime, due: datetime) -> list[Fact]:
        assert work.fire is not None
        facts = self._call_guarded(work.fire, self.row, at)
        return ids.stamp(
            list(facts),
            key=self.key,
            first_seq=self.next,
            cause=ids.firing_id(self.key, work.name, due),
        )

    def _call_guarded(self, decide: Callable[..., Any], *arguments: Any) -> Any:
        """A log that was tampered with brings rows into states that no worker was ever in."""
        try:
            return decide(*arguments)
        except Poisonous:
            return ()
        # Whatever a decision raises on rows that cannot be: told as a difference, never an end of
        # the proof.
        except (
            Unavailable,
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            AssertionError,
        ) as error:
            raise CannotRedecide(f"{type(error).__name__}: {error}") from error

    def _best(
        self, light: UnparsedFact | None, decide: Callable[[Work[Any]], list[Fact]]
    ) -> list[Fact]:
        """What the worker decides under the rules it may have had: as in the log where one of them
        leads there.
        """
        works = self.subject.under(light)
        # Nearly always one. Only around a change of policy several are tried.
        if len(works) == 1:
            return decide(works[0])
        tried = [decide(work) for work in works]
        return next((found for found in tried if self._agrees(found)), tried[0])

    def _agrees(self, expected: Sequence[Fact]) -> bool:
        recorded_ones = [self.facts.by_seq.get(fact.seq) for fact in expected]
        return bool(expected) and all(
            light is not None and light.message.value == fact.wire()
            for light, fact in zip(recorded_ones, expected, strict=True)
        )

    def _compare(self, expected: Sequence[Fact], why: str) -> None:
        """Compare a decision with the log, and let the row take it as the log has it."""
        taken: list[Fact] = []
        # Fact by fact: missing, the same bytes, or different.
        for fact in expected:
            light = self.facts.by_seq.get(fact.seq)
            if light is None or (light.cause != fact.cause and light.id != fact.id):
                self._differs(
                    DifferenceKind.MISSING,
                    fact.seq,
                    fact.type,
                    f"{why}, and the log does not have it",
                    fact.at,
                    about(fact),
                )
                # Another decision's fact stands here: the rest of this one is missing, too, and
                # told once.
                if light is not None:
                    break
                taken.append(fact)
            # Bytes are compared first: equal for all but a few.
            elif light.message.value == fact.wire():
                taken.append(fact)
            else:
                taken.append(self._note_difference(fact, light, why))
        self.tally.counts[self._decisions] += 1
        self.tally.counts[self._facts] += len(taken)
        self._check_copies(taken)
        self._advance(taken)

    def _note_difference(self, fact: Fact, light: UnparsedFact, why: str) -> Fact:
        try:
            found = light.fact
        except Poisonous as error:
            self._differs(DifferenceKind.UNDECIDABLE, light.seq, light.type, str(error), light.at)
            return fact
        if differing := changes(fact, found):
            told = about(fact) | {
                f"found {name}": value
                for name, value in about(found).items()
                if about(fact).get(name) != value
            }
            self._differs(
                DifferenceKind.DIFFERENT, fact.seq, fact.type, why, light.at, told, differing
            )
        # The row takes what the log has, so that later facts are not told as different for the same
        # reason.
        return found if type(found) is type(fact) else fact

    def _check_copies(self, taken: Sequence[Fact]) -> None:
        """A decision is one Kafka batch: a crash repeats all of it or nothing."""
        if not self.facts.repeated:
            return
        copies = {
            fact.seq: self.facts.copies[fact.seq] for fact in taken if fact.seq in self.facts.copies
        }
        for fact in taken:
            if (count := copies.get(fact.seq, 1)) > 1:
                self.tally.repeats.append(
                    Repeat(self.subject.output, self.key, fact.seq, fact.type, count)
                )
        # Not all of the decision as often: no crash does that.
        if len(set(copies.values())) > 1:
            most = max(copies.values())
            for fact in taken:
                if copies.get(fact.seq) == most:
                    why = (
                        f"it is in the log {most} times, but other facts of its decision are "
                        "not: no crash does that"
                    )
                    self._differs(
                        DifferenceKind.CUT, fact.seq, fact.type, why, fact.at, about(fact)
                    )

    def _extra(self, light: UnparsedFact, why: str) -> None:
        try:
            told = about(light.fact)
        except Poisonous as error:
            told, why = {}, f"{why}; {error}"
        self._differs(DifferenceKind.EXTRA, light.seq, light.type, why, light.at, told)
        self._keep_recorded(light.seq)

    def _keep_recorded(self, seq: int) -> None:
        """Let the row take the log's fact as it is."""
        for number in range(self.next, seq + 1):
            light = self.facts.by_seq.get(number)
            if light is not None:
                try:
                    self._advance([light.fact])
                except Poisonous:
                    self.next = number + 1

    def _advance(self, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        try:
            advanced = self._call_guarded(self.subject.work.advance, self.row, facts)
            if not advanced:
                raise CannotRedecide("the worker refuses it")
            self.row = advanced
        # The row stays as it was, and the count of seqs goes on.
        except CannotRedecide as failure:
            self._differs(
                DifferenceKind.UNDECIDABLE,
                facts[0].seq,
                facts[0].type,
                f"the row cannot take it: {failure}",
                facts[0].at,
            )
        self.next = facts[-1].seq + 1
        self.last_at = facts[-1].at

    def _differs(
        self,
        kind: DifferenceKind,
        seq: int,
        what: str,
        why: str,
        at: datetime | None,
        told: dict[str, Any] | None = None,
        differing: Any = (),
    ) -> None:
        self.tally.differences.append(
            Difference(
                kind,
                self.subject.output,
                self.key,
                seq,
                what,
                why,
                at,
                told or {},
                tuple(differing),
            )
        )
