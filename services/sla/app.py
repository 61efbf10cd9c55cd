"""Wiring: the policies read so far, and the spine."""

from __future__ import annotations

from services.sla.calendar import warm_up
from services.sla.handlers import work
from services.sla.settings import SlaSettings
from shared.policy.book import PolicyBook
from shared.replica import Replica
from shared.runtime import run_worker
from shared.topics import POLICIES


async def run(settings: SlaSettings) -> int:
    """Until SIGTERM; the exit code."""
    warm_up()
    book = PolicyBook()
    async with Replica(
        POLICIES.name, settings.kafka_bootstrap_servers, settings.topic_prefix, on_change=lambda read: book.take(read.key, read.value)
    ) as replica:
        return await run_worker(work(book.of), settings, checks={"policies": replica.unready})
