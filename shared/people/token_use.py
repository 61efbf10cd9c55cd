"""When a machine's token was last used: noted in memory at each use, written about once a minute.

An operational record and no truth: a crash or MongoDB away costs the last minute of it, and no
request ever waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

import structlog

from shared.errors import Unavailable
from shared.storage.store import Store, UpdateOne

log = structlog.get_logger()

COLLECTION = "token_use"
EVERY = timedelta(minutes=1)
# Tokens kept in memory while MongoDB is away; beyond that the newest are not noted.
_MOST = 100_000


class TokenUse:
    """`record_use` is for the hot path: one entry of a dict."""

    def __init__(self, store: Store) -> None:
        self._uses = store[COLLECTION]
        self._unwritten: dict[str, datetime] = {}

    def seen(self, token: str, at: datetime) -> None:
        if len(self._unwritten) < _MOST or token in self._unwritten:
            self._unwritten[token] = at

    async def write(self) -> None:
        """Write what was seen since. Raises Unavailable, and then keeps it for the next time."""
        taken, self._unwritten = self._unwritten, {}
        if not taken:
            return
        try:
            changes = [
                # "$max": several intakes write the same token, in any order.
                UpdateOne({"_id": token}, {"$max": {"at": at}}, upsert=True)
                for token, at in taken.items()
            ]
            await self._uses.bulk(changes, ordered=False)
        except Unavailable:
            # What was seen meanwhile is newer and wins.
            self._unwritten = {**taken, **self._unwritten}
            raise

    async def last(self, tokens: Collection[str], within: float = 1.0) -> dict[str, datetime]:
        """Token id → its last use as far as it is known here; empty where MongoDB does not answer
        in `within` seconds.
        """
        found: dict[str, datetime] = {}
        try:
            async with asyncio.timeout(within):
                found = {
                    doc["_id"]: doc["at"]
                    for doc in await self._uses.find({"_id": {"$in": list(tokens)}})
                }
        except (Unavailable, TimeoutError):
            log.info("when tokens were last used is not known just now")
        # What is still in memory here is newer than what MongoDB has.
        for token in tokens:
            if (at := self._unwritten.get(token)) and at > found.get(token, at - EVERY):
                found[token] = at
        return found

    async def run(self) -> None:
        """Write once a minute until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(EVERY.total_seconds())
                try:
                    await self.write()
                except Unavailable:
                    log.info("when tokens were last used waits for MongoDB")
        finally:
            # One second: the process is on its way out.
            try:
                async with asyncio.timeout(1):
                    await self.write()
            except (Unavailable, TimeoutError):
                log.info("when tokens were last used is lost for the last minute")
