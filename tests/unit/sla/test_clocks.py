"""What a ticket's facts do to its clock, and what the clock does by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.directory import policies
from services.sla.domain import INITIAL_RESPONSE, ClockRow, decide, due_at, evolve, fire
from shared import ids
from shared.errors import Unavailable
from shared.events import (
    Audience,
    ClockFact,
    Fact,
    NoteAdded,
    Plan,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    TicketFact,
    TicketReopened,
    TicketSolved,
    Via,
)
from shared.policy import DESK, DeskPolicy
from shared.topics import CLOCKS

START = datetime(2025, 7, 8, 14, 0, tzinfo=UTC)  # a Tuesday, 10:00 Eastern
PEOPLE: dict[str, Any] = {"subject": "Slow", "requester": "c@example.com", "participants": ("c@example.com",)}


@cache
def policy() -> DeskPolicy:
    return DeskPolicy.model_validate(policies()[DESK])


def after(**span: float) -> datetime:
    return START + timedelta(**span)


def about(at: datetime) -> dict[str, Any]:
    return {"at": at, "id": f"fct_{at.isoformat()}", "key": "tkt_a", "by": "somebody@example.com", "policy": {DESK: 1}}


def priority_set(plan: Plan = Plan.PREMIER, priority: Priority = Priority.URGENT, at: datetime = START) -> PrioritySet:
    return PrioritySet(**about(at), requested=priority, priority=priority, plan=plan, opened_at=at, lane="l")


def reviewed(priority: Priority, at: datetime, plan: Plan = Plan.PREMIER) -> PriorityReviewed:
    return PriorityReviewed(**about(at), previous=Priority.URGENT, priority=priority, reason="R.", plan=plan, lane="l")


def reply(at: datetime, side: Any = "staff", audience: Audience = Audience.EVERYONE, automatic: bool = False) -> ReplyAdded:
    return ReplyAdded(
        **about(at), author=f"{side}@example.com", side=side, audience=audience, via=Via.WEB, body="B", automatic=automatic,
        status="pending", priority=Priority.URGENT, **PEOPLE,
    )  # fmt: skip


def solved(at: datetime, side: Any = "staff") -> TicketSolved:
    return TicketSolved(**about(at), resolution="R", side=side, lane="l", **PEOPLE)


class Watch:
    """One ticket's clocks, kept as the spine keeps them."""

    def __init__(self, *facts: TicketFact) -> None:
        self.row: ClockRow | None = None
        self.log: list[Any] = []
        for fact in facts:
            self.take(fact)

    def take(self, fact: TicketFact) -> list[str]:
        if self.row and fact.id in self.row.seen:
            return []
        return self._add(fact.id, decide(self.row, fact, lambda stamp: policy()))

    def turn(self, now: datetime) -> list[str]:
        """Fire what is due, as the spine does: again while something is."""
        made: list[str] = []
        while self.row and (due := due_at(self.row)) and due <= now:
            facts = fire(self.row, now)
            assert facts, "due, so something happens"
            assert not {fact.cause for fact in facts} & set(self.row.seen), "no firing twice"
            made += self._add("", facts)
        return made

    def _add(self, cause: str, facts: list[Fact]) -> list[str]:
        for fact in ids.stamp(facts, key="tkt_a", first_seq=len(self.log) + 1, cause=cause):
            assert isinstance(fact, ClockFact)
            row = evolve(self.row, fact)
            self.row = row.model_copy(update={"seq": fact.seq, "seen": (*row.seen, fact.cause)})
            self.log.append(fact)
        return [fact.type for fact in facts]


TARGETS = [
    (Plan.PREMIER, Priority.URGENT, "always", 30),
    (Plan.LEGACY_ENTERPRISE, Priority.HIGH, "always", 120),
    (Plan.PREMIUM, Priority.NORMAL, "always", 720),
    (Plan.ENTERPRISE, Priority.URGENT, "business", 60),
    (Plan.FREE, Priority.NORMAL, "business", 720),
]


@pytest.mark.parametrize(("plan", "priority", "calendar", "minutes"), TARGETS)
def test_opening_starts_the_clock(plan: Plan, priority: Priority, calendar: str, minutes: int) -> None:
    watch = Watch(priority_set(plan, priority))
    (started,) = watch.log
    assert (started.calendar, started.target, started.started_at) == (calendar, timedelta(minutes=minutes), START)
    assert started.policy == {DESK: 1}
    overnight = timedelta(hours=12) if (calendar, minutes) == ("business", 720) else timedelta(0)  # 10:00 plus 12 h crosses one night
    assert started.due_at == after(minutes=minutes) + overnight


def test_warnings_then_the_breach_each_once() -> None:
    watch = Watch(priority_set())
    assert watch.row and due_at(watch.row) == after(minutes=15)
    assert watch.turn(after(minutes=14)) == []
    assert watch.turn(after(minutes=15)) == ["ClockWarned"]
    assert watch.turn(after(minutes=28)) == ["ClockWarned", "ClockWarned"]
    assert watch.turn(after(minutes=29)) == []
    assert watch.turn(after(minutes=30, seconds=2)) == ["ClockBreached"]
    breach = watch.log[-1]
    assert (breach.due_at, breach.detected_at) == (after(minutes=30), after(minutes=30, seconds=2))
    assert [fact.percent for fact in watch.log if fact.type == "ClockWarned"] == [50, 75, 90]
    assert watch.row and due_at(watch.row) is None


def test_back_after_a_long_absence_it_says_the_breach_with_its_true_deadline_and_warns_of_nothing() -> None:
    watch = Watch(priority_set())
    assert watch.turn(after(hours=3)) == ["ClockBreached"]
    assert (watch.log[-1].due_at, watch.log[-1].detected_at) == (after(minutes=30), after(hours=3))


ANSWERS: list[tuple[TicketFact, bool]] = [
    (reply(after(minutes=5)), True),
    (reply(after(minutes=5), "provider"), True),
    (reply(after(minutes=5), "customer"), False),
    (reply(after(minutes=5), "staff", Audience.PROVIDER), False),
    (reply(after(minutes=5), automatic=True), False),
    (NoteAdded(**about(after(minutes=5)), author="a", via=Via.WEB, body="B"), False),
    (TicketReopened(**about(after(minutes=5)), side="customer", priority=Priority.LOW, **PEOPLE), False),
    (solved(after(minutes=5)), True),
    (solved(after(minutes=5), "provider"), True),
    (solved(after(minutes=5), "customer"), True),
]


@pytest.mark.parametrize(("fact", "met"), ANSWERS)
def test_what_meets_the_clock(fact: TicketFact, met: bool) -> None:
    watch = Watch(priority_set())
    assert watch.take(fact) == (["ClockMet"] if met else [])
    if met:
        assert (watch.log[-1].met_at, watch.log[-1].due_at, watch.log[-1].late) == (after(minutes=5), after(minutes=30), False)
        assert watch.row and watch.row.clocks == {}
        assert watch.take(reviewed(Priority.HIGH, after(minutes=6))) == []
        assert watch.turn(after(days=9)) == []


def test_a_late_answer_is_met_late() -> None:
    watch = Watch(priority_set())
    watch.turn(after(minutes=31))
    assert watch.take(reply(after(minutes=40))) == ["ClockMet"]
    assert watch.log[-1].late


def test_an_answer_in_time_that_was_read_after_the_timer_is_not_late() -> None:
    watch = Watch(priority_set())
    watch.turn(after(minutes=30))
    watch.take(reply(after(minutes=29, seconds=59)))
    assert not watch.log[-1].late


def test_a_new_priority_is_a_new_target_from_the_same_start() -> None:
    watch = Watch(priority_set())
    watch.turn(after(minutes=16))
    assert watch.take(reviewed(Priority.HIGH, after(minutes=20))) == ["ClockRetargeted"]
    fact = watch.log[-1]
    assert (fact.started_at, fact.due_at, fact.target) == (START, after(hours=2), timedelta(hours=2))
    assert watch.row and [w.percent for w in watch.row.clocks[INITIAL_RESPONSE].warnings] == [75, 90], "50 was said already"
    assert watch.turn(after(minutes=89)) == []
    assert watch.turn(after(minutes=90)) == ["ClockWarned"]


def test_a_raise_after_the_new_targets_time_breaches_at_once_with_the_true_deadline() -> None:
    watch = Watch(priority_set(priority=Priority.NORMAL))
    watch.take(reviewed(Priority.URGENT, after(hours=1)))
    assert watch.turn(after(hours=1)) == ["ClockBreached"]
    assert watch.log[-1].due_at == after(minutes=30)


def test_a_breach_is_not_unmade_by_a_lower_priority() -> None:
    watch = Watch(priority_set())
    watch.turn(after(minutes=31))
    assert watch.take(reviewed(Priority.LOW, after(minutes=32))) == []
    assert watch.row and watch.row.clocks[INITIAL_RESPONSE].due_at == after(minutes=30)


def test_facts_read_again_change_nothing() -> None:
    facts: list[TicketFact] = [priority_set(), reviewed(Priority.HIGH, after(minutes=1)), reply(after(minutes=5), "customer")]
    facts.append(reply(after(minutes=9)))
    watch = Watch(*facts)
    before = list(watch.log)
    for fact in facts:
        assert watch.take(fact) == []
    assert watch.log == before


def test_a_policy_version_not_read_yet_makes_it_wait() -> None:
    def away(stamp: dict[str, int]) -> DeskPolicy:
        raise Unavailable("policy default")

    with pytest.raises(Unavailable):
        decide(None, priority_set(), away)
    assert decide(None, reply(START), away) == [], "what needs no policy does not wait for one"


STEPS = st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["answer", "customer", "raise", "lower", "solve", "look"])), max_size=10)


@settings(deadline=None)  # the first calendar lookup of a year is slow
@given(steps=STEPS, plan=st.sampled_from(list(Plan)))
def test_whatever_happens(steps: list[tuple[int, str]], plan: Plan) -> None:
    """Never early, at most one breach and one meeting, each percent at most once; a row rebuilt from the facts is the row."""
    watch, now = Watch(priority_set(plan)), START
    for i, (minutes, what) in enumerate(steps):
        now += timedelta(minutes=minutes, microseconds=i)
        watch.turn(now)
        match what:
            case "answer":
                watch.take(reply(now))
            case "customer":
                watch.take(reply(now, "customer"))
            case "raise":
                watch.take(reviewed(Priority.URGENT, now, plan))
            case "lower":
                watch.take(reviewed(Priority.LOW, now, plan))
            case "solve":
                watch.take(solved(now))
    kinds = [fact.type for fact in watch.log]
    assert kinds.count("ClockBreached") <= 1 and kinds.count("ClockMet") <= 1
    assert set(kinds) <= {kind.__name__ for kind in CLOCKS.events}
    warned = [fact.percent for fact in watch.log if fact.type == "ClockWarned"]
    assert len(warned) == len(set(warned))
    assert all(fact.due_at <= fact.detected_at for fact in watch.log if fact.type == "ClockBreached")
    rebuilt = None
    for fact in watch.log:
        rebuilt = evolve(rebuilt, fact).model_copy(update={"seq": fact.seq, "seen": (*(rebuilt.seen if rebuilt else ()), fact.cause)})
    assert rebuilt == watch.row
