"""Readers of facts: publish what each means for intake, await the acks, commit. Stateless; Kafka
away: they wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from services.intake.followers.on_clock import ASKS
from services.intake.followers.on_merge import NOTES
from services.intake.incidents.late_alerts import draft_for
from services.intake.incidents.on_maintenance import IncidentLookup, Refresh, make_silence_handlers
from services.intake.incidents.on_resolved import Look, make_question_handlers
from services.intake.mail.admission.refusals import QUARANTINES
from shared import topics
from shared.bus import Consumer, Producer, Reader
from shared.errors import Poisonous, Unavailable
from shared.events import AlertRaised, Event
from shared.settings import Settings
from shared.spine.replica import Replica
from shared.telemetry.log_context import handle
from shared.wire import Message, Record, record_for

if TYPE_CHECKING:
    from services.intake.subscriptions.endpoints import EndpointDocuments

log = structlog.get_logger()

_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class TopicSubscription:
    """What `source` (also its consumer group) makes of the facts of a topic: fact → event for
    `target`, or None.

    `looking`: fact → events, for what must look something up first; that may raise Unavailable.
    """

    source: str
    topic: str
    table: Mapping[Any, Callable[[Any], Event | None]]
    target: str
    looking: Mapping[Any, Callable[[Any], Awaitable[Sequence[Event]]]] = field(default_factory=dict)


TIMERS = TopicSubscription("intake.timers", topics.CLOCKS.name, ASKS, topics.REQUESTS.name)
MERGES = TopicSubscription("intake.merges", topics.TICKETS.name, NOTES, topics.REQUESTS.name)
REFUSALS = TopicSubscription(
    "intake.mail-refusals", topics.TICKETS.name, QUARANTINES, topics.MAIL.name
)


def wellness(look: Look) -> TopicSubscription:
    """Incidents that are over."""
    return TopicSubscription(
        "intake.wellness",
        topics.STATUS.name,
        {},
        topics.REQUESTS.name,
        make_question_handlers(look),
    )


def maintenances(book: IncidentLookup, refresh: Refresh) -> TopicSubscription:
    """Maintenances that begin and end, while alerts fire; and alerts of incidents that are over."""
    return TopicSubscription(
        "intake.maintenances",
        topics.STATUS.name,
        {AlertRaised: draft_for},
        topics.REQUESTS.name,
        make_silence_handlers(book, refresh),
    )


def endpoints(directory: EndpointDocuments) -> TopicSubscription:
    """Webhooks that answered 410 Gone."""
    # All of the API is behind it, and the process that takes mail follows refusals alone.
    from services.intake.subscriptions.endpoints import make_disable_handlers

    return TopicSubscription(
        "intake.endpoints",
        topics.NOTICES.name,
        {},
        topics.DIRECTORY.name,
        make_disable_handlers(directory),
    )


class ReplicaCatchUp:
    """`await up_to_date()`: until `replica` has read whatever its topic holds by now. Raises
    Unavailable.
    """

    def __init__(self, replica: Replica, settings: Settings, timeout: float = 10.0) -> None:
        self._replica, self._settings, self._timeout = replica, settings, timeout
        self._reader: Reader | None = None

    async def __call__(self) -> None:
        try:
            reader = self._reader or await self._open_reader()
            topic = self._replica.topic
            ends = await reader.ends([(topic, p) for p in range(await reader.partitions(topic))])
        except Unavailable:
            # A broken reader is thrown away; the next call opens another.
            await self.close()
            raise
        # Every partition must have been read up to its end of this moment.
        reached = {partition: end for (_, partition), end in ends.items()}
        await self._replica.wait_until(lambda: self._replica.has_read(reached), self._timeout)

    async def _open_reader(self) -> Reader:
        self._reader = Reader(
            self._settings.kafka_bootstrap_servers,
            self._settings.topic_prefix,
            client_id="intake-up-to-date",
        )
        await self._reader.start()
        return self._reader

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
            self._reader = None


async def records_for(watch: TopicSubscription, messages: Iterable[Message]) -> list[Record]:
    """What a batch of facts makes. What cannot be read is left out: the projector reports it."""
    found: list[Record] = []
    # Names of the types, so that most facts are passed over unparsed.
    names = {kind.__name__ for kind in (*watch.table, *watch.looking)}
    for message in messages:
        handle(message)
        ce_type = message.headers.get("ce_type")
        try:
            if topics.type_of(message.value, ce_type) not in names:
                continue
            fact = topics.read(message.value, ce_type)
        except Poisonous as error:
            # Not ours to stop at: the projector reports facts that cannot be read.
            log.warning(
                "a fact cannot be read",
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                reason=str(error),
            )
            continue
        # What follows from the fact alone, and what needs a look at the world.
        meaning, looking = watch.table.get(type(fact)), watch.looking.get(type(fact))
        made = [meaning(fact) if meaning else None, *(await looking(fact) if looking else ())]
        found += [
            record_for(watch.target, event, watch.source, message.traceparent)
            for event in made
            if event is not None
        ]
    handle(None)
    return found


async def follow(watch: TopicSubscription, settings: Settings, producer: Producer) -> None:
    """Until cancelled. A batch whose events are not in the log is not committed and comes again."""
    kafka, prefix, pause = settings.kafka_bootstrap_servers, settings.topic_prefix, 0.1
    while True:
        # A consumer of its own each time: a failed one is not used again.
        consumer = Consumer(kafka, prefix, watch.source, [watch.topic], instance=settings.instance)
        try:
            await consumer.start()
            async for batch in consumer.batches():
                records = await records_for(
                    watch, (message for messages in batch.values() for message in messages)
                )
                # Written before it is committed: a crash in between writes it again, with the same
                # ids.
                if records:
                    await producer.send_many(records)
                consumer.commit(batch)
                pause = 0.1
        except Unavailable as error:
            # Uncommitted facts come again, so waiting loses nothing.
            log.warning("a follower waits", source=watch.source, error=str(error), seconds=pause)
        finally:
            await consumer.stop()
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
