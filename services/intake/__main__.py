"""`python -m services.intake api` (`smtp`: `smtp_app.py`): wired by hand, in reading order."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from services.intake.accounts import Accounts
from services.intake.api import Intake
from services.intake.app import build
from services.intake.attachments import COLLECTION as ATTACHMENTS
from services.intake.attachments import Attachments
from services.intake.away import front_reads, paging_beside
from services.intake.blobs import Blobs
from services.intake.door import Allowance, Door
from services.intake.following import TIMERS, UpToDate, follow, maintenances, tell_of_end, wellness
from services.intake.incident_book import Incidents
from services.intake.keys import Keys
from services.intake.mail.wiring import mail_parts
from services.intake.reference import Policies, Reference
from services.intake.settings import IntakeSettings
from services.intake.spool import Spool
from services.intake.tokens import TokenIndex
from services.intake.view import View
from shared.bus import Producer
from shared.clock import clock_from
from shared.errors import Unavailable
from shared.garbage import spare_what_lives
from shared.knowledge import Articles
from shared.policy import DESK
from shared.replica import Replica
from shared.serving import serve_until_stopped
from shared.settings import EX_CONFIG, load
from shared.store import Store
from shared.telemetry import configure_logging
from shared.text import scanner
from shared.token_use import TokenUse
from shared.topics import DIRECTORY, POLICIES, STATUS
from shared.wire import Record

log = structlog.get_logger()


def application(settings: IntakeSettings) -> FastAPI:
    """Everything intake is made of. Nothing is connected before the application starts."""
    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    secret = settings.secret.get_secret_value() if settings.secret else None
    producer = Producer(bootstrap, prefix, "intake", timeout=settings.accept_timeout + 1)
    draining = Producer(bootstrap, prefix, "intake-spool", timeout=5.0)
    policies = Policies(settings.policies_file)
    tokens = TokenIndex()
    directory_replica = Replica(DIRECTORY.name, bootstrap, prefix, path=settings.directory_file, on_change=tokens.on_change)
    policies_replica = Replica(POLICIES.name, bootstrap, prefix, on_change=policies.on_change)
    incidents = Incidents(settings.incidents_file)
    status_replica = Replica(STATUS.name, bootstrap, prefix, on_change=incidents.on_change)
    up_to_date = UpToDate(status_replica, settings)
    reference = Reference(directory_replica, policies, policies_replica)
    clock = clock_from(settings)
    keys = Keys(settings.keys_file)
    spool = Spool(settings.spool_dir, producer, draining, clock, patience=settings.accept_timeout, read_by_front=front_reads(settings))
    store = Store(settings.mongodb_uri, settings.mongodb_database) if settings.view_budget else None

    async def write(record: Record) -> int:
        """Within the time a caller is kept waiting, whatever the wait is for: the broker, or others who wait to connect."""
        try:
            async with asyncio.timeout(settings.accept_timeout):
                return await producer.send(record)
        except TimeoutError as error:
            raise Unavailable("kafka", f"no answer in {settings.accept_timeout:g} s") from error

    async def informed() -> str | None:
        """Whether the directory and the policies are of today, or Kafka is away and those of yesterday are at hand."""
        behind = await directory_replica.unready() or await policies_replica.unready()
        at_hand = len(directory_replica) and reference.policy(DESK) is not None
        return None if spool.away_since() is not None and at_hand else behind

    view = View(store, settings.view_budget) if store else None
    blobs = Blobs(settings.blobs_dir, store.files("blobs") if store else None)
    files = Attachments(settings.attachments_dir, blobs, store[ATTACHMENTS] if store else None, settings.clamav)
    mail = mail_parts(
        settings, "api", reference=reference, directory=directory_replica, spool=spool, files=files, store=store, clock=clock,
        incidents=incidents,
    )  # fmt: skip
    phone_token = settings.twilio_token.get_secret_value() if settings.twilio_token else None
    intake = Intake(reference, spool.publish, write, keys, view, secret, settings.portal_url, _articles(), incidents, files, phone_token)
    uses = TokenUse(store) if store else None
    accounts = Accounts(tokens, uses)
    door = Door(reference, clock, secret, Allowance(settings.rate), uses, Allowance(settings.global_rate_limit))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with directory_replica, policies_replica, status_replica, contextlib.AsyncExitStack() as stack:
            await spool.open()
            await stack.enter_async_context(mail.open_for_business(clock))
            paging = await stack.enter_async_context(paging_beside(spool, reference, settings, clock))
            beside = [
                follow(TIMERS, settings, producer),
                follow(maintenances(incidents, up_to_date), settings, producer),
                spool.run(),
                blobs.run(),
                files.run(),
                mail.room.run(informed),
                *([uses.run()] if uses else []),
                *([follow(wellness(view.affected), settings, producer)] if view else []),
                *([paging.run()] if paging else []),
            ]
            background = {asyncio.create_task(task) for task in beside}
            for task in background:
                task.add_done_callback(tell_of_end)
            try:
                yield
            finally:
                for task in background:
                    task.cancel()
                await asyncio.wait(background)
                await spool.close()
                await up_to_date.close()
                await asyncio.gather(producer.stop(), draining.stop())
                keys.close(clock.now())
                if store:
                    store.close()

    return build(
        intake,
        door,
        {"reference": informed},
        lifespan,
        accounts,
        {"kafka": spool.unwell, "status": status_replica.unready},
        settings.alert_key,
        mail,
    )


def _articles() -> Articles | None:
    """For what is suggested in an answer. An article that is not in order costs the suggestions, not the tickets."""
    try:
        return Articles()
    except (OSError, ValueError) as error:
        log.warning("no articles are suggested", reason=str(error))
        return None


def main() -> int:
    if sys.argv[1:] == ["smtp"]:
        from services.intake import smtp_app

        return smtp_app.run()
    if sys.argv[1:] != ["api"]:
        sys.stderr.write("usage: python -m services.intake api|smtp\n")
        return EX_CONFIG
    settings = load(IntakeSettings)
    configure_logging("intake", settings.log_level)
    scanner.start()
    spare_what_lives()
    if settings.secret is None:
        log.warning("no SIGNALBOX_SECRET: the portal's signed-in users and signed links are refused")
    config = uvicorn.Config(
        application(settings), host=settings.bind, port=settings.intake_port, http="httptools", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=5, timeout_keep_alive=75,
    )  # fmt: skip
    return uvloop.run(serve_until_stopped(config))


if __name__ == "__main__":
    sys.exit(main())
