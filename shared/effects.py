"""Side effects in flight: started by the loop, performed outside of it, their outcomes brought back to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.errors import Unavailable
from shared.events import Event
from shared.work import Effect

log = structlog.get_logger()

PER_DESTINATION = 4
AT_ONCE = 64
LONGEST_PAUSE_S = 30.0
TRIES = 5


@dataclass(frozen=True)
class Outcome:
    """What became of an effect of row `key` in `partition`; `event` None: given up after a bug (said in the log)."""

    partition: int
    key: str
    effect: Effect
    event: Event | None


Attempt = Callable[[Awaitable[Event]], Awaitable[Event | BaseException]]
"""Awaits a performance; a bug comes back as a value (only shared/runtime.py catches broadly)."""


class Effects:
    """Starts each effect once while it is in flight; `wake` is called when an outcome is there to be taken."""

    def __init__(
        self, perform: Callable[[Any], Awaitable[Event]], attempt: Attempt, wake: Callable[[], None], *, first_pause: float = 0.5
    ) -> None:
        self._perform, self._attempt, self._wake, self._first_pause = perform, attempt, wake, first_pause
        self._running: dict[str, asyncio.Task[None]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._all = asyncio.Semaphore(AT_ONCE)
        self.outcomes: list[Outcome] = []

    def __len__(self) -> int:
        return len(self._running)

    def start(self, partition: int, key: str, effect: Effect) -> None:
        """Begin, unless this very effect is in flight (or its outcome not decided yet)."""
        if effect.id not in self._running:
            self._running[effect.id] = asyncio.create_task(self._run(partition, key, effect))

    def take(self) -> list[Outcome]:
        """The outcomes so far; `settle` or `give_back` each of them."""
        taken, self.outcomes = self.outcomes, []
        return taken

    def give_back(self, outcomes: list[Outcome]) -> None:
        """Outcomes that could not be decided now."""
        self.outcomes = outcomes + self.outcomes

    def settle(self, outcome: Outcome, still_owed: Sequence[Effect]) -> None:
        """This one is decided, or nobody's business here any more. One that was given up after a bug does not begin again,
        nor one that is owed still: it would be sent without end."""
        if outcome.effect.id in {effect.id for effect in still_owed}:
            log.error("an effect is owed still after its outcome", effect=outcome.effect.id, key=outcome.key)
        elif outcome.event is not None:
            self._running.pop(outcome.effect.id, None)

    async def stop(self, patience: float) -> None:
        """Let what is being sent finish for so long, then cancel: a send cut off is repeated with the same id."""
        tasks = [task for task in self._running.values() if not task.done()]
        if tasks and patience:
            await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    async def _run(self, partition: int, key: str, effect: Effect) -> None:
        slot = self._slots.setdefault(effect.destination, asyncio.Semaphore(PER_DESTINATION))
        pause, bugs = self._first_pause, 0
        while True:
            async with slot, self._all:
                found = await self._attempt(self._perform(effect))
            if isinstance(found, Event):
                break
            if not isinstance(found, Unavailable):
                bugs += 1
                log.error("an effect failed by a bug", effect=effect.id, key=key, tries=bugs, error=repr(found))
                if bugs >= TRIES:
                    break
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        event = found if isinstance(found, Event) else None
        self.outcomes.append(Outcome(partition, key, effect, event))
        self._wake()
