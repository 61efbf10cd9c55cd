"""One key of one worker lived through on paper: inputs at their times, timers in between, facts
out. Pure, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared import ids
from shared.errors import Poisonous
from shared.events import Event, Fact
from shared.spine.work import Work

FIRINGS = 10_000
"""More from one row is no promise and no page, but a timer that never ends."""

Answers = Callable[[Any, datetime], Sequence[Event]]
"""(row, now) → what the far side says at once to what the row owes."""


class FactStamper(Protocol):
    """Gives facts their place in the log of their key, as `ids.stamp` does."""

    def __call__(
        self, facts: Sequence[Fact], *, key: str, first_seq: int, cause: str
    ) -> list[Fact]: ...


def number_facts(facts: Sequence[Fact], *, key: str, first_seq: int, cause: str) -> list[Fact]:
    """Stamped with ids that are their own but no log's: where nobody is shown them, hashing is a
    tenth of the time.
    """
    return [
        fact.copy_with({"key": key, "seq": seq, "cause": fact.cause or cause, "id": f"{key}/{seq}"})
        for seq, fact in enumerate(facts, first_seq)
    ]


class RowLifetime:
    """`facts` so far, stamped, and the `row` they lead to."""

    def __init__(
        self,
        work: Work[Any],
        key: str,
        answers: Answers | None = None,
        stamp: FactStamper = ids.stamp,
    ) -> None:
        self.work, self.key, self._answers, self._stamp = work, key, answers, stamp
        self.row: Any = None
        self.facts: list[Fact] = []

    def take(self, event: Event, at: datetime) -> None:
        """Decide on an input at its time. A repeat and an input that nobody could handle do
        nothing. Raises Unavailable.
        """
        # Workers skip what they have taken before, so the proof does as well.
        if self.row is not None and self.row.has_taken(event.id):
            return
        try:
            facts = self.work.decide(self.row, event, at)
        except Poisonous:
            return
        self._add(facts, event.id, at)

    def go_on(self, until: datetime, *, including: bool = False) -> None:
        """Let every timer fire that is due before `until` (`including`: at it, too), each at its
        time.
        """
        due_at, fire = self.work.due_at, self.work.fire
        if due_at is None or fire is None:
            return
        # A bound in place of `while True`: a policy that is tried out may make a timer without end.
        for _ in range(FIRINGS):
            due = due_at(self.row) if self.row is not None else None
            if due is None or due > until or (due == until and not including):
                return
            facts = fire(self.row, due)
            # A timer that fires without a fact would stay due: what comes now ends it.
            if not facts:
                return
            self._add(facts, ids.firing_id(self.key, self.work.name, due), due)
        raise ValueError(f"{self.key} fires without end")

    def _add(self, facts: Sequence[Fact], cause: str, at: datetime) -> None:
        if not facts:
            return
        stamped = self._stamp(
            facts, key=self.key, first_seq=(self.row.seq if self.row else 0) + 1, cause=cause
        )
        self.row = self.work.advance(self.row, stamped)
        self.facts += stamped
        # The far side answers at once, at the time of the decision.
        if self._answers is not None:
            for event in self._answers(self.row, at):
                self.take(event, at)


def live_row(
    work: Work[Any],
    key: str,
    inputs: Iterable[tuple[datetime, Event]],
    until: datetime,
    answers: Answers | None = None,
    stamp: FactStamper = ids.stamp,
) -> RowLifetime:
    """From the first input to `until`. Inputs come in the order of the log; a time that goes back
    counts as the one before.
    """
    course = RowLifetime(work, key, answers, stamp)
    now: datetime | None = None
    for at, event in inputs:
        now = at if now is None else max(now, at)
        # Timers first, those before the input's time; one at the very same time waits for the
        # input.
        course.go_on(now)
        course.take(event, now)
    course.go_on(until, including=True)
    return course
