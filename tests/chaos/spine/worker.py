"""One worker process of the chaos run: `python -m tests.chaos.spine.worker`.

With CHAOS_INSIDE=0.01 it kills itself with that probability right after a write, so that the
crashes fall between facts and rows, and between rows and commit, which kills from outside rarely
hit. With CHAOS_INSIDE_AT=2 it does so after its second write for certain: a slow machine takes
everything in a few large writes, and chance alone may then spare them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Sequence

import uvloop

from shared.bus import Producer
from shared.clock import clock_from
from shared.settings import Settings, load
from shared.spine.runtime import Spine
from shared.telemetry.logs import configure_logging
from shared.wire import Record
from tests.chaos.spine.domain import WORK, Tally


class Mortal(Producer):
    """Dies when a write has been acknowledged: at random, or at a write that was named."""

    _written = 0

    async def send_many(self, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        ends = await super().send_many(records)
        if records:
            self._written += 1
            is_named = self._written == int(os.environ.get("CHAOS_INSIDE_AT", "0"))
            if is_named or random.random() < float(os.environ["CHAOS_INSIDE"]):
                os.kill(os.getpid(), signal.SIGKILL)
        return ends


class MortalSpine(Spine[Tally]):
    async def _open(self, stack: contextlib.AsyncExitStack) -> None:
        await super()._open(stack)
        await self._producer.stop()
        self._producer = Mortal(self._bootstrap, self._prefix, WORK.name)
        stack.push_async_callback(self._producer.stop)


async def main() -> int:
    settings = load(Settings)
    configure_logging(WORK.name, settings.log_level)
    kind = MortalSpine if os.environ.get("CHAOS_INSIDE") else Spine[Tally]
    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    spine = kind(
        WORK,
        bootstrap=bootstrap,
        prefix=prefix,
        clock=clock_from(settings),
        instance=settings.instance,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, spine.stop)
    return await spine.run()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
