"""Wiring of the courier: `python -m services.notifier courier`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import timedelta

import aiohttp
import structlog
import uvloop

from services.notifier import mail
from services.notifier.courier import webhook
from services.notifier.courier.breaker import BreakerLimits
from services.notifier.courier.ceiling import Ceiling
from services.notifier.courier.destinations import SendLimits
from services.notifier.courier.endpoints import Endpoints
from services.notifier.courier.ledger import OwedNotice
from services.notifier.courier.loop import TOPICS, Courier
from services.notifier.courier.outbox import Outbox
from services.notifier.courier.promise import answer_by
from services.notifier.courier.rebuild import documents_from_log
from services.notifier.courier.recorder import SOURCE
from services.notifier.courier.sealing import with_link
from services.notifier.courier.webhook_keys import secrets_of
from services.notifier.notices import SenderIdentity
from services.notifier.notices.told import BULK_DESTINATION
from services.notifier.settings import CourierSettings
from shared.bus import Consumer, Producer, Reader
from shared.channels.guard import connector
from shared.channels.outcome import Outcome, Rejected
from shared.clock import Clock, SystemClock, clock_from
from shared.errors import Unavailable
from shared.people.demo_origin import is_void
from shared.people.folding import fold_address
from shared.policy import DESK
from shared.policy.book import PolicyLog
from shared.process.gc_tuning import spare_what_lives
from shared.process.health import serve_health
from shared.settings import load
from shared.spine.replica import Replica
from shared.storage.store import Store
from shared.telemetry.logs import configure_logging
from shared.wire import Message

log = structlog.get_logger()


def house_of(settings: CourierSettings, policies: PolicyLog) -> SenderIdentity:
    bot = fold_address(settings.mail_from)
    # Addresses that the courier must never write to: a loop would begin.
    own = frozenset(
        {bot, fold_address(settings.pager_mail_from), fold_address(settings.support_address)}
    )
    return SenderIdentity(
        bot,
        own,
        settings.portal_url.rstrip("/"),
        settings.secret.get_secret_value().encode(),
        lambda fact: answer_by(policies, fact),
    )


class NoticeSender:
    """How a notice of each kind is sent."""

    def __init__(
        self,
        settings: CourierSettings,
        http: aiohttp.ClientSession,
        directory: Replica,
        clock: Clock,
        house: SenderIdentity,
    ) -> None:
        self._http, self._directory = http, directory
        self._secret = settings.secret.get_secret_value().encode()
        self._endpoints = Endpoints(directory)
        self._clock, self._house = clock, house
        self._timeout = timedelta(seconds=settings.notice_timeout)
        self._sender = mail.BotSender(
            settings.mail_from,
            settings.mail_name,
            settings.mail_domain,
            settings.support_address,
            self._secret,
        )
        self.relay = mail.Relay(
            settings.relay_host, settings.relay_port, timeout=settings.notice_timeout
        )

    async def mail(self, owed: OwedNotice) -> Outcome:
        try:
            body = with_link(owed.body, owed.to, self._directory, self._house, self._clock.now())
            letter = mail.letter(owed.id, owed.to, owed.template, body, self._sender)
        except ValueError as error:
            # A bad address, or a link that is over: nothing of it gets better by trying again.
            return Rejected(str(error))
        return await self.relay.send(self._sender.envelope(owed.id), owed.to, letter)

    async def webhook(self, owed: OwedNotice) -> Outcome:
        """The secrets are the receiver's of now: a rotated one counts for retries too. One that
        answered 410 is not asked again.
        """
        if (refusal := self._endpoints.refusal(owed)) is not None:
            return refusal
        # Providers have secrets in the directory; subscribers have one derived from ours.
        whose, _, name = owed.to.partition(":")
        provider = self._directory.get("providers", name) if whose == "provider" else None
        secrets = secrets_of(name, provider, self._secret)
        # Signed with the machine's time, whatever our business clock says: the receiver compares it
        # with its own.
        outcome = await webhook.send(
            self._http,
            owed.url,
            secrets,
            owed.id,
            webhook.with_html(owed.body),
            SystemClock().now(),
            self._timeout,
        )
        self._endpoints.heed(owed, outcome, self._clock.now())
        return outcome


def _take(policies: PolicyLog, message: Message) -> None:
    policies.take(message.key, message.value)


async def run_courier(settings: CourierSettings) -> int:
    """Until SIGTERM; the exit code: 1 where Kafka failed, to be started again."""
    configure_logging(SOURCE, settings.log_level)
    spare_what_lives()
    bootstrap, prefix, clock = (
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        clock_from(settings),
    )
    limits = BreakerLimits(open_for=settings.breaker_open_for)
    # The stack closes in the opposite order: what others need is opened first.
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                # `limit=0`: the slots of the destinations bound the connections, not the pool.
                connector=connector(allow_private=settings.private_webhooks_allowed, limit=0)
            )
        )
        store = Store(settings.mongodb_uri, settings.mongodb_database)
        stack.callback(store.close)
        producer = Producer(bootstrap, prefix, SOURCE)
        stack.push_async_callback(producer.stop)
        reader = Reader(bootstrap, prefix, client_id=SOURCE)
        stack.push_async_callback(reader.stop)
        consumer = Consumer(
            bootstrap,
            prefix,
            "courier",
            TOPICS,
            instance=settings.instance,
            # `outbox` is made below; the consumer asks for it only while it runs.
            waits=lambda: outbox.patience.trouble,
        )
        stack.push_async_callback(consumer.stop)
        directory = await stack.enter_async_context(
            Replica("directory", bootstrap, prefix, is_void=is_void(demo=settings.demo))
        )
        policies = PolicyLog((DESK,))
        await stack.enter_async_context(
            Replica(
                "policies",
                bootstrap,
                prefix,
                on_change=lambda message: _take(policies, message),
            )
        )
        house = house_of(settings, policies)
        sending = NoticeSender(settings, http, directory, clock, house)
        stack.push_async_callback(sending.relay.close)
        outbox = Outbox(store, producer, clock, settings.instance)
        courier = Courier(
            consumer=consumer,
            producer=producer,
            reader=reader,
            directory=directory,
            clock=clock,
            house=house,
            from_log=lambda: documents_from_log(bootstrap, prefix, directory, house, clock.now()),
            ceiling=Ceiling(settings.answers_hourly, mail.CAPPED),
            outbox=outbox,
            store=store,
            instance=settings.instance,
            sends={"mail": sending.mail, "webhook": sending.webhook},
            paces={
                "mail": SendLimits(settings.mail_slots, settings.notice_timeout, limits),
                "webhook": SendLimits(settings.webhook_slots, settings.notice_timeout, limits),
                # `held`: a kill repeats no more mails to many than there are slots.
                BULK_DESTINATION: SendLimits(
                    settings.bulk_slots, settings.notice_timeout, limits, held=True
                ),
            },
        )
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, courier.stop)
        checks = {
            "courier": courier.unready,
            "progress": consumer.unready,
            "mongodb": store.unready,
            "directory": directory.state,
        }
        health = await serve_health(settings.metrics_port, checks, host=settings.bind)
        if health is not None:
            stack.push_async_callback(health.cleanup)
        exit_code = 0
        try:
            # The reader first: the courier needs it before its first batch.
            await reader.start()
            await courier.run()
        except* Unavailable as failures:
            log.error("ended", why=[str(failure) for failure in failures.exceptions])
            exit_code = 1
        return exit_code


def run() -> int:
    """The process."""
    return uvloop.run(run_courier(load(CourierSettings)))
