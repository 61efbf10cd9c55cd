"""Heartbeats of our own services: each must say that it is ready, at least once in a minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import aiohttp

from services.auditor.book import Finding

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
    _heard: float | None = None
    _looked: float = float("-inf")

    async def look(self, http: aiohttp.ClientSession, seconds: float, now: datetime) -> None:
        """Ask it, unless that was a moment ago; `seconds` is a clock that never goes back."""
        if seconds - self._looked < LOOK_EVERY_S:
            return
        self._looked = seconds
        self.heard(await self._is_ready(http), seconds, now)

    def heard(self, ready: bool, seconds: float, now: datetime) -> None:
        """What asking it said."""
        if ready or self._heard is None:  # its time begins when it is first asked: it may be starting
            self._heard = seconds
        if ready:
            self.finding = None
        elif seconds - self._heard >= ABSENT_AFTER_S and self.finding is None:
            self.finding = Finding(self.KIND, self.name, self.name, now, f"it has not been ready for {ABSENT_AFTER_S:g} s ({self.url})")

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.url, timeout=_TIMEOUT) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def probes_in(text: str) -> list[Probe]:
    """`name=URL name=URL …`. Raises ValueError for a part without a name."""
    found = []
    for part in text.split():
        name, sign, url = part.partition("=")
        if not sign or not url.startswith(("http://", "https://")):
            raise ValueError(f"{part!r} is not name=URL")
        found.append(Probe(name, url))
    return found
