"""Readers of facts: publish what each means for intake, await the acks, commit. Stateless; Kafka away: they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from services.intake.mail.refusals import QUARANTINES
from services.intake.silencing import Book, Refresh, silencing
from services.intake.timers import ASKS
from services.intake.wellness import Look, asking
from shared import topics
from shared.bus import Consumer, Producer, Reader
from shared.errors import Poisonous, Unavailable
from shared.events import Event
from shared.replica import Replica
from shared.settings import Settings
from shared.wire import Message, Record, record_for

log = structlog.get_logger()

_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Watch:
    """What `source` (also its consumer group) makes of the facts of a topic: fact → event for `target`, or None.

    `looking`: fact → events, for what must look something up first; that may raise Unavailable.
    """

    source: str
    topic: str
    table: Mapping[Any, Callable[[Any], Event | None]]
    target: str
    looking: Mapping[Any, Callable[[Any], Awaitable[Sequence[Event]]]] = field(default_factory=dict)


TIMERS = Watch("intake.timers", topics.CLOCKS.name, ASKS, topics.REQUESTS.name)
REFUSALS = Watch("intake.mail-refusals", topics.TICKETS.name, QUARANTINES, topics.MAIL.name)


def wellness(look: Look) -> Watch:
    """Incidents that are over."""
    return Watch("intake.wellness", topics.STATUS.name, {}, topics.REQUESTS.name, asking(look))


def maintenances(book: Book, refresh: Refresh) -> Watch:
    """Maintenances that begin and end, while alerts fire."""
    return Watch("intake.maintenances", topics.STATUS.name, {}, topics.REQUESTS.name, silencing(book, refresh))


class UpToDate:
    """`await up_to_date()`: until `replica` has read whatever its topic holds by now. Raises Unavailable."""

    def __init__(self, replica: Replica, settings: Settings, timeout: float = 10.0) -> None:
        self._replica, self._settings, self._timeout = replica, settings, timeout
        self._reader: Reader | None = None

    async def __call__(self) -> None:
        try:
            reader = self._reader or await self._opened()
            topic = self._replica.topic
            ends = await reader.ends([(topic, p) for p in range(await reader.partitions(topic))])
        except Unavailable:
            await self.close()
            raise
        reached = {partition: end for (_, partition), end in ends.items()}
        await self._replica.wait_until(lambda: self._replica.has_read(reached), self._timeout)

    async def _opened(self) -> Reader:
        self._reader = Reader(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix, client_id="intake-up-to-date")
        await self._reader.start()
        return self._reader

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
            self._reader = None


async def records_for(watch: Watch, messages: Iterable[Message]) -> list[Record]:
    """What a batch of facts makes. What cannot be read is left out: the projector reports it."""
    found: list[Record] = []
    names = {kind.__name__ for kind in (*watch.table, *watch.looking)}
    for message in messages:
        ce_type = message.headers.get("ce_type")
        try:
            if topics.type_of(message.value, ce_type) not in names:
                continue
            fact = topics.read(message.value, ce_type)
        except Poisonous as error:
            log.warning("a fact cannot be read", topic=message.topic, partition=message.partition, offset=message.offset, reason=str(error))
            continue
        meaning, looking = watch.table.get(type(fact)), watch.looking.get(type(fact))
        made = [meaning(fact) if meaning else None, *(await looking(fact) if looking else ())]
        found += [record_for(watch.target, event, watch.source, message.traceparent) for event in made if event is not None]
    return found


def tell_of_end(following: asyncio.Task[None]) -> None:
    """Only a bug ends what runs beside the server before it is cancelled."""
    if not following.cancelled() and (error := following.exception()) is not None:
        log.critical("a part of intake has ended", part=repr(following.get_coro()), exc_info=error)


async def follow(watch: Watch, settings: Settings, producer: Producer) -> None:
    """Until cancelled. A batch whose events are not in the log is not committed and comes again."""
    kafka, prefix, pause = settings.kafka_bootstrap_servers, settings.topic_prefix, 0.1
    while True:
        consumer = Consumer(kafka, prefix, watch.source, [watch.topic], instance=settings.instance)
        try:
            await consumer.start()
            async for batch in consumer.batches():
                records = await records_for(watch, (message for messages in batch.values() for message in messages))
                if records:
                    await producer.send_many(records)
                consumer.commit(batch)
                pause = 0.1
        except Unavailable as error:
            log.warning("a follower waits", source=watch.source, error=str(error), seconds=pause)
        finally:
            await consumer.stop()
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
