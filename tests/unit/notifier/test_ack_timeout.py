"""A page that was acknowledged and forgotten is opened again and goes on with the next step."""

from __future__ import annotations

import pytest

from services.notifier.pager.lane import PageState
from shared.events import AckAsked, PageAcknowledged, PageReopened, ResolveAsked
from tests.unit.notifier.lane_words import Pager, page_of, policy, wanted


@pytest.fixture
def pager() -> Pager:
    """The primary has acknowledged; half an hour is given."""
    made = Pager(policy(ack_timeout="30m"))
    made.takes(wanted())
    made.answers("accepted")
    assert made.asks(AckAsked) == ["PageAcknowledged"]
    return made


def test_forgotten_it_is_opened_again_and_the_next_one_is_paged(pager: Pager) -> None:
    assert pager.moves(minutes=29, seconds=59) == []
    assert pager.moves(seconds=2) == ["PageReopened", "PageEscalated", "PageAttempted"]
    (reopened,) = pager.facts(PageReopened)
    assert reopened.by == "primary" and pager.paged() == ["primary", "secondary"]
    pager.answers("accepted")
    pager.moves(minutes=5)
    assert pager.paged() == ["primary", "secondary", "primary"], (
        "the escalation goes on where it was"
    )
    assert pager.asks(AckAsked, by="secondary") == ["PageAcknowledged"]
    assert pager.moves(minutes=31)[0] == "PageReopened", "and again"


@pytest.mark.parametrize("over", ["resolve", "solve", "downgrade"])
def test_what_is_over_is_not_opened_again(pager: Pager, over: str) -> None:
    pager.moves(minutes=10)
    {
        "resolve": lambda: pager.asks(ResolveAsked),
        "solve": lambda: pager.solves("tkt_1"),
        "downgrade": lambda: pager.downgrades("tkt_1"),
    }[over]()
    assert pager.moves(hours=2) == [] and pager.paged() == ["primary"]


def test_acknowledging_once_more_puts_it_off(pager: Pager) -> None:
    pager.moves(minutes=20)
    assert pager.asks(AckAsked, by="secondary") == ["PageAcknowledged"]
    assert pager.moves(minutes=29) == []
    assert pager.facts(PageAcknowledged)[-1].by == "secondary"
    assert pager.moves(minutes=2)[0] == "PageReopened"


def test_a_later_urgent_joins_the_page_that_was_opened_again(pager: Pager) -> None:
    pager.moves(minutes=31)
    assert pager.takes(wanted("tkt_2")) == ["PageJoined"]


def test_by_default_an_acknowledged_page_stays_so() -> None:
    pager = Pager()
    pager.takes(wanted())
    pager.asks(AckAsked)
    assert pager.moves(hours=48) == []
    assert pager.asks(AckAsked, by="secondary") == ["PageRequestRefused"]
    assert pager.lane is not None and pager.lane.pages[page_of()].state is PageState.ACKNOWLEDGED
    assert pager.facts(PageAcknowledged)[0].reopens_at is None
