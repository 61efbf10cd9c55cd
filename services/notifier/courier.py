"""The courier: facts in, ordinary mail and webhooks out, by way of the outbox.

For each batch: what it makes owed → recorded in MongoDB with its first attempt and the facts that tell of it → handed to
the destinations → the batch committed; the recorder says the facts on `notices`. A crash anywhere repeats the step under the
same ids. MongoDB or Kafka away: it waits, and commits nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from services.notifier.ceiling import Ceiling
from services.notifier.destinations import Destination, Pace, Send
from services.notifier.ledger import Owed
from services.notifier.notices import HANDLERS, WANTED, House, Told, is_somebody_unknown, notices_for
from services.notifier.outbox import Outbox
from services.notifier.recorder import SOURCE
from shared import topics
from shared.bus import Consumer, Producer, Reader
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.events import DeadLetter, Fact
from shared.replica import Replica
from shared.store import Document
from shared.wire import Batch, Message, dead_letter, record_for

log = structlog.get_logger()

TOPICS = tuple(topic for topic, kinds in HANDLERS.items() if kinds)
"""Each topic read costs every fetch eight partitions more; those that tell nobody anything yet are left alone."""
BEAT_S = 5.0
GRACE_S = 2.0
LETTERS = Counter("signalbox_courier_dead_letters_total", "Facts the courier cannot read")


class Courier:
    """`await run()` until `stop()`. `sends` and `paces` are by notice kind; `from_log` makes a lost outbox anew."""

    def __init__(
        self, *, consumer: Consumer, producer: Producer, reader: Reader, directory: Replica, outbox: Outbox, house: House, clock: Clock,
        sends: dict[str, Send], paces: dict[str, Pace], from_log: Callable[[], Awaitable[list[Document]]],
        ceiling: Ceiling | None = None,
    ) -> None:  # fmt: skip
        self._consumer, self._producer, self._reader, self._directory = consumer, producer, reader, directory
        self._outbox, self._house, self._clock, self._sends, self._paces = outbox, house, clock, sends, paces
        self._from_log, self._ceiling = from_log, ceiling
        self._destinations: dict[str, Destination] = {}
        self._group: asyncio.TaskGroup
        self._background: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._trouble: str | None = "starting"

    async def unready(self) -> str | None:
        """A telemetry check."""
        return self._trouble or self._outbox.patience.trouble

    def stop(self) -> None:
        """Finish the batch in hand and the sends under way, then end."""
        self._stopping.set()

    async def run(self) -> None:
        """Raises an ExceptionGroup with Unavailable where Kafka failed for good: nothing is committed, start again."""
        async with asyncio.TaskGroup() as self._group:
            self._background = [self._group.create_task(self._outbox.recorder.run())]
            working = self._group.create_task(self._work())
            await self._stopping.wait()
            self._trouble = "stopping"
            await self._wind_up(working)

    async def _work(self) -> None:
        insist = self._outbox.patience.insist
        await self._outbox.prepare()
        await insist(self._directory.caught_up)
        if await self._outbox.is_lost():
            documents = await insist(self._from_log)
            await self._outbox.restore(documents)
            log.info("made the outbox from the log", notices=len(documents))
        await self._take_up()
        self._background.append(self._group.create_task(self._beat()))
        await self._consumer.start()
        self._trouble = None
        async for batch in self._consumer.batches():
            await self._handle(batch)
            self._consumer.commit(batch)

    async def _handle(self, batch: Batch) -> None:
        now = self._clock.now()
        told: list[tuple[Told, str | None]] = []
        letters: list[DeadLetter] = []
        is_fresh = False
        for message in (message for messages in batch.values() for message in messages):
            try:
                fact = fact_in(message)
            except Poisonous as error:
                letters.append(dead_letter(message, SOURCE, str(error), now))
                continue
            if fact is None:
                continue
            found = notices_for(fact, self._directory, self._house)
            if not is_fresh and is_somebody_unknown(found):
                # They may have registered a moment before: what intake knew then is in the log by now.
                await self._outbox.patience.insist(self._catch_up)
                is_fresh = True
                found = notices_for(fact, self._directory, self._house)
            if self._ceiling is not None:
                found = [self._ceiling.keep(one, now) for one in found]
            told.extend((one, message.traceparent) for one in found)
        if letters:
            LETTERS.inc(len(letters))
            records = [record_for("dead-letters", letter, SOURCE) for letter in letters]
            await self._outbox.patience.insist(lambda: self._producer.send_many(records))
        for owed in await self._outbox.take_in(told, now):
            self._destination(owed).put(owed)

    async def _catch_up(self) -> None:
        """Read the directory up to its end of now."""
        places = [(self._directory.topic, p) for p in range(await self._reader.partitions(self._directory.topic))]
        for (_, partition), end in (await self._reader.ends(places)).items():
            if end:
                await self._directory.wait_for(partition, end - 1)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if await self._outbox.is_lost():
                raise Unavailable("mongodb", "the outbox is gone; it is made from the log at the next start")
            await self._outbox.beat()
            await self._take_up()

    async def _take_up(self) -> None:
        for owed, retry_at in await self._outbox.take_up():
            wait = (retry_at - self._clock.now()).total_seconds() if retry_at else 0.0
            self._destination(owed).put(owed, wait)

    def _destination(self, owed: Owed) -> Destination:
        found = self._destinations.get(owed.destination)
        if found is None:
            found = Destination(owed.destination, self._paces[owed.kind], self._sends[owed.kind], self._outbox)
            self._destinations[owed.destination] = found
            self._background.append(self._group.create_task(found.run()))
        return found

    async def _wind_up(self, working: asyncio.Task[None]) -> None:
        """Bounded: whatever does not end in time is taken up by the next courier."""
        self._consumer.finish()
        await asyncio.wait({working}, timeout=GRACE_S)
        working.cancel()  # a batch that still waits for MongoDB or Kafka is not committed and comes again
        left = await asyncio.gather(*(destination.stop(GRACE_S) for destination in self._destinations.values()))
        self._outbox.put_back([owed for mine in left for owed in mine])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._outbox.recorder.drained()
                await self._outbox.leave()
        for task in self._background:
            task.cancel()


def fact_in(message: Message) -> Fact | None:
    """The fact, where it tells somebody something; others are not even parsed. Raises Poisonous."""
    ce_type = message.headers.get("ce_type")
    if (message.topic, topics.type_of(message.value, ce_type)) not in WANTED:
        return None
    event = topics.read(message.value, ce_type)
    return event if isinstance(event, Fact) else None
