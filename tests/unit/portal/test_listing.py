"""A filter with where its tickets lie in the queue's order finds no more and no fewer than status
and priority say.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from services.portal.desk.listing import LIVE, ListQuery, filter_for
from services.portal.projector.tickets import project
from shared.events import Actor, Priority, Role, Status
from tests.support.facts import Ticket

AGENT = Actor(email="agent@example.com", roles=(Role.AGENT,))
ASKED = [
    ListQuery(status=status, priority=priority, queue=queue, order=order)
    for status, priority, (queue, order) in itertools.product(
        (None, "live", *Status),
        (None, *Priority),
        ((None, None), ("platform", "queue"), ("platform", "newest")),
    )
]


def _documents() -> list[dict[str, Any]]:
    """Every priority, for customers who stand first and who do not, in every state that there is."""
    found = []
    for first, priority in itertools.product((True, False), Priority):
        ticket = Ticket(f"{first} {priority}")
        acts = [
            ticket.opened(first=first, priority=priority),
            ticket.noted("ours"),
            ticket.replied("we look", "agent@example.com", "staff"),
            ticket.solved(),
        ]
        doc: dict[str, Any] | None = None
        for fact in itertools.chain.from_iterable(acts):
            doc = project(doc, fact)
            if doc is not None and doc["opened_key"]:
                found.append(doc)
    return found


DOCUMENTS = _documents()


def _finds(where: dict[str, Any], doc: dict[str, Any]) -> bool:
    """As MongoDB reads the few operators that filters are made of."""
    for name, wanted in where.items():
        if name == "$and":
            fits = all(_finds(one, doc) for one in wanted)
        elif name == "$or":
            fits = any(_finds(one, doc) for one in wanted)
        elif isinstance(wanted, dict):
            fits = all(_COMPARED[operator](doc[name], value) for operator, value in wanted.items())
        else:
            fits = doc[name] == wanted
        if not fits:
            return False
    return True


_COMPARED = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$in": lambda a, b: a in b,
}


@pytest.mark.parametrize(
    "asked", ASKED, ids=lambda asked: f"{asked.status}-{asked.priority}-{asked.queue}-{asked.order}"
)
def test_a_filter_finds_what_was_asked_for(asked: ListQuery) -> None:
    statuses = (
        LIVE if asked.status == "live" else (asked.status,) if asked.status else tuple(Status)
    )
    docs = DOCUMENTS
    assert {doc["status"] for doc in docs} == {"new", "open", "pending", "solved"}
    for doc in docs:
        wanted = doc["status"] in statuses and asked.priority in (None, doc["priority"])
        assert _finds(filter_for(AGENT, asked), doc) is wanted, (
            doc["order_key"],
            filter_for(AGENT, asked),
        )
