"""Following the log: every topic to its end, then what is overdue at a moment before that end.

A finding counts once everything written before the moment it fell due has been read, and it has
stood for a while: a timer that fires a little late is no loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

import orjson
import structlog

from services.auditor.book import Book, Finding
from services.auditor.expectations import FAR_END, NOT_THE_ROUTERS, RULES, Meet, operations
from shared import events as e
from shared import topics
from shared.bus import Reader
from shared.clock import Clock
from shared.errors import Poisonous
from shared.telemetry.log_context import handle
from shared.wire import Message

log = structlog.get_logger()

# Not `urgent`: its tickets are on `requests`, too. Directory and policies promise nothing.
AUDITED = (
    topics.REQUESTS,
    topics.TICKETS,
    topics.STATUS,
    topics.CLOCKS,
    topics.PAGES,
    topics.NOTICES,
    topics.MAIL,
)
TOPICS = tuple(topic.name for topic in AUDITED)

Where = tuple[str, int]


def is_heard(kind: type[e.Event]) -> bool:
    """Whether `operations` says anything of it; the rest is not even parsed."""
    return (
        kind in RULES
        or issubclass(kind, e.TicketFact | e.StatusFact)
        or (issubclass(kind, e.Request) and kind not in NOT_THE_ROUTERS)
    )


_HEARD = {name for name, kind in topics.EVENTS.items() if is_heard(kind)}


class Audit:
    """The book, and how far the log has been read into it. `take` for records in log order,
    `findings` for what is overdue.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.next = book.offsets()
        self.unreadable = 0

    def take(self, messages: Iterable[Message]) -> None:
        """Records of one or more partitions, each in log order; kept with their offsets in one
        transaction.
        """
        with self.book.transaction() as moved:
            for message in messages:
                # The offset moves for every record, also those that say nothing.
                moved[message.topic, message.partition] = message.offset + 1
                handle(message)
                event = self._event_in(message)
                if event is not None:
                    self.book.take(operations(event), event.at)
        handle(None)
        self.next |= moved

    def _event_in(self, message: Message) -> e.Event | None:
        """What counts: readable, heard, and the first fact with its seq; facts of mail have none,
        their ids tell them apart.
        """
        try:
            if topics.type_of(message.value, message.headers.get("ce_type")) not in _HEARD:
                return None
            event = topics.read(message.value, message.headers.get("ce_type"))
        except Poisonous as error:
            self.unreadable += 1
            log.warning(
                "a record cannot be read",
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                error=str(error),
            )
            return None
        # Seq 0: a fact without a place in its key, known by its id.
        if (
            isinstance(event, e.Fact)
            and event.seq
            and not self.book.is_first(message.topic, event.key, event.seq, event.at)
        ):
            return None
        return event

    def receipts(self, raw: bytes, at: datetime) -> int:
        """What a far end, asked `at`, says it got: a JSON list of `{id, n, …}`; gives the greatest
        `n`.

        Raises ValueError for something else. A receipt that is listed before its page is expected
        counts as well.
        """
        listed = orjson.loads(raw)
        if not isinstance(listed, list):
            raise ValueError("the far end's receipts are no list")
        # Other fields are the far end's own.
        got = [receipt for receipt in listed if isinstance(receipt, dict)]
        with self.book.transaction():
            # At the time of asking: it says no more exactly when it came.
            self.book.take((Meet(FAR_END, str(receipt.get("id"))) for receipt in got), at)
        return max((n for receipt in got if isinstance(n := receipt.get("n"), int)), default=0)


async def follow(
    audit: Audit, reader: Reader, clock: Clock, moved: Callable[[datetime], None]
) -> None:
    """Read on and on. `moved(at)` is called when everything that was in the log at `at` has been
    read.

    Raises Unavailable, or an ExceptionGroup of it.
    """
    places = [
        (topic, partition)
        for topic in TOPICS
        for partition in range(await reader.partitions(topic))
    ]
    begins, ends = await reader.begins(places), await reader.ends(places)
    # Offsets beyond the end are of another log: the book would never catch up.
    if any(audit.next.get(where, 0) > end for where, end in ends.items()):
        log.warning("the log was made anew, the audit starts over")
        audit.book.forget()
        audit.next = {}
    # What was deleted from the log by age is not waited for.
    starts = {where: max(audit.next.get(where, 0), begins[where]) for where in places}
    audit.next = dict(starts)
    async with asyncio.TaskGroup() as group:
        group.create_task(_ask_for_ends(audit, reader, places, clock, moved))
        async for messages in reader.tail(starts):
            audit.take(messages)
            # Lets the other tasks run between two batches.
            await asyncio.sleep(0)


async def _ask_for_ends(
    audit: Audit,
    reader: Reader,
    places: list[Where],
    clock: Clock,
    moved: Callable[[datetime], None],
) -> None:
    while True:
        # The time first, then the ends: all that was written before `at` is before them.
        at = clock.now()
        ends = await reader.ends(places)
        while any(
            # A damaged partition is a finding of its own, and must not stop the clock of the rest.
            audit.next.get(where, 0) < end and where not in reader.damaged
            for where, end in ends.items()
        ):
            await asyncio.sleep(0.05)
        moved(at)
        await asyncio.sleep(1.0)


class SettledFindings:
    """Which findings have stood for `settle` seconds; `seconds` is a clock that never goes back."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._since: dict[tuple[str, str], float] = {}

    def told(self, found: Collection[Finding], seconds: float) -> list[Finding]:
        now = {(finding.kind, finding.id): finding for finding in found}
        # A finding that is gone for one look begins anew.
        self._since = {key: self._since.get(key, seconds) for key in now}
        return [
            finding for key, finding in now.items() if seconds - self._since[key] >= self._settle
        ]
