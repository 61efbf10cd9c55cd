"""R3 and R8: how long an urgent ticket takes to the phone, idle, across a kill, and beside a storm
that is one outage.

Measured from the client's request to the far end's receipt, on the real stack. Short in `make
test`, long in `make chaos`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.bench.table import Figure, at_share
from tests.chaos.goals import LONG, SLACK, shown
from tests.chaos.load import Customer
from tests.chaos.storm import Sent, at_a_pace, enrol, latencies, pages_in, submit
from tests.support.stack import Stack, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1800)]

URGENTS = 500 if LONG else 40
STORM, STORM_RATE = (10_000, 10_000 / 600) if LONG else (600, 40.0)
BEFORE = 4
"""Customers who write before anybody has declared the incident: each is an emergency of its own
until then.
"""


@pytest.fixture(scope="module")
def lone() -> Iterator[Stack]:
    """A stack that nobody else uses."""
    with running(clock=False) as stack:
        yield stack


def all_rang(stack: Stack, sent: Sent, within: float) -> dict[str, float]:
    def look() -> dict[str, float] | None:
        found = latencies(stack, sent)
        return found if len(found) == len(sent.at) else None

    return dict(eventually(look, within=within, every=0.2, what="every urgent rang"))


async def test_an_urgent_ticket_rings_at_once_and_soon_where_parts_are_killed(lone: Stack) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        customers = await enrol(session, lone, URGENTS + 120)
        await _until_idle(session, lone, customers[URGENTS:-20])
        idle = await at_a_pace(session, lone, customers[:URGENTS], "Checkout is down", 10)
        quiet = list((await asyncio.to_thread(all_rang, lone, idle, 60)).values())

        sending = asyncio.create_task(at_a_pace(session, lone, customers[-20:], "Login is down", 4))
        for name in ("pager", "front"):
            await asyncio.sleep(1.0)
            lone.kill(name)
        struck = await sending
        killed = list((await asyncio.to_thread(all_rang, lone, struck, 60)).values())
    assert not idle.refused and not struck.refused, (idle.refused or struck.refused)[:3]
    shown(
        Figure(
            f"R3 idle: urgents that did not ring of {URGENTS}", URGENTS - len(quiet), "tickets", 0
        ),
        Figure("R3 idle: request to ring, p50", 1000 * at_share(quiet, 0.5), "ms", 100 * SLACK),
        Figure("R3 idle: request to ring, p99", 1000 * at_share(quiet, 0.99), "ms", 1000 * SLACK),
        Figure(
            "R3 pager and front killed: urgents that did not ring of 20",
            20 - len(killed),
            "tickets",
            0,
        ),
        Figure("R3 pager and front killed: request to ring, worst", max(killed), "s", 15),
    )


async def test_a_storm_that_is_one_outage_makes_few_pages_and_hides_no_other_emergency(
    lone: Stack,
) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        many = await enrol(session, lone, 200)
        others = await enrol(session, lone, 5)
        swept = Sent()
        await at_a_pace(session, lone, many[:BEFORE], "H12 on every page", 4, swept)
        await _declare_outage(session, lone)
        await _until_intake_knows(session, lone, many[0], swept)
        began = time.monotonic()
        floods = [many[n % len(many)] for n in range(STORM)]
        storm = asyncio.create_task(
            at_a_pace(session, lone, floods, "H12 on every page", STORM_RATE, swept)
        )
        own = Sent()
        for number, customer in enumerate(others):
            await asyncio.sleep(0.15 * STORM / STORM_RATE)
            await submit(session, lone, customer, f"Invoices cannot be sent {number}", own)
        await storm
        lasted = time.monotonic() - began
    apart = list((await asyncio.to_thread(all_rang, lone, own, 60)).values())
    rings = [page["page_id"] for page in pages_in(lone) if page["ticket_id"] in swept.at]
    assert not swept.refused, swept.refused[:3]
    shown(
        Figure("R8 storm: urgent tickets", len(swept.at), "tickets"),
        Figure("R8 storm: lasted", lasted, "s"),
        Figure("R8 storm: pages", len(set(rings)), "pages", 10),
        Figure("R8 storm: rings, escalations included", len(rings), "rings"),
        Figure("R8 storm: unrelated urgents that did not ring of 5", 5 - len(apart), "tickets", 0),
        Figure("R3 R8 in the storm: request to ring, worst of the unrelated", max(apart), "s", 5),
    )


async def _until_idle(
    session: aiohttp.ClientSession, stack: Stack, customers: list[Customer]
) -> None:
    """A stack that has just come up is not idle: nine processes compile, join and read the log
    first.
    """
    for begin in range(0, len(customers), 10):
        warm = await at_a_pace(session, stack, customers[begin : begin + 10], "Warming up", 5)
        if at_share(list((await asyncio.to_thread(all_rang, stack, warm, 60)).values()), 0.9) < 0.1:
            return


async def _declare_outage(session: aiohttp.ClientSession, stack: Stack) -> None:
    body = {
        "title": "Routing fails",
        "body": "We are looking.",
        "components": ["routing"],
        "impact": {"production": "red", "development": "red"},
    }
    headers = {"Authorization": "Bearer demo-ops"}
    async with session.post(f"{stack.intake}/v1/incidents", json=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()


async def _until_intake_knows(
    session: aiohttp.ClientSession, stack: Stack, customer: Customer, sent: Sent
) -> None:
    async with asyncio.timeout(30):
        while not (await submit(session, stack, customer, "H12 here", sent)).get("incidents"):
            await asyncio.sleep(0.1)
