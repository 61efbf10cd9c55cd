"""`make bench`: how well and how fast the router finds out whose a ticket is, on the labelled set, each half for itself."""

from __future__ import annotations

import time

import pytest

from services.router.opening import opening
from tests.bench.table import Figure
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
        print(Figure(f"{name}: precision of certain ({found['certain made']:.0f} made)", 100 * found["certain"], "%", goal=99, low=False))
        print(Figure(f"{name}: provider found (assigned or suggested)", 100 * found["suggested"], "%", goal=85, low=False))
        print(Figure(f"{name}: false assignments", found["false"], "tickets", goal=0))
        print(Figure(f"{name}: idle suggestions on our tickets", 100 * found["idle"], "%"))
        print(Figure(f"{name}: scope right", 100 * found["scope"], "%"))


def test_speed() -> None:
    plain = open_ticket(subject="Boot fails", body="The dyno crashes at boot with R14 and we do not know why it would. " * 9)
    telling = open_ticket(subject="Redis refuses", body="ECONNREFUSED from cache.redisco.example:6379 since 10:00, nothing was deployed.")
    print()
    for name, ticket in (("plain text", plain), ("with evidence", telling)):
        begun, n = time.process_time(), 5000
        for _ in range(n):
            opening(ticket, policy())
        print(Figure(f"router, openings of a {name}", n / (time.process_time() - begun), "tickets/s", goal=20_000, low=False))
    long = open_ticket(subject="Redis times out", body=(LOG * 1000)[:100_000])
    begun = time.process_time()
    opening(long, policy())
    print(Figure("router, opening of 100 kB of log", 1000 * (time.process_time() - begun), "ms", goal=5))
