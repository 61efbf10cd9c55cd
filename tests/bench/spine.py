"""How fast one spine worker is: three facts and a row for every request. `python -m
tests.bench.spine --requests 40000`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime

import uvloop

from shared import ids
from shared.bus import Admin, Producer, record_for
from shared.clock import SystemClock
from shared.spine.runtime import HANDLED, Spine
from tests.bench.table import Figure
from tests.chaos.spine.domain import WORK, Count

PARTITIONS = 8


async def throughput(bootstrap: str, requests: int, keys: int, text: int) -> tuple[float, float]:
    """Events a second from the first decided to the last committed, and microseconds of our CPU for
    each.
    """
    prefix = f"bench-{os.getpid()}-{time.time_ns() % 10**9}-"
    async with Admin(bootstrap, prefix) as admin:
        for topic in ("in", "out", WORK.changelog, "dead-letters"):
            await admin.create_topic(topic, PARTITIONS)
    producer = Producer(bootstrap, prefix, "bench")
    now = datetime.now(UTC)
    for start in range(0, requests, 5000):
        numbers = range(start, min(requests, start + 5000))
        asked = [
            Count(id=ids.derive("req", str(i)), key=f"k{i % keys}", at=now, text="x" * text)
            for i in numbers
        ]
        await producer.send_many([record_for("in", request, "bench") for request in asked])
    await producer.stop()
    spine = Spine(WORK, bootstrap=bootstrap, prefix=prefix, clock=SystemClock())
    running = asyncio.create_task(spine.run())
    handled = HANDLED.labels(WORK.name, "message")
    begun, first, worked = None, 0.0, 0.0
    while handled._value.get() < requests and not running.done():
        await asyncio.sleep(0.002)
        if begun is None and handled._value.get() > 0:
            begun, worked, first = (
                time.perf_counter(),
                time.process_time(),
                float(handled._value.get()),
            )
    assert begun is not None
    rate, cost = (
        (requests - first) / (time.perf_counter() - begun),
        (time.process_time() - worked) / (requests - first),
    )
    spine.stop()
    await running
    async with Admin(bootstrap, prefix) as admin:
        await admin.delete_all()
    return rate, cost * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument(
        "--text", type=int, default=300, help="characters of text in each request and fact"
    )
    options = parser.parse_args()
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    rate, cost = uvloop.run(throughput(bootstrap, options.requests, options.keys, options.text))
    print(
        Figure("spine, one worker, 3 facts and a row each", rate, "events/s", goal=4000, low=False)
    )
    print(Figure("the same, CPU time of the worker", cost, "µs/event"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
