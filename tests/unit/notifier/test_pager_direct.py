"""A page that intake sent while Kafka was away: the pager takes it over and wakes nobody a second
time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.notifier.front.rules import on_paged_directly
from shared.certificate import Verdict, certificate
from shared.events import (
    KAFKA_AWAY,
    AckAsked,
    DirectAttempt,
    DirectPageSeen,
    PageAccepted,
    PageAttempted,
    PagedDirectly,
    PageEscalated,
    PageFact,
    SolveSeen,
)
from shared.ids import attempt_id, dedup_key
from tests.unit.notifier.lane_words import LANE, START, Pager, obligation, page_of, wanted

ABOUT = (
    "obligation",
    "ticket_id",
    "request_id",
    "subject",
    "requester",
    "app",
    "accepted_at",
    "policy",
)


def attempt(
    ticket: str = "tkt_1",
    outcome: Any = "accepted",
    step: int = 1,
    to: str = "primary",
    at: datetime = START,
) -> DirectAttempt:
    key = dedup_key(page_of(ticket), step)
    return DirectAttempt(
        attempt=attempt_id(key, to, "phone", "page"),
        step=step,
        to=to,
        channel="webhook",
        method="phone",
        dedup_key=key,
        at=at,
        outcome=outcome,
        receipt="200" if outcome == "accepted" else "",
        reason="" if outcome == "accepted" else outcome,
    )


def paged(*attempts: DirectAttempt, ticket: str = "tkt_1") -> DirectPageSeen:
    about = {name: getattr(wanted(ticket), name) for name in ABOUT}
    return DirectPageSeen(
        id=f"dps_{ticket}",
        key=LANE,
        at=START,
        page=page_of(ticket),
        escalation="support",
        next_at=START + timedelta(minutes=5),
        attempts=attempts,
        **about,
    )


def verdict(facts: list[PageFact], page: str) -> Verdict:
    return certificate([fact for fact in facts if fact.page == page]).verdict


def test_the_page_is_open_with_its_receipt_and_nothing_is_owed() -> None:
    pager = Pager()
    assert pager.takes(paged(attempt())) == [
        "PageOpened",
        "PageEscalated",
        "PageAttempted",
        "PageAccepted",
    ]
    assert pager.takes(wanted()) == []
    assert not pager.owes()
    assert pager.paged() == ["primary"]
    assert pager.facts(PageAttempted)[0].sent_by == "intake"
    assert pager.facts(PageAccepted)[0].accepted_at == START
    assert verdict(pager.log, page_of()) is Verdict.EXACTLY_ONE
    assert pager.takes(paged(attempt())) == []


def test_it_escalates_on_as_if_the_pager_had_sent_it() -> None:
    pager = Pager()
    pager.takes(paged(attempt()))
    assert pager.facts(PageEscalated)[0].next_at == START + timedelta(minutes=5)
    pager.moves(minutes=5)
    assert pager.paged() == ["primary", "secondary"]


def test_a_late_return_leaves_a_minute_for_an_acknowledgement_behind_it() -> None:
    pager = Pager()
    pager.now = START + timedelta(minutes=20)
    pager.takes(paged(attempt()))
    pager.moves(seconds=59)
    assert pager.paged() == ["primary"]
    assert pager.asks(AckAsked) == ["PageAcknowledged"]


def test_one_that_may_not_have_reached_them_is_repeated_with_the_same_key() -> None:
    for outcome in ("unknown", "try-later"):
        pager = Pager()
        pager.takes(paged(attempt(outcome=outcome)))
        pager.moves(seconds=0)
        (owed,) = pager.owes()
        assert (owed.attempt.dedup_key, owed.attempt.tries) == (f"{page_of()}.s1", 2)
        assert verdict(pager.log, page_of()) is Verdict.UNKNOWN
        pager.answers("accepted")


def test_one_that_was_refused_goes_to_the_next_step() -> None:
    pager = Pager()
    pager.takes(paged(attempt(outcome="refused")))
    assert pager.paged() == ["primary", "secondary"]


def test_two_steps_that_intake_took_stand_in_their_order() -> None:
    pager = Pager()
    pager.takes(paged(attempt(outcome="refused"), attempt(step=2, to="secondary")))
    assert [fact.step for fact in pager.facts(PageEscalated)] == [1, 2]
    assert not pager.owes()
    assert verdict(pager.log, page_of()) is Verdict.EXACTLY_ONE


def test_an_obligation_that_intake_never_sent_is_the_pagers() -> None:
    pager = Pager()
    pager.takes(paged())
    assert pager.paged() == ["primary"]
    assert [send.attempt.tries for send in pager.owes()] == [1]


def test_a_page_that_was_open_before_takes_it_in_with_what_was_sent() -> None:
    pager = Pager()
    pager.takes(wanted("tkt_0"))
    pager.answers("accepted")
    assert pager.takes(paged(attempt())) == ["PageJoined", "PageAttempted", "PageAccepted"]
    assert {fact.page for fact in pager.log} == {page_of("tkt_0")}
    assert verdict(pager.log, page_of("tkt_0")) is Verdict.EXACTLY_ONE


def test_a_pager_that_was_quicker_says_that_two_went_out() -> None:
    pager = Pager()
    pager.takes(wanted())
    pager.answers("accepted")
    assert pager.takes(paged(attempt())) == ["PageAttempted", "PageAccepted"]
    assert verdict(pager.log, page_of()) is Verdict.DUPLICATE


def test_what_was_taken_back_before_is_told_to_who_was_woken() -> None:
    pager = Pager()
    assert pager.downgrades("tkt_1") == ["PageCancelled"]
    pager.takes(paged(attempt()))
    assert pager.paged() == ["primary", "!primary"]
    assert obligation() in pager.lane.tombstones if pager.lane else False


def test_the_front_passes_it_on_by_lane_and_ends_the_page_about_kafka_itself() -> None:
    seen = paged(attempt())
    fields = {
        name: getattr(seen, name)
        for name in type(seen).model_fields
        if name not in ("type", "key", "id")
    }
    (passed,) = on_paged_directly(PagedDirectly(id="d1", key="tkt_1", lane=LANE, **fields))
    assert isinstance(passed, DirectPageSeen)
    assert (passed.key, passed.attempts, passed.page) == (LANE, seen.attempts, seen.page)
    about_kafka = list(
        on_paged_directly(PagedDirectly(id="d2", key=KAFKA_AWAY, lane=KAFKA_AWAY, **fields))
    )
    assert [type(event) for event in about_kafka] == [DirectPageSeen, SolveSeen]
    assert {event.key for event in about_kafka} == {KAFKA_AWAY}
