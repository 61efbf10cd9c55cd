"""Wiring of the front and the pager; the courier's is `courier/app.py`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

from services.notifier.front.loop import Front
from services.notifier.front.rules import SOURCE
from services.notifier.pager.rules import Rulebook
from services.notifier.pager.sends import Pager
from services.notifier.settings import FrontSettings, PagerSettings
from shared.channels import open_line
from shared.clock import Clock, clock_from
from shared.process.gc_tuning import spare_what_lives
from shared.process.health import serve_health
from shared.spine.replica import Replica
from shared.spine.runtime import Limits, run_worker
from shared.telemetry.logs import configure_logging, make_note_check, make_setup_check

# The default takes five times as many records in a turn.
LIMITS = Limits(max_records=100)
"""A turn stays short though a storm has made one lane's row large: other lanes wait for one turn at
most.
"""


async def run_pager(settings: PagerSettings) -> int:
    """Until SIGTERM; the exit code."""
    async with pager_with(settings, clock_from(settings)) as (pager, rulebook):
        return await run_worker(
            pager.work(),
            settings,
            limits=LIMITS,
            checks={
                "policies": rulebook.unready,
                "policy": make_note_check(rulebook.trouble),
                "escalation": make_setup_check(rulebook.lacks),
            },
        )


@contextlib.asynccontextmanager
async def pager_with(
    settings: PagerSettings, clock: Clock
) -> AsyncIterator[tuple[Pager, Rulebook]]:
    """A pager with its lines out and the policies it follows."""
    rulebook = Rulebook()
    policies = Replica(
        "policies", settings.kafka_bootstrap_servers, settings.topic_prefix, on_change=rulebook.take
    )
    # Before the topic is read to its end the rulebook answers nobody.
    rulebook.follow(lambda: policies.is_caught_up)
    async with open_line(settings, settings.secret.get_secret_value(), clock) as line, policies:
        yield Pager(rulebook, line, settings.portal_url), rulebook


async def run_front(settings: FrontSettings) -> int:
    """Until SIGTERM; the exit code: 1 where Kafka failed, to be started again (nothing is committed
    then).
    """
    configure_logging(SOURCE, settings.log_level)
    spare_what_lives()
    front = Front(settings, clock_from(settings))
    # A signal lets the batch in hand end.
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, front.stop)
    health = await serve_health(settings.metrics_port, {"front": front.unready}, host=settings.bind)
    try:
        return await front.run()
    finally:
        if health is not None:
            await health.cleanup()
