"""R22: one account within its rate sends the costliest texts there are, and another's urgent ticket
rings as soon as ever.

Measured from the client's request to the far end's receipt, on the real stack. Short in `make
test`, long in `make chaos`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from tests.bench.table import Figure, at_share
from tests.chaos.goals import LONG, SLACK, shown
from tests.chaos.storm import at_a_pace, enrol, latencies
from tests.support.costly import costly_ticket
from tests.support.stack import Stack, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(900)]

URGENTS, RATE = (240, 4.0) if LONG else (30, 3.0)
A_SECOND = 10
"""Texts of the flood: 600 a minute are within an account's rate."""


@pytest.fixture(scope="module")
def lone() -> Iterator[Stack]:
    """A stack that nobody else uses, with the rate of one that is no demo."""
    with running(clock=False, env={"SIGNALBOX_RATE_LIMIT": "600/minute"}) as stack:
        yield stack


async def test_a_flood_of_costly_texts_delays_nobodys_emergency(lone: Stack) -> None:
    answers: Counter[int] = Counter()
    patience = aiohttp.ClientTimeout(total=120)
    # Connections of their own: with aiohttp's usual limit of 100 in all, emergencies would wait in
    # this client for the flood's answers, and not at the door that is measured.
    async with (
        aiohttp.ClientSession(timeout=patience) as session,
        aiohttp.ClientSession(
            timeout=patience, connector=aiohttp.TCPConnector(limit=0)
        ) as the_floods,
    ):
        customers = await enrol(session, lone, URGENTS)

        async def one() -> None:
            address, mine = f"{lone.intake}/v1/tickets", {"Authorization": "Bearer demo-free"}
            async with the_floods.post(address, json=costly_ticket(), headers=mine) as answer:
                answers[answer.status] += 1

        over = asyncio.Event()

        async def flood() -> None:
            sent: set[asyncio.Task[None]] = set()
            began = time.monotonic()
            while not over.is_set():
                await asyncio.sleep(max(0.0, began + len(sent) / A_SECOND - time.monotonic()))
                sent.add(asyncio.create_task(one()))
            await asyncio.gather(*sent)

        flooding = asyncio.create_task(flood())
        urgents = await at_a_pace(session, lone, customers, "Checkout is down", RATE)
        over.set()
        await flooding

    def all_rang() -> list[float] | None:
        found = latencies(lone, urgents)
        return list(found.values()) if len(found) == len(urgents.at) else None

    took = list(await asyncio.to_thread(eventually, all_rang, within=60, every=0.2))
    assert not urgents.refused, urgents.refused[:3]
    assert set(answers) <= {202, 429}, answers
    shown(
        Figure("R22 costly texts: sent by one account", answers.total(), "texts"),
        Figure("R22 costly texts: of these told to wait", answers[429], "texts"),
        Figure(
            "R22 costly texts: another's urgent, request to ring, p99",
            at_share(took, 0.99),
            "s",
            5 * SLACK,
        ),
    )
