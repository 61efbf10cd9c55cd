"""A log of 100,000 tickets, in Kafka: months beside each other, decided by the workers' own
functions, in every core.

A module of its own, because the processes of the pool import it by its name, and a test's module
has none they know.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from cli.proof.parallel import quietly
from shared.bus import Admin, Producer
from shared.topics import PUBLIC
from shared.wire import Message, Record
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests

TICKETS = int(os.environ.get("SIGNALBOX_BENCH_TICKETS", "100000"))
AT_ONCE = 5_000


def fill(kafka: str, prefix: str) -> None:
    """Months beside each other, each decided by the workers' own functions; nobody has a ticket or
    a lane in two of them.
    """
    asyncio.run(_create(kafka, prefix))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        list(pool.map(functools.partial(_fill_month, kafka, prefix), range(-(-TICKETS // AT_ONCE))))


async def _create(kafka: str, prefix: str) -> None:
    async with Admin(kafka, prefix) as admin:
        for topic in PUBLIC:
            await admin.create_topic(topic.name, 8)


def _fill_month(kafka: str, prefix: str, seed: int) -> None:
    quietly()
    gc.disable()
    log = decide_all(requests(min(AT_ONCE, TICKETS - seed * AT_ONCE), seed), BEGIN + LASTS).messages
    asyncio.run(_send(kafka, prefix, [m for m in log if seed == 0 or m.topic != "policies"]))


async def _send(kafka: str, prefix: str, log: Sequence[Message]) -> None:
    producer = Producer(kafka, prefix, "bench", timeout=60)
    for first in range(0, len(log), 5000):
        await producer.send_many(
            [
                Record(m.topic, m.key, m.value, list(m.headers.items()))
                for m in log[first : first + 5000]
            ]
        )
    await producer.stop()
