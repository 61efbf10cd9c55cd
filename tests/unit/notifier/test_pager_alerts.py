"""Episodes of alerts: what begins, goes on and ends, whatever the monitor repeats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.notifier.front.alerts import on_raise_alert
from services.notifier.pager.alerts import FLAPS_WITHIN, MOST_PAGES, QUIET
from services.notifier.pager.row import PageState
from shared.events import (
    AckAsked,
    Actor,
    Component,
    Event,
    PageCancelled,
    PageJoined,
    PageOpened,
    PageResolved,
    RaiseAlert,
    ResolveAsked,
    Role,
    SilenceAsked,
)
from shared.ids import ops_lane
from tests.support.examples import examples
from tests.unit.notifier.lane_words import START, Pager

EARLY = START - timedelta(minutes=1)
MONITOR = Actor(email="monitor", roles=(Role.OPS,))
ROUTING = (Component(id="routing", name="Routing"),)


class AlertPager(Pager):
    """A lane that is told what the front makes of alerts; each notification has a request of its
    own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0

    def hears(
        self,
        status: str = "firing",
        name: str = "f1",
        began: datetime | None = EARLY,
        at: datetime | None = None,
        **fields: Any,
    ) -> list[str]:
        found: list[str] = []
        for event in self.events(status, name, began, at, **fields):
            found += self.takes(event)
        return found

    def events(
        self,
        status: str = "firing",
        name: str = "f1",
        began: datetime | None = EARLY,
        at: datetime | None = None,
        **fields: Any,
    ) -> list[Event]:
        self._sent += 1
        about: dict[str, Any] = {
            "id": f"req_{self._sent}",
            "key": "inc_a",
            "at": at or self.now,
            "actor": MONITOR,
            "policy": {},
            "source": "alertmanager",
            "group_key": "g",
            "fingerprint": name,
            "status": status,
            "summary": "Errors",
            "started_at": began or self.now,
            "start_known": began is not None,
            **fields,
        }
        return list(on_raise_alert(RaiseAlert(**about)))

    @property
    def pages(self) -> list[str]:
        return [fact.page for fact in self.facts(PageOpened)]

    def acknowledges(self) -> None:
        open_page = self.lane.open_page() if self.lane else None
        assert open_page is not None
        self.asks(AckAsked, open_page.id)

    def states(self) -> list[PageState]:
        return [page.state for page in self.lane.pages.values()] if self.lane else []


F, R = "firing", "resolved"
LATER = EARLY + timedelta(seconds=30)
UNKNOWN = None
EPISODES: list[tuple[str, list[tuple[str, datetime | None]], int]] = [
    ("it fires", [(F, EARLY)], 1),
    ("a repeat", [(F, EARLY), (F, EARLY), (F, EARLY)], 1),
    ("again after its own end, with the same startsAt", [(F, EARLY), (R, EARLY), (F, EARLY)], 2),
    ("again after its own end, with another", [(F, EARLY), (R, EARLY), (F, LATER)], 2),
    ("repeats of the second time", [(F, EARLY), (R, EARLY), (F, EARLY), (F, EARLY)], 2),
    ("no time is given, and it is repeated", [(F, UNKNOWN), (F, UNKNOWN)], 1),
    ("no time is given, and it fires again", [(F, UNKNOWN), (R, UNKNOWN), (F, UNKNOWN)], 2),
    ("no time is given for the end alone", [(F, EARLY), (R, UNKNOWN), (F, EARLY)], 2),
    ("an end that came first", [(R, EARLY), (F, EARLY)], 0),
    ("an end that came first, and its beginning twice", [(R, EARLY), (F, EARLY), (F, EARLY)], 1),
    ("an end that came first, and a later beginning", [(R, EARLY), (F, LATER)], 1),
    ("two ends", [(F, EARLY), (R, EARLY), (R, EARLY)], 1),
    ("the end of an earlier time comes late", [(F, LATER), (R, EARLY)], 1),
]


@pytest.mark.parametrize(("told", "pages"), [row[1:] for row in EPISODES], ids=lambda row: "")
def test_what_counts_as_a_new_episode(told: list[tuple[str, datetime | None]], pages: int) -> None:
    pager = AlertPager()
    for status, began in told:
        pager.hears(status, began=began)
        pager.moves(seconds=1)
    assert len(pager.pages) == pages == len(set(pager.pages))
    last = told[-1][0]
    if told == [(F, LATER), (R, EARLY)] or (last == F and pages):
        assert pager.states()[-1] is PageState.OPEN
    else:
        assert PageState.OPEN not in pager.states()


def test_the_order_in_which_intake_took_them_counts_not_the_order_of_reading() -> None:
    pager = AlertPager()
    begun = pager.events(at=START)
    pager.hears(F, at=START - timedelta(seconds=9))
    pager.hears(R, at=START + timedelta(seconds=5))
    assert [kind for event in begun for kind in pager.takes(event)] == ["PageCancelled"]
    late = pager.events(R, at=START)
    pager.hears(F, at=START + timedelta(seconds=9))
    assert [kind for event in late for kind in pager.takes(event)] == []
    assert pager.states()[-1] is PageState.OPEN


def test_an_end_that_came_first_is_forgotten_after_two_minutes() -> None:
    pager = AlertPager()
    pager.hears(R)
    pager.moves(minutes=3)
    assert pager.hears(F)[0] == "PageOpened"


def test_without_ends_a_later_beginning_is_another_episode() -> None:
    """Alertmanager's `send_resolved: false`."""
    pager = AlertPager()
    pager.hears()
    assert pager.hears(began=LATER)[0] == "PageJoined", "nobody has looked yet: one page"
    assert len(pager.lane.pages[pager.pages[0]].obligations) == 1  # type: ignore[union-attr]
    pager.acknowledges()
    pager.moves(minutes=20)
    assert "PageOpened" in pager.hears(began=EARLY + timedelta(minutes=20))
    assert pager.states() == [PageState.RESOLVED, PageState.OPEN], (
        "the page of the last time is over"
    )


def test_a_page_that_a_human_closed_is_not_opened_again_by_a_repeat() -> None:
    pager = AlertPager()
    pager.hears()
    pager.asks(ResolveAsked, pager.pages[0])
    assert pager.hears() == []
    assert pager.hears(R) == ["PageCancelled"]
    assert pager.hears()[0] == "PageOpened"


def test_an_alert_without_times_and_ends_wakes_people_again_when_its_page_was_closed_long_ago() -> (
    None
):
    pager = AlertPager()
    pager.hears(began=None)
    pager.moves(hours=2)
    assert pager.hears(began=None) == [], "its page still rings"
    pager.asks(ResolveAsked, pager.pages[0])
    assert pager.hears(began=None)[0] == "PageOpened"
    pager.asks(ResolveAsked, pager.pages[1])
    pager.moves(minutes=30)
    assert pager.hears(began=None) == [], "a repeat"


def test_a_page_of_before_is_ended_by_its_old_obligation() -> None:
    pager = AlertPager()
    (wanted,) = pager.events()
    old = wanted.model_copy(update={"alert": "", "started_at": None})
    (ended,) = pager.events(R)
    old = old.model_copy(update={"obligation": ended.obligations[0]})  # type: ignore[attr-defined]
    assert pager.takes(old)[0] == "PageOpened"
    assert "PageResolved" in pager.takes(ended)


# --- in bounds


def test_a_flapping_alert_wakes_people_at_most_so_often_and_then_is_one_page_until_it_is_quiet() -> (
    None
):
    pager = AlertPager()
    for _ in range(20):
        pager.hears()
        pager.answers("accepted")
        pager.moves(seconds=5)
        pager.hears(R)
        pager.moves(seconds=5)
    assert len(pager.pages) == MOST_PAGES
    assert pager.states() == [PageState.RESOLVED, PageState.RESOLVED, PageState.OPEN]
    joined = pager.facts(PageJoined)
    assert len(joined) == 17 and {fact.reason for fact in joined} == {"it has begun again"}
    assert {fact.episode.number for fact in joined} == set(range(4, 21))
    kept = [fact for fact in pager.facts(PageCancelled) if fact.kept]
    assert len(kept) == 18 and "again and again" in kept[0].reason
    pager.moves(seconds=QUIET.total_seconds())
    assert pager.states()[-1] is PageState.RESOLVED, "it is over when it has been quiet"
    pager.moves(seconds=FLAPS_WITHIN.total_seconds())
    assert "PageOpened" in pager.hears(), "and it wakes people again another time"


def test_a_flapping_alert_that_stays_at_last_rings_on() -> None:
    pager = AlertPager()
    for _ in range(5):
        pager.hears()
        pager.moves(seconds=5)
        pager.hears(R)
        pager.moves(seconds=5)
    pager.hears()
    pager.moves(minutes=20)
    assert pager.states()[-1] is PageState.OPEN
    assert "secondary" in pager.paged()


def test_what_flaps_joins_the_page_that_somebody_has_acknowledged() -> None:
    pager = AlertPager()
    for _ in range(6):
        pager.hears()
        pager.answers("accepted")
        if len(pager.pages) == MOST_PAGES and PageState.OPEN in pager.states():
            pager.acknowledges()
        pager.moves(seconds=5)
        pager.hears(R)
        pager.moves(seconds=5)
    assert len(pager.pages) == MOST_PAGES
    assert pager.states()[-1] is PageState.ACKNOWLEDGED
    assert "acknowledged this one" in pager.facts(PageJoined)[-1].reason


def test_more_of_the_same_trouble_joins_an_acknowledged_page_for_a_while() -> None:
    pager = AlertPager()
    pager.hears()
    pager.answers("accepted")
    pager.acknowledges()
    pager.moves(minutes=5)
    assert pager.hears(name="f2") == ["PageJoined"]
    assert pager.facts(PageJoined)[-1].reason.startswith("it is more of the trouble that primary")
    pager.moves(minutes=11)
    assert pager.hears(name="f3")[0] == "PageOpened"


def test_an_alert_that_fires_again_beside_others_wakes_people_anew() -> None:
    pager = AlertPager()
    pager.hears()
    pager.hears(name="f2")
    pager.acknowledges()
    pager.hears(R)
    assert pager.hears()[0] == "PageOpened"


def test_a_group_is_one_page_and_ends_with_its_last_alert() -> None:
    pager = AlertPager()
    for number in range(300):
        pager.hears(name=f"f{number}")
    assert len(pager.pages) == 1
    for number in range(300):
        assert pager.states() == [PageState.OPEN]
        pager.hears(R, name=f"f{number}")
    assert pager.states() == [PageState.RESOLVED]


def test_a_repeat_says_what_a_maintenance_means_for_it() -> None:
    pager = AlertPager()
    pager.hears(components=ROUTING)
    assert "PageSilenced" in pager.hears(components=ROUTING, pages=False, silenced_by="mnt_1")
    assert pager.hears(components=ROUTING, pages=False, silenced_by="mnt_1") == []
    assert pager.states() == [PageState.SILENCED]
    assert "PageRestored" in pager.hears(components=ROUTING)
    assert pager.states() == [PageState.OPEN]
    pager.takes(
        SilenceAsked(
            id="s",
            key=ops_lane("inc_a"),
            at=pager.now,
            maintenance="mnt_2",
            components=("routing",),
        )
    )
    assert pager.states() == [PageState.SILENCED]
    assert "PageResolved" in pager.hears(R, components=ROUTING)


NAMES = st.sampled_from(["f1", "f2", "f3"])


class AlertMachine(RuleBasedStateMachine):
    """Alerts in any order, with any times: whoever must be woken is, and nobody by a repeat."""

    def __init__(self) -> None:
        super().__init__()
        self.pager = AlertPager()
        self.fires: set[str] = set()

    @rule(name=NAMES, known=st.booleans())
    def begins_or_goes_on(self, name: str, known: bool) -> None:
        before = len(self.pager.log)
        self.pager.hears(name=name, began=EARLY if known else None)
        said = [fact.type for fact in self.pager.log[before:]]
        if name in self.fires:
            assert not {"PageOpened", "PageAttempted", "PageJoined"} & set(said)
        else:
            assert {"PageOpened", "PageJoined"} & set(said)
        self.fires.add(name)

    @rule(name=NAMES, known=st.booleans())
    def ends(self, name: str, known: bool) -> None:
        if name in self.fires:  # an end without a beginning is a case of its own, above
            self.pager.hears(R, name=name, began=EARLY if known else None)
            self.fires.discard(name)

    @rule()
    def somebody_acknowledges(self) -> None:
        if PageState.OPEN in self.pager.states():
            self.pager.acknowledges()

    @rule(seconds=st.sampled_from([1, 5, 61, 900]))
    def time_goes_on(self, seconds: int) -> None:
        self.pager.answers("accepted")
        self.pager.moves(seconds=seconds)

    @invariant()
    def what_fires_is_owed_by_a_page_that_is_alive(self) -> None:
        lane = self.pager.lane
        for name in self.fires:
            episodes = [e for e in lane.alerts.values() if e.firing] if lane else []
            assert len(episodes) == len(self.fires), name
            assert lane is not None
            for episode in episodes:
                page = lane.page_of(episode.obligation)
                assert page is not None and page.is_alive

    @invariant()
    def an_open_page_goes_on_until_somebody_answers(self) -> None:
        for page in self.pager.lane.pages.values() if self.pager.lane else ():
            assert (page.next_at is not None) == (page.state is PageState.OPEN)
            if page.is_alive:
                assert page.obligations or page.kept_until is not None

    @invariant()
    def pages_are_few(self) -> None:
        """Three, and then one whenever it was quiet for ten minutes."""
        recent = [
            fact
            for fact in self.pager.facts(PageOpened)
            if self.pager.now - fact.accepted_at <= FLAPS_WITHIN
        ]
        assert len(recent) <= MOST_PAGES + FLAPS_WITHIN // QUIET

    @invariant()
    def none_ends_twice(self) -> None:
        over = [fact.page for fact in self.pager.facts(PageResolved)]
        assert len(over) == len(set(over))


TestAlertMachine = AlertMachine.TestCase
TestAlertMachine.settings = settings(
    max_examples=examples(80), stateful_step_count=40, deadline=None
)
