"""How far every process is behind its topics, for the dashboard: asked of Kafka at most every two
seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from shared.bus import Admin, Reader, lag
from shared.errors import Unavailable

# Processes without a group have nothing to be behind with.
GROUPS = {
    "router": "router",
    "sla": "sla",
    "front": "notifier.front",
    "pager": "pager",
    "courier": "courier",
    "projector": "portal-projector",
    "pulse": "pulse",
    "timers": "intake.timers",
}
"""Process → its consumer group."""

# A dashboard that many look at asks Kafka no oftener than one.
_FRESH_S = 2.0


class Lags:
    """Keeps its connections from the first question on. `close()` at the end."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        self._stack = contextlib.AsyncExitStack()
        self._clients: tuple[Reader, Admin] | None = None
        self._known: dict[str, int] = {}
        self._known_at = float("-inf")
        self._asking = asyncio.Lock()

    async def by_process(self) -> Mapping[str, int]:
        """Records behind by process; what was known last while Kafka does not answer, empty before
        it ever has.
        """
        loop = asyncio.get_running_loop()
        # One asks, and those who come meanwhile get its answer.
        async with self._asking:
            if loop.time() - self._known_at >= _FRESH_S:
                # Before the answer: where Kafka is away the next question waits as well.
                self._known_at = loop.time()
                with contextlib.suppress(Unavailable):
                    self._known = await self._ask()
        return self._known

    async def close(self) -> None:
        await self._stack.aclose()

    async def _ask(self) -> dict[str, int]:
        if self._clients is None:
            reader = Reader(self._bootstrap, self._prefix, client_id="portal-lags", timeout=2.0)
            await reader.start()
            # Kept for the next question, and stopped in `close`.
            self._stack.push_async_callback(reader.stop)
            self._clients = (
                reader,
                await self._stack.enter_async_context(
                    Admin(self._bootstrap, self._prefix, timeout=2.0)
                ),
            )
        found = {}
        for process, group in GROUPS.items():
            behind = await lag(*self._clients, group)
            # A group that has never committed is not behind, it does not run.
            if behind:
                found[process] = sum(behind.values())
        return found
