"""Which incident an alert belongs to: few in a storm, the first of each new kind in one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.incidents.alert_places import (
    AGAIN,
    MOST_PLACES,
    SAME_KIND,
    STORM,
    AlertIncident,
    IncidentChoice,
    Recent,
    UnplacedAlert,
    choose,
    kind_of,
)
from tests.support.examples import examples
from tests.unit.intake.building import NOW

EARLY = NOW - timedelta(minutes=1)


@dataclass
class Town:
    """The incidents, as far as the log was read, and the memory of one process."""

    now: datetime = NOW
    places: dict[str, AlertIncident] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    recent: Recent = field(default_factory=Recent)

    def choose(self, alerts: Sequence[UnplacedAlert], group: str = "g") -> IncidentChoice:
        return choose(
            alerts,
            source="alertmanager",
            group=group,
            now=self.now,
            places=self.recent.beside(self.places, self.is_closed),
            is_closed=self.is_closed,
        )

    def hears(self, *alerts: UnplacedAlert, group: str = "g") -> tuple[str, ...]:
        """Chooses, and remembers as this process does. The log is not read meanwhile."""
        choice = self.choose(alerts, group)
        self.recent.note(alerts, choice, group, self.now)
        return choice.incidents

    def is_closed(self, incident: str) -> bool:
        return incident in self.closed

    def knows(self, name: str, **changes: Any) -> None:
        place = AlertIncident(
            name,
            groups=frozenset({"g"}),
            kinds=frozenset({"k"}),
            live=True,
            again=False,
            began=self.now,
            firing={},
        )
        self.places[name] = replace(place, **changes)


def wanted(
    name: str = "f1", kind: str = "k", firing: bool = True, began: datetime | None = EARLY
) -> UnplacedAlert:
    return UnplacedAlert(name, kind, firing, began)


KNOWN: list[tuple[str, dict[str, Any], UnplacedAlert, str, bool]] = [
    ("it fires there", {"firing": {"f1": EARLY}}, wanted(), "g", True),
    ("its end", {"firing": {"f1": EARLY}}, wanted(firing=False), "g", True),
    ("another of the group", {}, wanted("f2"), "g", True),
    ("another kind of the group", {}, wanted("f2", "other"), "g", False),
    ("the kind in another group", {}, wanted("f2"), "h", True),
    (
        "the kind in another group, long after",
        {"began": NOW - SAME_KIND - timedelta(1)},
        wanted("f2"),
        "h",
        False,
    ),
    ("another kind of another group", {}, wanted("f2", "other"), "h", False),
    ("dropped as its alerts ended", {"live": False, "again": True}, wanted("f2"), "g", True),
    (
        "dropped so, long ago",
        {"live": False, "again": True, "began": NOW - AGAIN - timedelta(1)},
        wanted("f2"),
        "g",
        False,
    ),
    ("closed by ops", {"live": False}, wanted("f2"), "g", False),
    (
        "closed by ops while it fires, a repeat",
        {"live": False, "firing": {"f1": EARLY}},
        wanted(),
        "g",
        True,
    ),
    (
        "closed by ops while it fires, and it began again",
        {"live": False, "firing": {"f1": EARLY}},
        wanted(began=NOW),
        "g",
        False,
    ),
    (
        "closed by ops while it fires, told of without a time",
        {"live": False, "firing": {"f1": EARLY}},
        wanted(began=None),
        "g",
        True,
    ),
    (
        "closed by ops while it fires, told of without a time long after",
        {"live": False, "firing": {"f1": NOW - timedelta(hours=2)}},
        wanted(began=None),
        "g",
        False,
    ),
    (
        "closed by ops while it fires, its end",
        {"live": False, "firing": {"f1": EARLY}},
        wanted(firing=False, began=NOW),
        "g",
        True,
    ),
]


@pytest.mark.parametrize(("about", "alert", "group", "joins"), [row[1:] for row in KNOWN])
def test_what_joins_an_incident(
    about: dict[str, Any], alert: UnplacedAlert, group: str, joins: bool
) -> None:
    town = Town()
    town.knows("inc_known", **about)
    (found,) = town.choose([alert], group).incidents
    assert (found == "inc_known") is joins


def test_the_same_notification_makes_the_same_incident_in_every_process() -> None:
    assert Town().hears(wanted()) == Town().hears(wanted())
    assert Town().hears(wanted()) != Town().hears(wanted(), group="other")


def test_one_that_is_closed_is_not_derived_again() -> None:
    town, seen = Town(), set[str]()
    for _ in range(4):
        (found,) = town.choose([wanted()]).incidents
        assert found not in seen
        seen.add(found)
        town.closed.add(found)


def test_what_comes_together_is_one_incident_whatever_its_kinds() -> None:
    found = Town().hears(*(wanted(f"f{n}", f"k{n}") for n in range(300)))
    assert len(set(found)) == 1


def test_a_new_kind_in_a_group_is_an_incident_of_its_own_and_the_others_stay() -> None:
    town = Town()
    (first,) = town.hears(wanted())
    again = town.hears(wanted(), wanted("f2", "other"))
    assert again[0] == first != again[1]
    assert town.hears(wanted(), wanted("f2", "other"), wanted("f3", "other")) == (*again, again[1])


def test_a_storm_of_groups_is_ten_incidents_and_the_first_nine_kinds_have_their_own() -> None:
    town = Town()
    found = [town.hears(wanted(f"f{n}", f"k{n}"), group=f"g{n}")[0] for n in range(300)]
    assert len(set(found)) == MOST_PLACES
    assert len(set(found[:9])) == 9
    assert set(found[9:]) == {found[9]}, "all other kinds share one"
    assert Town().choose([wanted()], "x").storm is None
    assert town.choose([wanted("f", "new")], "new").storm == found[9]
    assert town.hears(wanted("f500", "k3"), group="g500") == (found[3],), "a kind that is known"
    town.now += STORM + timedelta(seconds=1)
    assert town.hears(wanted("later", "k-later"), group="g-later")[0] not in found


def test_the_storm_goes_on_in_its_incident_over_a_change_of_the_interval() -> None:
    edge = datetime.fromtimestamp(
        (NOW.timestamp() // STORM.total_seconds() + 1) * STORM.total_seconds(), NOW.tzinfo
    )
    town = Town(now=edge - timedelta(seconds=5))
    before = [town.hears(wanted(f"f{n}", f"k{n}"), group=f"g{n}")[0] for n in range(20)]
    town.now = edge + timedelta(seconds=5)
    assert town.hears(wanted("f", "new"), group="new")[0] == before[-1]


def test_thirty_groups_of_one_kind_are_one_incident() -> None:
    town = Town()
    found = {town.hears(wanted(f"f{n}"), group=f"g{n}")[0] for n in range(30)}
    assert len(found) == 1


def test_the_log_says_whether_an_incident_is_over() -> None:
    town = Town()
    (first,) = town.hears(wanted())
    town.closed.add(first)
    assert town.hears(wanted("f2"))[0] != first


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({"alertname": "Down", "component": "routing"}, "down|routing"),
        ({"alertname": "Down", "service": "api", "job": "x"}, "down|api"),
        ({"alertname": "Down", "component": "", "job": "node"}, "down|node"),
        ({"alertname": "Down", "pod": "a-1", "instance": "10.0.0.1"}, "down|"),
        ({}, "|"),
    ],
)
def test_the_kind_is_the_name_and_the_component(labels: dict[str, str], kind: str) -> None:
    assert kind_of(labels) == kind


ALERTS = st.builds(
    wanted,
    name=st.sampled_from(["f1", "f2", "f3", "f4"]),
    kind=st.sampled_from([f"k{n}" for n in range(15)]),
    firing=st.booleans(),
    began=st.sampled_from([None, EARLY, NOW]),
)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefghijkl"), st.lists(ALERTS, min_size=1, max_size=5)),
        max_size=40,
    )
)
def test_no_order_of_notifications_makes_more_than_ten_in_a_storm(
    told: list[tuple[str, list[UnplacedAlert]]],
) -> None:
    town, found = Town(), set[str]()
    for group, alerts in told:
        places = town.hears(*alerts, group=group)
        assert len(places) == len(alerts)
        found |= {place for place, alert in zip(places, alerts, strict=True) if alert.firing}
    assert len(found) <= MOST_PLACES
