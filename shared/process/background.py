"""Parts that run beside a server for as long as the process lives.

A part ends early only by a bug or by a machine that fails it (a full disk). It is started again
after a growing pause, every end is in the log and counted, and readiness names it until it has run
for a while: what stopped working must never be a log line alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from prometheus_client import Counter

log = structlog.get_logger()

Part = Callable[[], Coroutine[Any, Any, None]]
"""Makes the coroutine that runs until it is cancelled; called again for each start."""

ENDS = Counter("signalbox_background_ends_total", "Parts of a process that ended early", ["part"])

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
WELL_AFTER_S = 10.0
"""Having run so long, a part counts as well again."""


class Background:
    """`start` the parts once, `stop` them at the end; between the two none is gone for long."""

    def __init__(self) -> None:
        self._keepers: list[asyncio.Task[None]] = []
        self._troubles: dict[str, str] = {}

    def start(self, parts: Mapping[str, Part]) -> None:
        """Run the parts by name."""
        self._keepers += [
            asyncio.create_task(self._keep(name, part)) for name, part in parts.items()
        ]

    async def stop(self) -> None:
        """Cancel all parts and wait until they are gone."""
        for keeper in self._keepers:
            keeper.cancel()
        if self._keepers:
            await asyncio.wait(self._keepers)

    async def unwell(self) -> str | None:
        """A telemetry check: which parts ended early, and why."""
        return "; ".join(self._troubles.values()) or None

    async def _keep(self, name: str, part: Part) -> None:
        pause = FIRST_PAUSE_S
        while True:
            running = asyncio.create_task(part(), name=name)
            try:
                # Only a part that ran for a while counts as well again, and begins with the short
                # pause.
                if await _still_runs_after(running, WELL_AFTER_S):
                    self._troubles.pop(name, None)
                    pause = FIRST_PAUSE_S
                    await asyncio.wait({running})
            # Also where the keeper itself is cancelled: the part must not outlive it.
            finally:
                await _end(running)
            error = None if running.cancelled() else running.exception()
            ENDS.labels(name).inc()
            self._troubles[name] = f"{name} has ended: {error!r}"
            log.critical("a part has ended and is started again", part=name, exc_info=error)
            # A part that fails at once must not fill the log.
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


async def _still_runs_after(running: asyncio.Task[None], seconds: float) -> bool:
    """Whether the part still runs after `seconds`."""
    await asyncio.wait({running}, timeout=seconds)
    return not running.done()


async def _end(running: asyncio.Task[None]) -> None:
    """Cancel it, more than once: a wait inside a library may swallow a cancellation."""
    while not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=0.5)
