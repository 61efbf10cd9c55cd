"""`make bench`: how well and how fast the router finds out whose a ticket is, on the labelled set,
each half for itself.

Speed is of one core's time. What a customer writes decides the price: a text that names no add-on
is only screened, one that does is weighed sentence by sentence. So the figure for the goal is a
month's mix of everything that is asked of a ticket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from services.router.handlers import HANDLERS
from services.router.ticket.domain import decide
from services.router.ticket.opening import make_opening
from services.router.ticket.row import TicketRow, evolve
from shared.events import OpenTicket, Request
from shared.policy import DESK
from tests.bench.table import Figure
from tests.golden.month import desk_policy, requests
from tests.support.routing_corpus import cases, figures, judged, table
from tests.unit.router.building import open_ticket, policy

pytestmark = pytest.mark.bench

LOG = "2026-03-01T09:00:01.12+00:00 app[web.1]: Redis::TimeoutError: timed out: cache-4.redisco.example:6379 request_id=a1b2c3d4\n"


def test_quality() -> None:
    for held_out in (False, True):
        results = judged(case for case in cases() if case.held_out is held_out)
        found = figures(results)
        name = "held out" if held_out else "tuned on"
        print(f"\n{name}: {len(results)} tickets\n{table(results)}")
        print(
            Figure(
                f"{name}: precision of certain ({found['certain made']:.0f} made)",
                100 * found["certain"],
                "%",
                goal=99,
                low=False,
            )
        )
        print(
            Figure(
                f"{name}: provider found (assigned or suggested)",
                100 * found["suggested"],
                "%",
                goal=85,
                low=False,
            )
        )
        print(Figure(f"{name}: false assignments", found["false"], "tickets", goal=0))
        print(Figure(f"{name}: idle suggestions on our tickets", 100 * found["idle"], "%"))
        print(Figure(f"{name}: scope right", 100 * found["scope"], "%"))


def test_speed() -> None:
    plain = open_ticket(
        subject="Boot fails",
        body="The dyno crashes at boot with R14 and we do not know why it would. " * 9,
    )
    telling = open_ticket(
        subject="Redis refuses",
        body="ECONNREFUSED from cache.redisco.example:6379 since 10:00, nothing was deployed.",
    )
    print()
    asked = [request for request in requests(1000) if type(request) in HANDLERS]
    print(
        Figure(
            "router, decisions on a month's requests",
            _best(lambda: _decided(asked)),
            "a second",
            goal=20_000,
            low=False,
        )
    )
    opened = [request for request in asked if isinstance(request, OpenTicket)]
    print(
        Figure(
            "router, openings of the month's tickets", _best(lambda: _decided(opened)), "a second"
        )
    )
    print(
        Figure(
            "router, openings of a plain text",
            _best(lambda: _opened(_copies(plain, 1000))),
            "a second",
            goal=20_000,
            low=False,
        )
    )
    print(
        Figure(
            "router, openings of a text with evidence",
            _best(lambda: _opened(_copies(telling, 500))),
            "a second",
        )
    )
    print(
        Figure(
            "router, openings of the labelled texts",
            _best(lambda: _opened([case.ticket for case in cases()])),
            "a second",
        )
    )
    long = open_ticket(subject="Redis times out", body=(LOG * 1000)[:100_000])
    print(
        Figure(
            "router, opening of 100 kB of log",
            1000 / _best(lambda: _opened(_copies(long, 20))),
            "ms",
            goal=5,
        )
    )


def _best(measure: Callable[[], float]) -> float:
    """Of five runs: what else the machine does can only slow them down."""
    return max(measure() for _ in range(5))


def _copies(ticket: OpenTicket, count: int) -> list[OpenTicket]:
    """Tickets that each have to be read: the router remembers what it read of the last one."""
    return [ticket.model_copy() for _ in range(count)]


def _opened(tickets: Sequence[OpenTicket]) -> float:
    begun = time.process_time()
    for ticket in tickets:
        make_opening(ticket, policy())
    return len(tickets) / (time.process_time() - begun)


def _decided(asked: Sequence[Request]) -> float:
    """Decided on and taken into the rows."""
    rows: dict[str, TicketRow] = {}
    begun = time.process_time()
    for request in asked:
        row = rows.get(request.key)
        for fact in decide(row, request, lambda stamp: desk_policy(stamp[DESK])):
            row = evolve(row, fact)  # type: ignore[arg-type]
        if row is not None:
            rows[request.key] = row
    return len(asked) / (time.process_time() - begun)
