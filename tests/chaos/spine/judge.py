"""The verdict, from the log alone: what was asked, what the facts say to a reader who keeps the
first of each (key, seq).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.wire import Message
from tests.chaos.spine.domain import (
    FACTS_A_COUNT,
    WORK,
    Count,
    Counted,
    Delivered,
    Rang,
    Tally,
    parse,
    parse_fact,
)


@dataclass
class Verdict:
    """All but `requests`, `facts`, `raw` and the lateness must be 0."""

    requests: int = 0
    raw: int = 0
    facts: int = 0
    missing: int = 0
    doubled: int = 0
    conflicts: int = 0
    gaps: int = 0
    unrung: int = 0
    rung_twice: int = 0
    early: int = 0
    unsent: int = 0
    sent_twice: int = 0
    wrong_rows: int = 0
    letters: int = 0
    late: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return (
            self.missing
            + self.doubled
            + self.conflicts
            + self.gaps
            + self.unrung
            + self.rung_twice
            + self.early
            + self.unsent
            + self.sent_twice
            + self.wrong_rows
            + self.letters
        )

    def late_at(self, share: float) -> float:
        ordered = sorted(self.late)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Account:
    """Read facts as they come, so that a run knows when all has been said; then `verdict`."""

    def __init__(self, asked: Sequence[Count]) -> None:
        self.asked = {request.id: request for request in asked}
        self.first: dict[tuple[str, int], str] = {}
        self.highest: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.rung: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.rows: dict[str, Tally] = {}
        self.result = Verdict(requests=len(asked))
        self.timers = {
            request.id: request.due_at for request in asked if request.due_at is not None
        }
        self.effects = sum(request.send for request in asked)

    @property
    def is_complete(self) -> bool:
        return (
            all(self.counted[request] >= FACTS_A_COUNT for request in self.asked)
            and len(self.rung) >= len(self.timers)
            and len(self.sent) >= self.effects
        )

    def read(self, messages: Sequence[Message]) -> None:
        result = self.result
        for message in messages:
            fact = parse_fact(message)
            result.raw += 1
            place = (fact.key, fact.seq)
            if place in self.first:
                if self.first[place] != fact.id:
                    result.conflicts += 1
                    result.examples.append(
                        f"conflict at {place}, offset {message.partition}/{message.offset}: {fact.type} {fact.cause}"
                    )
                continue
            if fact.seq != self.highest[fact.key] + 1:
                result.gaps += 1
                result.examples.append(
                    f"gap before {place}, offset {message.partition}/{message.offset}"
                )
            self.first[place] = fact.id
            self.highest[fact.key] = max(self.highest[fact.key], fact.seq)
            self.rows[fact.key] = WORK.advance(self.rows.get(fact.key), [fact])
            result.facts += 1
            match fact:
                case Rang():
                    self.rung[fact.timer] += 1
                    result.early += fact.at < fact.due_at
                    result.late.append(message.at - fact.due_at.timestamp())
                case Delivered():
                    self.sent[fact.effect] += 1
                case _:
                    self.counted[fact.cause] += 1
                    assert not isinstance(fact, Counted) or fact.cause in self.asked

    def verdict(self, changelog: Sequence[Message], letters: int) -> Verdict:
        result = self.result
        for request in self.asked:
            found = self.counted[request]
            result.missing += found < FACTS_A_COUNT
            result.doubled += found > FACTS_A_COUNT
        result.unrung = len(self.timers) - len(self.rung)
        result.rung_twice = sum(count > 1 for count in self.rung.values())
        result.unsent = self.effects - len(self.sent)
        result.sent_twice = sum(count > 1 for count in self.sent.values())
        kept: dict[str, Tally] = {}
        for message in changelog:
            row = WORK.read_row(message.value)
            if row.seq >= kept.get(message.key, Tally()).seq:
                kept[message.key] = row
        for key, expected in self.rows.items():
            if kept.get(key) != expected:
                result.wrong_rows += 1
                result.examples.append(
                    f"row {key}: log says seq {expected.seq}, changelog {kept.get(key, Tally()).seq}"
                )
        result.letters = letters
        return result


__all__ = ["Account", "Verdict", "parse"]
