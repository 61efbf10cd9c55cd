"""Whether this process was asked to stop.

From then on it is not ready, still answers for a while, and then closes: whoever shares the
requests out among the copies has looked at readiness by then and sends no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal

_REASON = "asked to stop: what still comes is answered, send no more"

_asked = False


def announce() -> None:
    """The process was asked to stop."""
    global _asked
    _asked = True


def forget() -> None:
    """As at the start (tests run many servers in one process)."""
    global _asked
    _asked = False


def is_announced() -> bool:
    return _asked


def trouble() -> str | None:
    """Why the process is not ready: a sentence; None while nobody has asked it to stop."""
    return _REASON if _asked else None


async def wait_and_drain(seconds: float) -> None:
    """Wait for SIGTERM or SIGINT, announce it, and give the senders `seconds` to turn away.

    A second signal ends the wait.
    """
    asked, again = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        # The first signal announces, the second ends the wait.
        (again if asked.is_set() else asked).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    await asked.wait()
    announce()
    # Without a wait (tests, one copy alone) nobody has to turn away.
    if seconds:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(again.wait(), seconds)
