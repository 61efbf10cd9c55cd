"""Wiring: the policies read so far, and the spine."""

from __future__ import annotations

from dataclasses import replace

from services.router.handlers import work
from services.router.numbers import measure_routing
from services.router.settings import RouterSettings
from shared.policy.book import PolicyBook
from shared.spine.replica import Replica
from shared.spine.runtime import run_worker
from shared.telemetry.logs import make_note_check
from shared.topics import POLICIES


async def run(settings: RouterSettings) -> int:
    """Until SIGTERM; the exit code."""
    book = PolicyBook()
    # Policies come by their own topic into memory: no decision looks one up over the network.
    async with Replica(
        POLICIES.name,
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        on_change=lambda read: book.take(read.key, read.value),
    ) as replica:
        made = work(book.of)
        return await run_worker(
            replace(made, decide=measure_routing(made.decide), documents=book.changes),
            settings,
            checks={"policies": replica.state, "policy": make_note_check(book.trouble)},
        )
