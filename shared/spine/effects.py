"""Side effects in flight: started by the loop, performed outside of it, their outcomes brought back
to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.errors import Unavailable
from shared.events import Event
from shared.spine.work import Effect
from shared.telemetry import trace_export
from shared.telemetry.log_context import current_trace

log = structlog.get_logger()

# Sends at once, to one far side and in all.
PER_DESTINATION = 4
AT_ONCE = 64
LONGEST_PAUSE_S = 30.0
# Tries of a send that fails by a bug; other failures are tried without end.
TRIES = 5


@dataclass(frozen=True)
class EffectResult:
    """What became of an effect of row `key` in `partition`; `event` None: given up after a bug
    (said in the log).
    """

    partition: int
    key: str
    effect: Effect
    event: Event | None


Attempt = Callable[[Awaitable[Event]], Awaitable[Event | BaseException]]
"""Awaits a performance; a bug comes back as a value (only shared/spine/runtime.py catches
broadly).
"""


class Effects:
    """Starts each effect once while it is in flight; `wake` is called when an outcome is there to
    be taken.
    """

    def __init__(
        self,
        perform: Callable[[Any], Awaitable[Event]],
        attempt: Attempt,
        wake: Callable[[], None],
        *,
        first_pause: float = 0.5,
    ) -> None:
        self._perform, self._attempt, self._wake, self._first_pause = (
            perform,
            attempt,
            wake,
            first_pause,
        )
        self._running: dict[str, asyncio.Task[None]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._all = asyncio.Semaphore(AT_ONCE)
        self.outcomes: list[EffectResult] = []

    def __len__(self) -> int:
        return len(self._running)

    def start(self, partition: int, key: str, effect: Effect) -> None:
        """Begin, unless this very effect is in flight (or its outcome not decided yet)."""
        # One id is in flight once, also while its outcome waits to be decided.
        if effect.id not in self._running:
            self._running[effect.id] = asyncio.create_task(self._run(partition, key, effect))

    def take(self) -> list[EffectResult]:
        """The outcomes so far; `settle` or `give_back` each of them."""
        taken, self.outcomes = self.outcomes, []
        return taken

    def give_back(self, outcomes: list[EffectResult]) -> None:
        """Outcomes that could not be decided now."""
        # Before the newer ones: outcomes of one row keep their order.
        self.outcomes = outcomes + self.outcomes

    def settle(self, outcome: EffectResult, still_owed: Sequence[Effect]) -> None:
        """This one is decided, or nobody's business here any more. One that was given up after a
        bug does not begin again, nor one that is owed still: it would be sent without end."""
        # `perform` and the row do not agree; said loudly, because it would never end.
        if outcome.effect.id in {effect.id for effect in still_owed}:
            log.error(
                "an effect is owed still after its outcome",
                effect=outcome.effect.id,
                key=outcome.key,
            )
        elif outcome.event is not None:
            self._running.pop(outcome.effect.id, None)

    async def stop(self, patience: float) -> None:
        """Let what is being sent finish for so long, then cancel: a send cut off is repeated with
        the same id.
        """
        tasks = [task for task in self._running.values() if not task.done()]
        if tasks and patience:
            await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    @staticmethod
    def _tell(effect: Effect, found: Event | BaseException, seconds: float) -> None:
        if trace_export.is_on() and (trace := current_trace()) is not None:
            trace_export.tell(
                f"send {effect.destination.partition(':')[0]}",
                trace.child(),
                seconds,
                kind="client",
                attributes={"signalbox.effect": effect.id},
                failed=None if isinstance(found, Event) else type(found).__name__,
            )

    async def _run(self, partition: int, key: str, effect: Effect) -> None:
        slot = self._slots.setdefault(effect.destination, asyncio.Semaphore(PER_DESTINATION))
        pause, bugs = self._first_pause, 0
        while True:
            begun = time.perf_counter()
            # The destination's slot first: a slow far side holds its own, and not all.
            async with slot, self._all:
                found = await self._attempt(self._perform(effect))
            self._tell(effect, found, time.perf_counter() - begun)
            if isinstance(found, Event):
                break
            # Unavailable is the far side's trouble: wait and go on.
            if not isinstance(found, Unavailable):
                bugs += 1
                log.error(
                    "an effect failed by a bug",
                    effect=effect.id,
                    key=key,
                    tries=bugs,
                    error=repr(found),
                )
                if bugs >= TRIES:
                    break
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        # None tells the loop that it was given up.
        event = found if isinstance(found, Event) else None
        self.outcomes.append(EffectResult(partition, key, effect, event))
        self._wake()
