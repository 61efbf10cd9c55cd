"""The spine: the one loop that keeps state, the same for router, sla and pager (DESIGN sections 2 and 3).

For each batch, under one lock that a rebalance also waits for: decide on the rows -> publish the facts, await all acks ->
publish the rows to the changelog, await all acks -> commit exactly the offsets done (within 0.2 s, `Consumer.commit_soon`).
Any failed publish ends the process without a commit. Timers and the outcomes of side effects are decided in the same loop
under the same lock; no timer fires before the input has been read to the end it had when the partition was
assigned. Recovery: `shared/recovery.py`.

Not covered, said plainly: a worker cut off from the group coordinator but not from the partition leaders can, within one
batch, write facts beside the new owner's; readers then keep the first of each (key, seq).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import structlog

from shared import meters
from shared.burst import Burst, Halted
from shared.bus import SESSION_TIMEOUT_S, Admin, Batch, Consumer, Producer, Reader
from shared.clock import Clock, clock_from
from shared.draft import Draft
from shared.effects import Effects, Outcome
from shared.errors import Poisonous, Unavailable
from shared.events import Event
from shared.garbage import spare_what_lives
from shared.meters import HANDLED
from shared.recovery import NO_ROW, Part, Recovery
from shared.rows import R, Row
from shared.settings import Settings
from shared.telemetry import Check, configure_logging, serve_health
from shared.watchdog import Watchdog
from shared.wire import Message, Record
from shared.work import Bug, Effect, Work

__all__ = ["HANDLED", "Bug", "Effect", "Limits", "Row", "Spine", "Work", "run_worker"]

log = structlog.get_logger()

TRIES = 5


@dataclass(frozen=True)
class Limits:
    """Bounds, in seconds and counts."""

    session_timeout: float = SESSION_TIMEOUT_S
    stall: float = 30.0
    timeout: float = 10.0
    max_records: int = 500
    firings_in_a_turn: int = 500
    letters: int = 100
    letters_window: float = 60.0
    first_hold: float = 0.2
    longest_hold: float = 5.0


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a pure function of ours: its value; Poisonous and Unavailable as they come; Bug after five tries."""
    for left in reversed(range(TRIES)):
        try:
            return function(*arguments)
        except (Poisonous, Unavailable, Bug):
            raise
        except Exception as error:
            if not left:
                log.exception("a bug", function=getattr(function, "__qualname__", repr(function)))
                raise Bug(f"{type(error).__name__}: {error}") from error
    raise AssertionError("unreachable")


async def caught(performance: Awaitable[Event]) -> Event | BaseException:
    """The outcome of a side effect, or the exception it ended with."""
    try:
        return await performance
    except Exception as error:
        return error


class Spine(Generic[R]):
    """Runs one `Work` inside the current loop. `await run()` until `stop()`; its value is the exit code: 0, 1 where Kafka
    failed (start it again), 3 where it had halted."""

    def __init__(
        self, work: Work[R], *, bootstrap: str, prefix: str, clock: Clock, instance: str | None = None, limits: Limits | None = None
    ) -> None:
        self._work, self._clock, self._limits = work, clock, limits or Limits()
        self._bootstrap, self._prefix, self._instance = bootstrap, prefix, instance
        self._watchdog = Watchdog(still=0.8 * self._limits.session_timeout, stall=self._limits.stall)
        self._effects = Effects(work.perform, caught, self._wake) if work.perform else None
        self._stopping = asyncio.Event()
        self._woken: asyncio.Future[Any] | None = None
        self._wake_pending = False
        self._parts: dict[int, Part] = {}
        self._loaded = -1
        self._fetching: asyncio.Task[tuple[int, Batch]] | None = None
        self._in_hand: tuple[int, Batch] | None = None
        self._held: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._again_at = 0.0
        self._burst = Burst(self._limits.letters, self._limits.letters_window)
        self._trouble: str | None = "starting"

    async def unready(self) -> str | None:
        """None when it can do its work, else a sentence (a telemetry check)."""
        if self._held:
            return f"partitions {sorted(self._held)} wait for something this worker depends on"
        return self._trouble

    def stop(self) -> None:
        """Finish the turn in hand, commit, leave."""
        self._stopping.set()
        self._wake()

    async def run(self) -> int:
        """See the class."""
        self._watchdog.start()
        try:
            async with contextlib.AsyncExitStack() as stack:
                if await self._connect(stack):
                    watching = asyncio.create_task(self._watch_lag())
                    stack.callback(watching.cancel)
                    stack.push_async_callback(self._leave)
                    while not self._stopping.is_set():
                        await self._turn()
        except Unavailable as error:
            log.error("ending without a commit, to be started again", worker=self._work.name, error=str(error))
            return 1
        except Halted as error:
            self._trouble = f"halted: {error}"
            log.critical("halted until somebody looks", worker=self._work.name, reason=str(error))
            await self._stopping.wait()
            return 3
        finally:
            self._watchdog.stop()
        return 0

    async def _connect(self, stack: contextlib.AsyncExitStack) -> bool:
        """Join as soon as Kafka answers. False: stopped meanwhile."""
        pause = 0.1
        while not self._stopping.is_set():
            try:
                async with contextlib.AsyncExitStack() as trial:
                    await self._open(trial)
                    stack.push_async_callback(trial.pop_all().aclose)
                return True
            except Unavailable as error:
                self._trouble = str(error)
                log.warning("waiting for Kafka", worker=self._work.name, error=self._trouble)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, 2.0)
        return False

    async def _open(self, stack: contextlib.AsyncExitStack) -> None:
        work, limits = self._work, self._limits
        self._producer = Producer(self._bootstrap, self._prefix, work.name, timeout=limits.timeout)
        stack.push_async_callback(self._producer.stop)
        counts = {topic: await self._producer.partitions(topic) for topic in (work.input, work.changelog, *work.outputs)}
        if len(set(counts.values())) > 1:
            raise Unavailable("kafka", f"the topics of a worker must have equally many partitions: {counts}")
        self._reader = Reader(self._bootstrap, self._prefix, client_id=f"{work.name}-reader", timeout=limits.timeout)
        stack.push_async_callback(self._reader.stop)
        await self._reader.start()
        self._consumer = Consumer(
            self._bootstrap, self._prefix, work.name, [work.input], instance=self._instance, timeout=limits.timeout,
            max_records=limits.max_records, session_timeout=limits.session_timeout, on_change=self._wake,
        )  # fmt: skip
        stack.push_async_callback(self._consumer.stop)
        await self._consumer.start()

    async def _leave(self) -> None:
        """What is being sent may finish, so that its outcome is recorded and nobody sends it again."""
        if self._fetching is not None:
            self._fetching.cancel()
        if self._effects is not None:
            await self._effects.stop(patience=3.0)
            if self._effects.outcomes and self._loaded == self._consumer.generation != self._consumer.refused:
                with contextlib.suppress(Unavailable):
                    await self._decide({}, self._effects.take())

    async def _turn(self) -> None:
        """Wait until there is something to do, and do it."""
        consumer = self._consumer
        if self._in_hand is None:
            await self._wait()
        if consumer.settled == consumer.generation != self._loaded:
            await self._load()
        if self._in_hand is not None and self._in_hand[0] != consumer.generation:
            self._in_hand = None
        if self._loaded != consumer.generation or consumer.refused == self._loaded:
            return
        batch, self._in_hand = (self._in_hand[1] if self._in_hand else {}), None
        self._release()
        outcomes = self._effects.take() if self._effects is not None and time.monotonic() >= self._again_at else []
        if batch or outcomes or self._seconds_to_due() <= 0:
            await self._decide(batch, outcomes)

    async def _wait(self) -> None:
        """Until messages, an outcome, a rebalance, a timer, or the end of a hold. A fetch once begun is never cancelled, so
        that nothing it took from the client's buffer is lost."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._consumer.fetch(1.0))
        if not self._wake_pending and not self._fetching.done():
            self._woken = asyncio.get_running_loop().create_future()
            moment = time.monotonic()
            until = list(self._held.values())
            if self._again_at > moment:
                until.append(self._again_at)
            patience = min([1.0, self._seconds_to_due(), *(at - moment for at in until)])
            waited: set[asyncio.Future[Any]] = {self._fetching, self._woken}
            await asyncio.wait(waited, timeout=max(0.0, patience), return_when=asyncio.FIRST_COMPLETED)
            self._woken = None
        self._wake_pending = False
        if self._fetching.done():
            fetched, self._fetching = self._fetching.result(), None
            if fetched[1]:
                self._in_hand = fetched

    def _wake(self) -> None:
        self._wake_pending = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _seconds_to_due(self) -> float:
        """How long until a timer may fire; at most a tick of the clock where there is a timer at all."""
        if self._work.fire is None or self._loaded != self._consumer.generation:
            return 60.0
        dues = [due for part in self._parts.values() if part.caught_up and (due := part.rows.next_due()) is not None]
        if not dues:
            return 60.0
        paused = self._again_at - time.monotonic()
        return max(paused, min(min(dues) - self._clock.now().timestamp(), self._clock.tick.total_seconds()))

    async def _load(self) -> None:
        """Come to the rows of the partitions assigned. Heartbeats go on; a rebalance meanwhile makes it start over."""
        consumer, work, begun = self._consumer, self._work, time.monotonic()
        generation = consumer.generation
        self._trouble = "loading rows"
        self._held.clear()
        self._pauses.clear()
        parts = {p: self._parts.get(p) or Part() for _, p in consumer.assigned}
        self._parts = {}
        async with Admin(self._bootstrap, self._prefix, timeout=self._limits.timeout) as admin:
            committed = {p: at for (topic, p), at in (await admin.committed(work.name)).items() if topic == work.input and p in parts}
        loaded = await Recovery(work, self._reader, attempt, self._watchdog.progressed).load(parts, committed)
        async with consumer.lock:
            if consumer.generation != generation:
                self._parts = {p: part for p, part in parts.items() if not any(p == q for q, _ in loaded.adopted)}
                return
            self._watchdog.check()
            for (_, p), end in (await self._producer.send_many(loaded.unwritten(work.changelog))).items():
                parts[p].changelog = end
            self._parts, self._loaded, self._trouble = parts, generation, None
        for p, key, effect in loaded.owed:
            if self._effects is not None:
                self._effects.start(p, key, effect)
        self._watchdog.progressed()
        counts = {"rows": sum(len(part.rows) for part in parts.values()), "read": len(loaded.touched), "adopted": len(loaded.adopted)}
        log.info("loaded", worker=work.name, partitions=sorted(parts), **counts, seconds=round(time.monotonic() - begun, 3))

    async def _decide(self, batch: Batch, outcomes: list[Outcome]) -> None:
        """One turn under the lock: decide, publish, remember, commit; then begin what is owed."""
        begun = time.perf_counter()
        async with self._consumer.lock:
            if self._consumer.generation != self._loaded:
                if self._effects is not None:
                    self._effects.give_back(outcomes)
                return
            draft = Draft(self._work, self._parts, self._clock.now(), attempt)
            for (topic, partition), messages in batch.items():
                self._take(draft, topic, partition, messages)
            settled = self._settle(draft, outcomes)
            self._fire(draft)
            if draft.done:
                await self._publish(draft)
        if self._effects is not None:
            for outcome in settled:
                self._effects.settle(outcome, draft.owed.get((outcome.partition, outcome.key), ()))
            for (partition, key), owed in draft.owed.items():
                for effect in owed:
                    self._effects.start(partition, key, effect)
        meters.turned(self._work.name, draft, time.perf_counter() - begun)

    def _take(self, draft: Draft[R], topic: str, partition: int, messages: Sequence[Message]) -> None:
        """Decide on messages of one partition. Where a decision needs what is not there yet, the partition waits at that
        message, without a commit beyond it; the others go on."""
        if partition in self._held:
            return
        for message in messages:
            try:
                draft.take(message)
            except Unavailable as error:
                before = self._pauses.get(partition, self._limits.first_hold / 2)
                pause = self._pauses[partition] = min(self._limits.longest_hold, 2 * before)
                log.warning("a partition waits", worker=self._work.name, partition=partition, error=str(error), seconds=pause)
                self._consumer.hold(topic, partition, message.offset)
                self._held[partition] = time.monotonic() + pause
                return
            self._pauses.pop(partition, None)

    def _release(self) -> None:
        for partition in [p for p, until in self._held.items() if until <= time.monotonic()]:
            del self._held[partition]
            self._consumer.release(self._work.input, partition)

    def _settle(self, draft: Draft[R], outcomes: list[Outcome]) -> list[Outcome]:
        """Decide on outcomes. Those of partitions that went elsewhere are dropped: their new owner performs again."""
        for i, outcome in enumerate(outcomes):
            if outcome.event is None or outcome.partition not in self._parts:
                continue
            try:
                draft.settle(outcome.partition, outcome.key, outcome.event)
            except Unavailable as error:
                self._wait_again("an outcome waits", error)
                if self._effects is not None:
                    self._effects.give_back(outcomes[i:])
                return outcomes[:i]
        return outcomes

    def _fire(self, draft: Draft[R]) -> None:
        for partition, part in self._parts.items() if self._work.fire is not None else ():
            if draft.next_offset(partition) < part.fire_after:
                continue
            keys = part.rows.pop_due(draft.now, self._limits.firings_in_a_turn)
            for i, key in enumerate(keys):
                try:
                    draft.fire(partition, key)
                except Unavailable as error:
                    self._wait_again("a timer waits", error)
                    for left in keys[i:]:
                        part.rows.arm(left, draft.now)
                    break

    def _wait_again(self, what: str, error: Unavailable) -> None:
        log.warning(what, worker=self._work.name, error=str(error))
        self._again_at = time.monotonic() + self._limits.first_hold

    async def _publish(self, draft: Draft[R]) -> None:
        """Facts, rows, each only after all acks of the one before; then the offsets may be committed. Raises Unavailable: they may not."""
        outputs = self._work.outputs
        self._burst.add(draft.fresh_letters, time.monotonic())
        self._watchdog.check()
        for (topic, partition), end in (await self._producer.send_many(draft.facts + draft.letters)).items():
            if topic in outputs:
                self._parts[partition].outputs[topic] = end
        self._watchdog.check()
        records = draft.state()
        for (_, partition), end in (await self._producer.send_many(records)).items():
            self._parts[partition].changelog = end
        for record in records:
            self._remember(draft, record)
        offsets = {}
        for partition, offset in draft.done.items():
            part = self._parts[partition]
            part.next_offset = offset
            offsets[self._work.input, partition] = (offset, part.note())
        self._consumer.commit_soon(offsets)
        self._watchdog.progressed()

    def _remember(self, draft: Draft[R], record: Record) -> None:
        partition, key = place = (record.partition or 0, record.key)
        part = self._parts[partition]
        if record.value and record.value != NO_ROW:
            part.rows.put(key, record.value)
        part.seqs[key] = draft.seq(partition, key)
        if place in draft.parked:
            part.rows.park(key, draft.parked[place])
        if place in draft.due:
            part.rows.arm(key, draft.due[place])

    async def _watch_lag(self) -> None:
        """Tell the watchdog whether there is work that could be done now."""
        while True:
            await asyncio.sleep(2.0)
            try:
                ends = await self._reader.ends((self._work.input, p) for p in list(self._parts))
            except Unavailable:
                self._watchdog.behind(False)
                continue
            lags = {p: max(0, ends.get((self._work.input, p), 0) - part.next_offset) for p, part in self._parts.items()}
            self._watchdog.behind(self._loaded != self._consumer.generation or any(lag for p, lag in lags.items() if p not in self._held))
            meters.standing(self._work.name, self._parts.values(), sum(lags.values()))


async def run_worker(
    work: Work[Any], settings: Settings, *, limits: Limits | None = None, checks: Mapping[str, Check] | None = None
) -> int:
    """Run `work` as a process does: logs, signals, health on `metrics_port`; the exit code. `checks` join /readyz."""
    configure_logging(work.name, settings.log_level)
    spare_what_lives()
    spine = Spine(
        work, bootstrap=settings.kafka_bootstrap_servers, prefix=settings.topic_prefix, clock=clock_from(settings),
        instance=settings.instance, limits=limits,
    )  # fmt: skip
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, spine.stop)
    health = await serve_health(settings.metrics_port, {"spine": spine.unready, **(checks or {})}, host=settings.bind)
    try:
        return await spine.run()
    finally:
        if health is not None:
            await health.cleanup()
