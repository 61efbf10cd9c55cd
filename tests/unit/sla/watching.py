"""One ticket's clocks as the spine keeps them, and the facts that happen to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from deploy.demo.directory import policies
from services.sla.domain import ClockRow, decide, due_at, evolve, fire
from shared import ids
from shared.events import (
    Audience,
    ClockFact,
    Fact,
    MergeNoted,
    Plan,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    TicketAssigned,
    TicketFact,
    TicketMerged,
    TicketReopened,
    TicketSolved,
    Via,
)
from shared.policy import DESK, DeskPolicy

START = datetime(2025, 7, 8, 14, 0, tzinfo=UTC)  # a Tuesday, 10:00 Eastern
PEOPLE: dict[str, Any] = {
    "subject": "Slow",
    "requester": "c@example.com",
    "participants": ("c@example.com",),
}


@cache
def policy() -> DeskPolicy:
    return DeskPolicy.model_validate(policies()[DESK])


def every(within: str, calendar: str, *plans: Plan) -> list[dict[str, Any]]:
    """The same target for every priority of the plans."""
    return [
        {"plan": plan, "priority": priority, "within": within, "calendar": calendar}
        for plan in plans
        for priority in Priority
    ]


@cache
def promising() -> DeskPolicy:
    """The default policy with the two clocks turned on that it leaves off."""
    more = {
        "next_reply": every("1h", "always", Plan.PREMIER),
        "resolution": every("10h", "always", Plan.PREMIER),
    }
    return DeskPolicy.model_validate({**policies()[DESK], **more})


def after(**span: float) -> datetime:
    return START + timedelta(**span)


def about(at: datetime, version: int = 1) -> dict[str, Any]:
    return {"at": at, "key": "tkt_a", "by": "somebody@example.com", "policy": {DESK: version}}


def priority_set(
    plan: Plan = Plan.PREMIER, priority: Priority = Priority.URGENT, at: datetime = START
) -> PrioritySet:
    return PrioritySet(
        **about(at), requested=priority, priority=priority, plan=plan, opened_at=at, lane="l"
    )


def reviewed(
    priority: Priority, at: datetime, plan: Plan = Plan.PREMIER, version: int = 1
) -> PriorityReviewed:
    return PriorityReviewed(
        **about(at, version),
        previous=Priority.URGENT,
        priority=priority,
        reason="R.",
        plan=plan,
        lane="l",
    )


def reply(
    at: datetime,
    side: Any = "staff",
    audience: Audience = Audience.EVERYONE,
    automatic: bool = False,
    status: str | None = None,
) -> ReplyAdded:
    return ReplyAdded(
        **about(at),
        author=f"{side}@example.com",
        side=side,
        audience=audience,
        via=Via.WEB,
        body="B",
        automatic=automatic,
        status=status or ("open" if side == "customer" else "pending"),
        priority=Priority.URGENT,
        **PEOPLE,
    )


def assigned(
    at: datetime, provider: str | None = "redisco", previous: str | None = None
) -> TicketAssigned:
    queue = f"provider:{provider}" if provider else "platform"
    return TicketAssigned(
        **about(at),
        queue=queue,
        provider=provider,
        previous=previous,
        priority=Priority.URGENT,
        **PEOPLE,
    )


def solved(at: datetime, side: Any = "staff") -> TicketSolved:
    return TicketSolved(**about(at), resolution="R", side=side, lane="l", **PEOPLE)


def reopened(at: datetime, side: Any = "customer") -> TicketReopened:
    return TicketReopened(**about(at), side=side, priority=Priority.URGENT, **PEOPLE)


def merged(at: datetime) -> TicketMerged:
    return TicketMerged(
        **about(at),
        into="tkt_b",
        is_shared=True,
        waits=True,
        subject="Slow",
        requester="c@example.com",
        lane="l",
    )


def merge_noted(at: datetime, status: str = "open", *, waits: bool = True) -> MergeNoted:
    return MergeNoted(
        **about(at), merged="tkt_b", status=status, waits=waits, priority=Priority.URGENT
    )


class Watch:
    """`take` facts, `turn` the time; `log` holds what was said, `row` what is kept. `versions`:
    policies by version.
    """

    def __init__(self, *facts: TicketFact, versions: dict[int, DeskPolicy] | None = None) -> None:
        self.row: ClockRow | None = None
        self.log: list[Any] = []
        self.versions = versions or {1: policy()}
        self._taken = 0
        self._now = START - timedelta(days=3660)
        for fact in facts:
            self.take(fact)

    def take(self, fact: TicketFact) -> list[str]:
        """The types of the facts it makes. A fact without an id gets one: it is read for the first
        time.
        """
        if not fact.id:
            self._taken += 1
            fact = fact.model_copy(update={"id": f"fct_{self._taken}"})
        if self.row and fact.id in self.row.seen:
            return []
        self._now = max(self._now, fact.at)
        return self._add(fact.id, decide(self.row, fact, lambda stamp: self.versions[stamp[DESK]]))

    def turn(self, now: datetime) -> list[str]:
        """Fire what is due, as the spine does: again while something is."""
        made: list[str] = []
        while self.row and (due := due_at(self.row)) and due <= now:
            facts = fire(self.row, now)
            assert facts, "due, so something happens"
            assert not {fact.cause for fact in facts} & set(self.row.seen), "no firing twice"
            made += self._add("", facts)
        return made

    def run(self, until: datetime) -> None:
        """Let the time pass, every timer firing exactly when it is due."""
        while self.row and (due := due_at(self.row)) and due <= until:
            self._now = max(self._now, due)
            self.turn(self._now)
        self._now = max(self._now, until)

    def said(self, clock: str) -> list[str]:
        """What was said of one clock, without `Clock`."""
        return [fact.type.removeprefix("Clock") for fact in self.log if fact.clock == clock]

    def _add(self, cause: str, facts: list[Fact]) -> list[str]:
        for fact in ids.stamp(facts, key="tkt_a", first_seq=len(self.log) + 1, cause=cause):
            assert isinstance(fact, ClockFact)
            row = evolve(self.row, fact)
            seen = row.seen if fact.cause in row.seen else (*row.seen, fact.cause)
            self.row = ClockRow.model_validate_json(
                row.model_copy(update={"seq": fact.seq, "seen": seen}).to_bytes()
            )
            self.log.append(fact)
        return [fact.type for fact in facts]


def rebuilt(watch: Watch) -> ClockRow | None:
    """The row made of the facts alone."""
    row: ClockRow | None = None
    for fact in watch.log:
        row = evolve(row, fact)
        row = row.model_copy(
            update={
                "seq": fact.seq,
                "seen": row.seen if fact.cause in row.seen else (*row.seen, fact.cause),
            }
        )
    return row
