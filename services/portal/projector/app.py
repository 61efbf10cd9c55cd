"""Wiring of the projector: `python -m services.portal projector`. It knows no page."""

from __future__ import annotations

import asyncio
import os
import signal

import structlog

from services.portal.projector.loop import GROUP, SOURCES, Projector
from services.portal.settings import ProjectorSettings
from shared.bus import Consumer, Producer
from shared.errors import Unavailable
from shared.files import Descriptions, open_files
from shared.process.health import serve_health
from shared.storage.store import Store

log = structlog.get_logger()


def make_projector(settings: ProjectorSettings) -> tuple[Projector, Producer]:
    """The projector and the producer of its dead letters, which the caller stops."""
    store = Store(settings.mongodb_uri, settings.mongodb_database, timeout_ms=2000)
    names = [topic.name for topic in SOURCES]
    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    consumer = Consumer(
        bootstrap,
        prefix,
        GROUP,
        names,
        instance=settings.instance,
        max_records=settings.projector_batch,
        # `projector` is bound below; the consumer asks for it only once it runs.
        waits=lambda: projector.trouble,
    )
    producer = Producer(bootstrap, prefix, GROUP)
    projector = Projector(
        store,
        consumer,
        producer,
        settings.instance or f"projector-{os.getpid()}",
        Descriptions(open_files(settings, store)),
    )
    return projector, producer


async def run_projector(settings: ProjectorSettings, stopping: asyncio.Event) -> int:
    """Project until `stopping` is set. 1 where Kafka or MongoDB could not be reached: start it
    again.
    """
    projector, producer = make_projector(settings)
    health = await serve_health(
        settings.metrics_port, {"projector": projector.unready}, host=settings.bind
    )
    running = asyncio.create_task(projector.run())
    waiting = asyncio.create_task(stopping.wait())
    try:
        # `run` also ends by itself, where another process has taken the views over.
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        projector.stop()
        await running
        return 0
    except Unavailable as error:
        # Not mended here: the supervisor starts it again, and the views know where to go on.
        log.error("ending, to start again", error=str(error))
        return 1
    finally:
        waiting.cancel()
        await producer.stop()
        if health is not None:
            await health.cleanup()


async def serve_projector(settings: ProjectorSettings) -> int:
    """Project until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    return await run_projector(settings, stopping)
