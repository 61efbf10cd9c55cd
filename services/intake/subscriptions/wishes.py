"""Wishes for status updates that nobody confirmed: they end with their link, and there are never
many of them, whoever makes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from services.intake.incidents.alert_door import Pause
from services.intake.shell import SOURCE, Intake
from shared.clock import Clock
from shared.errors import Unavailable
from shared.events import SYSTEM
from shared.people.subscriptions import (
    CONFIRM_WITHIN,
    KIND,
    Subscription,
    record_of,
    subscription_in,
)
from shared.topics import DIRECTORY
from shared.wire import record_for

log = structlog.get_logger()

MOST = 5000
"""Wishes that wait to be confirmed, in all; beyond them the oldest end early."""
LASTS = CONFIRM_WITHIN + timedelta(days=1)
"""Longer than the link in the last mail about it."""
# Wishes last for days: a look every few minutes is often enough.
_LOOK_EVERY_S = 300.0
_AT_ONCE = 1000
"""Documents written at one look."""


def find_ended_wishes(
    wishes: Iterable[tuple[str, Subscription]], now: datetime, most: int = MOST
) -> Iterator[tuple[str, Subscription | None]]:
    """Of documents with a wish, those whose wish ends now, oldest first, and what they are then:
    a confirmed subscription as it was, else None. Pure.
    """
    # By time, then by key, so that the order is always the same.
    waiting = sorted(
        ((found.wish.at, key, found) for key, found in wishes if found.wish is not None),
        key=lambda each: each[:2],
    )
    spare = len(waiting) - most
    # Too many: the oldest go, since the newest is what somebody waits for.
    for place, (at, key, found) in enumerate(waiting):
        if place < spare or now - at > LASTS:
            # A confirmed subscription stays; only the wish to change it ends.
            kept = found.model_copy(update={"wish": None})
            yield key, kept if found.confirmed_at is not None else None


class Wishes:
    """`run()` for as long as the process lives."""

    def __init__(self, intake: Intake, clock: Clock, most: int = MOST) -> None:
        self._intake, self._clock, self._most = intake, clock, most

    async def run(self) -> None:
        """End old wishes now and then, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.end_old()
            except Unavailable as error:
                # Nothing is urgent about it: the next look tries again.
                log.warning("unconfirmed subscriptions wait to be removed", error=str(error))

    async def end_old(self) -> int:
        """How many were ended. Raises Unavailable."""
        now = self._clock.now()
        # Bounded, so that a flood of wishes is removed in parts.
        over = list(find_ended_wishes([each async for each in self._wishes()], now, self._most))[
            :_AT_ONCE
        ]
        for key, left in over:
            document = left.kept() if left is not None else None
            change = record_of(key, document, SYSTEM, now)
            await self._intake.write(record_for(DIRECTORY.name, change, SOURCE, ""))
        return len(over)

    async def _wishes(self) -> AsyncIterator[tuple[str, Subscription]]:
        pause, reference = Pause(), self._intake.reference
        for key in reference.ids(KIND):
            document = reference.get(KIND, key)
            if document and document.get("wish") and (found := subscription_in(document)):
                yield key, found
            # There may be many documents: others have their turn in between.
            await pause.if_due()
