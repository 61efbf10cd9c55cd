"""The yardstick for the router: the bare shape of a stateful service on aiokafka alone, and our
router, each in a process of its own.

    KAFKA_BOOTSTRAP_SERVERS=… python -m tests.bench.shape bare|router <prefix> <messages>

Either takes what is in `requests` under the prefix and says in one line of JSON how many messages
it took from its first turn to its last, how many facts it wrote, in how many seconds, and with how
much CPU time of its own.

What differs, so that nobody reads more into the share than it says: the bare shape takes the
request's id from its JSON and no
more, writes **one** fact (the request again) and a row of ids per message, and checks nothing; it
has no headers, no dead letters,
no metrics, no watchdog, no timers. The router validates, decides by the policy's rules, writes
**three** facts and more to a new
ticket, each with CloudEvents headers, and a row that knows the ticket.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.demo.directory import policies
from services.router import handlers
from shared.bus import client_options
from shared.clock import SystemClock
from shared.events import PolicyPublished
from shared.policy import DESK
from shared.policy.book import PolicyBook
from shared.process.gc_tuning import spare_what_lives
from shared.spine.metrics import FACTS
from shared.spine.runtime import HANDLED, Spine
from shared.topics import REQUESTS, TICKETS

PARTITIONS = 8


async def bare(bootstrap: str, prefix: str, count: int) -> dict[str, float]:
    """One input topic, a row per key, one fact per request: facts, acks, rows, acks, commit (the
    prototype's steps).
    """
    producer = AIOKafkaProducer(
        **client_options(bootstrap),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=131072,
    )
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap),
        group_id=f"{prefix}bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
        max_poll_records=500,
    )
    await producer.start()
    consumer.subscribe([prefix + REQUESTS.name])
    await consumer.start()
    rows: dict[int, dict[str, dict[str, Any]]] = {p: {} for p in range(PARTITIONS)}
    taken, begun = 0, Meter()
    while taken < count:
        batches = await consumer.getmany(timeout_ms=500)
        if not batches:
            continue
        facts, changed, done = [], {}, {}
        for tp, batch in batches.items():
            for message in batch:
                key, asked = message.key.decode(), orjson.loads(message.value)
                row = rows[tp.partition].get(key) or {"seq": 0, "seen": []}
                if asked["id"] in row["seen"]:
                    continue
                row = {"seq": row["seq"] + 1, "seen": [*row["seen"], asked["id"]]}
                rows[tp.partition][key] = changed[tp.partition, key] = row
                fact = orjson.dumps([asked, key, row["seq"]])
                facts.append(
                    await producer.send(
                        prefix + TICKETS.name, fact, key=message.key, partition=tp.partition
                    )
                )
            done[tp] = batch[-1].offset + 1
            taken += len(batch)
        await asyncio.gather(*facts)
        states = [
            await producer.send(
                f"{prefix}router-state", orjson.dumps(row), key=key.encode(), partition=p
            )
            for (p, key), row in changed.items()
        ]
        await asyncio.gather(*states)
        await consumer.commit(
            {TopicPartition(tp.topic, tp.partition): offset for tp, offset in done.items()}
        )
        begun.see(taken, taken)
    found = begun.until(taken, taken)
    await consumer.stop()
    await producer.stop()
    return found


async def router(bootstrap: str, prefix: str, count: int) -> dict[str, float]:
    """Our router as its process runs it, but for the replica of the policies: it is given them."""
    book = PolicyBook()
    book.take(
        DESK,
        PolicyPublished(
            key=DESK, at=datetime.now(UTC), version=1, document=policies()[DESK]
        ).wire(),
    )
    spine = Spine(handlers.work(book.of), bootstrap=bootstrap, prefix=prefix, clock=SystemClock())
    handled, written = HANDLED.labels("router", "message")._value, FACTS.labels("router")._value
    running, begun = asyncio.create_task(spine.run()), Meter()
    while (taken := int(handled.get())) < count and not running.done():
        begun.see(taken, int(written.get()))
        await asyncio.sleep(0.002)
    found = begun.until(taken, int(written.get()))
    spine.stop()
    await running
    return found


class Meter:
    """Begins with the first turn that is done, so that connecting, joining and warming up do not
    count.
    """

    def __init__(self) -> None:
        self._first: tuple[int, int, float, float] | None = None

    def see(self, taken: int, facts: int) -> None:
        if self._first is None and taken > 0:
            self._first = (taken, facts, time.perf_counter(), time.process_time())

    def until(self, taken: int, facts: int) -> dict[str, float]:
        assert self._first is not None
        before, written, begun, worked = self._first
        seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
        return {
            "messages": taken - before,
            "facts": facts - written,
            "seconds": seconds,
            "cpu": cpu,
        }


def main() -> None:
    which, prefix, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    spare_what_lives()
    measure = bare if which == "bare" else router
    found = uvloop.run(measure(os.environ["KAFKA_BOOTSTRAP_SERVERS"], prefix, count))
    sys.stdout.write(orjson.dumps(found).decode() + "\n")


if __name__ == "__main__":
    main()
