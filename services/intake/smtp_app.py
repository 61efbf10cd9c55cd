"""Wiring of the SMTP listener: `python -m services.intake smtp`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl

import structlog
import uvloop

from services.intake.attachments import COLLECTION as ATTACHMENTS
from services.intake.attachments import Attachments
from services.intake.away import front_reads, paging_beside
from services.intake.blobs import Blobs
from services.intake.following import REFUSALS, follow, tell_of_end
from services.intake.incident_book import Incidents
from services.intake.mail.listener import Limits, listen
from services.intake.mail.wiring import mail_parts
from services.intake.reference import Policies, Reference
from services.intake.settings import IntakeSettings
from services.intake.spool import Spool
from shared.bus import Producer
from shared.clock import clock_from
from shared.garbage import spare_what_lives
from shared.policy import DESK
from shared.replica import Replica
from shared.settings import load
from shared.store import Store
from shared.telemetry import configure_logging, serve_health
from shared.text import scanner
from shared.topics import DIRECTORY, POLICIES, STATUS

log = structlog.get_logger()

SOURCE = "intake.smtp"


async def run_smtp(settings: IntakeSettings) -> int:
    """Until SIGTERM. Kafka, MongoDB and the portal may be away: mail is taken as long as the disk has room."""
    configure_logging(SOURCE, settings.log_level)
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd writes every command down, reply addresses with their seals too
    scanner.start()
    spare_what_lives()
    bootstrap, prefix, clock = settings.kafka_bootstrap_servers, settings.topic_prefix, clock_from(settings)
    folder = settings.mail_dir("smtp")
    producer, draining = Producer(bootstrap, prefix, SOURCE), Producer(bootstrap, prefix, f"{SOURCE}-spool", timeout=5.0)
    patience, read_by_front = settings.accept_timeout, front_reads(settings)
    spool = Spool(folder / "spool", producer, draining, clock, patience=patience, read_by_front=read_by_front)
    store = Store(settings.mongodb_uri, settings.mongodb_database) if settings.view_budget else None
    blobs = Blobs(settings.blobs_dir, store.files("blobs") if store else None)
    files = Attachments(settings.attachments_dir, blobs, store[ATTACHMENTS] if store else None, settings.clamav)
    policies = Policies(folder / "policies.json")
    policies_replica = Replica(POLICIES.name, bootstrap, prefix, on_change=policies.on_change)
    async with contextlib.AsyncExitStack() as stack:
        if store is not None:
            stack.callback(store.close)
        stack.push_async_callback(producer.stop)
        stack.push_async_callback(draining.stop)
        directory = await stack.enter_async_context(Replica(DIRECTORY.name, bootstrap, prefix, path=folder / "directory.sqlite"))
        await stack.enter_async_context(policies_replica)
        incidents = Incidents(folder / "incidents.json")
        await stack.enter_async_context(Replica(STATUS.name, bootstrap, prefix, on_change=incidents.on_change))
        await spool.open()
        stack.push_async_callback(spool.close)
        reference = Reference(directory, policies, policies_replica)
        mail = mail_parts(
            settings, "smtp", reference=reference, directory=directory, spool=spool, files=files, store=store, clock=clock,
            incidents=incidents,
        )  # fmt: skip
        await stack.enter_async_context(mail.open_for_business(clock))
        paging = await stack.enter_async_context(paging_beside(spool, reference, settings, clock))

        async def informed() -> str | None:
            behind = await directory.unready() or await policies_replica.unready()
            at_hand = len(directory) and reference.policy(DESK) is not None
            return None if spool.away_since() is not None and at_hand else behind

        parts = [spool.run(), blobs.run(), files.run(), follow(REFUSALS, settings, producer), *([paging.run()] if paging else [])]
        beside = {asyncio.create_task(part) for part in parts}
        working = asyncio.create_task(mail.room.run(informed))
        for task in (*beside, working):
            task.add_done_callback(tell_of_end)

        async def alive() -> str | None:
            return "the mail room has ended" if working.done() else None

        health = await serve_health(settings.metrics_port, {"reference": informed, "mail": alive}, host=settings.bind)
        server = await listen(
            mail.room, mail.names, clock, host=settings.bind, port=settings.smtp_port, hostname=settings.support_address.partition("@")[2],
            limits=Limits(settings.smtp_connections, settings.smtp_connections_each, settings.smtp_timeout), tls=_tls(settings),
        )  # fmt: skip
        log.info("takes mail", port=settings.smtp_port, address=settings.support_address)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await stopping.wait()
        server.close()
        for task in (working, *beside):
            task.cancel()
        await asyncio.wait({working, *beside})
        if health is not None:
            await health.cleanup()
    return 0


def _tls(settings: IntakeSettings) -> ssl.SSLContext | None:
    """Offered, not demanded: most of the world's mail servers send in the clear where they must (RFC 7435)."""
    if settings.smtp_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.smtp_certificate)
    return context


def run() -> int:
    """The process."""
    return uvloop.run(run_smtp(load(IntakeSettings)))
