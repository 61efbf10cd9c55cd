"""A maintenance and the pages of alerts: what goes silent, who is told, what rings afterwards, from
where, and how often.
"""

from __future__ import annotations

from typing import Any

import pytest

from services.notifier.pager.lane import PageState
from shared.certificate import Verdict, certificate
from shared.events import (
    AckAsked,
    EscalateAsked,
    PageAttempted,
    PageRestored,
    PageSilenced,
    ResolveAsked,
    RestoreAsked,
    SilenceAsked,
)
from tests.unit.notifier.lane_words import LANE, Pager, method, page_of, person, policy, wanted


def alert(name: str = "tkt_1", *components: str, silenced_by: str | None = None) -> Any:
    """What an alert owes. One that is silent from the beginning has an id of its own, as the front
    makes it.
    """
    owed = wanted(name)
    more = {"components": components or ("routing",), "silenced_by": silenced_by}
    return owed.model_copy(
        update={**more, "id": f"{owed.id}-{silenced_by}" if silenced_by else owed.id}
    )


class Lane(Pager):
    def begins(self, maintenance: str = "mnt_1", *components: str) -> list[str]:
        asked = SilenceAsked(
            id=f"req_{maintenance}_begins",
            key=LANE,
            at=self.now,
            maintenance=maintenance,
            components=components or ("routing",),
        )
        return self.takes(asked)

    def ends(self, maintenance: str = "mnt_1") -> list[str]:
        return self.takes(
            RestoreAsked(
                id=f"req_{maintenance}_ends", key=LANE, at=self.now, maintenance=maintenance
            )
        )

    @property
    def state(self) -> PageState:
        assert self.lane is not None
        return self.lane.pages[page_of()].state

    def keys(self) -> list[str]:
        """The last part of the dedup key of each page sent, in order."""
        found = [
            fact
            for fact in self.log
            if isinstance(fact, PageAttempted) and fact.purpose == "page" and fact.tries == 1
        ]
        return [fact.dedup_key.rpartition(".")[2] for fact in found]


@pytest.fixture
def pager() -> Lane:
    """An alert about routing has woken the primary."""
    made = Lane()
    made.takes(alert())
    made.answers("accepted")
    return made


def test_a_running_escalation_stops_and_whoever_was_woken_is_told(pager: Lane) -> None:
    assert pager.begins() == ["PageSilenced", "PageAttempted"]
    (silenced,) = pager.facts(PageSilenced)
    assert (silenced.silenced_by, silenced.stopped) == ("mnt_1", True)
    assert pager.paged() == ["primary", "!primary"]
    pager.answers("accepted")
    assert pager.moves(hours=5) == [] and pager.state is PageState.SILENCED


def test_afterwards_it_begins_with_the_first_step_once_and_under_another_key(pager: Lane) -> None:
    pager.moves(minutes=5)  # the secondary's turn
    pager.answers("accepted")
    pager.begins()
    pager.answers("accepted")
    pager.moves(hours=1)
    assert pager.ends() == ["PageRestored", "PageEscalated", "PageAttempted"]
    assert pager.ends() == [], "once"
    assert (
        pager.takes(RestoreAsked(id="another", key=LANE, at=pager.now, maintenance="mnt_1")) == []
    )
    assert pager.keys() == ["s1", "s2", "r1s1"]
    pager.answers("accepted")
    pager.moves(minutes=25)
    assert pager.keys()[2:] == ["r1s1", "r1s2", "r2s1", "r2s2", "r2s3"], (
        "the whole course again, its repeat and the fallback included"
    )
    found = certificate(pager.log)
    assert found.verdict is Verdict.EXACTLY_ONE, "two keys are no duplicate"
    assert [(one.by, one.until is not None) for one in found.silences] == [("mnt_1", True)]


def test_an_alert_that_ended_meanwhile_rings_no_more(pager: Lane) -> None:
    pager.begins()
    assert pager.solves("tkt_1") == ["PageResolved"]
    assert pager.ends() == [] and pager.moves(hours=1) == []
    assert pager.paged() == ["primary", "!primary"], "told once"


def test_what_began_during_it_is_owed_silent_and_rings_afterwards() -> None:
    pager = Lane()
    assert pager.takes(alert(silenced_by="mnt_1")) == ["PageOpened", "PageSilenced"]
    assert certificate(pager.log).verdict is Verdict.NONE
    pager.moves(hours=1)
    assert pager.ends() == ["PageRestored", "PageEscalated", "PageAttempted"]
    assert pager.keys() == ["s1"], "nothing was sent before, so nothing is sent again"


def test_a_monitor_that_tells_of_it_again_afterwards_restores_it_where_nobody_else_did() -> None:
    pager = Lane()
    pager.takes(alert(silenced_by="mnt_1"))
    assert pager.takes(alert()) == ["PageRestored", "PageEscalated", "PageAttempted"]
    assert pager.ends() == []


def test_a_monitor_that_tells_of_it_again_during_it_silences_what_still_rang(pager: Lane) -> None:
    assert pager.takes(alert(silenced_by="mnt_1"))[0] == "PageSilenced"
    assert pager.begins() == [], "known"
    assert pager.ends()[0] == "PageRestored"


@pytest.mark.parametrize(
    ("about", "maintained", "stops"),
    [
        (("routing",), ("routing", "builds"), True),
        (("routing", "builds"), ("routing",), False),
        (("builds",), ("routing",), False),
    ],
)
def test_a_maintenance_covers_all_of_what_an_alert_is_about_or_does_nothing(
    about: tuple[str, ...], maintained: tuple[str, ...], stops: bool
) -> None:
    pager = Lane()
    pager.takes(alert("tkt_1", *about))
    assert bool(pager.begins("mnt_1", *maintained)) is stops


def test_a_customers_emergency_is_never_silenced() -> None:
    pager = Lane()
    pager.takes(wanted())
    assert pager.begins("mnt_1", "routing", "") == [] and pager.state is PageState.OPEN


def test_a_page_goes_on_for_what_is_not_covered_and_stops_when_that_is_over(pager: Lane) -> None:
    pager.takes(alert("tkt_2", "builds"))
    assert pager.begins() == ["PageSilenced"], "one of its two alerts"
    assert pager.state is PageState.OPEN and pager.moves(minutes=5) != []
    pager.answers("accepted")
    assert pager.solves("tkt_2")[:2] == ["PageCancelled", "PageSilenced"]
    assert pager.state is PageState.SILENCED
    assert pager.ends()[0] == "PageRestored" and pager.state is PageState.OPEN


def test_what_is_over_is_silent_no_longer_and_the_row_forgets_it(pager: Lane) -> None:
    pager.takes(alert("tkt_2", "builds"))
    pager.begins()
    assert pager.solves("tkt_1") == ["PageCancelled"]
    assert pager.lane is not None
    page = pager.lane.pages[page_of()]
    assert (page.muted, list(page.touches)) == ({}, list(page.obligations)), (
        "rows stay small for ever"
    )
    assert pager.ends() == [] and pager.state is PageState.OPEN


def test_what_no_maintenance_covers_wakes_people_though_it_joins_a_silent_page(pager: Lane) -> None:
    pager.begins()
    pager.answers("accepted")
    assert pager.takes(alert("tkt_2", "builds")) == [
        "PageJoined",
        "PageRestored",
        "PageEscalated",
        "PageAttempted",
    ]
    assert pager.takes(alert("tkt_3", silenced_by="mnt_1")) == ["PageJoined", "PageSilenced"]
    assert pager.state is PageState.OPEN


def test_two_maintenances_overlap_and_the_last_one_restores(pager: Lane) -> None:
    pager.begins("mnt_1")
    assert pager.begins("mnt_2") == ["PageSilenced"]
    assert pager.ends("mnt_1") == ["PageRestored"] and pager.state is PageState.SILENCED
    (restored,) = pager.facts(PageRestored)
    assert not restored.resumed
    assert pager.ends("mnt_2")[:2] == ["PageRestored", "PageEscalated"]


def test_a_second_maintenance_silences_it_again(pager: Lane) -> None:
    pager.begins("mnt_1")
    pager.ends("mnt_1")
    pager.answers("accepted")
    assert pager.begins("mnt_2")[0] == "PageSilenced"
    pager.answers("accepted")
    pager.ends("mnt_2")
    assert pager.keys() == ["s1", "r1s1", "r2s1"]
    assert pager.paged().count("!primary") == 2


def test_people_may_still_answer_a_silent_page_and_let_it_ring(pager: Lane) -> None:
    pager.begins()
    assert pager.asks(EscalateAsked, by="ops") == ["PageRestored", "PageEscalated", "PageAttempted"]
    assert pager.facts(PageRestored)[0].by == "ops" and pager.state is PageState.OPEN
    assert pager.ends() == []
    silent = Lane()
    silent.takes(alert(silenced_by="mnt_1"))
    assert silent.asks(AckAsked) == ["PageAcknowledged"]
    assert (
        silent.ends() == ["PageRestored"]
        and silent.state is PageState.ACKNOWLEDGED
        and silent.paged() == []
    )
    assert silent.asks(ResolveAsked) == ["PageResolved"]


def test_one_acknowledged_and_forgotten_waits_for_the_end_of_the_maintenance() -> None:
    pager = Lane(policy(ack_timeout="30m"))
    pager.takes(alert())
    pager.answers("accepted")
    pager.asks(AckAsked)
    assert pager.begins() == ["PageSilenced"] and pager.state is PageState.ACKNOWLEDGED
    assert pager.moves(hours=1) == ["PageSilenced"] and pager.state is PageState.SILENCED
    assert pager.ends()[:2] == ["PageRestored", "PageEscalated"]
    assert pager.keys() == ["s1", "r1s1"]


def test_far_sides_that_go_on_by_themselves_are_told_as_well_and_rung_under_a_new_key() -> None:
    pager = Lane(policy(people={"primary": person("primary", method("pd", "pagerduty"))}))
    pager.takes(alert())
    pager.answers("accepted")
    pager.begins()
    stood_down = [
        fact
        for fact in pager.log
        if isinstance(fact, PageAttempted) and fact.purpose == "stand-down"
    ]
    assert [fact.dedup_key.rpartition(".")[2] for fact in stood_down] == ["s1"]
    pager.answers("accepted")
    pager.ends()
    assert pager.keys() == ["s1", "r1s1"]


def test_a_send_under_way_when_it_went_silent_is_followed_by_its_stand_down() -> None:
    pager = Lane()
    pager.takes(alert())
    assert pager.begins() == ["PageSilenced"], "nobody is known to have been reached"
    assert not pager.owes()[0].wanted, "what waits for a slot is not sent"
    assert pager.answers("accepted") == ["PageAccepted", "PageAttempted"]
    assert pager.paged() == ["primary", "!primary"]
