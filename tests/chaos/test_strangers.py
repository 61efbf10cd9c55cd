"""R23: strangers at every edge for half a minute, all from the address that we ask from too.

The status page and urgent tickets get through, and no process grows without end.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.bench.table import Figure, at_share
from tests.chaos.goals import SLACK, shown
from tests.chaos.storm import Sent, at_a_pace, enrol, latencies, submit
from tests.support.stack import ROOT, Stack, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(600)]

FLOOD_S, BEFORE_S, URGENTS = 30.0, 5.0, 40
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def strangers(stack: Stack) -> Iterator[None]:
    ports = [str(urlsplit(address).port) for address in (stack.portal, stack.status)]
    flood = subprocess.Popen([sys.executable, "-m", "tests.chaos.strangers", *ports], cwd=ROOT)
    try:
        yield
        assert flood.poll() is None, "the flood ended"
    finally:
        flood.kill()
        flood.wait()


def megabytes(stack: Stack, name: str) -> float:
    """What a process holds in memory."""
    pid = stack.processes()[name]["pid"]
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6


async def ask_often(address: str, until: float) -> tuple[list[float], int]:
    """Seconds of each answer, every request with a connection of its own; how many failed."""
    took, failed = list[float](), 0
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.get(address) as answer,
            ):
                await answer.read()
                failed += answer.status != 200
        except (aiohttp.ClientError, TimeoutError):
            failed += 1
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.2)
    return took, failed


async def test_strangers_keep_neither_the_status_page_nor_an_urgent_out() -> None:
    with running(clock=False) as stack:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            customers = await enrol(session, stack, URGENTS + 10)
            warm = Sent()
            for customer in customers[URGENTS:]:
                await submit(session, stack, customer, "Warm", warm)
            eventually(
                lambda: len(latencies(stack, warm)) == len(warm.at), within=60, what="all rang"
            )
            before = {name: megabytes(stack, name) for name in ("portal", "status", "intake")}
            with strangers(stack):
                await asyncio.sleep(BEFORE_S)
                until = time.monotonic() + FLOOD_S
                page, portal, sent = await asyncio.gather(
                    ask_often(f"{stack.status}/status", until),
                    ask_often(f"{stack.portal}/livez", until),
                    at_a_pace(
                        session, stack, customers[:URGENTS], "All is down", URGENTS / FLOOD_S
                    ),
                )
                grown = {name: megabytes(stack, name) - before[name] for name in before}
                await asyncio.to_thread(
                    eventually,
                    lambda: len(latencies(stack, sent)) == len(sent.at),
                    within=60,
                    what="every urgent rang",
                )
        rang = list(latencies(stack, sent).values())
    shown(
        Figure("R23 flood: status page, p99", at_share(page[0], 0.99), "s", 2 * SLACK),
        Figure("R23 flood: status page, failed", page[1], "requests", 0),
        Figure("R23 flood: portal alive, p99", at_share(portal[0], 0.99), "s", 2 * SLACK),
        Figure("R23 flood: portal alive, failed", portal[1], "requests", 0),
        Figure("R23 flood: urgents refused", len(sent.refused), "tickets", 0),
        Figure("R23 flood: urgent to ring, p99", at_share(rang, 0.99), "s", 2 * SLACK),
        *(
            Figure(f"R23 flood: {name} has grown by", more, "MB", 150)
            for name, more in grown.items()
        ),
    )
