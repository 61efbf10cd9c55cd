"""The spine: the one loop that keeps state, the same for router, sla and pager (DESIGN sections 2
and 3).

For each batch, under one lock that a rebalance also waits for: decide on the rows -> publish the
facts, await all acks -> publish the rows to the changelog, await all acks -> commit exactly the
offsets done (within 0.2 s, `Consumer.commit_soon`). Any failed publish ends the process without a
commit. Timers and the outcomes of side effects are decided in the same loop under the same lock; no
timer fires before the input has been read to the end it had when the partition was assigned.
Recovery: `shared/spine/recovery.py`.

Not covered, said plainly: a worker cut off from the group coordinator but not from the partition
leaders can, within one batch, write facts beside the new owner's; readers then keep the first of
each (key, seq).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import structlog

from shared.bus import PATIENCE_S, SESSION_TIMEOUT_S, Admin, Batch, Consumer, Producer, Reader
from shared.clock import Clock, clock_from
from shared.errors import Poisonous, Unavailable
from shared.events import Event
from shared.process.gc_tuning import spare_what_lives
from shared.process.health import serve_health
from shared.process.watchdog import Watchdog
from shared.settings import Settings
from shared.spine import damage
from shared.spine import metrics as meters
from shared.spine.burst import Burst, Halted
from shared.spine.draft import Turn
from shared.spine.effects import EffectResult, Effects
from shared.spine.metrics import HANDLED
from shared.spine.recovery import NO_ROW, PartitionState, Recovery
from shared.spine.redrive import letters_of, record_of
from shared.spine.rows import R, Row
from shared.spine.work import Bug, Effect, Work
from shared.telemetry import trace_export
from shared.telemetry.log_context import Subject, handle
from shared.telemetry.logs import Check, configure_logging
from shared.wire import Message, Record

__all__ = ["HANDLED", "Bug", "Effect", "Limits", "Row", "Spine", "Work", "run_worker"]

log = structlog.get_logger()

TRIES = 5
_TRACES_KEPT = 50_000
"""Trace contexts that are remembered by key; beyond that all are forgotten."""


@dataclass(frozen=True)
class Limits:
    """Bounds, in seconds and counts."""

    session_timeout: float = SESSION_TIMEOUT_S
    # Behind without progress for so long: the watchdog ends the process.
    stall: float = 90.0
    timeout: float = PATIENCE_S
    max_records: int = 500
    firings_in_a_turn: int = 500
    # So many dead letters within the window stop the worker (`burst.py`).
    letters: int = 100
    letters_window: float = 60.0
    # The first pause of a partition that waits; `longest_hold` is the longest.
    first_hold: float = 0.2
    look_at_documents: float = 2.0
    longest_hold: float = 5.0
    # How often a damaged partition is looked at again.
    load_again: float = 60.0


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a pure function of ours: its value; Poisonous and Unavailable as they come; Bug after
    five tries.
    """
    for left in reversed(range(TRIES)):
        try:
            return function(*arguments)
        # These three say themselves what is to be done.
        except (Poisonous, Unavailable, Bug):
            raise
        except Exception as error:
            if not left:
                log.exception("a bug", function=getattr(function, "__qualname__", repr(function)))
                raise Bug(f"{type(error).__name__}: {error}") from error
    raise AssertionError("unreachable")


async def caught(performance: Awaitable[Event]) -> Event | BaseException:
    """The outcome of a side effect, or the exception it ended with."""
    # Only here, so that a bug in a send ends neither the loop nor other sends.
    try:
        return await performance
    except Exception as error:
        return error


class Spine(Generic[R]):
    """Runs one `Work` inside the current loop. `await run()` until `stop()`; its value is the exit
    code: 0, 1 where Kafka failed (start it again), 3 where it had halted."""

    def __init__(
        self,
        work: Work[R],
        *,
        bootstrap: str,
        prefix: str,
        clock: Clock,
        instance: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._work, self._clock, self._limits = work, clock, limits or Limits()
        self._bootstrap, self._prefix, self._instance = bootstrap, prefix, instance
        self._watchdog = Watchdog(
            # Less than a session: after that its partitions may be somebody else's.
            still=0.8 * self._limits.session_timeout,
            stall=self._limits.stall,
        )
        self._effects = Effects(work.perform, caught, self._wake) if work.perform else None
        self._stopping = asyncio.Event()
        self._woken: asyncio.Future[Any] | None = None
        self._wake_pending = False
        self._parts: dict[int, PartitionState] = {}
        # -1: no generation of the group is loaded.
        self._loaded = -1
        self._fetching: asyncio.Task[tuple[int, Batch]] | None = None
        # A batch in hand with the generation it was fetched in: after a rebalance it is worth
        # nothing.
        self._in_hand: tuple[int, Batch] | None = None
        self._held: dict[int, float] = {}
        self._damaged: dict[int, tuple[str, int]] = {}
        # Never, as long as no partition is damaged.
        self._load_again_at = math.inf
        self._pauses: dict[int, float] = {}
        self._again_at = 0.0
        # By partition and key, so that a timer's facts belong to the trace of what came before.
        self._traces: dict[tuple[int, str], bytes] = {}
        self._burst = Burst(self._limits.letters, self._limits.letters_window)
        self._trouble: str | None = "starting"

    async def unready(self) -> str | None:
        """None when it can do its work, else a sentence (a telemetry check)."""
        # Damaged partitions have a check of their own.
        if held := sorted(self._held.keys() - self._damaged.keys()):
            return f"partitions {held} wait for something this worker depends on"
        return self._trouble or (await self._consumer.unready() if self._loaded >= 0 else None)

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
                    # Beside the turns, because both ask Kafka, and a turn must not wait for that.
                    for beside in (self._watch_lag(), self._watch_documents()):
                        stack.callback(asyncio.create_task(beside).cancel)
                    # Pushed last, so it runs first: the producer must still be open.
                    stack.push_async_callback(self._leave)
                    while not self._stopping.is_set():
                        await self._turn()
        # Whatever is not committed is read again by the next process.
        except Unavailable as error:
            log.error(
                "ending without a commit, to be started again",
                worker=self._work.name,
                error=str(error),
            )
            return 1
        # It stays up and says so: ending would only begin the same again.
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
        # Kafka may start later: wait longer each time, up to two seconds.
        pause = 0.1
        while not self._stopping.is_set():
            try:
                # What was opened is kept only if everything could be opened.
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
        # Partition n of every topic belongs together: a key has the same number in all of them.
        counts = {
            topic: await self._producer.partitions(topic)
            for topic in (work.input, work.changelog, *work.outputs)
        }
        if len(set(counts.values())) > 1:
            raise Unavailable(
                "kafka", f"the topics of a worker must have equally many partitions: {counts}"
            )
        self._reader = Reader(
            self._bootstrap, self._prefix, client_id=f"{work.name}-reader", timeout=limits.timeout
        )
        stack.push_async_callback(self._reader.stop)
        await self._reader.start()
        self._consumer = Consumer(
            self._bootstrap,
            self._prefix,
            work.name,
            [work.input],
            instance=self._instance,
            timeout=limits.timeout,
            max_records=limits.max_records,
            session_timeout=limits.session_timeout,
            on_change=self._wake,
            waits=lambda: self._trouble,
        )
        stack.push_async_callback(self._consumer.stop)
        await self._consumer.start()

    async def _leave(self) -> None:
        """What is being sent may finish, so that its outcome is recorded and nobody sends it
        again.
        """
        if self._fetching is not None:
            self._fetching.cancel()
        if self._effects is not None:
            await self._effects.stop(patience=3.0)
            # Only outcomes of partitions that are still ours may be recorded.
            if (
                self._effects.outcomes
                and self._loaded == self._consumer.generation != self._consumer.refused
            ):
                with contextlib.suppress(Unavailable):
                    await self._decide({}, self._effects.take())

    async def _turn(self) -> None:
        """Wait until there is something to do, and do it."""
        consumer = self._consumer
        # A batch that waits in hand is taken first.
        if self._in_hand is None:
            await self._wait()
        is_time = time.monotonic() >= self._load_again_at
        # Loaded when the rebalance has settled, or when it is time to look at damaged partitions
        # again.
        if consumer.settled == consumer.generation and (
            consumer.generation != self._loaded or is_time
        ):
            await self._load()
        # Fetched before the rebalance: it is fetched again by whoever has the partition.
        if self._in_hand is not None and self._in_hand[0] != consumer.generation:
            self._in_hand = None
        # Nothing may be decided before the rows are there, nor under a generation that Kafka
        # refused.
        if self._loaded != consumer.generation or consumer.refused == self._loaded:
            return
        # From here on: messages, then outcomes, then timers, in one turn.
        batch, self._in_hand = (self._in_hand[1] if self._in_hand else {}), None
        self._go_back_where_cut()
        self._release()
        outcomes = (
            self._effects.take()
            if self._effects is not None and time.monotonic() >= self._again_at
            else []
        )
        if batch or outcomes or self._seconds_to_due() <= 0:
            await self._decide(batch, outcomes)

    async def _wait(self) -> None:
        """Until messages, an outcome, a rebalance, a timer, or the end of a hold. A fetch once
        begun is never cancelled, so that nothing it took from the client's buffer is lost."""
        # At most one fetch at a time, and it lives on over turns.
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._consumer.fetch(1.0))
        # Sleep until the first of: messages, a wake, the next timer, the end of a hold.
        if not self._wake_pending and not self._fetching.done():
            self._woken = asyncio.get_running_loop().create_future()
            moment = time.monotonic()
            until = list(self._held.values())
            if self._again_at > moment:
                until.append(self._again_at)
            patience = min([1.0, self._seconds_to_due(), *(at - moment for at in until)])
            waited: set[asyncio.Future[Any]] = {self._fetching, self._woken}
            await asyncio.wait(
                waited, timeout=max(0.0, patience), return_when=asyncio.FIRST_COMPLETED
            )
            self._woken = None
        self._wake_pending = False
        if self._fetching.done():
            fetched, self._fetching = self._fetching.result(), None
            if fetched[1]:
                self._in_hand = fetched

    def _go_back_where_cut(self) -> None:
        """Input that lost its tail goes on at its end: commit and compare with that from now on."""
        for (_, p), end in self._consumer.take_cuts().items():
            if (part := self._parts.get(p)) is not None:
                part.next_offset, part.fire_after = end, min(part.fire_after, end)

    def _wake(self) -> None:
        # Remembered, also where nobody waits at this moment.
        self._wake_pending = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _seconds_to_due(self) -> float:
        """How long until a timer may fire; at most a tick of the clock where there is a timer at
        all.
        """
        # Nothing to fire: look again in a minute at the latest.
        if self._work.fire is None or self._loaded != self._consumer.generation:
            return 60.0
        dues = [
            due
            for part in self._parts.values()
            # A timer waits until the input is read: what would stop it may stand there.
            if part.caught_up and (due := part.rows.next_due()) is not None
        ]
        if not dues:
            return 60.0
        # After a failure no timer is tried before the pause is over.
        paused = self._again_at - time.monotonic()
        return max(
            paused, min(min(dues) - self._clock.now().timestamp(), self._clock.tick.total_seconds())
        )

    async def _load(self) -> None:
        """Come to the rows of the partitions assigned. Heartbeats go on; a rebalance meanwhile
        makes it start over.
        """
        consumer, work, begun = self._consumer, self._work, time.monotonic()
        generation = consumer.generation
        self._trouble = "loading rows"
        if generation == self._loaded:  # not a rebalance: what waits is still paused
            for p in self._held.keys() - self._damaged.keys():
                consumer.release(work.input, p)
        self._held.clear()
        self._pauses.clear()
        parts = {p: self._parts.get(p) or PartitionState() for _, p in consumer.assigned}
        self._parts = {}
        async with Admin(self._bootstrap, self._prefix, timeout=self._limits.timeout) as admin:
            committed = {
                p: at
                for (topic, p), at in (await admin.committed(work.name)).items()
                if topic == work.input and p in parts
            }
        loaded = await Recovery(work, self._reader, attempt, self._watchdog.note_progress).load(
            parts, committed
        )
        async with consumer.lock:
            # Reading took long; the group may have changed meanwhile.
            if consumer.generation != generation:
                self._parts = {
                    p: part
                    for p, part in parts.items()
                    if not any(p == q for q, _ in loaded.adopted)
                }
                return
            self._watchdog.check()
            for (_, p), end in (
                await self._producer.send_many(loaded.unwritten(work.changelog))
            ).items():
                parts[p].changelog = end
            self._stand_still(parts, loaded.damaged)
            self._parts, self._loaded, self._trouble = parts, generation, None
        for p, key, effect in loaded.owed:
            if self._effects is not None:
                self._effects.start(p, key, effect)
        self._watchdog.note_progress()
        counts = {
            "rows": sum(len(part.rows) for part in parts.values()),
            "read": len(loaded.touched),
            "adopted": len(loaded.adopted),
        }
        log.info(
            "loaded",
            worker=work.name,
            partitions=sorted(parts),
            **counts,
            seconds=round(time.monotonic() - begun, 3),
        )

    def _stand_still(
        self, parts: dict[int, PartitionState], damaged: Mapping[int, tuple[str, int]]
    ) -> None:
        """Take the partitions out whose facts cannot be read; the others go on. They are loaded
        again after a while: somebody may have mended the log.
        """
        # Mended since the last time: the partition is released.
        for p, place in self._damaged.items():
            if p not in damaged:
                damage.clear(place)
                self._consumer.release(self._work.input, p)
        for p, place in damaged.items():
            # Held where it stands, so that nothing beyond it is committed.
            self._consumer.hold(self._work.input, p, parts.pop(p).next_offset)
            self._held[p] = math.inf
            if damage.note(place, f"{self._work.name} cannot load partition {p}"):
                log.error(
                    "a partition stands still, its facts are damaged",
                    worker=self._work.name,
                    topic=place[0],
                    partition=p,
                )
        self._damaged = dict(damaged)
        pause = self._limits.load_again
        self._load_again_at = time.monotonic() + pause if damaged else math.inf

    async def _decide(self, batch: Batch, outcomes: list[EffectResult]) -> None:
        """One turn under the lock: decide, publish, remember, commit; then begin what is owed."""
        begun = time.perf_counter()
        async with self._consumer.lock:
            # The group changed while this turn waited for the lock: nothing may be written.
            if self._consumer.generation != self._loaded:
                if self._effects is not None:
                    self._effects.give_back(outcomes)
                return
            # On paper first; only `_publish` writes.
            draft = Turn(self._work, self._parts, self._clock.now(), attempt, self._traces)
            for (topic, partition), messages in batch.items():
                self._take(draft, topic, partition, messages)
            settled = self._settle(draft, outcomes)
            self._fire(draft)
            # Without anything done there is nothing to commit either.
            if draft.done:
                await self._publish(draft)
        # After the publishing: an effect is begun only when what owes it is in the log.
        if self._effects is not None:
            for outcome in settled:
                self._effects.settle(outcome, draft.owed.get((outcome.partition, outcome.key), ()))
            for (partition, key), owed in draft.owed.items():
                for effect in owed:
                    handle(Subject(key=key, traceparent=self._traces.get((partition, key))))
                    self._effects.start(partition, key, effect)
        # Only traces are lost by this, never facts.
        if len(self._traces) > _TRACES_KEPT:
            self._traces.clear()
        handle(None)
        if trace_export.is_on():
            taken = (message for messages in batch.values() for message in messages)
            trace_export.tell_of_records(self._work.name, taken, time.perf_counter() - begun)
        meters.record_turn(self._work.name, draft, time.perf_counter() - begun)

    def _take(
        self, draft: Turn[R], topic: str, partition: int, messages: Sequence[Message]
    ) -> None:
        """Decide on messages of one partition. Where a decision needs what is not there yet, the
        partition waits at that message, without a commit beyond it; the others go on."""
        if partition in self._held:
            return
        for message in messages:
            handle(message)
            try:
                draft.take(message)
            except Unavailable as error:
                # Each pause is twice the one before, until a message gets through.
                before = self._pauses.get(partition, self._limits.first_hold / 2)
                pause = self._pauses[partition] = min(self._limits.longest_hold, 2 * before)
                log.warning(
                    "a partition waits",
                    worker=self._work.name,
                    partition=partition,
                    error=str(error),
                    seconds=pause,
                )
                # Not skipped: order within a partition counts.
                self._consumer.hold(topic, partition, message.offset)
                self._held[partition] = time.monotonic() + pause
                return
            self._pauses.pop(partition, None)

    def _release(self) -> None:
        for partition in [p for p, until in self._held.items() if until <= time.monotonic()]:
            del self._held[partition]
            self._consumer.release(self._work.input, partition)

    def _settle(self, draft: Turn[R], outcomes: list[EffectResult]) -> list[EffectResult]:
        """Decide on outcomes. Those of partitions that went elsewhere are dropped: their new owner
        performs again.
        """
        # One at a time, because each decision changes the row of the next.
        for i, outcome in enumerate(outcomes):
            if outcome.event is None or outcome.partition not in self._parts:
                continue
            handle(Subject(key=outcome.key, traceparent=self._trace_of(outcome)))
            try:
                draft.settle(outcome.partition, outcome.key, outcome.event)
            except Unavailable as error:
                self._wait_again("an outcome waits", error)
                if self._effects is not None:
                    self._effects.give_back(outcomes[i:])
                return outcomes[:i]
        return outcomes

    def _fire(self, draft: Turn[R]) -> None:
        for partition, part in self._parts.items() if self._work.fire is not None else ():
            # The input is not read to where it ended when the partition came.
            if draft.next_offset(partition) < part.fire_after:
                continue
            keys = part.rows.pop_due(draft.now, self._limits.firings_in_a_turn)
            for i, key in enumerate(keys):
                handle(Subject(key=key, traceparent=self._traces.get((partition, key))))
                try:
                    draft.fire(partition, key)
                except Unavailable as error:
                    self._wait_again("a timer waits", error)
                    # Popped, but not fired: put back, due at once.
                    for left in keys[i:]:
                        part.rows.arm(left, draft.now)
                    break

    def _trace_of(self, outcome: EffectResult) -> bytes | None:
        return self._traces.get((outcome.partition, outcome.key))

    def _wait_again(self, what: str, error: Unavailable) -> None:
        log.warning(what, worker=self._work.name, error=str(error))
        self._again_at = time.monotonic() + self._limits.first_hold

    async def _publish(self, draft: Turn[R]) -> None:
        """Facts, rows, each only after all acks of the one before; then the offsets may be
        committed. Raises Unavailable: they may not.
        """
        outputs = self._work.outputs
        # Before anything is written: too many dead letters stop the worker.
        self._burst.add(draft.fresh_letters, time.monotonic())
        # Asked before each write: a worker that stood still too long may have lost its partitions.
        self._watchdog.check()
        for (topic, partition), end in (
            await self._producer.send_many(draft.facts + draft.letters)
        ).items():
            if topic in outputs:
                self._parts[partition].outputs[topic] = end
        self._watchdog.check()
        records = draft.state()
        for (_, partition), end in (await self._producer.send_many(records)).items():
            self._parts[partition].changelog = end
        # Memory follows the log, never the other way round.
        for record in records:
            self._remember(draft, record)
        offsets = {}
        # An offset is committed with the note that the next start reads from.
        for partition, offset in draft.done.items():
            part = self._parts[partition]
            part.next_offset = offset
            offsets[self._work.input, partition] = (offset, part.note())
        self._consumer.commit_soon(offsets)
        self._watchdog.note_progress()

    def _remember(self, draft: Turn[R], record: Record) -> None:
        partition, key = place = (record.partition or 0, record.key)
        part = self._parts[partition]
        # `NO_ROW` stands for a key that is parked without a row.
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
                # Not known is not behind: the watchdog must not end a worker because Kafka is away.
                self._watchdog.behind(False)
                continue
            lags = {
                p: max(0, ends.get((self._work.input, p), 0) - part.next_offset)
                for p, part in self._parts.items()
            }
            self._watchdog.behind(
                # Loading counts as work: it must not take for ever either.
                self._loaded != self._consumer.generation
                or any(
                    lag
                    for p, lag in lags.items()
                    if p not in self._held and (self._work.input, p) not in self._consumer.damaged
                )
            )
            meters.record_holdings(self._work.name, self._parts.values(), sum(lags.values()))

    async def _watch_documents(self) -> None:
        """Parked keys are tried again when documents have changed, and once after a start; timers
        that found nothing to do are asked again.
        """
        # -1 is no number of documents: tried once after a start.
        asked, tried = self._work.documents, -1
        while asked is not None:
            await asyncio.sleep(self._limits.look_at_documents)
            if self._loaded != self._consumer.generation:
                continue
            newest = asked()
            if newest == tried:
                continue
            for part in self._parts.values():
                part.rows.rouse(self._clock.now())
            self._wake()
            try:
                await self._try_parked_again()
                # Only now: where it failed, the same documents are tried again.
                tried = newest
            except Unavailable as error:
                log.warning("parked keys wait", worker=self._work.name, error=str(error))

    async def _try_parked_again(self) -> None:
        # Most of the time nothing is parked, and no reader is opened.
        parked = {(p, key) for p, part in self._parts.items() for key in part.rows.parked}
        if not parked:
            return
        reader = Reader(self._bootstrap, self._prefix, client_id=f"{self._work.name}-letters")
        try:
            await reader.start()
            letters = await letters_of(reader, self._work.name, parked)
        finally:
            await reader.stop()
        if letters:
            log.info("parked keys are tried again", worker=self._work.name, letters=len(letters))
            await self._producer.send_many([record_of(letter) for letter in letters])


async def run_worker(
    work: Work[Any],
    settings: Settings,
    *,
    limits: Limits | None = None,
    checks: Mapping[str, Check] | None = None,
) -> int:
    """Run `work` as a process does: logs, signals, health on `metrics_port`; the exit code.
    `checks` join /readyz.
    """
    configure_logging(work.name, settings.log_level)
    spare_what_lives()
    spine = Spine(
        work,
        bootstrap=settings.kafka_bootstrap_servers,
        prefix=settings.topic_prefix,
        clock=clock_from(settings),
        instance=settings.instance,
        limits=limits,
    )
    # A second signal does nothing more: the turn in hand is finished first.
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, spine.stop)
    health = await serve_health(
        settings.metrics_port, {"spine": spine.unready, **(checks or {})}, host=settings.bind
    )
    try:
        return await spine.run()
    finally:
        if health is not None:
            await health.cleanup()
