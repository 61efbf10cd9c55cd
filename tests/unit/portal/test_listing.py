"""Where a filter's tickets lie in the queue's order: no more and no fewer than the filter itself finds."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from services.portal.listing import DONE, LIVE, Asked, stretches_of
from services.portal.projection import project
from shared.errors import Refused
from shared.events import Priority, Status
from tests.support.facts import Ticket

ASKED = [Asked(status=status, priority=priority) for status in (None, "live", *Status) for priority in (None, *Priority)]


def _documents() -> list[dict[str, Any]]:
    found = []
    for first, priority in itertools.product((True, False), Priority):
        ticket = Ticket(f"{first} {priority}")
        acts = [ticket.opened(first=first, priority=priority), ticket.replied("we look", "agent@example.com", "staff"), ticket.solved()]
        doc: dict[str, Any] | None = None
        for fact in itertools.chain.from_iterable(acts):
            doc = project(doc, fact)
            if doc is not None and doc["opened_key"]:
                found.append(doc)
    return found


def _is_within(key: str, where: dict[str, Any]) -> bool:
    if "$or" in where:
        return any(_is_within(key, one) for one in where["$or"])
    bounds = where.get("order_key", {"$gte": "", "$lt": "~"})
    return bool(bounds["$gte"] <= key < bounds["$lt"])


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: f"{asked.status}-{asked.priority}")
def test_the_stretches_hold_what_is_asked_for(asked: Asked) -> None:
    statuses = LIVE if asked.status == "live" else DONE if asked.status in DONE else LIVE if asked.status else tuple(Status)
    where = stretches_of("order_key", asked)
    for doc in _documents():
        wanted = doc["status"] in statuses and asked.priority in (None, doc["priority"])
        assert _is_within(doc["order_key"], where) is wanted, (doc["order_key"], where)


def test_other_orders_have_none() -> None:
    assert stretches_of("updated_key", Asked(status="solved", priority="high")) == {}


@pytest.mark.parametrize("asked", [Asked(status="gone"), Asked(priority="most")])
def test_a_value_there_is_not_is_refused(asked: Asked) -> None:
    with pytest.raises(Refused):
        stretches_of("order_key", asked)
