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
from services.notifier.fanout import FanOut
from services.notifier.ledger import Owed
from services.notifier.notices import HANDLERS, WANTED, House, Told, heeding, is_somebody_unknown, notices_for
from services.notifier.notices.told import BULK_DESTINATION
from services.notifier.outbox import Outbox
from services.notifier.rebuild import Lost
from services.notifier.recorder import SOURCE
from shared import topics
from shared.bus import Consumer, Producer, Reader
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.events import DeadLetter, Event, RedeliverNotice, StatusFact
from shared.replica import Replica
from shared.store import Store
from shared.subscriptions import KIND
from shared.topics import DIRECTORY
from shared.wire import Batch, Message, dead_letter, record_for

log = structlog.get_logger()

TOPICS = tuple(topic for topic, kinds in HANDLERS.items() if kinds)
"""Each topic read costs every fetch eight partitions more; those that tell nobody anything yet are left alone."""
_ASKING = f"{KIND}:sub_"
BEAT_S = 5.0
GRACE_S = 2.0
LETTERS = Counter("signalbox_courier_dead_letters_total", "Facts the courier cannot read")


class Courier:
    """`await run()` until `stop()`. `sends` are by notice kind, `paces` by destination or kind; `from_log` makes a lost outbox anew."""

    def __init__(
        self, *, consumer: Consumer, producer: Producer, reader: Reader, directory: Replica, outbox: Outbox, store: Store, house: House,
        clock: Clock, sends: dict[str, Send], paces: dict[str, Pace], from_log: Callable[[], Awaitable[Lost]],
        instance: str | None = None, ceiling: Ceiling | None = None,
    ) -> None:  # fmt: skip
        self._consumer, self._producer, self._reader, self._directory = consumer, producer, reader, directory
        self._outbox, self._house, self._clock, self._sends, self._paces = outbox, house, clock, sends, paces
        self._from_log, self._ceiling = from_log, ceiling
        self._destinations: dict[str, Destination] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._fan_out = FanOut(
            store, outbox, directory, house, clock, instance=instance, put=lambda owed: self._destination(owed).put(owed), queued=self._bulk
        )
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
            lost = await insist(self._from_log)
            await self._fan_out.take_in((fact, None) for fact in lost.untold)
            await self._outbox.restore(lost.documents)
            log.info("made the outbox from the log", notices=len(lost.documents), news=len(lost.untold))
        await self._take_up()
        await self._fan_out.prepare()
        self._background.append(self._group.create_task(self._fan_out.run()))
        self._background.append(self._group.create_task(self._beat()))
        await self._consumer.start()
        self._trouble = None
        async for batch in self._consumer.batches():
            await self._handle(batch)
            self._consumer.commit(batch)

    async def _handle(self, batch: Batch) -> None:
        now = self._clock.now()
        told: list[tuple[Told, str | None]] = []
        news: list[tuple[StatusFact, str | None]] = []
        again: list[RedeliverNotice] = []
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
            if isinstance(fact, RedeliverNotice):
                again.append(fact)
                continue
            if isinstance(fact, StatusFact):
                news.append((fact, message.traceparent))
                continue
            found = notices_for(fact, self._directory, self._house)
            if not is_fresh and is_somebody_unknown(found):
                # They may have registered a moment before: what intake knew then is in the log by now.
                await self._outbox.patience.insist(self._catch_up)
                is_fresh = True
                found = notices_for(fact, self._directory, self._house)
            found = [heeding(one, self._directory) for one in found]
            if self._ceiling is not None:
                found = [self._ceiling.keep(one, now) for one in found]
            told.extend((one, message.traceparent) for one in found)
        if letters:
            LETTERS.inc(len(letters))
            records = [record_for("dead-letters", letter, SOURCE) for letter in letters]
            await self._outbox.patience.insist(lambda: self._producer.send_many(records))
        await self._fan_out.take_in(news)
        for owed in await self._outbox.reopen(again):
            self._destination(owed).put(owed)
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
            self._forget_idle()

    async def _take_up(self) -> None:
        for owed, retry_at in await self._outbox.take_up():
            wait = (retry_at - self._clock.now()).total_seconds() if retry_at else 0.0
            self._destination(owed).put(owed, wait)

    def _destination(self, owed: Owed) -> Destination:
        found = self._destinations.get(owed.destination)
        if found is None:
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
        self._consumer.finish()
        self._fan_out.stop()
        await asyncio.wait({working}, timeout=GRACE_S)
        working.cancel()  # a batch that still waits for MongoDB or Kafka is not committed and comes again
        left = await asyncio.gather(*(destination.stop(GRACE_S) for destination in self._destinations.values()))
        self._outbox.put_back([owed for mine in left for owed in mine])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._outbox.recorder.drained()
                await self._outbox.leave()
        for task in (*self._background, *self._running.values()):
            task.cancel()


def fact_in(message: Message) -> Event | None:
    """The fact, where it tells somebody something; others are not even parsed. Raises Poisonous."""
    ce_type = message.headers.get("ce_type")
    if not message.value or (message.topic == DIRECTORY.name and not message.key.startswith(_ASKING)):
        return None
    if (message.topic, topics.type_of(message.value, ce_type)) not in WANTED:
        return None
    return topics.read(message.value, ce_type)
