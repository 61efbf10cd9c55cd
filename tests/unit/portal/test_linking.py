"""Which incidents a ticket's page offers to link."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.linking import is_linkable, offered
from shared.events import Colour, Component, Impact
from shared.status.matching import Ongoing

RED = Impact(production=Colour.RED, development=Colour.RED)
ROUTING = Ongoing("inc_a", "Requests fail", (Component(id="routing", name="Routing", words=("H99", "routing")),), RED)
REDISCO = Ongoing("inc_b", "Redisco is away", (Component(id="redisco", name="Redisco", words=("redis",), addon="redisco"),), RED)
TICKET: dict[str, Any] = {
    "subject": "Slow", "body": "Since noon.", "addon": None, "app": None, "stage": None, "incident_ids": [], "status": "open",
}  # fmt: skip

OFFERS: list[tuple[str, dict[str, Any], tuple[str, ...], list[str], list[str]]] = [
    ("nothing said", {}, (), [], ["inc_a", "inc_b"]),
    ("a code in the body", {"body": "Every request ends in H99."}, (), ["inc_a"], ["inc_b"]),
    ("the add-on named", {"addon": "redisco"}, (), ["inc_b"], ["inc_a"]),
    ("the sure one first", {"subject": "H99", "body": "and redis"}, (), ["inc_a", "inc_b"], []),
    ("an add-on's word, not attached", {"body": "redis is away", "app": "shop"}, (), [], ["inc_a", "inc_b"]),
    ("an add-on's word, attached", {"body": "redis is away", "app": "shop"}, ("redisco",), ["inc_b"], ["inc_a"]),
    ("linked already", {"body": "H99", "incident_ids": ["inc_a"]}, (), [], ["inc_b"]),
]


@pytest.mark.parametrize(("said", "fields", "attached", "likely", "others"), OFFERS, ids=[row[0] for row in OFFERS])
def test_what_is_offered(said: str, fields: dict[str, Any], attached: tuple[str, ...], likely: list[str], others: list[str]) -> None:
    first, rest = offered((ROUTING, REDISCO), {**TICKET, **fields}, attached)
    assert ([each["id"] for each in first], [each["id"] for each in rest]) == (likely, others)
    assert all(each["because"] for each in first)


@pytest.mark.parametrize(("status", "linkable"), [("new", True), ("open", True), ("solved", True), ("closed", False)])
def test_what_is_closed_for_good_stays_as_it_is(status: str, linkable: bool) -> None:
    assert is_linkable({**TICKET, "status": status}) is linkable
