"""Wiring: the policies read so far, and the spine."""

from __future__ import annotations

from dataclasses import replace

from services.sla.handlers import work
from services.sla.settings import SlaSettings
from shared.policy.book import PolicyBook
from shared.policy.working_time import warm_up
from shared.spine.replica import Replica
from shared.spine.runtime import run_worker
from shared.telemetry.logs import make_note_check
from shared.topics import POLICIES


async def run(settings: SlaSettings) -> int:
    """Until SIGTERM; the exit code."""
    # Before the first fact: the first look at a calendar is slow.
    warm_up()
    book = PolicyBook()
    # Policies come by their own topic into memory: no decision looks one up over the network.
    async with Replica(
        POLICIES.name,
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        on_change=lambda read: book.take(read.key, read.value),
    ) as replica:
        return await run_worker(
            replace(work(book.of), documents=book.changes),
            settings,
            checks={"policies": replica.state, "policy": make_note_check(book.trouble)},
        )
