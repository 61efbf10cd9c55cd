"""Who is woken, when, and what ends it: DESIGN section 3 (Pages), journeys J4, J5, J6."""

from __future__ import annotations

import pytest

from services.notifier.pager.lane import PageState
from shared.events import (
    AckAsked,
    EscalateAsked,
    PageAttempted,
    PageCancelled,
    PageEscalated,
    PageFailed,
    PageJoined,
    PageOpened,
    PageReachedNobody,
    PageRequestRefused,
    PageResolved,
    ResolveAsked,
)
from tests.unit.notifier.lane_words import Pager, method, page_of, person, policy, wanted

OPENING = ["PageOpened", "PageEscalated", "PageAttempted"]


def opened(**changes: object) -> Pager:
    pager = Pager(policy(**changes))
    assert pager.takes(wanted())[:1] == ["PageOpened"]
    return pager


def test_an_urgent_opens_a_page_for_the_primary() -> None:
    pager = Pager()
    assert pager.takes(wanted()) == OPENING
    page = pager.facts(PageOpened)[0]
    assert (page.page, page.escalation, page.policy) == (
        page_of(),
        "support",
        {"on-call": 3, "default": 2},
    )
    assert pager.facts(PageAttempted)[0].dedup_key == f"{page_of()}.s1"
    assert pager.answers("accepted") == ["PageAccepted"]
    assert not pager.owes()


def test_the_same_obligation_by_the_other_road_changes_nothing() -> None:
    pager = opened()
    assert pager.takes(wanted()) == []
    assert pager.takes(wanted().model_copy(update={"id": "another"})) == []


def test_a_second_urgent_joins_the_open_page_and_wakes_nobody() -> None:
    pager = opened()
    assert pager.takes(wanted("tkt_2")) == ["PageJoined"]
    assert pager.facts(PageJoined)[0].page == page_of()
    assert pager.paged() == ["primary"]


def test_after_an_acknowledgement_a_new_urgent_opens_a_page_of_its_own() -> None:
    pager = opened()
    pager.asks(AckAsked)
    assert pager.takes(wanted("tkt_2")) == OPENING


def test_nobody_answers_secondary_then_again_then_the_lead_for_ever() -> None:
    pager = opened()
    pager.answers("accepted")
    for _ in range(8):
        pager.moves(minutes=5)
        pager.answers("accepted")
    assert pager.paged() == ["primary", "secondary", "primary", "secondary", "lead", "lead"]
    pager.moves(minutes=60)
    assert pager.paged()[-4:] == ["lead"] * 4
    keys = [fact.dedup_key for fact in pager.facts(PageAttempted)]
    assert len(set(keys)) == len(keys)


def test_a_step_whose_person_has_no_verified_method_is_recorded_and_the_next_begins_at_once() -> (
    None
):
    pager = Pager(policy(people={"primary": person("primary", method(verified=False))}))
    assert pager.takes(wanted()) == [
        "PageOpened",
        "PageReachedNobody",
        "PageEscalated",
        "PageAttempted",
    ]
    assert pager.facts(PageReachedNobody)[0].step == 1
    assert pager.paged() == ["secondary"]


def test_nobody_at_all_can_be_reached_is_recorded_at_a_bounded_pace() -> None:
    nobody = {name: person(name) for name in ("primary", "secondary", "lead")}
    pager = Pager(policy(people=nobody))
    assert pager.takes(wanted()).count("PageReachedNobody") == 5
    pager.moves(hours=1)
    assert len(pager.facts(PageReachedNobody)) == 9
    assert pager.facts(PageEscalated)[-1].to == ()


def test_steps_without_a_wait_begin_together() -> None:
    steps = [{"person": "primary", "wait": "0s"}, {"person": "secondary", "wait": "5m"}]
    assert opened(steps=steps).paged() == ["primary", "secondary"]


@pytest.mark.parametrize("outcome", ["accepted", "try-later", "unknown", None])
def test_an_acknowledgement_stops_every_channel(outcome: str | None) -> None:
    pager = opened()
    if outcome:
        pager.answers(outcome)
    assert pager.asks(AckAsked) == ["PageAcknowledged"]
    assert pager.moves(days=2) == []
    assert pager.paged() == ["primary"]
    assert not any(send.wanted for send in pager.owes())


def test_the_second_acknowledgement_is_told_who_was_first() -> None:
    pager = opened()
    pager.asks(AckAsked, by="primary")
    assert pager.asks(AckAsked, by="secondary") == ["PageRequestRefused"]
    refused = pager.facts(PageRequestRefused)[0]
    assert refused.code == "already-acknowledged" and "primary" in refused.reason


@pytest.mark.parametrize(
    ("page", "may", "code"),
    [
        (None, False, "not-on-call"),
        ("lane_a.nowhere", True, "unknown-page"),
        (None, True, "already-resolved"),
    ],
)
@pytest.mark.parametrize("kind", [AckAsked, ResolveAsked, EscalateAsked])
def test_what_cannot_be_done_is_refused_with_its_reason(
    kind: type, page: str | None, may: bool, code: str
) -> None:
    pager = opened()
    if code == "already-resolved":
        pager.asks(ResolveAsked)
    assert pager.asks(kind, page, may=may) == ["PageRequestRefused"]
    assert pager.facts(PageRequestRefused)[0].code == code


def test_a_page_that_is_acknowledged_is_not_escalated() -> None:
    pager = opened()
    pager.asks(AckAsked)
    assert pager.asks(EscalateAsked) == ["PageRequestRefused"]


def test_escalating_by_hand_begins_the_next_step_now() -> None:
    pager = opened()
    assert pager.asks(EscalateAsked) == ["PageEscalated", "PageAttempted"]
    assert pager.paged() == ["primary", "secondary"]


def test_a_downgrade_cancels_the_page_and_tells_those_paged() -> None:
    pager = opened()
    pager.answers("accepted")
    pager.moves(minutes=5)
    pager.answers("unknown")
    assert pager.downgrades("tkt_1") == ["PageCancelled", "PageAttempted", "PageAttempted"]
    assert pager.paged() == ["primary", "secondary", "!primary", "!secondary"]
    assert pager.answers("accepted") == ["PageAccepted", "PageAccepted"]
    assert pager.moves(days=1) == []


def test_a_send_under_way_at_the_downgrade_gets_its_stand_down_when_its_outcome_is_known() -> None:
    pager = opened()
    send = pager.owes()[0]
    assert pager.downgrades("tkt_1") == ["PageCancelled"]
    assert pager.takes(pager.outcome(send, "accepted")) == ["PageAccepted", "PageAttempted"]
    assert pager.paged() == ["primary", "!primary"]


def test_nobody_is_told_to_stand_down_who_was_not_reached() -> None:
    pager = opened()
    pager.answers("try-later")
    assert pager.downgrades("tkt_1") == ["PageCancelled"]


def test_a_downgrade_that_overtakes_leaves_a_tombstone() -> None:
    pager = Pager()
    assert pager.downgrades("tkt_1") == ["PageCancelled"]
    assert pager.takes(wanted()) == ["PageCancelled"]
    assert {fact.page for fact in pager.facts(PageCancelled)} == {""}
    assert pager.takes(wanted("tkt_2")) == OPENING
    assert pager.downgrades("tkt_1") == []


def test_a_downgrade_of_one_of_two_leaves_the_page_open_for_the_other() -> None:
    pager = opened()
    pager.takes(wanted("tkt_2"))
    assert pager.downgrades("tkt_1") == ["PageCancelled"]
    assert pager.lane is not None and pager.lane.pages[page_of()].state is PageState.OPEN
    assert pager.downgrades("tkt_2") == ["PageCancelled"]
    assert pager.lane.pages[page_of()].state is PageState.CANCELLED


def test_a_downgrade_after_the_acknowledgement_resolves_and_tells_nobody() -> None:
    pager = opened()
    pager.answers("accepted")
    pager.asks(AckAsked)
    assert pager.downgrades("tkt_1") == ["PageResolved"]


def test_a_raise_after_a_downgrade_opens_one_new_page() -> None:
    pager = opened()
    pager.downgrades("tkt_1")
    again = wanted("tkt_1").model_copy(update={"id": "obl_2", "obligation": "obl_2"})
    assert pager.takes(again) == OPENING


def test_solving_the_ticket_resolves_its_page() -> None:
    pager = opened()
    pager.asks(AckAsked)
    assert pager.solves("tkt_1") == ["PageResolved"]
    assert pager.solves("tkt_1") == []
    assert pager.facts(PageResolved)[0].by == "agent"


def test_solving_one_of_two_joined_tickets_leaves_the_page() -> None:
    pager = opened()
    pager.takes(wanted("tkt_2"))
    pager.asks(AckAsked)
    assert pager.solves("tkt_1") == ["PageCancelled"]
    assert pager.solves("tkt_2") == ["PageResolved"]


def test_solving_while_nobody_has_acknowledged_tells_those_paged() -> None:
    pager = opened()
    pager.answers("accepted")
    assert pager.solves("tkt_1") == ["PageResolved", "PageAttempted"]
    assert pager.paged() == ["primary", "!primary"]


@pytest.mark.parametrize("outcome", ["try-later", "unknown"])
def test_what_fails_for_now_is_tried_again_with_the_same_key_ever_more_slowly(outcome: str) -> None:
    pager = opened(steps=[{"person": "primary", "wait": "2d"}])
    pauses = []
    for _ in range(9):
        assert pager.answers(outcome) == ["PageFailed"]
        failed = pager.facts(PageFailed)[-1]
        assert failed.unknown == (outcome == "unknown")
        pauses.append((failed.retry_at - pager.now).total_seconds())
        pager.moves(seconds=pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    tries = pager.facts(PageAttempted)
    assert len({fact.dedup_key for fact in tries}) == len({fact.attempt for fact in tries}) == 1
    assert [fact.tries for fact in tries] == list(range(1, 11))


TWO = {
    "primary": person(
        "primary", method("phone"), method("unused", verified=False), method("pager", "pagerduty")
    )
}


def test_a_refusal_tries_the_next_verified_method_at_once() -> None:
    pager = opened(people=TWO)
    assert pager.answers("refused") == ["PageFailed", "PageAttempted"]
    assert [fact.method for fact in pager.facts(PageAttempted)] == ["phone", "pager"]
    assert {fact.dedup_key for fact in pager.facts(PageAttempted)} == {f"{page_of()}.s1"}


@pytest.mark.parametrize("outcome", ["try-later", "unknown"])
def test_a_method_that_stays_silent_brings_in_the_next_one_and_a_receipt_ends_the_retries(
    outcome: str,
) -> None:
    pager = opened(people=TWO)
    for _ in range(2):
        assert pager.answers(outcome) == ["PageFailed"]
        pager.moves(seconds=3)
    assert pager.answers(outcome) == ["PageFailed", "PageAttempted"]
    assert pager.answers("accepted") == ["PageAccepted", "PageFailed"]
    assert pager.facts(PageFailed)[-1].retry_at is None
    assert pager.moves(minutes=4) == []


def test_refused_by_every_method_the_next_step_begins_at_once() -> None:
    pager = opened()
    assert pager.answers("refused") == [
        "PageFailed",
        "PageReachedNobody",
        "PageEscalated",
        "PageAttempted",
    ]
    assert pager.paged() == ["primary", "secondary"]


def test_refused_by_everybody_the_fallback_keeps_its_pace() -> None:
    pager = opened()
    for _ in range(5):
        pager.answers("refused")
    assert pager.paged() == ["primary", "secondary", "primary", "secondary", "lead"]
    assert not pager.owes()
    pager.moves(minutes=15)
    assert pager.paged()[-1] == "lead" and len(pager.paged()) == 6


def test_an_old_steps_refusal_does_not_hurry_the_present_one() -> None:
    pager = opened()
    send = pager.owes()[0]
    pager.moves(minutes=5)
    assert pager.takes(pager.outcome(send, "refused")) == ["PageFailed"]
    assert pager.paged() == ["primary", "secondary"]


def test_an_outcome_told_twice_counts_once() -> None:
    pager = opened()
    outcome = pager.outcome(pager.owes()[0], "accepted")
    assert pager.takes(outcome) == ["PageAccepted"]
    assert pager.takes(outcome.model_copy(update={"id": "another"})) == []


def test_an_acknowledgement_is_told_to_far_sides_that_escalate_by_themselves() -> None:
    pager = opened(people={"primary": person("primary", method("pager", "pagerduty"))})
    pager.answers("accepted")
    assert pager.asks(AckAsked) == ["PageAcknowledged", "PageAttempted"]
    assert pager.paged() == ["primary", "!primary"]
    assert pager.facts(PageAttempted)[-1].dedup_key == f"{page_of()}.s1"


def test_a_stand_down_that_cannot_be_delivered_is_given_up() -> None:
    pager = opened()
    pager.answers("accepted")
    pager.downgrades("tkt_1")
    for _ in range(20):
        pager.answers("try-later")
        pager.moves(minutes=1)
    assert pager.paged().count("!primary") == 8
    assert pager.moves(days=1) == []


def test_retries_for_a_person_give_way_to_a_later_step_for_them() -> None:
    pager = opened(steps=[{"person": "primary", "wait": "5m"}], repeat=3)
    pager.answers("try-later")
    for _ in range(3):
        pager.moves(minutes=5)
        pager.answers("try-later")
    assert pager.lane is not None
    assert sum(attempt.is_pending for attempt in pager.lane.pages[page_of()].attempts.values()) == 1


def test_a_shortened_policy_reuses_no_key_and_a_removed_one_is_replaced() -> None:
    pager = opened()
    pager.moves(minutes=5)
    pager.rules = Pager(policy(steps=[{"person": "primary", "wait": "1m"}])).rules
    pager.moves(minutes=30)
    keys = [fact.dedup_key for fact in pager.facts(PageAttempted)]
    assert len(set(keys)) == len(keys) > 3


def test_rows_of_a_page_that_goes_on_for_a_week_stay_small() -> None:
    pager = opened()
    for _ in range(7 * 24 * 4):
        pager.answers("accepted")
        pager.moves(minutes=15)
    assert pager.lane is not None
    assert len(pager.lane.pages[page_of()].attempts) <= 4
