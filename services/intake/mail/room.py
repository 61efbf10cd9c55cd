"""The mail room: takes a message in so that a crash cannot lose it, and works on it until the log says what became of it.

    take      raw message and delivery → the mailbag (one fsync for all that come together) → the sender is told 250
    work      read → who vouches for it → what do we know of sender and ticket → decide → one submission: the facts of the
              message and the request it makes → the mailbag is told that it is done

Ids are derived from the message and its delivery, so doing a delivery again after a crash says the same. Deliveries of one
envelope sender keep their order. Something away: it waits and tries again; a bug met by one message: that one is quarantined.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.intake.mail.delivery import Delivery
from services.intake.mail.desk import MailDesk
from services.intake.mail.mailbag import Mailbag
from services.intake.mail.reading.shape import Envelope
from shared.errors import Refused, Unavailable

log = structlog.get_logger()

LANES = 8
"""Deliveries worked on at the same time."""
MOST_IN_HAND = 2_000
"""Deliveries that wait here; who brings one more is told to come again."""
_KEPT_IN_MEMORY = 64 * 1024
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0

TAKEN = Counter("signalbox_mail_taken_total", "Messages that are durable here", ["via"])
IN_HAND = Gauge("signalbox_mail_in_hand", "Messages that are durable here and whose facts are not in the log yet")
SECONDS = Histogram("signalbox_mail_seconds", "From durable to in the log", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30))

InHand = tuple[Delivery, bytes | None]


class Busy(Refused):
    """Not taken: too much waits here already."""

    def __init__(self) -> None:
        super().__init__("too-busy", "Too much mail waits here. Send it again in a minute.", status=503, extra={"retry_after": 60})


class MailRoom:
    """`run()` until cancelled; what is not done by then is taken up by the next start."""

    def __init__(self, bag: Mailbag, desk: MailDesk) -> None:
        self._bag, self._desk = bag, desk
        self._lanes: list[asyncio.Queue[InHand]] = [asyncio.Queue() for _ in range(LANES)]
        self._in_hand = 0
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why mail waits, in words; None while it does not."""
        return self._trouble

    async def take(self, raw: bytes, envelope: Envelope, via: Literal["smtp", "api"], delivery_id: str) -> Delivery:
        """Durable when this returns. Raises Refused (`disk-full`, `too-busy`: not taken) and OSError."""
        if self._in_hand >= MOST_IN_HAND:
            raise Busy
        digest = hashlib.sha256(raw).hexdigest()
        delivery = Delivery(id=delivery_id, digest=digest, size=len(raw), via=via, envelope=envelope)
        await self._bag.add(delivery, raw, partial(self._put, delivery, raw))
        TAKEN.labels(via).inc()
        return delivery

    async def run(self, behind: Callable[[], Awaitable[str | None]]) -> None:
        """First what an earlier run left, then what comes; once the directory is at hand, or everybody would be a stranger.

        `behind` says why it is not, None when it is.
        """
        for delivery in self._bag.left():
            log.info("taking up a mail that was left", delivery=delivery.id, digest=delivery.digest)
            self._put(delivery, None)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bag.run())
            while (why := await behind()) is not None:
                self._trouble = f"mail waits: {why}"
                await asyncio.sleep(_FIRST_PAUSE_S)
            self._trouble = None
            for lane in self._lanes:
                group.create_task(self._work(lane))

    def _put(self, delivery: Delivery, raw: bytes | None) -> None:
        self._count(+1)
        lane = zlib.crc32(delivery.envelope.mail_from.lower().encode("utf-8", "replace")) % LANES
        self._lanes[lane].put_nowait((delivery, raw if raw is not None and len(raw) <= _KEPT_IN_MEMORY else None))

    def _count(self, step: int) -> None:
        self._in_hand += step
        IN_HAND.set(self._in_hand)

    async def _work(self, lane: asyncio.Queue[InHand]) -> None:
        while True:
            delivery, raw = await lane.get()
            with SECONDS.time():
                await self._until_done(delivery, partial(self._settle, delivery, raw))
            self._bag.done(delivery)
            self._count(-1)

    async def _settle(self, delivery: Delivery, raw: bytes | None) -> None:
        raw = raw if raw is not None else await self._bag.raw_of(delivery)
        assert raw is not None, "what is not done is kept"
        if await self._desk.settle(delivery, raw):
            self._bag.plain(delivery)

    async def _until_done(self, delivery: Delivery, work: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE_S
        while (error := await _attempt(work)) is not None:
            if isinstance(error, Unavailable | Refused | OSError):
                self._trouble = f"mail waits: {error}"
                log.warning("a mail waits", delivery=delivery.id, error=str(error), seconds=pause)
            else:
                log.critical("a mail could not be handled and is set aside", delivery=delivery.id, digest=delivery.digest, exc_info=error)
                work = partial(self._desk.set_aside, delivery)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        self._trouble = None


async def _attempt(work: Callable[[], Awaitable[None]]) -> BaseException | None:
    """What went wrong, as a value: one message must not end the work on all others."""
    trying = asyncio.ensure_future(work())
    try:
        await asyncio.wait({trying})
    finally:
        trying.cancel()
    return trying.exception()
