"""A lease in MongoDB: of those who ask, one has it, until it leaves or is silent for `SPAN_S`.

For workers that must be one process and need MongoDB anyway. The times are MongoDB's own. A holder
that stood still for longer than the span may believe it has the lease: what it writes has to check
the owner in the same step (as the projector's transactions do).
"""

from __future__ import annotations

import asyncio
import secrets

import structlog

from shared.errors import Unavailable
from shared.storage.store import Store

log = structlog.get_logger()

SPAN_S = 15.0
_COLLECTION = "leases"


class Lease:
    """`name`: what is leased. `holder`: how people call this process; `owner` is that and
    unique.
    """

    def __init__(self, store: Store, name: str, holder: str, *, span: float = SPAN_S) -> None:
        self._store, self._name, self._span = store, name, span
        self.owner = f"{holder}#{secrets.token_hex(4)}"

    async def take(self) -> str | None:
        """Take it, or keep it. None: it is ours; else the owner who has it. Raises Unavailable."""
        # MongoDB's clock, so that the clocks of the machines do not matter.
        ends = {"$subtract": ["$$NOW", int(1000 * self._span)]}
        is_free = {
            "$or": [
                {"$eq": ["$owner", self.owner]},
                {"$lt": [{"$ifNull": ["$seen_at", None]}, ends]},  # none sorts before every date
            ]
        }
        # One step: who is free to take it is decided and written by the server. `free` is a field
        # for the moment only.
        held = await self._store[_COLLECTION].take(
            {"_id": self._name},
            [
                {"$set": {"free": is_free}},
                {
                    "$set": {
                        "owner": {"$cond": ["$free", self.owner, "$owner"]},
                        "seen_at": {"$cond": ["$free", "$$NOW", "$seen_at"]},
                    }
                },
                {"$unset": "free"},
            ],
            upsert=True,
        )
        owner = str(held["owner"]) if held else ""
        return None if owner == self.owner else owner

    async def keep(self) -> None:
        """Keep it, until somebody else has it. With MongoDB away nobody can take it either."""
        while True:
            # Four tries in a span: one that fails costs nothing.
            await asyncio.sleep(self._span / 4)
            try:
                if (other := await self.take()) is not None:
                    log.error("the lease is lost", lease=self._name, owner=other)
                    return
            except Unavailable as error:
                log.warning("the lease cannot be renewed", lease=self._name, error=str(error))

    async def leave(self) -> None:
        """Somebody else may have it at once. Raises Unavailable: then in `SPAN_S`."""
        # Only our own: somebody else may have taken it meanwhile.
        await self._store[_COLLECTION].delete({"_id": self._name, "owner": self.owner})
