"""Wiring of the front and the pager; the courier's is courier_app.py."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

from services.notifier.front import SOURCE, Front
from services.notifier.pager import Pager
from services.notifier.pager_rules import Rulebook
from services.notifier.settings import NotifierSettings
from shared.channels import open_line
from shared.clock import Clock, clock_from
from shared.garbage import spare_what_lives
from shared.replica import Replica
from shared.runtime import Limits, run_worker
from shared.telemetry import configure_logging, serve_health

LIMITS = Limits(max_records=100)
"""A turn stays short though a storm has made one lane's row large: other lanes wait for one turn at most."""


async def run_pager(settings: NotifierSettings) -> int:
    """Until SIGTERM; the exit code."""
    async with pager_with(settings, clock_from(settings)) as (pager, rulebook):
        return await run_worker(pager.work(), settings, limits=LIMITS, checks={"policies": rulebook.unready})


@contextlib.asynccontextmanager
async def pager_with(settings: NotifierSettings, clock: Clock) -> AsyncIterator[tuple[Pager, Rulebook]]:
    """A pager with its lines out and the policies it follows."""
    rulebook = Rulebook()
    policies = Replica("policies", settings.kafka_bootstrap_servers, settings.topic_prefix, on_change=rulebook.take)
    rulebook.follow(lambda: policies.is_caught_up)
    async with open_line(settings, settings.secret.get_secret_value(), clock) as line, policies:
        yield Pager(rulebook, line, settings.portal_url), rulebook


async def run_front(settings: NotifierSettings) -> int:
    """Until SIGTERM; the exit code: 1 where Kafka failed, to be started again (nothing is committed then)."""
    configure_logging(SOURCE, settings.log_level)
    spare_what_lives()
    front = Front(settings, clock_from(settings))
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, front.stop)
    health = await serve_health(settings.metrics_port, {"front": front.unready}, host=settings.bind)
    try:
        return await front.run()
    finally:
        if health is not None:
            await health.cleanup()
