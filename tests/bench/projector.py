"""How many events a second the projector writes: `python -m tests.bench.projector [tickets]`
(KAFKA_BOOTSTRAP_SERVERS, MONGODB_URI).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from datetime import timedelta

import uvloop

from services.portal.projector.app import make_projector
from services.portal.settings import PortalSettings
from shared.bus import Admin, Producer, record_for
from shared.events import Event
from shared.storage.store import Store
from shared.topics import PUBLIC, topic_of
from tests.support.facts import BEGAN, Ticket, page_facts


def story(n: int) -> list[Event]:
    """A ticket's life: 3 facts at opening, a clock, an assignment, two replies, solved; every tenth
    is paged.
    """
    ticket = Ticket(f"bench {n}", f"customer{n % 500}@example.com", at=BEGAN + timedelta(seconds=n))
    body = (
        "The application answers H12 request timeout for every request since the last deploy. " * 6
    )
    found: list[Event] = [
        *ticket.opened(f"Timeouts on shop {n}", body=body),
        *ticket.clock_started(),
        ticket.asked("x"),
    ]
    found += [
        *ticket.assigned("redisco"),
        *ticket.replied(body, "r@redisco.example", "provider"),
        *ticket.clock_met(),
    ]
    found += [*ticket.replied("thanks " * 20, ticket.requester, "customer"), *ticket.solved()]
    return found + (page_facts(ticket.id, f"lane_{n}") if n % 10 == 0 else [])


async def main(tickets: int) -> None:
    name = f"bench-{secrets.token_hex(3)}"
    bootstrap, uri = os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["MONGODB_URI"]
    settings = PortalSettings(
        kafka_bootstrap_servers=bootstrap,
        mongodb_uri=uri,
        mongodb_database=name,
        topic_prefix=f"{name}-",
    )
    async with Admin(bootstrap, settings.topic_prefix) as admin:
        for topic in PUBLIC:
            await admin.create_topic(topic.name, 8)
        producer = Producer(bootstrap, settings.topic_prefix, "bench")
        events = [event for n in range(tickets) for event in story(n)]
        for start in range(0, len(events), 2000):
            await producer.send_many(
                [
                    record_for(topic_of(event), event, "bench")
                    for event in events[start : start + 2000]
                ]
            )
        store = Store(uri, name)
        projector, letters = make_projector(settings)
        began, burned = time.perf_counter(), time.process_time()
        running = asyncio.create_task(projector.run())
        wanted = len({(event.key, event.type) for event in events if event.type == "TicketSolved"})
        while await store["tickets"].count({"status": "solved", "clocks.state": "met"}) < wanted:
            assert not running.done(), running.exception()
            await asyncio.sleep(0.1)
        took, cpu = time.perf_counter() - began, time.process_time() - burned
        print(
            f"{len(events)} events in {took:.1f} s: {len(events) / took:.0f} events/s, {cpu / took:.0%} of a core"
        )
        projector.stop()
        await running
        await letters.stop()
        await producer.stop()
        await store.drop()
        await admin.delete_all()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
