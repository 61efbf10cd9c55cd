"""`python -m services.intake api` (`smtp`: `smtp_app.py`): wired by hand, in reading order."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from functools import partial

import structlog
import uvloop
from fastapi import FastAPI

from services.intake.accounts.shell import WRONG_PASSWORDS, Accounts
from services.intake.accounts.tokens import TokenIndex
from services.intake.app import build
from services.intake.directory.administrators import Administrators
from services.intake.files.attachments import Attachments
from services.intake.files.blobs import Blobs
from services.intake.files.home_watch import HomeWatch
from services.intake.files.virus_scanner import VirusScanner, tell_operators
from services.intake.followers.follow import (
    MERGES,
    TIMERS,
    ReplicaCatchUp,
    endpoints,
    follow,
    maintenances,
    wellness,
)
from services.intake.http.answers import Answers
from services.intake.http.door import RESERVE, Allowance, RequestGate
from services.intake.http.idempotency import Keys
from services.intake.mail.wiring import mail_parts, names_of
from services.intake.outage.lock import front_reads, open_paging
from services.intake.settings import IntakeSettings
from services.intake.shell import Intake
from services.intake.spool.disk_watch import DiskWatch
from services.intake.spool.spool import Spool
from services.intake.subscriptions.routes import Rates
from services.intake.subscriptions.wishes import Wishes
from services.intake.tickets.ask_limits import AskLimits
from services.intake.world.incidents import Incidents
from services.intake.world.portal_view import View
from services.intake.world.reference import Policies, Reference
from shared.bus import Producer
from shared.clock import clock_from
from shared.errors import Unavailable
from shared.files import open_files
from shared.http.server import config_within
from shared.knowledge import Articles
from shared.people.demo_origin import is_void
from shared.people.token_use import TokenUse
from shared.policy import DESK
from shared.process.background import Background, Part
from shared.process.gc_tuning import spare_what_lives
from shared.process.serving import budget_of, serve_until_stopped
from shared.settings import EX_CONFIG, load
from shared.spine.replica import Replica
from shared.storage.store import Store
from shared.telemetry.logs import Check, configure_logging, make_note_check, make_setup_check
from shared.text import scanner
from shared.topics import DIRECTORY, POLICIES, STATUS
from shared.wire import Message, Record

log = structlog.get_logger()


def application(settings: IntakeSettings) -> tuple[FastAPI, dict[str, Check]]:
    """Everything intake is made of, and the checks of its readiness. Nothing is connected before
    the application starts.
    """
    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    secret = settings.secret.get_secret_value() if settings.secret else None
    # A little more than the caller waits, so that the wait always ends here and not in the
    # producer.
    producer = Producer(bootstrap, prefix, "intake", timeout=settings.accept_timeout + 1)
    # Two connections: what drains must not stand in the way of what comes.
    draining = Producer(bootstrap, prefix, "intake-spool", timeout=5.0)
    # What is known of the world, filled by the replicas below from the log.
    policies = Policies(settings.policies_file)
    tokens, administrators = TokenIndex(), Administrators()

    def on_document(message: Message) -> None:
        tokens.on_change(message)
        administrators.on_change(message)

    directory_replica = Replica(
        DIRECTORY.name,
        bootstrap,
        prefix,
        path=settings.directory_file,
        on_change=on_document,
        is_void=is_void(demo=settings.demo),
    )
    policies_replica = Replica(POLICIES.name, bootstrap, prefix, on_change=policies.on_change)
    incidents = Incidents(settings.incidents_file)
    status_replica = Replica(STATUS.name, bootstrap, prefix, on_change=incidents.on_change)
    up_to_date = ReplicaCatchUp(status_replica, settings)
    background = Background()
    reference = Reference(directory_replica, policies, policies_replica)
    clock = clock_from(settings)
    keys = Keys(settings.keys_file)
    answers = Answers(settings.answers_file)
    # What Kafka does not take in time goes here.
    spool = Spool(
        settings.spool_dir,
        producer,
        draining,
        clock,
        patience=settings.accept_timeout,
        read_by_front=front_reads(settings),
    )
    disk_watch = DiskWatch([settings.spool_dir, settings.blobs_dir], clock)
    # Without a budget the view is never asked, and files stay on this disk.
    store = Store(settings.mongodb_uri, settings.mongodb_database) if settings.view_budget else None

    async def write(record: Record) -> int:
        """Within the time a caller is kept waiting, whatever the wait is for: the broker, or others
        who wait to connect.
        """
        try:
            async with asyncio.timeout(settings.accept_timeout):
                return await producer.send(record)
        except TimeoutError as error:
            raise Unavailable("kafka", f"no answer in {settings.accept_timeout:g} s") from error

    async def why_not_ready() -> str | None:
        """Whether the directory and the policies are of today, or Kafka is away and those of
        yesterday are at hand.
        """
        behind = await directory_replica.unready() or await policies_replica.unready()
        at_hand = len(directory_replica) and reference.policy(DESK) is not None
        # Ready also with yesterday's world, but only where Kafka is known to be away.
        return None if spool.away_since() is not None and at_hand else behind

    def lacks_policy() -> str | None:
        if reference.policy(DESK) is not None:
            return None
        return f"opening hours and targets (document {DESK!r}): no ticket can be taken yet"

    view = View(store, settings.view_budget) if store else None
    # Files: on this disk first, then in their home.
    kept_in = open_files(settings, store) if store else None
    blobs = Blobs(settings.blobs_dir, kept_in)
    home_watch = HomeWatch(settings.data_dir / "intake" / "files-home", kept_in)
    virus_scanner = VirusScanner(settings.clamav, clock)
    files = Attachments(settings.attachments_dir, blobs, kept_in, virus_scanner)
    # The same parts that the SMTP process has, in a folder of their own.
    mail = mail_parts(
        settings,
        "api",
        reference=reference,
        directory=directory_replica,
        spool=spool,
        files=files,
        store=store,
        kept_in=kept_in,
        clock=clock,
        incidents=incidents,
    )
    phone_token = settings.twilio_token.get_secret_value() if settings.twilio_token else None
    intake = Intake(
        reference,
        spool.publish,
        write,
        keys,
        view,
        secret,
        settings.portal_url,
        _articles(),
        incidents,
        files,
        phone_token,
        administrators,
        AskLimits(names_of(settings).own, settings.copies),
    )
    uses = TokenUse(store) if store else None
    accounts = Accounts(
        tokens,
        uses,
        tries=Allowance(WRONG_PASSWORDS, settings.copies),
        administrators=administrators,
    )
    # The rates are divided among the copies of this process.
    door = RequestGate(
        reference,
        clock,
        secret,
        Allowance(settings.rate, settings.copies),
        uses,
        Allowance(settings.global_rate_limit),
        Allowance(RESERVE, settings.copies),
        answers=answers,
        copies=settings.copies,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Opened before anything is accepted: requests need the world at hand.
        async with (
            directory_replica,
            policies_replica,
            status_replica,
            contextlib.AsyncExitStack() as stack,
        ):
            # In this order: the spool takes what mail and pages need.
            await spool.open()
            await stack.enter_async_context(mail.open_for_business(clock))
            paging = await stack.enter_async_context(
                open_paging(spool, reference, settings, clock, disk_watch)
            )
            watches = [
                TIMERS,
                MERGES,
                maintenances(incidents, up_to_date),
                endpoints(directory_replica),
            ]
            # Without a view nobody knows which tickets are linked to an incident.
            if view:
                watches.append(wellness(view.affected))
            # Each by its name, which the readiness and the log use.
            parts: dict[str, Part] = {
                "the spool": spool.run,
                "the disk": disk_watch.run,
                "blobs": blobs.run,
                "where files are kept": home_watch.run,
                "attachments": files.run,
                "the virus scanner": partial(
                    virus_scanner.run, partial(tell_operators, intake, clock)
                ),
                "the mail room": partial(mail.room.run, why_not_ready),
                "subscriptions": Wishes(intake, clock).run,
                **{watch.source: partial(follow, watch, settings, producer) for watch in watches},
            }
            if uses:
                parts["uses of tokens"] = uses.run
            if paging:
                parts["direct paging"] = paging.run
            background.start(parts)
            try:
                yield
            finally:
                # First no new work, then what is under way, then the connections, then the files.
                await background.stop()
                await spool.close()
                await up_to_date.close()
                await asyncio.gather(producer.stop(), draining.stop())
                keys.close(clock.now())
                answers.close()
                if kept_in:
                    await kept_in.close()
                if store:
                    store.close()

    # These make the process unready; the troubles below only degrade it.
    checks: dict[str, Check] = {
        "reference": why_not_ready,
        "administrator": make_setup_check(administrators.lacks),
        "desk": make_setup_check(lacks_policy),
    }
    app = build(
        intake,
        door,
        checks,
        lifespan,
        accounts,
        {
            "kafka": spool.unwell,
            "disk": make_note_check(disk_watch.trouble),
            "files": make_note_check(home_watch.trouble),
            "virus-scanner": make_note_check(virus_scanner.trouble),
            "status": status_replica.unready,
            "parts": background.unwell,
            "policies": make_note_check(policies.trouble),
            "directory": directory_replica.state,
        },
        settings.alert_key,
        mail,
        Rates.for_one_copy(settings.subscription_rate, settings.copies),
        public_metrics=settings.metrics_are_public,
    )
    return app, checks


def _articles() -> Articles | None:
    """For what is suggested in an answer. An article that is not in order costs the suggestions,
    not the tickets.
    """
    try:
        return Articles()
    except (OSError, ValueError) as error:
        log.warning("no articles are suggested", reason=str(error))
        return None


def main() -> int:
    if sys.argv[1:] == ["smtp"]:
        # Imported here: the API does not need what only SMTP uses.
        from services.intake import smtp_app

        return smtp_app.run()
    if sys.argv[1:] != ["api"]:
        sys.stderr.write("usage: python -m services.intake api|smtp\n")
        return EX_CONFIG
    settings = load(IntakeSettings)
    configure_logging("intake", settings.log_level)
    # In the background; until its rules are there our own stand alone.
    scanner.start()
    # What is loaded by now is not looked at by the collector again.
    spare_what_lives()
    if settings.secret is None:
        log.warning(
            "no SIGNALBOX_SECRET: the portal's signed-in users and signed links are refused"
        )
    app, checks = application(settings)
    config = config_within(
        budget_of(settings),
        app,
        settings.bind,
        settings.intake_port,
        # The client's address is read from a signed header of ours, never from a proxy's.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    return uvloop.run(serve_until_stopped(config, settings, checks))


if __name__ == "__main__":
    sys.exit(main())
