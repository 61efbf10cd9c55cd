"""What is read all day is led to by indexes: MongoDB's own profiler says how many documents a query
had to look at.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.portal.desk.homes import DeskTab
from services.portal.desk.listing import ORDERS, ListQuery
from services.portal.desk.reads import DeskQuery, count_homes, list_home
from services.portal.operations.reads import OperationsReads
from services.portal.operations.reports import days_until
from services.portal.operations.reports_page import count_provider
from services.portal.people.documents import COUNTED
from services.portal.people.reads import PAGE, list_tickets, read_tickets
from services.portal.projector import shelving
from services.portal.projector.loop import prepare, recount
from services.portal.projector.tickets import project
from services.portal.tickets.queries import Queries
from shared.clock import SystemClock
from shared.events import Actor, Priority, Role
from shared.storage.store import InsertOne, Store
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
    desk: OperationsReads

    async def looked_at(self, read: Callable[[], Awaitable[Any]]) -> tuple[int, Any]:
        """Documents of tickets that the server fetched to answer, and the answer."""
        await self.store.database.command("profile", 2)
        try:
            answer = await read()
        finally:
            await self.store.database.command("profile", 0)
        seen = await self.store["system.profile"].find(
            {"ns": f"{self.store.database.name}.tickets"}
        )
        await self.store["system.profile"].drop()
        assert seen, "nothing was read"
        return sum(int(op.get("docsExamined", 0)) for op in seen), answer


@pytest.fixture
async def views(mongodb_uri: str) -> AsyncIterator[Views]:
    """Many tickets that live, a few that wait for their customers, fewer that are solved; the
    demo's documents, from facts.
    """
    store = Store(mongodb_uri, f"indexes_{secrets.token_hex(4)}")
    await prepare(store)
    docs = []
    for n in range(MANY + 2 * RARE):
        ticket = Ticket(f"indexed {n}", at=BEGAN + timedelta(minutes=n))
        facts = [
            *ticket.opened(priority=Priority.LOW if n % 2 else Priority.HIGH),
            *ticket.clock_started(),
        ]
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
    yield Views(store, queries, OperationsReads(store, queries, NoLags()))
    await store.drop()
    store.close()


ASKED: tuple[tuple[dict[str, Any], int], ...] = (
    ({"status": "pending"}, RARE),
    ({"status": "solved"}, RARE),
    ({"status": "closed"}, 0),
    ({"priority": "urgent"}, 0),
    ({"priority": "low", "status": "closed"}, 0),
    ({"queue": "platform", "priority": "urgent", "order": "queue"}, 0),
    ({"queue": "csa"}, 0),
)
"""A filter → how many it finds. Pending ones stand last in the queue's order: no deadline runs."""


async def test_what_is_rare_is_not_looked_for_among_all(views: Views) -> None:
    for asked, found in ASKED:
        for order in ORDERS:
            read = functools.partial(
                views.queries.tickets, AGENT, ListQuery(**{"order": order} | asked)
            )
            looked_at, answer = await views.looked_at(read)
            assert looked_at <= 2 * RARE, (order, asked)
            assert len(answer["items"]) == found, (order, asked)


async def test_counting_looks_at_no_document(views: Views) -> None:
    looked_at, counted = await views.looked_at(lambda: recount(views.store, range(8)))
    assert (looked_at, sum(counted.values())) == (0, MANY + 2 * RARE)
    looked_at, seen = await views.looked_at(
        lambda: views.desk.dashboard(AGENT, BEGAN + timedelta(minutes=30))
    )
    assert looked_at == 0
    assert sum(hour["n"] for hour in seen["deadlines"]["hours"]) + seen["deadlines"]["breached"] > 0


async def test_a_providers_report_looks_at_its_own_tickets_alone(views: Views) -> None:
    days = days_until(BEGAN.date(), 7)
    long_ago = BEGAN - timedelta(days=30)
    given = [("redisco", BEGAN)] * RARE + [("mailgrid", BEGAN)] * 5 + [("redisco", long_ago)]
    for n, (provider, at) in enumerate(given):
        ticket = Ticket(f"provided {n}", at=at)
        doc: dict[str, Any] | None = None
        for fact in (*ticket.opened(), *ticket.assigned(provider)):
            doc = project(doc, fact)
        assert doc is not None
        await views.store["tickets"].bulk([InsertOne({**doc, "partition": 0})])
    for provider, count in (("redisco", RARE), ("mailgrid", 5), ("fixie", 0)):
        read = functools.partial(count_provider, views.store, provider, days, lambda _: False)
        looked_at, report = await views.looked_at(read)
        assert (looked_at, sum(report.assigned.values())) == (count, count), provider


HOMES: tuple[tuple[dict[str, Any], int], ...] = (
    ({"home": DeskTab.WAITING}, RARE),
    ({"home": DeskTab.WAITING, "queue": "platform", "owner": "nobody"}, RARE),
    ({"home": DeskTab.WAITING, "priority": "urgent"}, 0),
    ({"home": DeskTab.NEEDS_US, "priority": "urgent"}, 0),
    ({"home": DeskTab.NEEDS_US, "queue": "csa"}, 0),
    ({"home": DeskTab.NEEDS_US, "owner": "mine"}, 0),
    ({"home": DeskTab.MINE}, 0),
    ({"home": DeskTab.APPEALS}, 0),
)
"""A home → how many stand in it."""


async def test_a_home_looks_at_no_more_than_it_shows(views: Views) -> None:
    for asked, found in HOMES:
        read = functools.partial(list_home, views.store, AGENT, DeskQuery(**asked))
        looked_at, answer = await views.looked_at(read)
        assert len(answer["items"]) == found, asked
        assert looked_at <= max(found, RARE), asked
    for home in (DeskTab.NEEDS_US, DeskTab.DUE):
        read = functools.partial(list_home, views.store, AGENT, DeskQuery(home))
        looked_at, answer = await views.looked_at(read)
        assert (looked_at, len(answer["items"])) == (51, 50), home
        after = functools.partial(
            list_home, views.store, AGENT, DeskQuery(home, cursor=answer["next"])
        )
        looked_at, more = await views.looked_at(after)
        assert looked_at == 51
        shown = [item["id"] for item in (*answer["items"], *more["items"])]
        assert len(set(shown)) == 100


async def test_a_persons_tickets_are_not_looked_for_among_all(views: Views) -> None:
    """All of them are one person's here: what is read of them ends after a few all the same."""
    rae = "rae@example.com"
    looked_at, found = await views.looked_at(lambda: read_tickets(views.store, rae))
    assert looked_at <= COUNTED + 2 + RARE
    assert (found["open_count"], found["open_more"], len(found["solved"])) == (COUNTED, True, RARE)
    looked_at, found = await views.looked_at(lambda: read_tickets(views.store, "no@example.com"))
    assert (looked_at, found["open_count"], found["ratings"]) == (0, 0, [])
    for is_open in (True, False):
        page = functools.partial(list_tickets, views.store, AGENT, rae, is_open=is_open)
        looked_at, answer = await views.looked_at(functools.partial(page, cursor=None))
        assert (looked_at, len(answer["items"])) == (PAGE + 1, PAGE)
        _, more = await views.looked_at(functools.partial(page, cursor=answer["next"]))
        shown = [item["id"] for item in (*answer["items"], *more["items"])]
        assert len(set(shown)) == 2 * PAGE


async def test_what_takes_up_a_ticket_is_found_by_its_index(views: Views) -> None:
    closed = {"id": "tkt_old", "status": "closed"}
    tickets = views.store["tickets"]
    first = (await tickets.find({}, limit=1, fields={"_id": 1}))[0]["_id"]
    await tickets.update({"_id": first}, {"$set": {"follows": "tkt_old"}})
    looked_at, found = await views.looked_at(
        lambda: views.queries.find_related_tickets(AGENT, closed)
    )
    assert (looked_at, [each["id"] for each in found["after"]]) == (1, [first])
    customer = Actor(email="stranger@example.com")
    assert (await views.queries.find_related_tickets(customer, closed))["after"] == []


async def test_counting_the_homes_looks_at_no_document(views: Views) -> None:
    looked_at, counted = await views.looked_at(lambda: shelving.recount(views.store))
    assert (looked_at, counted["needs-us||"], counted["waiting||-"]) == (0, MANY, RARE)
    await shelving.begin(views.store)
    counts = await count_homes(views.store, AGENT, "platform", "nobody")
    assert {home: n for home, n in counts.items() if n} == {
        DeskTab.NEEDS_US: MANY,
        DeskTab.DUE: MANY,
        DeskTab.WAITING: RARE,
    }


async def test_views_of_an_older_release_are_brought_up_once(views: Views) -> None:
    tickets = views.store["tickets"]
    gone = {"shelves": "", "desk_key": "", "due_key": "", "owner": "", "last": ""}
    await tickets.update_all({}, {"$unset": gone})
    await views.store["positions"].replace({"_id": "views"}, {"_id": "views", "made": "x"})
    counted = await shelving.begin(views.store)
    assert (counted["needs-us||"], counted["waiting|platform|-"]) == (MANY, RARE)
    assert (await views.store["positions"].find_one({"_id": "views"}) or {})["shape"] == 2
