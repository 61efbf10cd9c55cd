"""What is read all day is led to by indexes: MongoDB's own profiler says how many documents a query had to look at."""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.portal.desk import Desk
from services.portal.listing import ORDERS, Asked
from services.portal.projection import project
from services.portal.projector import prepare, recount
from services.portal.queries import Queries
from shared.clock import SystemClock
from shared.events import Actor, Priority, Role
from shared.store import InsertOne, Store
from tests.support.facts import BEGAN, Ticket

pytestmark = pytest.mark.integration

AGENT = Actor(email="agent@example.com", roles=(Role.AGENT,))
MANY = 400
RARE = 3


class NoLags:
    async def by_process(self) -> Mapping[str, int]:
        return {}


@dataclass
class Views:
    store: Store
    queries: Queries
    desk: Desk

    async def looked_at(self, read: Callable[[], Awaitable[Any]]) -> tuple[int, Any]:
        """Documents of tickets that the server fetched to answer, and the answer."""
        await self.store.database.command("profile", 2)
        try:
            answer = await read()
        finally:
            await self.store.database.command("profile", 0)
        seen = await self.store["system.profile"].find({"ns": f"{self.store.database.name}.tickets"})
        await self.store["system.profile"].drop()
        assert seen, "nothing was read"
        return sum(int(op.get("docsExamined", 0)) for op in seen), answer


@pytest.fixture
async def views(mongodb_uri: str) -> AsyncIterator[Views]:
    """Many tickets that live, a few that wait for their customers, fewer that are solved; the demo's documents, from facts."""
    store = Store(mongodb_uri, f"indexes_{secrets.token_hex(4)}")
    await prepare(store)
    docs = []
    for n in range(MANY + 2 * RARE):
        ticket = Ticket(f"indexed {n}", at=BEGAN + timedelta(minutes=n))
        facts = [*ticket.opened(priority=Priority.LOW if n % 2 else Priority.HIGH), *ticket.clock_started()]
        if n >= MANY:
            facts += [*ticket.replied("we look", "agent@example.com", "staff"), *ticket.clock_met()]
        if n >= MANY + RARE:
            facts += ticket.solved()
        doc: dict[str, Any] | None = None
        for fact in facts:
            doc = project(doc, fact)
        assert doc is not None
        docs.append({**doc, "partition": n % 8})
    await store["tickets"].bulk([InsertOne(doc) for doc in docs], ordered=False)
    queries = Queries(store, SystemClock())
    yield Views(store, queries, Desk(store, queries, NoLags()))
    await store.drop()
    store.close()


ASKED: tuple[tuple[dict[str, Any], int], ...] = (
    ({"status": "pending"}, RARE), ({"status": "solved"}, RARE), ({"status": "closed"}, 0), ({"priority": "urgent"}, 0),
    ({"priority": "low", "status": "closed"}, 0), ({"queue": "platform", "priority": "urgent", "order": "queue"}, 0), ({"queue": "csa"}, 0),
)  # fmt: skip
"""A filter → how many it finds. Pending ones stand last in the queue's order: no deadline runs."""


async def test_what_is_rare_is_not_looked_for_among_all(views: Views) -> None:
    for asked, found in ASKED:
        for order in ORDERS:
            read = functools.partial(views.queries.tickets, AGENT, Asked(**{"order": order} | asked))
            looked_at, answer = await views.looked_at(read)
            assert looked_at <= 2 * RARE, (order, asked)
            assert len(answer["items"]) == found, (order, asked)


async def test_counting_looks_at_no_document(views: Views) -> None:
    looked_at, counted = await views.looked_at(lambda: recount(views.store, range(8)))
    assert (looked_at, sum(counted.values())) == (0, MANY + 2 * RARE)
    looked_at, seen = await views.looked_at(lambda: views.desk.dashboard(AGENT, BEGAN + timedelta(minutes=30)))
    assert looked_at == 0
    assert sum(hour["n"] for hour in seen["deadlines"]["hours"]) + seen["deadlines"]["breached"] > 0
