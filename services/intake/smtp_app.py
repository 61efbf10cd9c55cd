"""Wiring of the SMTP listener: `python -m services.intake smtp`."""

from __future__ import annotations

import contextlib
import logging
import ssl
from functools import partial

import structlog
import uvloop

from services.intake.files.attachments import Attachments
from services.intake.files.blobs import Blobs
from services.intake.files.virus_scanner import VirusScanner
from services.intake.followers.follow import REFUSALS, follow
from services.intake.mail.smtp.listener import SmtpLimits, listen
from services.intake.mail.smtp.relays import relays_of
from services.intake.mail.wiring import mail_parts
from services.intake.outage.lock import front_reads, open_paging
from services.intake.settings import SmtpSettings
from services.intake.spool.disk_watch import DiskWatch
from services.intake.spool.spool import Spool
from services.intake.world.incidents import Incidents
from services.intake.world.reference import Policies, Reference
from shared.bus import Producer
from shared.clock import clock_from
from shared.files import open_files
from shared.people.demo_origin import is_void
from shared.policy import DESK
from shared.process.background import Background, Part
from shared.process.gc_tuning import spare_what_lives
from shared.process.health import serve_health
from shared.process.stopping import wait_and_drain
from shared.settings import load
from shared.spine.replica import Replica
from shared.storage.store import Store
from shared.telemetry.logs import configure_logging, make_note_check
from shared.text import scanner
from shared.topics import DIRECTORY, POLICIES, STATUS

log = structlog.get_logger()

SOURCE = "intake.smtp"


async def run_smtp(settings: SmtpSettings) -> int:
    """Until SIGTERM. Kafka, MongoDB and the portal may be away: mail is taken as long as the disk
    has room.
    """
    configure_logging(SOURCE, settings.log_level)
    logging.getLogger("mail.log").setLevel(
        logging.ERROR
    )  # aiosmtpd writes every command down, reply addresses with their seals too
    scanner.start()
    spare_what_lives()
    # Wiring in the same order as the API's (`__main__.py`), with folders of its own.
    bootstrap, prefix, clock = (
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        clock_from(settings),
    )
    folder = settings.mail_dir("smtp")
    producer, draining = (
        Producer(bootstrap, prefix, SOURCE),
        Producer(bootstrap, prefix, f"{SOURCE}-spool", timeout=5.0),
    )
    patience, read_by_front = settings.accept_timeout, front_reads(settings)
    spool = Spool(
        folder / "spool", producer, draining, clock, patience=patience, read_by_front=read_by_front
    )
    disk_watch = DiskWatch([folder / "spool", settings.blobs_dir], clock)
    store = Store(settings.mongodb_uri, settings.mongodb_database) if settings.view_budget else None
    kept_in = open_files(settings, store) if store else None
    blobs = Blobs(settings.blobs_dir, kept_in)
    virus_scanner = VirusScanner(settings.clamav, clock)
    files = Attachments(settings.attachments_dir, blobs, kept_in, virus_scanner)
    policies = Policies(folder / "policies.json")
    policies_replica = Replica(POLICIES.name, bootstrap, prefix, on_change=policies.on_change)
    # The stack closes all of it in the reverse order, however this ends.
    async with contextlib.AsyncExitStack() as stack:
        if store is not None:
            stack.callback(store.close)
        if kept_in is not None:
            stack.push_async_callback(kept_in.close)
        stack.push_async_callback(producer.stop)
        stack.push_async_callback(draining.stop)
        directory = await stack.enter_async_context(
            Replica(
                DIRECTORY.name,
                bootstrap,
                prefix,
                path=folder / "directory.sqlite",
                is_void=is_void(demo=settings.demo),
            )
        )
        await stack.enter_async_context(policies_replica)
        incidents = Incidents(folder / "incidents.json")
        await stack.enter_async_context(
            Replica(STATUS.name, bootstrap, prefix, on_change=incidents.on_change)
        )
        await spool.open()
        stack.push_async_callback(spool.close)
        reference = Reference(directory, policies, policies_replica)
        mail = mail_parts(
            settings,
            "smtp",
            reference=reference,
            directory=directory,
            spool=spool,
            files=files,
            store=store,
            kept_in=kept_in,
            clock=clock,
            incidents=incidents,
        )
        await stack.enter_async_context(mail.open_for_business(clock))
        paging = await stack.enter_async_context(
            open_paging(spool, reference, settings, clock, disk_watch)
        )

        # As in `__main__.py`: ready with yesterday's world while Kafka is away.
        async def why_not_ready() -> str | None:
            behind = await directory.unready() or await policies_replica.unready()
            at_hand = len(directory) and reference.policy(DESK) is not None
            return None if spool.away_since() is not None and at_hand else behind

        parts: dict[str, Part] = {
            "the spool": spool.run,
            "the disk": disk_watch.run,
            "blobs": blobs.run,
            "attachments": files.run,
            "the virus scanner": virus_scanner.run,
            "the mail room": partial(mail.room.run, why_not_ready),
            REFUSALS.source: partial(follow, REFUSALS, settings, producer),
        }
        if paging:
            parts["direct paging"] = paging.run
        background = Background()
        background.start(parts)
        health = await serve_health(
            settings.metrics_port,
            {
                "reference": why_not_ready,
                "parts": background.unwell,
                "disk": make_note_check(disk_watch.trouble),
                "virus-scanner": make_note_check(virus_scanner.trouble),
            },
            host=settings.bind,
        )
        # The last step: mail is only taken when everything behind it stands.
        server = await listen(
            mail.room,
            mail.names,
            clock,
            host=settings.bind,
            port=settings.smtp_port,
            hostname=settings.support_address.partition("@")[2],
            limits=SmtpLimits(
                settings.smtp_connections,
                settings.smtp_connections_each,
                settings.smtp_timeout,
                settings.smtp_greeting_delay,
                settings.smtp_session,
            ),
            relays=relays_of(settings.trusted_relays, proxy=settings.smtp_proxy_protocol),
            tls=_tls(settings),
        )
        log.info("takes mail", port=settings.smtp_port, address=settings.support_address)
        # Until somebody asks for the end and the load balancer has taken notice.
        await wait_and_drain(settings.drain)
        # No new connections, then the work in hand, then the health page.
        server.close()
        await background.stop()
        if health is not None:
            await health.cleanup()
    return 0


def _tls(settings: SmtpSettings) -> ssl.SSLContext | None:
    """Offered, not demanded: most of the world's mail servers send in the clear where they must
    (RFC 7435).
    """
    if settings.smtp_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.smtp_certificate)
    return context


def run() -> int:
    """The process."""
    return uvloop.run(run_smtp(load(SmtpSettings)))
