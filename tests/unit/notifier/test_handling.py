"""Notes on a page, and handing it to somebody else."""

from __future__ import annotations

import pytest

from services.notifier.pager.lane import PageState
from shared.events import (
    AckAsked,
    PageNoteAsked,
    PageNoted,
    PageReassigned,
    PageRequestRefused,
    ReassignAsked,
    ResolveAsked,
)
from shared.ids import dedup_key
from tests.unit.notifier.lane_words import Pager, method, page_of, person, policy, wanted


@pytest.fixture
def pager() -> Pager:
    """Primary was reached; secondary is next after 5 minutes, then both again, then the lead."""
    made = Pager(policy(people={"mute": person("mute", method(verified=False))}))
    made.takes(wanted())
    made.answers("accepted")
    return made


def test_a_page_that_is_handed_over_wakes_the_other_under_a_key_of_its_own(pager: Pager) -> None:
    assert pager.asks(ReassignAsked, to="lead") == ["PageReassigned", "PageAttempted"]
    assert pager.paged() == ["primary", "lead"]
    (send,) = pager.owes()
    assert send.attempt.dedup_key == dedup_key(page_of(), 1, 1)


def test_whoever_has_it_may_hand_it_over_and_it_must_be_acknowledged_anew(pager: Pager) -> None:
    pager.asks(AckAsked)
    assert pager.moves(hours=1) == []

    pager.asks(ReassignAsked, to="lead")

    assert pager.lane is not None and pager.lane.pages[page_of()].state is PageState.OPEN
    pager.answers("accepted")
    assert pager.asks(AckAsked, by="lead") == ["PageAcknowledged"]
    assert pager.moves(hours=1) == []


def test_nobody_answers_the_page_that_was_handed_over_the_next_step_begins(pager: Pager) -> None:
    pager.asks(ReassignAsked, to="lead")
    pager.answers("accepted")
    for name in ("secondary", "primary", "secondary", "lead"):
        pager.moves(minutes=5)
        assert pager.paged()[-1] == name, "no step and no round is lost"
        pager.answers("accepted")
    keys = [fact.dedup_key for fact in pager.log if fact.type == "PageAttempted"]
    assert len(keys) == len(set(keys)), "no key twice"


def test_tries_that_wait_for_the_others_end_when_it_is_handed_over() -> None:
    pager = Pager()
    pager.takes(wanted())
    pager.answers("try-later")
    assert pager.asks(ReassignAsked, to="lead") == ["PageFailed", "PageReassigned", "PageAttempted"]
    pager.answers("accepted")
    pager.moves(minutes=4)
    assert pager.paged() == ["primary", "lead"]


@pytest.mark.parametrize("to", ["mute", "nobody-here"])
def test_it_is_not_handed_to_whom_nothing_can_reach(pager: Pager, to: str) -> None:
    assert pager.asks(ReassignAsked, to=to) == ["PageRequestRefused"]
    (refused,) = pager.facts(PageRequestRefused)
    assert refused.code == "cannot-be-reached"
    pager.moves(minutes=5)
    assert pager.paged() == ["primary", "secondary"], "the escalation went on"


@pytest.mark.parametrize(
    ("kind", "more"), [(ReassignAsked, {"to": "lead"}), (PageNoteAsked, {"body": "x"})]
)
def test_only_for_those_on_call_and_while_it_is_alive(
    pager: Pager, kind: type, more: dict[str, str]
) -> None:
    assert pager.asks(kind, may=False, **more) == ["PageRequestRefused"]
    pager.asks(ResolveAsked)
    assert pager.asks(kind, **more) == ["PageRequestRefused"]


def test_a_note_stops_nothing_that_is_open(pager: Pager) -> None:
    assert pager.asks(PageNoteAsked, body="The pooler is full.") == ["PageNoted"]
    (noted,) = pager.facts(PageNoted)
    assert (noted.body, noted.reopens_at) == ("The pooler is full.", None)
    pager.moves(minutes=5)
    assert pager.paged() == ["primary", "secondary"]


def test_a_note_on_an_acknowledged_page_is_a_sign_of_work() -> None:
    pager = Pager(policy(ack_timeout="30m"))
    pager.takes(wanted())
    pager.answers("accepted")
    pager.asks(AckAsked)
    pager.moves(minutes=20)
    pager.asks(PageNoteAsked, body="On it.")
    assert pager.moves(minutes=29) == []
    assert pager.moves(minutes=2)[0] == "PageReopened"


def test_handing_over_reads_in_the_log_as_who_to_whom(pager: Pager) -> None:
    pager.asks(ReassignAsked, by="primary@example.com", to="lead")
    (handed,) = pager.facts(PageReassigned)
    assert (handed.by, handed.to, handed.step, handed.round) == (
        "primary@example.com",
        "lead",
        1,
        1,
    )
