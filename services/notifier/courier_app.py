"""Wiring of the courier: `python -m services.notifier courier`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import timedelta

import aiohttp
import structlog
import uvloop

from services.notifier import mail, webhook
from services.notifier.breaker import BreakerLimits
from services.notifier.ceiling import Ceiling
from services.notifier.courier import TOPICS, Courier
from services.notifier.destinations import Pace
from services.notifier.ledger import Owed
from services.notifier.notices import House
from services.notifier.notices.told import BULK_DESTINATION
from services.notifier.outbox import Outbox
from services.notifier.rebuild import documents_from_log
from services.notifier.recorder import SOURCE
from services.notifier.settings import NotifierSettings
from services.notifier.webhook_keys import secrets_of
from shared.bus import Consumer, Producer, Reader
from shared.channels.guard import connector
from shared.channels.outcome import Outcome, Refused
from shared.clock import SystemClock, clock_from
from shared.errors import Unavailable
from shared.garbage import spare_what_lives
from shared.replica import Replica
from shared.settings import load
from shared.store import Store
from shared.telemetry import configure_logging, serve_health

log = structlog.get_logger()


def house_of(settings: NotifierSettings) -> House:
    bot = settings.mail_from.lower()
    own = frozenset({bot, settings.pager_mail_from.lower(), settings.support_address.lower()})
    return House(bot, own, settings.portal_url.rstrip("/"), settings.secret.get_secret_value().encode())


class Sending:
    """How a notice of each kind is sent."""

    def __init__(self, settings: NotifierSettings, http: aiohttp.ClientSession, directory: Replica) -> None:
        self._http, self._directory = http, directory
        self._secret = settings.secret.get_secret_value().encode()
        self._timeout = timedelta(seconds=settings.notice_timeout)
        self._sender = mail.Sender(settings.mail_from, settings.mail_name, settings.mail_domain, settings.support_address, self._secret)
        self.relay = mail.Relay(settings.relay_host, settings.relay_port, timeout=settings.notice_timeout)

    async def mail(self, owed: Owed) -> Outcome:
        try:
            letter = mail.letter(owed.id, owed.to, owed.template, owed.body, self._sender)
        except ValueError as error:
            return Refused(str(error))
        return await self.relay.send(self._sender.envelope(owed.id), owed.to, letter)

    async def webhook(self, owed: Owed) -> Outcome:
        """The secrets are the receiver's of now: a rotated one counts for retries too."""
        whose, _, name = owed.to.partition(":")
        provider = self._directory.get("providers", name) if whose == "provider" else None
        secrets = secrets_of(name, provider, self._secret)
        # Signed with the machine's time, whatever our business clock says: the receiver compares it with its own.
        return await webhook.send(self._http, owed.url, secrets, owed.id, owed.body, SystemClock().now(), self._timeout)


async def run_courier(settings: NotifierSettings) -> int:
    """Until SIGTERM; the exit code: 1 where Kafka failed, to be started again."""
    configure_logging(SOURCE, settings.log_level)
    spare_what_lives()
    bootstrap, prefix, clock = settings.kafka_bootstrap_servers, settings.topic_prefix, clock_from(settings)
    limits = BreakerLimits(open_for=settings.breaker_open_for)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector(allow_private=settings.private_webhooks_allowed, limit=0))
        )
        store = Store(settings.mongodb_uri, settings.mongodb_database)
        stack.callback(store.close)
        producer = Producer(bootstrap, prefix, SOURCE)
        stack.push_async_callback(producer.stop)
        reader = Reader(bootstrap, prefix, client_id=SOURCE)
        stack.push_async_callback(reader.stop)
        consumer = Consumer(bootstrap, prefix, "courier", TOPICS, instance=settings.instance)
        stack.push_async_callback(consumer.stop)
        directory = await stack.enter_async_context(Replica("directory", bootstrap, prefix))
        sending, house = Sending(settings, http, directory), house_of(settings)
        stack.push_async_callback(sending.relay.close)
        outbox = Outbox(store, producer, clock, settings.instance)
        courier = Courier(
            consumer=consumer, producer=producer, reader=reader, directory=directory, clock=clock, house=house,
            from_log=lambda: documents_from_log(bootstrap, prefix, directory, house, clock.now()),
            ceiling=Ceiling(settings.answers_hourly, mail.AUTOMATIC_REPLIES),
            outbox=outbox, store=store, instance=settings.instance,
            sends={"mail": sending.mail, "webhook": sending.webhook},
            paces={
                "mail": Pace(settings.mail_slots, settings.notice_timeout, limits),
                "webhook": Pace(settings.webhook_slots, settings.notice_timeout, limits),
                BULK_DESTINATION: Pace(settings.bulk_slots, settings.notice_timeout, limits, held=True),
            },
        )  # fmt: skip
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, courier.stop)
        checks = {"courier": courier.unready, "mongodb": store.unready, "directory": directory.unready}
        health = await serve_health(settings.metrics_port, checks, host=settings.bind)
        if health is not None:
            stack.push_async_callback(health.cleanup)
        exit_code = 0
        try:
            await reader.start()
            await courier.run()
        except* Unavailable as failures:
            log.error("ended", why=[str(failure) for failure in failures.exceptions])
            exit_code = 1
        return exit_code


def run() -> int:
    """The process."""
    return uvloop.run(run_courier(load(NotifierSettings)))
