"""How fast the router is: its decisions alone, and as a worker on the spine. `python -m
tests.bench.router --tickets 20000`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime

import uvloop

from deploy.demo.directory import policies
from services.router import handlers
from services.router.ticket.domain import decide
from services.router.ticket.row import TicketRow, evolve
from shared.bus import Admin, Producer, record_for
from shared.clock import SystemClock
from shared.events import AddReply, OpenTicket, PolicyPublished, Request
from shared.policy import DESK
from shared.policy.book import PolicyBook
from shared.spine.runtime import HANDLED, Spine
from shared.topics import DEAD_LETTERS, REQUESTS, STATUS, TICKETS
from tests.bench.table import Figure
from tests.unit.router.building import open_ticket, policy_of, request

PARTITIONS = 8
TEXT = "The dyno crashes at boot with R14 and we do not know why it would. " * 9


def requests(tickets: int) -> list[Request]:
    """Three requests a ticket: it is opened, answered, and the customer writes back."""
    now = datetime.now(UTC)
    made: list[Request] = []
    for i in range(tickets):
        key = f"tkt_{i:026d}"
        made.append(
            open_ticket(
                ("premier", "free", "enterprise")[i % 3],
                key=key,
                subject="Boot fails",
                body=TEXT,
                at=now,
            )
        )
    for who in ("agent", None):
        for i, opened in enumerate(made[:tickets]):
            name = who or opened.actor.email.partition("@")[0]
            made.append(
                request(AddReply, name, key=opened.key, id=f"req_{who}_{i:022d}", body=TEXT, at=now)
            )
    return made


def decisions(asked: list[Request]) -> float:
    """Decisions a second of one core's time (the best of three runs): decide and evolve, nothing
    else.
    """
    return max(_decided(asked) for _ in range(3))


def _decided(asked: list[Request]) -> float:
    rows: dict[str, TicketRow] = {}
    begun = time.process_time()
    for each in asked:
        row = rows.get(each.key)
        for fact in decide(row, each, policy_of):
            row = evolve(row, fact)  # type: ignore[arg-type]
        assert row is not None
        rows[each.key] = row
    return len(asked) / (time.process_time() - begun)


async def throughput(bootstrap: str, asked: list[Request]) -> tuple[float, float]:
    """Requests a second through the spine, from the first decided to the last committed: by the
    clock, and by our CPU time.
    """
    prefix = f"bench-router-{os.getpid()}-"
    async with Admin(bootstrap, prefix) as admin:
        for topic in (REQUESTS.name, TICKETS.name, STATUS.name, "router-state", DEAD_LETTERS.name):
            await admin.create_topic(topic, PARTITIONS)
    try:
        producer = Producer(bootstrap, prefix, "bench")
        for start in range(0, len(asked), 5000):
            await producer.send_many(
                [record_for(REQUESTS.name, each, "intake") for each in asked[start : start + 5000]]
            )
        await producer.stop()
        book = PolicyBook()
        book.take(
            DESK,
            PolicyPublished(
                key=DESK, at=datetime.now(UTC), version=1, document=policies()[DESK]
            ).wire(),
        )
        spine = Spine(
            handlers.work(book.of), bootstrap=bootstrap, prefix=prefix, clock=SystemClock()
        )
        running = asyncio.create_task(spine.run())
        handled = HANDLED.labels("router", "message")
        while handled._value.get() == 0:
            await asyncio.sleep(0.001)
        begun, cpu, first = time.perf_counter(), time.process_time(), handled._value.get()
        while handled._value.get() < len(asked) and not running.done():
            await asyncio.sleep(0.002)
        left = len(asked) - first
        rates = left / (time.perf_counter() - begun), left / (time.process_time() - cpu)
        spine.stop()
        await running
    finally:
        async with Admin(bootstrap, prefix) as admin:
            await admin.delete_all()
    return rates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--decisions-only", action="store_true")
    options = parser.parse_args()
    asked = requests(options.tickets)
    opening = [each for each in asked if isinstance(each, OpenTicket)]
    sys.stdout.write(
        f"{Figure('router, decisions (open)', decisions(opening), 'events/s', goal=20_000, low=False)}\n"
    )
    sys.stdout.write(
        f"{Figure('router, decisions (open, 2 replies)', decisions(asked), 'events/s', goal=20_000, low=False)}\n"
    )
    if not options.decisions_only:
        bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
        by_clock, by_cpu = uvloop.run(throughput(bootstrap, asked))
        sys.stdout.write(
            f"{Figure('router, one worker on the spine', by_clock, 'requests/s', goal=4000, low=False)}\n"
        )
        sys.stdout.write(f"{Figure('router, the same by its CPU time', by_cpu, 'requests/s')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
