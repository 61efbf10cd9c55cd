"""Before there is an escalation policy: an urgent ticket is on record as reaching nobody, and wakes
somebody as soon as there is one.
"""

from __future__ import annotations

from services.notifier.pager import decide as domain
from services.notifier.pager.lane import PageState, due_at
from services.notifier.pager.pace import PagingRules
from services.notifier.pager.rules import NOBODY
from shared.events import AckAsked, EscalateAsked, PageEscalated, PageReachedNobody, ResolveAsked
from tests.unit.notifier.lane_words import Pager, page_of, policy, wanted


def empty() -> Pager:
    pager = Pager(NOBODY)
    assert pager.takes(wanted()) == ["PageOpened", "PageReachedNobody"]
    return pager


def set_up(pager: Pager) -> list[str]:
    pager.rules = PagingRules(policy(), "support", {"on-call": 1})
    return pager.moves(seconds=1)


def test_it_reaches_nobody_and_is_due_without_doing_anything() -> None:
    pager = empty()
    fact = pager.facts(PageReachedNobody)[0]
    assert (fact.reason, fact.step) == ("no escalation policy is set up yet", 0)
    assert pager.lane is not None
    assert due_at(pager.lane) == pager.now
    assert domain.fire(pager.lane, pager.rules, pager.now) == []


def test_the_first_policy_wakes_somebody_once() -> None:
    pager = empty()
    assert set_up(pager) == ["PageEscalated", "PageAttempted"]
    assert pager.paged() == ["primary"]
    assert pager.facts(PageEscalated)[0].reason == "an escalation policy is set up"
    pager.answers("accepted")
    assert pager.moves(minutes=4) == []
    assert pager.moves(minutes=2) == ["PageEscalated", "PageAttempted"]
    assert pager.paged() == ["primary", "secondary"]


def test_what_is_acknowledged_or_over_before_that_wakes_nobody() -> None:
    for kind in (AckAsked, ResolveAsked):
        pager = empty()
        pager.asks(kind)
        assert set_up(pager) == []
        assert pager.paged() == []


def test_a_second_urgent_joins_and_asking_for_the_next_step_says_why_nobody_comes() -> None:
    pager = empty()
    assert pager.takes(wanted("tkt_2")) == ["PageJoined"]
    assert pager.asks(EscalateAsked) == ["PageReachedNobody"]
    assert pager.lane is not None
    assert pager.lane.pages[page_of()].state is PageState.OPEN
    assert set_up(pager) == ["PageEscalated", "PageAttempted"]


def test_a_policy_that_is_emptied_later_ends_no_page() -> None:
    pager = Pager()
    pager.takes(wanted())
    pager.rules = PagingRules(NOBODY, "support", {"on-call": 2})
    pager.answers("refused")
    assert pager.facts(PageReachedNobody)
    assert set_up(pager)[:1] == ["PageEscalated"] or pager.moves(minutes=6)
    assert pager.paged() == ["primary", "secondary"]
