"""The reader of topic `clocks`: publish what the firings ask for, await the acks, commit. Stateless; Kafka away: it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from services.intake.timers import ASKS
from shared import topics
from shared.bus import Consumer, Producer
from shared.errors import Poisonous, Unavailable
from shared.settings import Settings
from shared.wire import Message, Record, record_for

log = structlog.get_logger()

SOURCE = "intake.timers"
_NAMES = {kind.__name__ for kind in ASKS}
_LONGEST_PAUSE_S = 5.0


def records_for(messages: Iterable[Message]) -> list[Record]:
    """The requests that a batch of clock facts makes. What cannot be read is left out: the projector reports it."""
    found: list[Record] = []
    for message in messages:
        ce_type = message.headers.get("ce_type")
        try:
            if topics.type_of(message.value, ce_type) not in _NAMES:
                continue
            fact = topics.read(message.value, ce_type)
        except Poisonous as error:
            log.warning("a clock fact cannot be read", partition=message.partition, offset=message.offset, reason=str(error))
            continue
        ask = ASKS.get(type(fact))  # type: ignore[arg-type]
        request = ask(fact) if ask else None
        if request is not None:
            found.append(record_for(topics.REQUESTS.name, request, SOURCE, message.traceparent))
    return found


def tell_of_end(following: asyncio.Task[None]) -> None:
    """Only a bug ends what runs beside the server before it is cancelled."""
    if not following.cancelled() and (error := following.exception()) is not None:
        log.critical("a part of intake has ended", part=repr(following.get_coro()), exc_info=error)


async def follow_clocks(settings: Settings, producer: Producer) -> None:
    """Until cancelled. A batch whose requests are not in the log is not committed and comes again."""
    kafka, prefix, pause = settings.kafka_bootstrap_servers, settings.topic_prefix, 0.1
    while True:
        consumer = Consumer(kafka, prefix, SOURCE, [topics.CLOCKS.name], instance=settings.instance)
        try:
            await consumer.start()
            async for batch in consumer.batches():
                records = records_for(message for messages in batch.values() for message in messages)
                if records:
                    await producer.send_many(records)
                consumer.commit(batch)
                pause = 0.1
        except Unavailable as error:
            log.warning("timers wait", error=str(error), seconds=pause)
        finally:
            await consumer.stop()
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
