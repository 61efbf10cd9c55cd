"""Where notices go: one queue, a few slots and one breaker per destination, so that a dead or
hanging one delays no other.

Pacing (breaker, waits between tries) goes by the loop's monotonic clock; what is recorded
(`retry_at`, the age at which a notice is given up) goes by our business clock, which a test may
move.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from prometheus_client import Gauge, Histogram

from services.notifier.courier.breaker import Breaker, BreakerLimits
from services.notifier.courier.ledger import OwedNotice
from services.notifier.courier.outbox import Outbox
from shared.channels.outcome import Outcome, TryLater, Unknown
from shared.telemetry import trace_export
from shared.telemetry.log_context import Subject, current_trace, handle

log = structlog.get_logger()

QUEUED = Gauge(
    "signalbox_notices_queued", "Notices ready to be sent, by destination", ["destination"]
)
OPEN = Gauge("signalbox_breakers_open", "Destinations that are let be for now")
SENDING = Histogram("signalbox_notice_send_seconds", "One send, by kind", ["kind"])

Send = Callable[[OwedNotice], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class SendLimits:
    """`slots` sends at once, each bounded by `timeout` seconds in all.

    `held`: a slot is free again when the outcome is recorded, not when it is known. However slow
    the disk, a kill then leaves no more than `slots` notices of which nobody knows whether they
    arrived, and which are therefore sent again.
    """

    slots: int
    timeout: float = 10.0
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
    held: bool = False


class Destination:
    """`run()` sends what is `put`, in order, until cancelled."""

    def __init__(self, name: str, pace: SendLimits, send: Send, outbox: Outbox) -> None:
        self.name = name
        self._pace, self._send, self._outbox = pace, send, outbox
        self.breaker = Breaker(pace.breaker)
        self._queue: asyncio.Queue[OwedNotice] = asyncio.Queue()
        self._sending: set[asyncio.Task[None]] = set()
        # In hand, out of the queue, and not sent yet: `stop` must find it.
        self._taken: OwedNotice | None = None
        self._later = 0
        self._rests_until = 0.0
        """The far side asked us to come no sooner (`Retry-After`)."""
        self._turned = asyncio.Event()
        self._stopping = False

    def put(self, owed: OwedNotice, after: float = 0.0) -> None:
        """Send it when `after` seconds have passed and its turn comes."""
        # A retry waits outside the queue, so that it does not hold up the others.
        if after > 0:
            self._later += 1
            asyncio.get_running_loop().call_later(after, self._put_late, owed)
        else:
            self._queue.put_nowait(owed)

    @property
    def queued(self) -> int:
        """How many wait for their turn, or are under way; those that wait to be tried again are not
        counted.
        """
        return self._queue.qsize() + len(self._sending)

    @property
    def is_idle(self) -> bool:
        """Nothing waits here, not even for another try, and the breaker is closed: it can be
        forgotten and made anew.
        """
        # A rest that was asked for must not be forgotten with the destination.
        waits = self.queued or self._later or self._taken or self._rests_until > self._now()
        return not waits and self.breaker == Breaker(self._pace.breaker)

    def _put_late(self, owed: OwedNotice) -> None:
        self._later -= 1
        self._queue.put_nowait(owed)

    async def run(self) -> None:
        """A bug in a send ends this, and with it the process."""
        async with asyncio.TaskGroup() as group:
            while True:
                QUEUED.labels(self.name).set(self._queue.qsize())
                # One notice at a time leaves the queue; as many as there are slots are under way.
                self._taken = await self._queue.get()
                # Wait before the send begins: a notice that waits here has not been tried.
                await self._turn()
                owed, self._taken = self._taken, None
                self.breaker = self.breaker.began()
                task = group.create_task(self._try(owed))
                self._sending.add(task)
                task.add_done_callback(self._on_send_ended)

    async def stop(self, patience: float) -> list[OwedNotice]:
        """No new sends; those under way get `patience` seconds. Gives back what was not begun but
        has its attempt recorded.
        """
        self._stopping = True
        # In hand first, then the queue: the order in which they were to go.
        left = [self._taken] if self._taken else []
        while not self._queue.empty():
            left.append(self._queue.get_nowait())
        if self._sending:
            await asyncio.wait(self._sending, timeout=patience)
        # Only these have an attempt in the outbox that will not begin here.
        return [owed for owed in left if owed.recorded]

    async def _turn(self) -> None:
        """Wait for a slot and for the breaker."""
        while (pause := self._pause()) != 0:
            self._turned.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._turned.wait(), pause)

    def _pause(self) -> float | None:
        """Seconds until the next send may begin; None: not before something has changed."""
        # No slot is free, or no new sends: something must change first.
        if self._stopping or len(self._sending) >= self._pace.slots:
            return None
        now = self._now()
        pause = self.breaker.wait(now)
        return pause if pause is None else max(pause, self._rests_until - now, 0.0)

    def _on_send_ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._turned.set()

    async def _try(self, owed: OwedNotice) -> None:
        handle(Subject(ticket=owed.ticket_id, traceparent=owed.trace))
        # The first attempt is recorded with the notice; later ones before they begin.
        if not owed.recorded:
            await self._outbox.attempt(owed)
        begun = time.perf_counter()
        outcome = await self._send_in_time(owed)
        if trace_export.is_on() and (trace := current_trace()) is not None:
            trace_export.tell(
                f"send {owed.kind}",
                trace.child(),
                time.perf_counter() - begun,
                kind="client",
                attributes={"signalbox.notice": owed.id, "signalbox.tries": owed.tries},
                failed=type(outcome).__name__ if isinstance(outcome, TryLater | Unknown) else None,
            )
        # `Retry-After` is for the whole destination, not for this notice alone.
        if isinstance(outcome, TryLater) and outcome.after is not None:
            rest = self._now() + outcome.after.total_seconds()
            self._rests_until = max(self._rests_until, rest)
        before = self.breaker.until is None
        # The breaker counts what is the far side's trouble; a refusal is an answer.
        if isinstance(outcome, TryLater | Unknown):
            self.breaker = self.breaker.failed(self._now())
        else:
            self.breaker = self.breaker.succeeded()
        # Told once, when it opens or closes.
        if before != (self.breaker.until is None):
            OPEN.inc(1 if before else -1)
            log.warning("breaker", destination=self.name, state=self.breaker.state)
        settled, recorded = self._outbox.settle(owed, outcome)
        # With `held` the slot stays taken until the outcome is on disk.
        if self._pace.held:
            await recorded
        if settled.again is not None:
            self.put(owed, settled.again.total_seconds())

    async def _send_in_time(self, owed: OwedNotice) -> Outcome:
        try:
            with SENDING.labels(owed.kind).time():
                async with asyncio.timeout(self._pace.timeout):
                    return await self._send(owed)
        except TimeoutError:
            # No answer in time: it may have arrived.
            return Unknown(f"no answer in {self._pace.timeout:g} s")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
