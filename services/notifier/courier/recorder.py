"""Writes the outcome of each notice: to MongoDB first, then to Kafka, many at a time.

A change of a notice and the facts that tell of it are written to its document together (`unsaid`
holds the facts); after Kafka's ack the facts of a notice that is over are dropped from it. A crash
in between leaves them to be said again. Facts of a notice are said before a later change of it
overwrites them, so none is left out.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from shared.bus import Producer
from shared.errors import Unavailable
from shared.events import NoticeFact
from shared.storage.store import Collection, Document, UpdateOne
from shared.wire import Record, headers_for

log = structlog.get_logger()
T = TypeVar("T")

SOURCE = "notifier.courier"
AT_ONCE = 1000
GATHER_S = 0.005
"""What becomes of notices in this time is written in one go. Longer would be cheaper, and a kill
would repeat more mails.
"""
# Seconds between tries: short at first, two seconds in the end.
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)


class Patience:
    """Waits for MongoDB and Kafka as long as it takes; `trouble` says what for."""

    def __init__(self) -> None:
        self.trouble: str | None = None

    async def retry_until_available(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's result, tried again until nothing is Unavailable. It must bear being
        repeated.
        """
        tries = 0
        while True:
            try:
                found = await call()
            except Unavailable as error:
                # Said once: the metric and the check tell the rest.
                if tries == 0:
                    log.warning("waiting", why=str(error))
                self.trouble = str(error)
                await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1
            else:
                self.trouble = None
                return found


def to_keep(facts: Iterable[NoticeFact], trace: str | None) -> list[dict[str, Any]]:
    """Facts as a document keeps them until they are said."""
    return [
        {"key": fact.key, "value": fact.wire(), "headers": headers_for(fact, SOURCE, trace)}
        for fact in facts
    ]


def to_say(kept: Iterable[dict[str, Any]]) -> list[Record]:
    """Kept facts as records of topic `notices`."""
    return [
        Record(
            "notices", one["key"], one["value"], [(name, value) for name, value in one["headers"]]
        )
        for one in kept
    ]


@dataclass(slots=True)
class _Change:
    notice: str
    update: Document
    unsaid: list[dict[str, Any]]
    over: bool
    done: asyncio.Future[None]


class Recorder:
    """`run()` does the writing. Changes of one notice are written in the order they were added."""

    def __init__(self, notices: Collection, producer: Producer, patience: Patience) -> None:
        self._notices, self._producer, self._patience = notices, producer, patience
        self._changes: list[_Change] = []
        self._said: list[str] = []
        self._first: list[dict[str, Any]] = []
        self._first_over: list[str] = []
        self._came = asyncio.Event()
        self._idle = asyncio.Event()
        # Nothing to write yet.
        self._idle.set()

    def add(
        self,
        notice: str,
        update: Document,
        facts: Sequence[NoticeFact],
        trace: str | None,
        *,
        over: bool,
    ) -> asyncio.Future[None]:
        """Write `update` ($set, $unset) and say `facts`; `over`: nothing more will follow.

        Resolved when MongoDB has both: from then on whoever comes after us finds the change and
        says the facts. Nobody waits for Kafka.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.append(_Change(notice, update, to_keep(facts, trace), over, done))
        self._wake()
        return done

    def said(self, notices: Iterable[str]) -> None:
        """The facts these notices keep are in Kafka, and nothing more will follow: drop them."""
        self._said.extend(notices)
        if self._said:
            self._wake()

    def say_soon(self, kept: Iterable[dict[str, Any]], over: Iterable[str]) -> None:
        """Publish facts that stand in their documents already, before any later change; `over`:
        notices that end with them.
        """
        self._first.extend(kept)
        self._first_over.extend(over)
        self._wake()

    async def say(self, kept: Iterable[dict[str, Any]]) -> None:
        """Publish facts now; waits for Kafka."""
        records = to_say(kept)
        if not records:
            return
        await self._patience.retry_until_available(lambda: self._producer.send_many(records))

    async def drained(self) -> None:
        """Wait until all that was added is written."""
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER_S)
            # A bounded number, so that one write does not grow without end.
            changes, self._changes = self._changes[:AT_ONCE], self._changes[AT_ONCE:]
            # What was said belongs to notices that are over, so its order among the changes does
            # not matter.
            said, self._said = self._said, []
            writes = [UpdateOne({"_id": notice}, {"$unset": {"unsaid": ""}}) for notice in said]
            writes += [
                UpdateOne({"_id": change.notice}, _with_unsaid(change)) for change in changes
            ]
            # Facts that are in their documents already go first: later changes overwrite them.
            first, self._first, ended, self._first_over = self._first, [], self._first_over, []
            await self.say(first)
            self._said.extend(ended)
            await self._patience.retry_until_available(
                functools.partial(self._notices.bulk, writes)
            )
            # MongoDB has the change and its facts, so whoever waits may go on.
            for change in changes:
                if not change.done.done():
                    change.done.set_result(None)
            # Then Kafka; a crash before this line leaves the facts in the documents.
            await self.say(kept for change in changes for kept in change.unsaid)
            self._said.extend(change.notice for change in changes if change.over)
            # More may have come meanwhile.
            if not (self._changes or self._said or self._first):
                self._came.clear()
                self._idle.set()

    def _wake(self) -> None:
        self._idle.clear()
        self._came.set()


def _with_unsaid(change: _Change) -> Document:
    """A change without facts leaves what is unsaid alone: by now it has been said, or is said again
    by the next courier.
    """
    if not change.unsaid:
        return change.update
    return {**change.update, "$set": {**change.update.get("$set", {}), "unsaid": change.unsaid}}
