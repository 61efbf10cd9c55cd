"""The courier: facts in, ordinary mail and webhooks out, by way of the outbox.

For each batch: what it makes owed → recorded in MongoDB with its first attempt and the facts that
tell of it → handed to the destinations → the batch committed; the recorder says the facts on
`notices`. A crash anywhere repeats the step under the same ids. MongoDB or Kafka away: it waits,
and commits nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from services.notifier.courier.ceiling import Ceiling
from services.notifier.courier.destinations import Destination, Send, SendLimits
from services.notifier.courier.fanout import FanOut
from services.notifier.courier.ledger import OwedNotice
from services.notifier.courier.outbox import Outbox
from services.notifier.courier.rebuild import RecoveredOutbox
from services.notifier.courier.recorder import SOURCE
from services.notifier.notices import (
    HANDLERS,
    WANTED,
    SenderIdentity,
    Told,
    is_mail_among,
    is_somebody_unknown,
    notices_for,
    without_stopped,
)
from services.notifier.notices.told import BULK_DESTINATION
from shared import topics
from shared.bus import Consumer, Producer, Reader
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.events import DeadLetter, Event, RedeliverNotice, StatusFact
from shared.people.sign_in import SIGN_IN_KINDS
from shared.people.subscriptions import KIND
from shared.policy import ON_CALL
from shared.spine.replica import Replica
from shared.storage.store import Store
from shared.telemetry.log_context import handle
from shared.topics import DIRECTORY, POLICIES
from shared.wire import Batch, Message, dead_letter, record_for

log = structlog.get_logger()

TOPICS = tuple(topic for topic, kinds in HANDLERS.items() if kinds)
"""Each topic read costs every fetch eight partitions more; those that tell nobody anything yet are
left alone.
"""
_TELLING = (f"{KIND}:sub_", *(f"{kind}:" for kind in (*SIGN_IN_KINDS, "credentials")))
"""Keys of `directory` whose records tell somebody something."""
# Seconds between two signs of life; the lease is three times as long.
BEAT_S = 5.0
# Seconds that sends under way have when the courier stops.
GRACE_S = 2.0
LETTERS = Counter("signalbox_courier_dead_letters_total", "Facts the courier cannot read")


class Courier:
    """`await run()` until `stop()`. `sends` are by notice kind, `paces` by destination or kind;
    `from_log` makes a lost outbox anew.
    """

    def __init__(
        self,
        *,
        consumer: Consumer,
        producer: Producer,
        reader: Reader,
        directory: Replica,
        outbox: Outbox,
        store: Store,
        house: SenderIdentity,
        clock: Clock,
        sends: dict[str, Send],
        paces: dict[str, SendLimits],
        from_log: Callable[[], Awaitable[RecoveredOutbox]],
        instance: str | None = None,
        ceiling: Ceiling | None = None,
    ) -> None:
        self._consumer, self._producer, self._reader, self._directory = (
            consumer,
            producer,
            reader,
            directory,
        )
        self._outbox, self._house, self._clock, self._sends, self._paces = (
            outbox,
            house,
            clock,
            sends,
            paces,
        )
        self._from_log, self._ceiling = from_log, ceiling
        # Made when the first notice for them comes; idle ones are forgotten.
        self._destinations: dict[str, Destination] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._fan_out = FanOut(
            store,
            outbox,
            directory,
            house,
            clock,
            instance=instance,
            put=lambda owed: self._destination(owed).put(owed),
            queued=self._bulk,
        )
        self._group: asyncio.TaskGroup
        self._background: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._trouble: str | None = "starting"

    async def unready(self) -> str | None:
        """A telemetry check."""
        return self._outbox.patience.trouble or self._trouble

    def stop(self) -> None:
        """Finish the batch in hand and the sends under way, then end."""
        self._stopping.set()

    async def run(self) -> None:
        """Raises an ExceptionGroup with Unavailable where Kafka failed for good: nothing is
        committed, start again.
        """
        async with asyncio.TaskGroup() as self._group:
            # The recorder first: nothing below is written without it.
            self._background = [self._group.create_task(self._outbox.recorder.run())]
            working = self._group.create_task(self._work())
            await self._stopping.wait()
            self._trouble = "stopping"
            await self._wind_up(working)

    async def _work(self) -> None:
        # Everything in here waits for MongoDB and Kafka as long as it takes.
        insist = self._outbox.patience.retry_until_available
        await insist(self._consumer.refuse_twin)  # the outbox gives by name
        await self._outbox.prepare()
        # Without the whole directory somebody would count as unknown.
        await insist(self._directory.caught_up)
        # A lost outbox is made anew before a single fact is read: else what was sent would be owed
        # again.
        if await self._outbox.is_lost():
            lost = await insist(self._from_log)
            await self._fan_out.take_in((fact, None) for fact in lost.untold)
            await self._outbox.restore(lost.documents)
            log.info(
                "made the outbox from the log", notices=len(lost.documents), news=len(lost.untold)
            )
        # What an earlier life left open comes before anything new.
        await self._take_up()
        await self._fan_out.prepare()
        self._background.append(self._group.create_task(self._fan_out.run()))
        self._background.append(self._group.create_task(self._beat()))
        await self._consumer.start()
        self._trouble = None
        async for batch in self._consumer.batches():
            # Commit after the outbox has the batch: a crash in between repeats it under the same
            # ids.
            await self._handle(batch)
            self._consumer.commit(batch)

    async def _handle(self, batch: Batch) -> None:
        now = self._clock.now()
        # Sort the batch: what is owed, news for many, requests to send again, records nobody can
        # read.
        told: list[tuple[Told, str | None]] = []
        news: list[tuple[StatusFact, str | None]] = []
        again: list[RedeliverNotice] = []
        letters: list[DeadLetter] = []
        is_fresh = False
        for message in (message for messages in batch.values() for message in messages):
            handle(message)
            try:
                fact = fact_in(message)
            except Poisonous as error:
                # A bad record is set aside, and does not stop the others.
                letters.append(dead_letter(message, SOURCE, str(error), now))
                continue
            if fact is None:
                continue
            if isinstance(fact, RedeliverNotice):
                again.append(fact)
                continue
            # News for many is told piece by piece, beside the rest.
            if isinstance(fact, StatusFact):
                news.append((fact, message.traceparent))
                continue
            found = notices_for(fact, self._directory, self._house)
            if not is_fresh and (is_somebody_unknown(found) or is_mail_among(found)):
                # They may have registered a moment before, or their address may have been stopped:
                # what intake knew then is in the log by now.
                await self._outbox.patience.retry_until_available(self._catch_up)
                is_fresh = True
                found = notices_for(fact, self._directory, self._house)
            # Stopped addresses first, then the ceiling, so that a stopped one does not use it up.
            found = [without_stopped(one, self._directory) for one in found]
            if self._ceiling is not None:
                found = [self._ceiling.keep(one, now) for one in found]
            told.extend((one, message.traceparent) for one in found)
        handle(None)
        # Dead letters are published before the batch is committed.
        if letters:
            LETTERS.inc(len(letters))
            records = [record_for("dead-letters", letter, SOURCE) for letter in letters]
            await self._outbox.patience.retry_until_available(
                lambda: self._producer.send_many(records)
            )
        # News first: its documents must be there before the commit.
        await self._fan_out.take_in(news)
        for owed in await self._outbox.reopen(again):
            self._destination(owed).put(owed)
        for owed in await self._outbox.take_in(told, now):
            self._destination(owed).put(owed)

    async def _catch_up(self) -> None:
        """Read the directory up to its end of now."""
        # Where every partition ends now; the replica follows by itself.
        places = [
            (self._directory.topic, p)
            for p in range(await self._reader.partitions(self._directory.topic))
        ]
        for (_, partition), end in (await self._reader.ends(places)).items():
            if end:
                await self._directory.wait_for(partition, end - 1)

    async def _beat(self) -> None:
        # Every five seconds: is the outbox still there, and is anybody else gone?
        while True:
            await asyncio.sleep(BEAT_S)
            # Waiting would be of no use: a new start makes it from the log.
            if await self._outbox.is_lost():
                raise Unavailable(
                    "mongodb", "the outbox is gone; it is made from the log at the next start"
                )
            await self._outbox.beat()
            await self._outbox.measure()
            await self._take_up()
            self._forget_idle()

    async def _take_up(self) -> None:
        # A retry keeps its time over a restart.
        for owed, retry_at in await self._outbox.take_up():
            wait = (retry_at - self._clock.now()).total_seconds() if retry_at else 0.0
            self._destination(owed).put(owed, wait)

    def _destination(self, owed: OwedNotice) -> Destination:
        found = self._destinations.get(owed.destination)
        if found is None:
            # A pace of its own for mail to many; else by kind.
            pace = self._paces.get(owed.destination) or self._paces[owed.kind]
            found = Destination(owed.destination, pace, self._sends[owed.kind], self._outbox)
            self._destinations[owed.destination] = found
            self._running[owed.destination] = self._group.create_task(found.run())
        return found

    def _bulk(self) -> int:
        """Mail to many that waits to be sent."""
        found = self._destinations.get(BULK_DESTINATION)
        return found.queued if found is not None else 0

    def _forget_idle(self) -> None:
        """There may be as many webhooks as subscribers: those with nothing to do need no task."""
        for name in [name for name, found in self._destinations.items() if found.is_idle]:
            del self._destinations[name]
            self._running.pop(name).cancel()

    async def _wind_up(self, working: asyncio.Task[None]) -> None:
        """Bounded: whatever does not end in time is taken up by the next courier."""
        # Order: no new batches, then the sends, then what they record, then the background.
        self._consumer.finish()
        self._fan_out.stop()
        await asyncio.wait({working}, timeout=GRACE_S)
        # a batch that still waits for MongoDB or Kafka is not committed and comes again
        working.cancel()
        left = await asyncio.gather(
            *(destination.stop(GRACE_S) for destination in self._destinations.values())
        )
        # Their attempts are recorded and not begun: the next courier sends them at once.
        self._outbox.put_back([owed for mine in left for owed in mine])
        # At most two seconds: what is not written by then is found by the lease.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._outbox.recorder.drained()
                await self._outbox.leave()
        for task in (*self._background, *self._running.values()):
            task.cancel()


def fact_in(message: Message) -> Event | None:
    """The fact, where it tells somebody something; others are not even parsed. Raises Poisonous."""
    ce_type = message.headers.get("ce_type")
    # The directory has many records that tell nobody: their keys say so, without parsing.
    if not message.value or (
        message.topic == DIRECTORY.name and not message.key.startswith(_TELLING)
    ):
        return None
    if message.topic == POLICIES.name and message.key != ON_CALL:
        return None
    if (message.topic, topics.type_of(message.value, ce_type)) not in WANTED:
        return None
    return topics.read(message.value, ce_type)
