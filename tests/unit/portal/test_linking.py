"""Which incidents a ticket's page offers to link."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.tickets.incident_links import (
    is_linkable,
    list_touching_incidents,
    suggest_incidents,
)
from shared.events import Colour, Component, Impact, Stage
from shared.status.matching import OngoingIncident

RED = Impact(production=Colour.RED, development=Colour.RED)
ROUTING = OngoingIncident(
    "inc_a",
    "Requests fail",
    (Component(id="routing", name="Routing", words=("H99", "routing")),),
    RED,
)
REDISCO = OngoingIncident(
    "inc_b",
    "Redisco is away",
    (Component(id="redisco", name="Redisco", words=("redis",), addon="redisco"),),
    RED,
)
TICKET: dict[str, Any] = {
    "subject": "Slow",
    "body": "Since noon.",
    "addon": None,
    "app": None,
    "stage": None,
    "incident_ids": [],
    "status": "open",
}

OFFERS: list[tuple[str, dict[str, Any], tuple[str, ...], list[str], list[str]]] = [
    ("nothing said", {}, (), [], ["inc_a", "inc_b"]),
    ("a code in the body", {"body": "Every request ends in H99."}, (), ["inc_a"], ["inc_b"]),
    ("the add-on named", {"addon": "redisco"}, (), ["inc_b"], ["inc_a"]),
    ("the sure one first", {"subject": "H99", "body": "and redis"}, (), ["inc_a", "inc_b"], []),
    (
        "an add-on's word, not attached",
        {"body": "redis is away", "app": "shop"},
        (),
        [],
        ["inc_a", "inc_b"],
    ),
    (
        "an add-on's word, attached",
        {"body": "redis is away", "app": "shop"},
        ("redisco",),
        ["inc_b"],
        ["inc_a"],
    ),
    ("linked already", {"body": "H99", "incident_ids": ["inc_a"]}, (), [], ["inc_b"]),
]


@pytest.mark.parametrize(
    ("said", "fields", "attached", "likely", "others"), OFFERS, ids=[row[0] for row in OFFERS]
)
def test_what_is_offered(
    said: str,
    fields: dict[str, Any],
    attached: tuple[str, ...],
    likely: list[str],
    others: list[str],
) -> None:
    first, rest = suggest_incidents((ROUTING, REDISCO), {**TICKET, **fields}, attached)
    assert ([each["id"] for each in first], [each["id"] for each in rest]) == (likely, others)
    assert all(each["because"] for each in first)


@pytest.mark.parametrize(
    ("status", "linkable"), [("new", True), ("open", True), ("solved", True), ("closed", False)]
)
def test_what_is_closed_for_good_stays_as_it_is(status: str, linkable: bool) -> None:
    assert is_linkable({**TICKET, "status": status}) is linkable


HARMLESS = OngoingIncident("inc_c", "Builds are late", ROUTING.components, Impact())
STAGING_ONLY = OngoingIncident(
    "inc_d", "Staging is slow", ROUTING.components, Impact(development=Colour.RED)
)
TOUCHES: list[tuple[str, set[str], set[Stage], list[str]]] = [
    ("neither app nor add-on", set(), set(), []),
    ("an add-on without an app", {"redisco"}, set(), ["inc_b"]),
    ("another add-on", {"mailgrid"}, set(), []),
    ("an app in production", set(), {Stage.PRODUCTION}, ["inc_a"]),
    ("an app in production with the add-on", {"redisco"}, {Stage.PRODUCTION}, ["inc_a", "inc_b"]),
    ("an app in staging", set(), {Stage.STAGING}, ["inc_a", "inc_d"]),
    ("apps of both", set(), {Stage.STAGING, Stage.PRODUCTION}, ["inc_a", "inc_d"]),
]


@pytest.mark.parametrize(
    ("said", "addons", "stages", "reached"), TOUCHES, ids=[row[0] for row in TOUCHES]
)
def test_which_incidents_reach_somebody(
    said: str, addons: set[str], stages: set[Stage], reached: list[str]
) -> None:
    found = list_touching_incidents((ROUTING, REDISCO, HARMLESS, STAGING_ONLY), addons, stages)
    assert [each["id"] for each in found] == reached
    assert all(each["components"] for each in found)
