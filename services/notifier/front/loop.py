"""The notifier's front: reads what may concern pages, writes `page-inbox` by `rules.py`.

Stateless: publish, await the acks, commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import datetime

import structlog
from prometheus_client import Counter

from services.notifier.front.rules import HANDLERS, SOURCE
from shared import topics
from shared.bus import Consumer, Producer
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.settings import Settings
from shared.telemetry import trace_export
from shared.telemetry.log_context import handle
from shared.wire import Batch, Message, Record, dead_letter, record_for

log = structlog.get_logger()

HANDLED = Counter("signalbox_front_inbox_total", "Events written to page-inbox", ["type"])
LETTERS = Counter("signalbox_front_dead_letters_total", "Inputs of the front that nobody can read")
# Compared by name, so that a record is passed over before it is parsed.
_WANTED = {(topic, kind.__name__) for topic, kinds in HANDLERS.items() for kind in kinds}


def records_for(messages: Sequence[Message], now: datetime) -> list[Record]:
    """What a batch puts into `page-inbox`, in its order, and into `dead-letters` what cannot be
    read.
    """
    found: list[Record] = []
    for message in messages:
        # Log lines from here on carry the message's ids.
        handle(message)
        try:
            ce_type = message.headers.get("ce_type")
            if (message.topic, topics.type_of(message.value, ce_type)) not in _WANTED:
                continue
            event = topics.read(message.value, ce_type)
            if event is None:
                continue
            # One event can mean several inputs, in this order.
            for wanted in HANDLERS[message.topic][type(event)](event):
                # Without a lane the record would have no key, and its order would be lost.
                if not wanted.key:
                    raise Poisonous(f"{event.type} {event.id} names no lane")
                found.append(
                    record_for("page-inbox", wanted, SOURCE, message.headers.get("traceparent"))
                )
                HANDLED.labels(wanted.type).inc()
        # One bad record must not stop the pages behind it: it is set aside with the reason.
        except Poisonous as error:
            LETTERS.inc()
            log.warning(
                "dead letter",
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                reason=str(error),
            )
            found.append(
                record_for("dead-letters", dead_letter(message, SOURCE, str(error), now), SOURCE)
            )
    # Later log lines are about no message.
    handle(None)
    return found


def in_order(batch: Batch) -> list[Message]:
    """The messages of a batch, urgents first: nobody waits behind a burst of other news."""
    return [
        # False sorts before True, so the urgent topic comes first.
        message
        for where in sorted(batch, key=lambda where: where[0] != "urgent")
        for message in batch[where]
    ]


class Front:
    """The front's loop: `await run()` until `stop()`; its value is the exit code, 1 where Kafka
    failed.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._stopping = asyncio.Event()
        self._trouble: str | None = "starting"
        self._consumer: Consumer | None = None

    def stop(self) -> None:
        """Finish the batch in hand, commit, leave."""
        self._stopping.set()
        if self._consumer is not None:
            self._consumer.finish()

    async def unready(self) -> str | None:
        """A telemetry check."""
        # Kafka's own view counts only after the first connection.
        if self._trouble is None and self._consumer is not None:
            return await self._consumer.unready()
        return self._trouble

    async def run(self) -> int:
        """Read, translate, publish, commit."""
        producer = Producer(
            self._settings.kafka_bootstrap_servers, self._settings.topic_prefix, SOURCE
        )
        try:
            consumer = self._consumer = await self._join_group()
            if consumer is None:
                return 0
            self._trouble = None
            # Publish, then commit: a crash in between repeats inputs, and the pager knows repeats.
            async for batch in consumer.batches():
                begun, messages = time.perf_counter(), in_order(batch)
                records = records_for(messages, self._clock.now())
                await producer.send_many(records)
                consumer.commit(batch)
                trace_export.tell_of_records(SOURCE, messages, time.perf_counter() - begun)
        # Nothing is committed, so whoever starts it again loses nothing.
        except Unavailable as error:
            log.error("ending without a commit, to be started again", error=str(error))
            return 1
        finally:
            if self._consumer is not None:
                await self._consumer.stop()
            await producer.stop()
        return 0

    async def _join_group(self) -> Consumer | None:
        """A member of the group as soon as Kafka answers; None: stopped meanwhile."""
        # Kafka may start later: wait longer each time, up to two seconds.
        pause = 0.1
        while not self._stopping.is_set():
            kafka, prefix, instance = (
                self._settings.kafka_bootstrap_servers,
                self._settings.topic_prefix,
                self._settings.instance,
            )
            consumer = Consumer(
                kafka,
                prefix,
                SOURCE,
                [topic for topic, kinds in HANDLERS.items() if kinds],
                instance=instance,
            )
            try:
                await consumer.start()
                return consumer
            except Unavailable as error:
                self._trouble = str(error)
                log.warning("waiting for Kafka", error=self._trouble)
            # Sleeps, but wakes at once when it is to stop.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, 2.0)
        return None
