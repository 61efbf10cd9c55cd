"""Mail in: how many are taken a second over SMTP, how soon the log has what became of them, and what it costs the API.

`make bench`; or against a stack that runs, with SIGNALBOX_BENCH_SMTP (host:port), _PORTAL and _INTAKE (addresses).
Goal: 200 a second of 5 kB each. No number judges, the figures are printed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import smtplib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import aiohttp
import pytest

from tests.bench.table import Figure, at_share
from tests.support.desk import Person
from tests.support.posting import SUPPORT, MailDesk, written
from tests.support.stack import running

pytestmark = pytest.mark.bench

BODY = "The dyno crashes with H10 when it starts, since the release of this morning. " * 60
LINES, SECONDS, SECONDS_API = 8, 15, 10
EACH = 150
"""Mails on one connection."""


@dataclass
class Place:
    """Where mail is sent and tickets are asked for."""

    smtp: str
    portal: str
    intake: str
    agent: Person


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A stack of its own, where one sender may send as much as it likes."""
    if address := os.environ.get("SIGNALBOX_BENCH_SMTP"):
        portal, intake = os.environ["SIGNALBOX_BENCH_PORTAL"], os.environ["SIGNALBOX_BENCH_INTAKE"]
        yield Place(address, portal, intake, Person("agent", "demo-agent", portal))
        return
    with running(env={"SIGNALBOX_MAIL_TICKETS_HOURLY": "100000"}) as stack:
        yield Place(stack.smtp, stack.portal, stack.intake, Person("agent", "demo-agent", stack.portal))


def test_mails_a_second(place: Place) -> None:
    """From the first MAIL FROM to the last 250, and until the log has what became of the last one."""
    mails = MailDesk(place.agent)
    before = mails.counts()["received"]
    stop, took = threading.Event(), list[float]()
    begun = time.monotonic()
    with ThreadPoolExecutor(LINES) as pool:
        threads = [pool.submit(_send, place, "premium@example.com", stop, took, 0.0) for _ in range(LINES)]
        stop.wait(SECONDS)
        stop.set()
        sent = sum(thread.result() for thread in threads)
    taken = time.monotonic() - begun
    counts = _until(mails, before + sent)
    settled = time.monotonic() - begun
    figures = (
        Figure(f"mails of {len(BODY)} bytes accepted (250), durable, over {LINES} connections", sent / taken, "a second", 200, low=False),
        Figure("settled: read, decided, in the log and in the view", sent / settled, "a second"),
        Figure("one mail, from MAIL FROM to 250, p50", 1000 * at_share(took, 0.5), "ms"),
        Figure("one mail, from MAIL FROM to 250, p99", 1000 * at_share(took, 0.99), "ms"),
    )
    print("", *figures, sep="\n")
    assert counts["balanced"]


def test_the_api_while_mail_arrives(place: Place) -> None:
    """p99 of POST /v1/tickets at 20/s, alone and beside 100 mails a second."""
    idle = asyncio.run(_api(place))
    stop, took = threading.Event(), list[float]()
    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(_send, place, "free@example.com", stop, took, 4 / 100) for _ in range(4)]
        busy = asyncio.run(_api(place))
        stop.set()
        sent = sum(thread.result() for thread in threads)
    figures = (
        Figure("POST /v1/tickets at 20/s alone, p99", 1000 * at_share(idle, 0.99), "ms"),
        Figure(f"the same beside {sent / SECONDS_API:.0f} mails a second, p99", 1000 * at_share(busy, 0.99), "ms"),
        Figure("alone, p50", 1000 * at_share(idle, 0.5), "ms"),
        Figure("beside mail, p50", 1000 * at_share(busy, 0.5), "ms"),
    )
    print("", *figures, sep="\n")


def _send(place: Place, sender: str, stop: threading.Event, took: list[float], every: float) -> int:
    host, _, port = place.smtp.rpartition(":")
    sent = 0
    while not stop.is_set():
        with smtplib.SMTP(host, int(port), timeout=30) as line:
            for _ in range(EACH):
                if stop.is_set():
                    break
                raw = written(sender, f"Bench {secrets.token_hex(4)}", BODY)
                begun = time.monotonic()
                line.sendmail(f"bounces-{secrets.token_hex(2)}@example.com", [SUPPORT], raw)  # one sender's mails are taken in turn
                took.append(time.monotonic() - begun)
                sent += 1
                if every:
                    stop.wait(max(0.0, every - took[-1]))
    return sent


async def _api(place: Place, seconds: float = SECONDS_API, rate: float = 20) -> list[float]:
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer demo-premium"}) as http:

        async def one() -> None:
            begun = time.monotonic()
            async with http.post(f"{place.intake}/v1/tickets", json={"subject": "Bench", "body": BODY[:1000]}) as answer:
                await answer.read()
                assert answer.status == 202
            took.append(time.monotonic() - begun)

        async with asyncio.TaskGroup() as group:
            for _ in range(int(seconds * rate)):
                group.create_task(one())
                await asyncio.sleep(1 / rate)
    return took


def _until(mails: MailDesk, received: int, within: float = 120) -> dict[str, int]:
    end = time.monotonic() + within
    while True:
        counts = mails.counts()
        if (counts["received"] >= received and not counts["in_hand"]) or time.monotonic() > end:
            return counts
        time.sleep(0.1)
