"""From an urgent ticket's acceptance to the phone's receipt: `python -m tests.bench.paging [--pages
N] [--every S] [--storm N]`

Front and pager run as processes of their own, on the broker of KAFKA_BOOTSTRAP_SERVERS, with topics
that are made and deleted; each page is of a lane of its own. Time runs from just before intake's
publish to the phone having the request. A storm: so many urgents of one lane come at once, and the
measured pages beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import statistics
import sys
import time
from datetime import UTC, datetime

import orjson
from aiohttp import web

from shared.bus import Admin, Producer
from shared.events import Actor, Admission, OpenTicket, Plan, PolicyPublished, Priority
from shared.topics import TOPICS
from shared.wire import record_for

PARTITIONS = 8
NEEDED = (
    "urgent",
    "tickets",
    "requests",
    "status",
    "page-inbox",
    "pages",
    "pager-state",
    "dead-letters",
    "policies",
)


async def measure(pages: int, every: float, storm: int) -> list[float]:
    """Milliseconds of each page."""
    bootstrap, prefix = os.environ["KAFKA_BOOTSTRAP_SERVERS"], f"paging-{secrets.token_hex(4)}-"
    received: dict[str, float] = {}

    async def take(request: web.Request) -> web.Response:
        arrived = time.perf_counter()
        received.setdefault(orjson.loads(await request.read())["ticket_id"], arrived)
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/pager", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    environment = {
        **os.environ,
        "SIGNALBOX_TOPIC_PREFIX": prefix,
        "SIGNALBOX_SECRET": secrets.token_hex(16),
        "SIGNALBOX_ALLOW_PRIVATE_WEBHOOKS": "1",
        "SIGNALBOX_LOG_LEVEL": "warning",
        "SIGNALBOX_METRICS_PORT": "0",
    }
    processes = []
    async with Admin(bootstrap, prefix) as admin:
        for topic in NEEDED:
            await admin.create_topic(
                topic, PARTITIONS, config={"cleanup.policy": TOPICS[topic].cleanup}
            )
        producer = Producer(bootstrap, prefix, "bench")
        try:
            await producer.send(record_for("policies", _policy(runner.addresses[0][1]), "bench"))
            for name in ("front", "pager"):
                arguments = (sys.executable, "-m", "services.notifier", name)
                processes.append(await asyncio.create_subprocess_exec(*arguments, env=environment))
            began: dict[str, float] = {}
            for n in range(-5, pages):  # the first few wake everything up and do not count
                if n == 0 and storm:
                    await producer.send_many(
                        [
                            record_for("urgent", _ticket(10**6 + i, "lane_storm"), "bench")
                            for i in range(storm)
                        ]
                    )
                ticket = _ticket(n)
                began[ticket.key] = time.perf_counter()
                await producer.send(record_for("urgent", ticket, "bench"))
                async with asyncio.timeout(90):
                    while n < 0 and ticket.key not in received:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(random.uniform(0.5, 1.5) * every)
            async with asyncio.timeout(30):
                while not set(began) <= set(received):
                    await asyncio.sleep(0.01)
        finally:
            for process in processes:
                process.terminate()
            await asyncio.gather(*(process.wait() for process in processes))
            await producer.stop()
            await admin.delete_all()
            await runner.cleanup()
    return [1000 * (received[ticket] - at) for ticket, at in list(began.items())[5:]]


def _policy(port: int) -> PolicyPublished:
    method = {
        "name": "phone",
        "channel": "webhook",
        "address": f"http://127.0.0.1:{port}/pager",
        "verified": True,
    }
    escalation = {
        "support": {"steps": [{"person": "primary", "wait": "5m"}], "fallback": "primary"}
    }
    document = {
        "people": {"primary": {"email": "p@example.com", "methods": [method]}},
        "schedules": {},
        "escalation": escalation,
    }
    return PolicyPublished(
        id="pol", key="on-call", at=datetime.now(UTC), version=1, document=document
    )


def _ticket(n: int, lane: str = "") -> OpenTicket:
    return OpenTicket(
        id=f"req_{n}",
        key=f"tkt_{n}",
        at=datetime.now(UTC),
        actor=Actor(email="premier@example.com"),
        policy={},
        subject="Down",
        body="b",
        priority=Priority.URGENT,
        admission=Admission(plan=Plan.PREMIER),
        lane=lane or f"lane_{n}",
        pages=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--every", type=float, default=0.1, help="mean seconds between two")
    parser.add_argument("--storm", type=int, default=0, help="urgents of one lane before them")
    asked = parser.parse_args()
    found = sorted(asyncio.run(measure(asked.pages, asked.every, asked.storm)))
    p50, p99 = statistics.median(found), found[max(0, int(len(found) * 0.99) - 1)]
    print(
        f"{len(found)} pages: p50 {p50:.1f} ms, p90 {found[int(len(found) * 0.9) - 1]:.1f} ms, p99 {p99:.1f} ms, max {found[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main()
