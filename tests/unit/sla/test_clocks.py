"""What a ticket's facts do to its clocks, and what the clocks do by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sla.domain import (
    AUTO_CLOSE,
    INITIAL_RESPONSE,
    NEXT_REPLY,
    PROVIDER_ANSWER,
    RESOLUTION,
    decide,
    due_at,
)
from shared.errors import Unavailable
from shared.events import Audience, NoteAdded, Plan, Priority, TicketFact, Via
from shared.policy import DESK, DeskPolicy
from shared.topics import CLOCKS
from tests.unit.sla.watching import (
    START,
    Watch,
    about,
    after,
    assigned,
    every,
    merge_noted,
    merged,
    policy,
    priority_set,
    promising,
    rebuilt,
    reopened,
    reply,
    reviewed,
    solved,
)

TARGETS = [
    (Plan.PREMIER, Priority.URGENT, "always", 30),
    (Plan.LEGACY_ENTERPRISE, Priority.HIGH, "always", 120),
    (Plan.PREMIUM, Priority.NORMAL, "always", 720),
    (Plan.ENTERPRISE, Priority.URGENT, "business", 60),
    (Plan.FREE, Priority.NORMAL, "business", 720),
]


@pytest.mark.parametrize(("plan", "priority", "calendar", "minutes"), TARGETS)
def test_opening_starts_the_clock(
    plan: Plan, priority: Priority, calendar: str, minutes: int
) -> None:
    watch = Watch(priority_set(plan, priority))
    (started,) = watch.log
    assert (started.calendar, started.target, started.started_at) == (
        calendar,
        timedelta(minutes=minutes),
        START,
    )
    assert started.policy == {DESK: 1}
    overnight = (
        timedelta(hours=12) if (calendar, minutes) == ("business", 720) else timedelta(0)
    )  # 10:00 plus 12 h crosses one night
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


def test_back_after_a_long_absence_it_says_the_breach_with_its_true_deadline_and_warns_of_nothing() -> (
    None
):
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
    (reopened(after(minutes=5)), False),
    (solved(after(minutes=5)), True),
    (solved(after(minutes=5), "provider"), True),
    (solved(after(minutes=5), "customer"), True),
]


@pytest.mark.parametrize(("fact", "met"), ANSWERS)
def test_what_meets_the_clock(fact: TicketFact, met: bool) -> None:
    watch = Watch(priority_set())
    watch.take(fact)
    assert watch.said(INITIAL_RESPONSE) == (["Started", "Met"] if met else ["Started"])
    if met:
        fact = watch.log[1]
        assert (fact.met_at, fact.due_at, fact.late, fact.ran) == (
            after(minutes=5),
            after(minutes=30),
            False,
            timedelta(minutes=5),
        )
        assert watch.row and INITIAL_RESPONSE not in watch.row.clocks
        assert watch.take(reviewed(Priority.HIGH, after(minutes=6))) == []
        watch.turn(after(days=9))
        assert watch.said(INITIAL_RESPONSE) == ["Started", "Met"]


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
    assert (fact.started_at, fact.due_at, fact.target) == (
        START,
        after(hours=2),
        timedelta(hours=2),
    )
    assert watch.row and list(watch.row.clocks[INITIAL_RESPONSE].warnings) == [75, 90], (
        "50 was said already"
    )
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
    facts: list[TicketFact] = [
        priority_set(),
        reviewed(Priority.HIGH, after(minutes=1)),
        reply(after(minutes=5), "customer"),
    ]
    facts.append(reply(after(minutes=9)))
    watch = Watch(*facts)
    before = list(watch.log)
    for n, fact in enumerate(facts, 1):
        assert watch.take(fact.model_copy(update={"id": f"fct_{n}"})) == []
    assert watch.log == before


def test_a_policy_version_not_read_yet_makes_it_wait() -> None:
    def away(stamp: dict[str, int]) -> DeskPolicy:
        raise Unavailable("policy default")

    with pytest.raises(Unavailable):
        decide(None, priority_set(), away)
    assert decide(None, reply(START), away) == [], "what needs no policy does not wait for one"


def kept(**more: Any) -> Watch:
    """A ticket of a plan that is promised everything."""
    return Watch(priority_set(), versions={1: promising()}, **more)


def test_a_late_answer_read_together_with_its_deadline_tells_the_breach_too() -> None:
    watch = Watch(priority_set())
    assert watch.take(reply(after(minutes=40))) == ["ClockBreached", "ClockMet"]
    breach, met = watch.log[1:]
    assert (breach.due_at, breach.detected_at, met.late) == (
        after(minutes=30),
        after(minutes=40),
        True,
    )
    assert watch.turn(after(hours=9)) == []


def test_a_review_read_together_with_a_deadline_long_past_does_not_unmake_it() -> None:
    watch = Watch(priority_set())
    assert watch.take(reviewed(Priority.LOW, after(hours=1))) == []
    assert watch.turn(after(hours=2)) == ["ClockBreached"]


def test_time_already_run_is_kept_across_calendars() -> None:
    """15 minutes run 24x7, then business hours: 45 minutes of the hour are left."""
    other = DeskPolicy.model_validate(
        {**policy().model_dump(mode="json"), "targets": every("1h", "business", *Plan)}
    )
    watch = Watch(
        priority_set(at=after(hours=10, minutes=30)), versions={1: policy(), 2: other}
    )  # 20:30 Eastern
    watch.take(reviewed(Priority.HIGH, after(hours=10, minutes=45), version=2))
    fact = watch.log[-1]
    assert (fact.ran, fact.since) == (timedelta(minutes=15), after(hours=10, minutes=45))
    assert fact.due_at == after(hours=23, minutes=30), "15 minutes to closing, 30 from 9:00 on"
    assert fact.policy == {DESK: 2}
    assert watch.row and watch.row.clocks[INITIAL_RESPONSE].policy == {DESK: 2}


# --- next reply
# ------------------------------------------------------------------------------------------------------


def test_next_reply_runs_from_the_oldest_message_without_an_answer() -> None:
    watch = kept()
    watch.take(reply(after(minutes=2), "customer"))
    assert watch.said(NEXT_REPLY) == [], (
        "before the first answer it is the initial response they wait for"
    )
    watch.take(reply(after(minutes=5)))
    watch.take(reply(after(minutes=10), "customer"))
    watch.take(reply(after(minutes=20), "customer"))
    watch.take(reply(after(minutes=25), "customer", automatic=True))
    watch.take(reply(after(minutes=30), automatic=True))
    watch.take(reply(after(minutes=31), "provider", Audience.PROVIDER))
    assert watch.said(NEXT_REPLY) == ["Started"]
    assert watch.row and watch.row.clocks[NEXT_REPLY].due_at == after(minutes=70)
    watch.take(reply(after(minutes=40), "provider"))
    assert watch.said(NEXT_REPLY) == ["Started", "Met"]
    watch.take(reply(after(minutes=50), "customer", automatic=True))
    assert watch.said(NEXT_REPLY) == ["Started", "Met"], "an out-of-office note asks nothing"
    watch.take(reply(after(minutes=60), "customer"))
    watch.run(after(hours=3))
    assert watch.said(NEXT_REPLY) == [
        "Started",
        "Met",
        "Started",
        "Warned",
        "Warned",
        "Warned",
        "Breached",
    ]


def test_a_question_answered_long_ago_is_not_asked_again_when_the_router_repeats_itself() -> None:
    """It started no clock then (the initial response was waited for), so the row has no trace of it
    but the ticket's later seq.
    """
    watch = kept()
    question, answer = (
        reply(after(minutes=at), side).model_copy(update={"seq": seq})
        for at, side, seq in ((2, "customer", 4), (5, "staff", 5))
    )
    watch.take(question)
    watch.take(answer)
    watch.take(question.model_copy(update={"id": "fct_repeated"}))
    assert watch.said(NEXT_REPLY) == []


def test_two_next_replies_due_at_the_same_instant_are_two_clocks() -> None:
    """Messages of one closed weekend, the second one read late: their firings must not be taken for
    repeats.
    """
    slow = DeskPolicy.model_validate(
        {**policy().model_dump(mode="json"), "next_reply": every("1h", "business", Plan.PREMIER)}
    )
    saturday, monday = after(days=4), after(days=6)
    watch = Watch(priority_set(), reply(after(minutes=5)), versions={1: slow})
    watch.take(reply(saturday, "customer"))
    watch.turn(monday)
    watch.take(reply(after(days=6, hours=1)))
    watch.take(reply(saturday + timedelta(hours=1), "customer"))
    watch.turn(after(days=6, hours=2))
    assert watch.said(NEXT_REPLY).count("Breached") == 2


# --- merging
# ------------------------------------------------------------------------------------------------------


def test_nobody_waits_on_a_ticket_that_was_merged_and_no_promise_is_kept_by_it() -> None:
    watch = kept()
    watch.take(assigned(after(minutes=5)))
    watch.take(merged(after(minutes=10)))
    for clock in (INITIAL_RESPONSE, RESOLUTION, PROVIDER_ANSWER):
        assert watch.said(clock) == ["Started", "Stopped"]
    assert watch.log[-1].reason == "merged"
    assert watch.row and (watch.row.clocks, due_at(watch.row)) == ({}, None)


def test_a_solved_ticket_that_was_merged_is_closed_by_nobody_else() -> None:
    watch = kept()
    watch.take(solved(after(minutes=10)))
    watch.take(merged(after(minutes=20)))
    watch.run(after(days=30))
    assert watch.said(AUTO_CLOSE) == ["Started", "Stopped"]
    assert watch.said(RESOLUTION) == ["Started", "Met"]


def test_a_deadline_that_passed_before_the_merge_was_missed() -> None:
    watch = kept()
    watch.take(merged(after(hours=2)))
    watch.turn(after(hours=2))
    assert watch.said(INITIAL_RESPONSE) == ["Started", "Breached"]


def test_who_waited_there_waits_here_from_now_on() -> None:
    watch = kept()
    watch.take(reply(after(minutes=5)))
    watch.take(merge_noted(after(minutes=10), "pending", waits=False))
    assert (watch.said(NEXT_REPLY), watch.said(RESOLUTION)) == ([], ["Started", "Paused"])
    watch.take(merge_noted(after(minutes=20)))
    watch.take(merge_noted(after(minutes=30)))
    assert watch.said(RESOLUTION) == ["Started", "Paused", "Resumed"]
    assert watch.said(NEXT_REPLY) == ["Started"], "since the oldest that has no answer"
    assert watch.row and watch.row.clocks[NEXT_REPLY].due_at == after(minutes=80)


# --- resolution
# ------------------------------------------------------------------------------------------------------


def test_resolution_stands_while_the_customer_is_waited_for() -> None:
    watch = kept()
    watch.take(reply(after(hours=1)))
    paused = next(fact for fact in watch.log if fact.type == "ClockPaused")
    assert (paused.clock, paused.ran) == (RESOLUTION, timedelta(hours=1))
    watch.run(after(days=3))
    assert "Warned" not in watch.said(RESOLUTION)
    watch.take(reply(after(days=3), "customer", automatic=True, status="pending"))
    assert watch.said(RESOLUTION) == ["Started", "Paused"]
    watch.take(reply(after(days=3), "customer"))
    assert watch.row and watch.row.clocks[RESOLUTION].due_at == after(days=3, hours=9)
    watch.run(after(days=3, hours=4))
    assert watch.said(RESOLUTION) == ["Started", "Paused", "Resumed", "Warned"]
    watch.take(solved(after(days=3, hours=5)))
    assert (watch.log[-2].type, watch.log[-2].ran, watch.log[-2].late) == (
        "ClockMet",
        timedelta(hours=6),
        False,
    )


def test_a_reopened_ticket_has_what_was_left_of_its_resolution() -> None:
    watch = kept()
    watch.take(solved(after(hours=6)))
    watch.take(reopened(after(days=1)))
    watch.take(reply(after(days=1), "customer"))
    assert watch.said(RESOLUTION) == ["Started", "Met", "Resumed"]
    assert watch.said(NEXT_REPLY) == ["Started"]
    assert watch.row and watch.row.clocks[RESOLUTION].due_at == after(days=1, hours=4)


def test_a_new_target_while_paused_counts_when_it_goes_on() -> None:
    shorter = DeskPolicy.model_validate(
        {**promising().model_dump(mode="json"), "resolution": every("5h", "always", Plan.PREMIER)}
    )
    watch = Watch(priority_set(), reply(after(hours=2)), versions={1: promising(), 2: shorter})
    assert watch.take(reviewed(Priority.LOW, after(hours=30), version=2)) == ["ClockRetargeted"]
    assert (
        watch.row and watch.row.clocks[RESOLUTION].state == "paused" and due_at(watch.row) is None
    )
    watch.take(reply(after(hours=40), "customer"))
    assert watch.row.clocks[RESOLUTION].due_at == after(hours=43)


def test_a_policy_that_promises_it_no_longer_stops_the_clock() -> None:
    watch = Watch(priority_set(), versions={1: promising(), 2: policy()})
    assert watch.take(reviewed(Priority.HIGH, after(minutes=3), version=2)) == [
        "ClockRetargeted",
        "ClockStopped",
    ]
    assert watch.log[-1].reason == "not-promised"
    assert watch.row and list(watch.row.clocks) == [INITIAL_RESPONSE]


def test_a_pause_read_together_with_a_deadline_long_past_does_not_unmake_it() -> None:
    watch = kept()
    watch.take(reply(after(hours=11)))
    assert watch.said(RESOLUTION) == ["Started"]
    watch.turn(after(hours=12))
    assert watch.said(RESOLUTION) == ["Started", "Breached"]
    assert watch.log[-1].due_at == after(hours=10)


# --- the provider's
# ------------------------------------------------------------------------------------------------------

PROVIDERS: list[tuple[str, TicketFact, list[str]]] = [
    ("answers everyone", reply(after(hours=1), "provider"), ["Started", "Met"]),
    ("answers staff", reply(after(hours=1), "provider", Audience.PROVIDER), ["Started", "Met"]),
    ("solves", solved(after(hours=1), "provider"), ["Started", "Met"]),
    (
        "hands back, or it is taken back",
        assigned(after(hours=1), None, "redisco"),
        ["Started", "Stopped"],
    ),
    (
        "gives way to another one",
        assigned(after(hours=1), "mailgrid", "redisco"),
        ["Started", "Stopped", "Started"],
    ),
    ("has it solved by others", solved(after(hours=1)), ["Started", "Stopped"]),
    ("has a machine answer", reply(after(hours=1), "provider", automatic=True), ["Started"]),
    ("sees staff answer", reply(after(hours=1)), ["Started"]),
    ("sees the customer write", reply(after(hours=1), "customer"), ["Started"]),
    ("sees the priority change", reviewed(Priority.LOW, after(hours=1)), ["Started"]),
]


@pytest.mark.parametrize(("why", "fact", "said"), PROVIDERS, ids=[why for why, *_ in PROVIDERS])
def test_the_providers_clock_when_it(why: str, fact: TicketFact, said: list[str]) -> None:
    watch = Watch(priority_set(), assigned(START))
    watch.take(fact)
    assert watch.said(PROVIDER_ANSWER) == said


def test_a_silent_provider_is_reminded_then_breaches_and_the_customers_clock_goes_on() -> None:
    watch = Watch(
        priority_set(priority=Priority.LOW), assigned(after(hours=9))
    )  # 19:00 Eastern, closing at 21:00
    assert watch.row and watch.row.clocks[INITIAL_RESPONSE].due_at == after(hours=24)
    watch.run(after(hours=23))
    assert watch.said(PROVIDER_ANSWER) == ["Started", "Warned"], (
        "two hours that evening; the next morning it goes on"
    )
    watch.run(after(days=2))
    assert watch.said(PROVIDER_ANSWER) == ["Started"] + ["Warned"] * 3 + ["Breached"]
    breach = next(
        fact for fact in watch.log if fact.type == "ClockBreached" and fact.clock == PROVIDER_ANSWER
    )
    assert (breach.due_at, breach.provider, breach.subject) == (after(hours=25), "redisco", "Slow")
    assert watch.row and PROVIDER_ANSWER not in watch.row.clocks
    assert watch.take(assigned(after(days=2), None, "redisco")) == []
    watch.take(assigned(after(days=2), "redisco"))
    watch.run(after(days=3))
    assert watch.said(PROVIDER_ANSWER)[5:] == ["Started", "Warned", "Warned", "Warned", "Breached"]


# --- closing
# -------------------------------------------------------------------------------------------------------------


def test_a_solved_ticket_is_closed_after_a_week_and_leaves_a_tiny_row() -> None:
    watch = kept()
    watch.take(solved(after(hours=1)))
    assert watch.turn(after(days=7)) == []
    assert watch.turn(after(days=7, hours=1)) == ["ClockRanOut"]
    assert (watch.log[-1].clock, watch.log[-1].due_at) == (AUTO_CLOSE, after(days=7, hours=1))
    assert watch.row and watch.row.clocks == {} and len(watch.row.to_bytes()) < 200


def test_reopening_cancels_the_closing() -> None:
    watch = Watch(priority_set(), solved(after(hours=1)), reopened(after(days=6)))
    watch.run(after(days=30))
    assert watch.said(AUTO_CLOSE) == ["Started", "Stopped"]
    watch.take(solved(after(days=30)))
    watch.run(after(days=40))
    assert watch.said(AUTO_CLOSE) == ["Started", "Stopped", "Started", "RanOut"]


def test_answers_to_a_solved_ticket_do_not_keep_it_open() -> None:
    watch = Watch(priority_set(), solved(after(hours=1)))
    for fact in (
        reply(after(days=1), status="solved"),
        reply(after(days=2), "customer", automatic=True, status="solved"),
    ):
        assert watch.take(fact) == []


# --- whatever happens
# ----------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.sampled_from(["answer", "customer", "raise", "lower", "solve", "look"]),
    ),
    max_size=10,
)


@given(steps=STEPS, plan=st.sampled_from(list(Plan)))
def test_whatever_happens(steps: list[tuple[int, str]], plan: Plan) -> None:
    """Never early, at most one breach and one meeting, each percent at most once; a row rebuilt
    from the facts is the row.
    """
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
    said = watch.said(INITIAL_RESPONSE)
    assert said.count("Breached") <= 1 and said.count("Met") <= 1
    assert {fact.type for fact in watch.log} <= {kind.__name__ for kind in CLOCKS.events}
    warned = [fact.percent for fact in watch.log if fact.type == "ClockWarned"]
    assert len(warned) == len(set(warned))
    assert all(
        fact.due_at <= fact.detected_at for fact in watch.log if fact.type == "ClockBreached"
    )
    assert rebuilt(watch) == watch.row
