"""Heartbeats of our own services: each must say that it is ready, at least once in a minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import aiohttp
import orjson

from services.auditor.book import Finding

# Seconds: long enough for a service that is started again.
ABSENT_AFTER_S = 60.0
LOOK_EVERY_S = 10.0
_TIMEOUT = aiohttp.ClientTimeout(total=2)


@dataclass
class Probe:
    """One service. `finding` is what is wrong with it, after a minute of silence."""

    KIND: ClassVar[str] = "service-absent"

    name: str
    url: str
    finding: Finding | None = None
    damaged: str = ""
    """What it says of partitions of the log that it cannot read."""
    _heard: float | None = None
    _looked: float = float("-inf")

    async def look(self, http: aiohttp.ClientSession, seconds: float, now: datetime) -> None:
        """Ask it, unless that was a moment ago; `seconds` is a clock that never goes back."""
        if seconds - self._looked < LOOK_EVERY_S:
            return
        # The time of asking counts, also where the answer never comes.
        self._looked = seconds
        self.heard(await self._is_ready(http), seconds, now)

    def heard(self, ready: bool, seconds: float, now: datetime) -> None:
        """What asking it said."""
        if (
            ready or self._heard is None
        ):  # its time begins when it is first asked: it may be starting
            self._heard = seconds
        if ready:
            self.finding = None
        elif seconds - self._heard >= ABSENT_AFTER_S and self.finding is None:
            # Made once: as long as it stands it keeps its time.
            self.finding = Finding(
                self.KIND,
                self.name,
                self.name,
                now,
                f"it has not been ready for {ABSENT_AFTER_S:g} s ({self.url})",
            )

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.url, timeout=_TIMEOUT) as answer:
                self.damaged = damage_in(await answer.read())
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            # No answer is no readiness; why does not matter here.
            return False


def damage_in(raw: bytes) -> str:
    """What an answer of /readyz says of damaged partitions; empty for nothing, and for anything
    else.
    """
    try:
        # Anything can answer at that address: only the expected shape says something.
        said = orjson.loads(raw)["checks"]["partitions"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return said if isinstance(said, str) else ""


def probes_in(text: str) -> list[Probe]:
    """`name=URL name=URL …`. Raises ValueError for a part without a name."""
    found = []
    for part in text.split():
        name, sign, url = part.partition("=")
        if not sign or not url.startswith(("http://", "https://")):
            raise ValueError(f"{part!r} is not name=URL")
        found.append(Probe(name, url))
    return found
