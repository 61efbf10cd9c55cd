"""The mail room: takes a message in so that a crash cannot lose it, and works on it until the log
says what became of it.

    take      raw message and delivery → the mailbag (one fsync for all that come together) → the
    sender is told 250
    work      a few at a time: read → who vouches for it → what do we know of sender and ticket →
    decide → one submission: the
              facts of the messages and the requests they make → the mailbag is told that they are
              done

Ids are derived from the message and its delivery, so doing a delivery again after a crash says the
same. Deliveries of one envelope sender keep their order. Something away: it waits and tries again;
a bug met by one message: that one is quarantined.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.intake.mail.queue.delivery import Delivery, trace_of
from services.intake.mail.queue.mailbag import Mailbag
from services.intake.mail.queue.processor import DeliveryResult, MailProcessor, Read
from services.intake.mail.reading.models import Envelope
from shared.errors import Refused, Unavailable
from shared.people.folding import fold_address
from shared.telemetry.log_context import Subject, handle
from shared.wire import Record

log = structlog.get_logger()

LANES, TOGETHER = 8, 16
"""Runs of deliveries worked on at the same time, and how many one may have."""
MOST_IN_HAND = 2_000
"""Deliveries that wait here; who brings one more waits too, and is told to come again where there
is no room in `PATIENCE_S`.
"""
# Less than a mail server's patience with us, more than a busy moment.
PATIENCE_S = 5.0
_MANY, _GATHERED_S = 16, 0.2
"""With so many in hand, what is ready waits so long for more to be said with it."""
# What the log takes well in one go.
_SUBMISSION_BYTES = 1024 * 1024
# Larger messages are read from the bag when their turn comes, so a backlog needs little memory.
_KEPT_IN_MEMORY = 64 * 1024
# Between two tries of one message: it doubles up to the second number.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0

TAKEN = Counter("signalbox_mail_taken_total", "Messages that are durable here", ["via"])
IN_HAND = Gauge(
    "signalbox_mail_in_hand",
    "Messages that are durable here and whose facts are not in the log yet",
)
SECONDS = Histogram(
    "signalbox_mail_seconds",
    "From durable to in the log",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30),
)

R = TypeVar("R")

_ToTell = tuple[list[Record], asyncio.Future[bool]]
"""Records that belong together, and whether the log (or the spool) has them."""


class _QueuedDelivery(NamedTuple):
    """`raw` None: it is read from the bag. `since`: seconds of the loop's clock."""

    delivery: Delivery
    raw: bytes | None
    since: float


class Busy(Refused):
    """Not taken: too much waits here already."""

    def __init__(self) -> None:
        super().__init__(
            "too-busy",
            "Too much mail waits here. Send it again in a minute.",
            status=503,
            extra={"retry_after": 60},
        )


class MailQueue:
    """`run()` until cancelled; what is not done by then is taken up by the next start."""

    def __init__(self, bag: Mailbag, desk: MailProcessor) -> None:
        self._bag, self._desk = bag, desk
        self._lanes: list[asyncio.Queue[_QueuedDelivery]] = [asyncio.Queue() for _ in range(LANES)]
        self._in_hand = 0
        self._trouble: str | None = None
        self._room = asyncio.Event()
        self._to_tell: asyncio.Queue[_ToTell] = asyncio.Queue()

    @property
    def trouble(self) -> str | None:
        """Why mail waits, in words; None while it does not."""
        return self._trouble

    async def take(
        self, raw: bytes, envelope: Envelope, via: Literal["smtp", "api"], delivery_id: str
    ) -> Delivery:
        """Durable when this returns. Raises Refused (`disk-full`, `too-busy`: not taken) and
        OSError.
        """
        # The sender waits and brings nothing more meanwhile: the simplest brake there is.
        if self._in_hand >= MOST_IN_HAND:
            await self._wait_for_room()
        digest = hashlib.sha256(raw).hexdigest()
        delivery = Delivery(
            id=delivery_id, digest=digest, size=len(raw), via=via, envelope=envelope
        )
        # `_put` is called as soon as it is durable, even where the sender has hung up by then.
        await self._bag.add(delivery, raw, partial(self._put, delivery, raw))
        TAKEN.labels(via).inc()
        return delivery

    async def run(self, behind: Callable[[], Awaitable[str | None]]) -> None:
        """First what an earlier run left, then what comes; once the directory is at hand, or
        everybody would be a stranger.

        `behind` says why it is not, None when it is.
        """
        # What was left goes first: its senders have waited longest.
        for delivery in self._bag.left():
            log.info("taking up a mail that was left", delivery=delivery.id, digest=delivery.digest)
            self._put(delivery, None)
        async with asyncio.TaskGroup() as group:
            # Moving bytes needs no directory, so it does not wait for one.
            group.create_task(self._bag.run())
            # With a half-read directory customers would be strangers, and their mail refused.
            while (why := await behind()) is not None:
                self._trouble = f"mail waits: {why}"
                await asyncio.sleep(_FIRST_PAUSE_S)
            self._trouble = None
            group.create_task(self._tell())
            for lane in self._lanes:
                group.create_task(self._work(lane))

    async def _wait_for_room(self) -> None:
        """A sender that waits for its 250 brings no more meanwhile. Raises Busy."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                # Cleared before the wait: somebody else may take the room that was just made.
                while self._in_hand >= MOST_IN_HAND:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError as error:
            raise Busy from error

    def _put(self, delivery: Delivery, raw: bytes | None) -> None:
        # One sender, one lane: their messages keep their order.
        self._count(+1)
        lane = (
            zlib.crc32(fold_address(delivery.envelope.mail_from).encode("utf-8", "replace")) % LANES
        )
        kept = raw if raw is not None and len(raw) <= _KEPT_IN_MEMORY else None
        self._lanes[lane].put_nowait(
            _QueuedDelivery(delivery, kept, asyncio.get_running_loop().time())
        )

    def _count(self, step: int) -> None:
        self._in_hand += step
        if self._in_hand < MOST_IN_HAND:
            self._room.set()
        IN_HAND.set(self._in_hand)

    async def _work(self, lane: asyncio.Queue[_QueuedDelivery]) -> None:
        while True:
            batch = [await lane.get()]
            while len(batch) < TOGETHER and not lane.empty():
                # Whatever is there already goes along: reading many at once is cheaper.
                batch.append(lane.get_nowait())
            await self._settle(batch)
            now = asyncio.get_running_loop().time()
            for each in batch:
                SECONDS.observe(now - each.since)
                # Only now may the bag let go of it: the log has what became of it.
                self._bag.done(each.delivery)
                self._count(-1)

    async def _settle(self, batch: Sequence[_QueuedDelivery]) -> None:
        """Read at the same time, decided on in their order, said together. One that has to wait
        holds up those behind it alone.
        """
        # All are read at the same time, but decided on one after the other.
        reading = [asyncio.ensure_future(self._read(each)) for each in batch]
        ready: list[DeliveryResult] = []
        try:
            for each, read in zip(batch, reading, strict=True):
                settled = await _attempt(partial(self._decide, each, read))
                # Those in front are said first: they must not wait for this one.
                if isinstance(settled, BaseException):
                    await self._say(ready)
                    # Tried by itself until it works; a bug sets this one message aside.
                    ready = []
                    anew, instead = (
                        partial(self._decide, each, None),
                        partial(self._desk.set_aside, each.delivery),
                    )
                    settled = await self._retry_until_done(each.delivery, anew, instead, settled)
                ready.append(settled)
            await self._say(ready)
        finally:
            # An end in between leaves no reader behind; what is not done stays in the bag.
            for read in reading:
                read.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def _raw(self, each: _QueuedDelivery) -> bytes:
        raw = each.raw if each.raw is not None else await self._bag.raw_of(each.delivery)
        assert raw is not None, "what is not done is kept"
        return raw

    async def _read(self, each: _QueuedDelivery) -> tuple[bytes, Read | None]:
        handle(_subject_of(each.delivery))
        raw = await self._raw(each)
        return raw, await self._desk.read(each.delivery, raw)

    async def _decide(
        self, each: _QueuedDelivery, reading: asyncio.Future[tuple[bytes, Read | None]] | None
    ) -> DeliveryResult:
        handle(_subject_of(each.delivery))
        raw, read = await (reading or self._read(each))
        return await self._desk.decide(each.delivery, raw, read)

    async def _say(self, ready: Sequence[DeliveryResult]) -> None:
        """With what others have to say just now; where that fails, one by one."""
        if not ready:
            return
        said: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        # With what others say: one submission for many is cheaper for all readers of the log.
        self._to_tell.put_nowait(
            ([record for settled in ready for record in settled.records], said)
        )
        # The common submission failed: each by itself, so that one bad message holds up no other.
        if not await said:
            for settled in ready:
                publish, instead = (
                    partial(self._desk.publish, settled.records),
                    partial(self._set_aside, settled.delivery),
                )
                await self._retry_until_done(settled.delivery, publish, instead)
        # Said after it was told: only then is it sure what is in the request.
        for settled in ready:
            if settled.plain:
                self._bag.plain(settled.delivery)

    async def _tell(self) -> None:
        """What is ready, in one submission after the other: all that reads the log does less for
        one large batch than for many.
        """
        left: _ToTell | None = None
        while True:
            group = [left or await self._to_tell.get()]
            # Under load a short wait makes larger batches; at rest nobody waits.
            if self._in_hand > _MANY:
                await asyncio.sleep(_GATHERED_S)
            left, size = None, _weight(group[0])
            while left is None and not self._to_tell.empty():
                following = self._to_tell.get_nowait()
                size += _weight(following)
                # One too many for this batch: it begins the next.
                if size > _SUBMISSION_BYTES:
                    left = following
                else:
                    group.append(following)
            failed = await _attempt(
                partial(self._desk.publish, [record for records, _ in group for record in records])
            )
            for _, said in group:
                if not said.done():
                    said.set_result(not isinstance(failed, BaseException))

    async def _set_aside(self, delivery: Delivery) -> None:
        settled = await self._desk.set_aside(delivery)
        await self._desk.publish(settled.records)

    async def _retry_until_done(
        self,
        delivery: Delivery,
        work: Callable[[], Awaitable[R]],
        instead: Callable[[], Awaitable[R]],
        failed: BaseException | None = None,
    ) -> R:
        """`work` until it is done, or `instead` of it where a bug is met. `failed`: how it went
        just now.
        """
        handle(_subject_of(delivery))
        pause = _FIRST_PAUSE_S
        done: R | BaseException = failed if failed is not None else await _attempt(work)
        while isinstance(done, BaseException):
            # Something is away: the same again, for as long as it takes.
            if isinstance(done, Unavailable | Refused | OSError):
                self._trouble = f"mail waits: {done}"
                log.warning("a mail waits", delivery=delivery.id, error=str(done), seconds=pause)
            else:
                # A bug of ours: trying again would meet it again.
                log.critical(
                    "a mail could not be handled and is set aside",
                    delivery=delivery.id,
                    digest=delivery.digest,
                    exc_info=done,
                )
                work = instead
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            done = await _attempt(work)
        self._trouble = None
        return done


def _subject_of(delivery: Delivery) -> Subject:
    return Subject(traceparent=trace_of(delivery).traceparent)


def _weight(what: _ToTell) -> int:
    return sum(len(record.value or b"") for record in what[0])


async def _attempt(work: Callable[[], Awaitable[R]]) -> R | BaseException:
    """What it gives, or what went wrong, as a value: one message must not end the work on all
    others.
    """
    trying = asyncio.ensure_future(work())
    # The task is ended with us, or it would go on without anybody who waits.
    try:
        await asyncio.wait({trying})
    finally:
        trying.cancel()
    return trying.exception() or trying.result()
