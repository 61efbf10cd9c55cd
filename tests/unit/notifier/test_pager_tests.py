"""A test page calls one person, and ends by an answer or by itself."""

from __future__ import annotations

import pytest

from services.notifier.front import rules as front
from services.notifier.pager.lane import PageState
from services.notifier.pager.test_pages import ANSWERED, UNANSWERED
from shared.events import AckAsked, Actor, EscalateAsked, PageWanted, ReassignAsked, TestPage
from shared.ids import derive, page_id
from tests.unit.notifier.lane_words import LANE, START, Pager, method, person, policy

ASKED = TestPage(
    id=derive("req", "test"),
    key=LANE,
    at=START,
    actor=Actor(email="ann@example.com"),
    policy={"on-call": 1},
    person="lead",
)
PAGE = page_id(LANE, derive("obl", ASKED.id))


def wanted() -> PageWanted:
    (found,) = front.on_test_page(ASKED)
    assert isinstance(found, PageWanted)
    return found


@pytest.fixture
def pager() -> Pager:
    ways = person("lead", method(), method("mail", "email"))
    made = Pager(policy(people={"lead": ways, "mute": person("mute", method(verified=False))}))
    made.takes(wanted())
    return made


def state_of(pager: Pager) -> PageState:
    assert pager.lane is not None
    return pager.lane.pages[PAGE].state


def test_only_the_one_is_called_and_the_answer_ends_it(pager: Pager) -> None:
    pager.answers("accepted")
    assert pager.asks(AckAsked, page=PAGE, by="lead") == ["PageAcknowledged", "PageResolved"]
    assert (pager.paged(), state_of(pager)) == (["lead"], PageState.RESOLVED)
    assert pager.log[-1].reason == ANSWERED  # type: ignore[attr-defined]
    assert pager.moves(days=1) == []


def test_without_an_answer_it_ends_by_itself(pager: Pager) -> None:
    pager.answers("accepted")
    assert pager.moves(minutes=14) == []
    assert pager.moves(minutes=2)[0] == "PageResolved"
    assert UNANSWERED in [getattr(fact, "reason", "") for fact in pager.log]
    assert pager.paged() == ["lead", "!lead"], "told that nothing is needed any more"


def test_a_way_that_refuses_is_followed_by_the_next_and_then_it_is_over(pager: Pager) -> None:
    pager.answers("refused")
    assert pager.paged() == ["lead", "lead"]
    pager.answers("refused")
    assert (pager.paged(), state_of(pager)) == (["lead", "lead"], PageState.RESOLVED)


def test_nobody_else_is_called_by_it(pager: Pager) -> None:
    pager.answers("accepted")
    assert pager.asks(EscalateAsked, page=PAGE) == ["PageRequestRefused"]
    assert pager.asks(ReassignAsked, page=PAGE, to="primary") == ["PageRequestRefused"]
    assert pager.paged() == ["lead"]


def test_a_far_side_that_goes_on_by_itself_is_told_to_stop() -> None:
    pager = Pager(policy(people={"lead": person("lead", method("duty", "pagerduty"))}))
    pager.takes(wanted())
    pager.answers("accepted")
    pager.asks(AckAsked, page=PAGE, by="lead")
    assert (pager.paged(), state_of(pager)) == (["lead", "!lead"], PageState.RESOLVED)


def test_whoever_cannot_be_reached_is_said() -> None:
    pager = Pager(policy(people={"lead": person("lead", method(verified=False))}))
    pager.takes(wanted())
    assert (pager.paged(), state_of(pager)) == ([], PageState.RESOLVED)
