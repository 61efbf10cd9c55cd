"""How long a search takes among many tickets: `python -m tests.bench.search [tickets]` (MONGODB_URI).

Prints for each query the plan's index, documents looked at, and the median of five runs in ms.
Goal: 150 ms, at a million tickets; what a rare word costs does not grow with the tickets, and a
common word stops at the first page in the list's own order.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

from services.portal.desk.listing import ListQuery, filter_for, order_for
from services.portal.projector.loop import prepare
from services.portal.projector.tickets import project
from services.portal.tickets.queries import Queries
from shared.clock import SystemClock
from shared.events import Actor, Audience, Role
from shared.storage.store import InsertOne, Store
from tests.bench.table import Figure
from tests.support.facts import BEGAN, Ticket

AGENT = Actor(email="agent@example.com", roles=(Role.AGENT,))
CUSTOMER = Actor(email="customer7@example.com")
WORDS = "the application answers timeout for request since last deploy of our shop please help"
COMMON = WORDS.split()
RARE = [f"word{n}" for n in range(50_000)]
ASKED = (
    ("a rare word", AGENT, "word4711"),
    ("half a rare word", AGENT, "word471"),
    ("a common word", AGENT, "timeout"),
    ("two common words", AGENT, "timeout deploy"),
    ("a common and a rare word", AGENT, "timeout word4711"),
    ("half a common word", AGENT, "time"),
    ("a word that is not there", AGENT, "absent"),
    ("two words never together", AGENT, "leftonly rightonly"),
    ("three middling words, hardly together", AGENT, "north3 round5 green7"),
    ("four middling words, never together", AGENT, "north3 north4 round5 green7"),
    ("a middling and a common word", AGENT, "north3 timeout"),
    ("Han", AGENT, "故障"),
    ("a customer, a common word", CUSTOMER, "timeout"),
    ("a customer, a rare word", CUSTOMER, "word4711"),
)


def document(n: int, dice: random.Random) -> dict[str, Any]:
    """A ticket of some 90 words, with two replies and a note."""
    ticket = Ticket(
        f"search {n}", f"customer{n % 5000}@example.com", at=BEGAN + timedelta(seconds=n)
    )
    # Each of these is in one ticket of about twenty; three of them together in one of 7,429.
    middling = (f"north{n % 19}", f"round{n % 23}", f"green{n % 17}")
    side = "leftonly" if n % 2 else "rightonly"
    body = " ".join((*COMMON, *dice.sample(RARE, 40), *middling, side))
    facts = [
        *ticket.opened(f"Timeouts on shop {n}", body="服务器故障" if n % 1000 == 0 else body),
        *ticket.replied(" ".join(dice.sample(RARE, 15)), "agent@example.com", "staff"),
        *ticket.replied(" ".join(dice.sample(RARE, 15)), ticket.requester, "customer"),
        *ticket.replied("for us", "agent@example.com", "staff", Audience.STAFF),
    ]
    doc: dict[str, Any] | None = None
    for fact in facts:
        doc = project(doc, fact)
    assert doc is not None
    return {**doc, "partition": n % 8}


async def main(tickets: int) -> None:
    store = Store(os.environ["MONGODB_URI"], f"bench_search_{secrets.token_hex(3)}")
    await prepare(store)
    dice, begun = random.Random(1), time.perf_counter()
    for start in range(0, tickets, 500):
        docs = [InsertOne(document(n, dice)) for n in range(start, min(start + 500, tickets))]
        await store["tickets"].bulk(docs, ordered=False)
    print(f"{tickets} tickets written in {time.perf_counter() - begun:.0f} s")
    queries = Queries(store, SystemClock())
    for what, actor, q in ASKED:
        took = []
        for _ in range(5):
            start_at = time.perf_counter()
            answer = await queries.tickets(actor, ListQuery(q=q))
            took.append(1000 * (time.perf_counter() - start_at))
        field, direction = order_for(actor, ListQuery(q=q))
        plan = await store.database.command(
            "explain",
            {
                "find": "tickets",
                "filter": filter_for(actor, ListQuery(q=q)),
                "sort": {field: direction},
                "limit": 51,
            },
            verbosity="executionStats",
        )
        stats = plan["executionStats"]
        found = f"{len(answer['items'])} items, {stats['totalDocsExamined']} documents looked at"
        print(Figure(f"{what} ({found})", statistics.median(took), "ms", goal=150))
    await store.drop()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
