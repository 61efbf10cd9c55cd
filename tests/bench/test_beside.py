"""`make bench`: urgent to phone through the whole stack beside 10,000 tickets in ten minutes, and
beside news for 100,000 subscribers.

Idle, beside, idle: on one machine in one run, so that whatever else it does falls on all three.
`SIGNALBOX_BENCH_SECONDS` says how long the 10,000 tickets' pace is kept (180; 600 is the whole),
`SIGNALBOX_BENCH_SUBSCRIBERS` how many are told the news (100000).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import aiohttp
import pytest

from tests.bench.beside import Clients, Phase, everybody_told, grown, memory, news, spent, subscribe
from tests.bench.table import Figure
from tests.support.stack import Stack, running

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

SECONDS = float(os.environ.get("SIGNALBOX_BENCH_SECONDS", "180"))
SUBSCRIBERS = int(os.environ.get("SIGNALBOX_BENCH_SUBSCRIBERS", "100000"))
TICKETS = 10_000 / 600
IDLE_S, URGENTS = 50.0, 2.0
SLOWEST = 150
"""Where fewer than so many a second are told the bench does not wait for the end; the figures say
how far it came.
"""
HOLDERS = ("intake", "smtp", "courier", "portal")
"""Programs that have the directory in memory."""


@pytest.fixture(scope="module")
def quiet_stack() -> Iterator[Stack]:
    """A stack that nobody else uses."""
    with running(clock=False, env={"SIGNALBOX_RATE_LIMIT": "1000000/minute"}) as stack:
        yield stack


def told(phase: Phase, goal: float) -> None:
    """At once: whoever stops a long bench has what it found so far."""
    print(*phase.figures(goal), sep="\n", flush=True)


async def test_beside_ten_thousand_tickets_in_ten_minutes(quiet_stack: Stack) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        clients = Clients(quiet_stack, session)
        await clients.enrol(int(URGENTS * (2 * IDLE_S + SECONDS)) + 80)
        await clients.during(Phase("warm"), urgents=URGENTS, ordinary=URGENTS, seconds=15)
        told(await clients.during(Phase("idle"), urgents=URGENTS, ordinary=1, seconds=IDLE_S), 1.0)
        told(
            await clients.during(
                Phase("beside 17 tickets/s"), urgents=URGENTS, ordinary=TICKETS, seconds=SECONDS
            ),
            5.0,
        )
        told(
            await clients.during(Phase("idle again"), urgents=URGENTS, ordinary=1, seconds=IDLE_S),
            1.0,
        )


async def test_beside_news_for_a_hundred_thousand_subscribers(quiet_stack: Stack) -> None:
    longest, over = SUBSCRIBERS / SLOWEST + 60, asyncio.Event()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        clients = Clients(quiet_stack, session)
        await clients.enrol(int(URGENTS * (2 * IDLE_S + longest)) + 80)
        before = memory(quiet_stack, *HOLDERS)
        await subscribe(quiet_stack, SUBSCRIBERS)
        held = memory(quiet_stack, *HOLDERS)
        await clients.during(Phase("warm"), urgents=URGENTS, ordinary=URGENTS, seconds=15)
        told(await clients.during(Phase("idle"), urgents=URGENTS, ordinary=1, seconds=IDLE_S), 1.0)
        cpu = spent(quiet_stack)
        await news(session, quiet_stack)
        telling = asyncio.create_task(everybody_told(quiet_stack, over, longest))
        beside = Phase(f"beside news for {SUBSCRIBERS:,}")
        told(
            await clients.during(beside, urgents=URGENTS, ordinary=1, seconds=longest, until=over),
            5.0,
        )
        took, mails = await telling
        most, cpu = (
            memory(quiet_stack, *HOLDERS),
            {name: now - cpu[name] for name, now in spent(quiet_stack).items() if name in cpu},
        )
        for figure in (
            Figure(f"news for {SUBSCRIBERS:,}: until the last mail", took, "s"),
            Figure(
                f"news for {SUBSCRIBERS:,}: notices recorded, sent and said",
                mails / took,
                "notices/s",
                300,
                low=False,
            ),
            Figure(
                f"news for {SUBSCRIBERS:,}: subscribers who got none",
                SUBSCRIBERS - mails,
                "people",
                0,
            ),
            *(
                Figure(
                    f"CPU of {name} meanwhile, for 1,000 notices",
                    1e6 * seconds / max(1, mails),
                    "ms",
                )
                for name, seconds in cpu.items()
            ),
            *grown(before, held, f"with {SUBSCRIBERS:,} subscribers"),
            *grown(held, most, "when all are told"),
        ):
            print(figure, flush=True)
        told(
            await clients.during(Phase("idle again"), urgents=URGENTS, ordinary=1, seconds=IDLE_S),
            1.0,
        )
