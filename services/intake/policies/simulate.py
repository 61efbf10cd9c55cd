"""`POST /v1/policies/{name}/simulate`: the what-if of the command line, run as a process of its
own.

Deciding again needs the domains of router, sla and pager, which intake may not import, and a core
of its own for a while; the command has both, and no producer (docs/decisions/0006). One at a time;
a window that takes too long is refused with advice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from services.intake.policies.check import check_policy_in_thread
from shared.errors import Refused, Unavailable
from shared.policy import BRAND, COMPONENTS, MACROS

AT_MOST_S = 10.0
"""The portal waits 12 s for an answer."""
# So much is decided again where nobody says another window.
WINDOW = timedelta(days=7)
# The command has no producer, so a what-if can write nothing.
COMMAND: Sequence[str] = (sys.executable, "-m", "cli.main", "simulate", "--json", "--policy", "-")


class WhatIfs:
    """`await ask(...)`: the document of `signalbox simulate --json`. The process inherits this
    one's environment.
    """

    def __init__(self, command: Sequence[str] = COMMAND, at_most: float = AT_MOST_S) -> None:
        self._command, self._at_most = command, at_most
        self._one_at_a_time = asyncio.Lock()

    async def ask(
        self, name: str, document: Mapping[str, Any], since: datetime | None, until: datetime
    ) -> Any:
        """Raises Refused: `no-such-policy`, `invalid`, `busy` (429), `window-too-large` (413); and
        Unavailable.
        """
        # A document with mistakes is refused before a process is started for it.
        await check_policy_in_thread(name, document, until)
        if name in (COMPONENTS, MACROS, BRAND):
            raise Refused(
                "nothing-to-simulate", f"The policy {name!r} decides on no ticket and no page."
            )
        # Refused, not queued: a second one would outlast the caller's patience.
        if self._one_at_a_time.locked():
            raise Refused(
                "busy", "Another what-if is being worked out. Try again in a moment.", status=429
            )
        async with self._one_at_a_time:
            window = (
                "--since",
                _format_instant(since or until - WINDOW),
                "--until",
                _format_instant(until),
            )
            return await self._run(
                (*self._command, "--name", name, *window), orjson.dumps(document)
            )

    async def _run(self, command: Sequence[str], given: bytes) -> Any:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe
        )
        try:
            async with asyncio.timeout(self._at_most):
                told, said = await process.communicate(given)
        except TimeoutError as error:
            advice = (
                "Choose a shorter window with `since` and `until`, or run `signalbox simulate` on "
                "the command line."
            )
            raise Refused(
                "window-too-large",
                f"The what-if took longer than {self._at_most:g} s. {advice}",
                status=413,
            ) from error
        finally:
            # Also after a timeout: nothing may go on computing.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.returncode != 0:
            raise Unavailable(
                "what-if",
                said.decode("utf-8", "replace").strip()[-300:]
                or f"it ended with {process.returncode}",
            )
        return orjson.loads(told)


def window_of(query: Mapping[str, str], now: datetime) -> tuple[datetime | None, datetime]:
    """`since` and `until` of an address; until now where nothing is said. Raises Refused
    `invalid`.
    """
    found: dict[str, datetime] = {}
    for name in ("since", "until"):
        if name in query:
            found[name] = _instant(name, query[name])
    return found.get("since"), found.get("until", now)


def _instant(name: str, text: str) -> datetime:
    # An instant without a zone could mean two different hours.
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    raise Refused("invalid", f"{name} is an instant with its zone, such as 2026-11-22T10:00:00Z.")


def _format_instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
