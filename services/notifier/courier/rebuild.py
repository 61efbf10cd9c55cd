"""The outbox made anew from the log, where MongoDB was lost: what is still owed is sent on, what is
over is never repeated.

Topic `notices` says what was owed and how far each came; the text of those still open is made again
from the facts that caused them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.notifier.courier.ledger import NoticePhase
from services.notifier.notices import (
    HANDLERS,
    DirectoryIndex,
    Notice,
    SenderIdentity,
    Told,
    notices_for,
)
from services.notifier.notices.status import STATUS, audience, tell_place
from shared import topics
from shared.bus import Reader
from shared.errors import Poisonous
from shared.events import (
    Event,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFact,
    NoticeFailed,
    NoticeOwed,
    NoticeSuppressed,
    StatusFact,
)
from shared.storage.store import Document

log = structlog.get_logger()

OWNER = "rebuilt"
"""The owner of what was rebuilt: nobody alive, so the next look for orphans takes it up."""


@dataclass(frozen=True, slots=True)
class NoticeHistory:
    """One notice as the log tells it: its first fact, the number of its last attempt, and its last
    fact.
    """

    first: NoticeFact
    tries: int
    last: NoticeFact

    @property
    def phase(self) -> NoticePhase:
        # The last fact tells the phase; an attempt without an outcome may have arrived.
        match self.last:
            case NoticeSuppressed():
                return NoticePhase.SUPPRESSED
            case NoticeDelivered():
                return NoticePhase.DELIVERED
            case NoticeFailed(retry_at=None):
                return NoticePhase.FAILED
            case NoticeFailed():
                return NoticePhase.WAITING
        return NoticePhase.SENDING

    @property
    def is_open(self) -> bool:
        return self.phase in {NoticePhase.WAITING, NoticePhase.SENDING}


def collect_histories(facts: Iterable[NoticeFact]) -> dict[str, NoticeHistory]:
    """Notice id → its story. Facts come in log order; a place (seq) that was seen is seen for
    good.
    """
    stories: dict[str, NoticeHistory] = {}
    # In log order; a repeat after a crash has a place that was seen.
    for fact in facts:
        known = stories.get(fact.key)
        if known is None:
            stories[fact.key] = NoticeHistory(fact, 1, fact)
        elif fact.seq > known.last.seq:
            tries = fact.tries if isinstance(fact, NoticeAttempted) else known.tries
            stories[fact.key] = replace(known, tries=tries, last=fact)
    return stories


def document_of(notice: str, story: NoticeHistory, text: Notice | None) -> Document:
    """The notice's document. `text` is needed for an open one; without it there is nothing to send,
    and a human must look.
    """
    first = story.first
    document: dict[str, Any] = {
        "_id": notice,
        "fact_id": first.cause,
        "ticket_id": first.ticket_id,
        "kind": first.notice_kind,
        "to": first.to,
        "owed_at": first.at,
        "tries": story.tries,
        "phase": story.phase,
        "owner": OWNER,
    }
    # Kept for notices that are over, too: `told_of` asks for everybody who was told.
    if isinstance(first, NoticeOwed) and first.about:
        document |= {"about": first.about, "place": first.place}
    # Only open notices need a text: a closed one is never sent again by itself.
    if not story.is_open:
        return document
    if text is None or not isinstance(first, NoticeOwed):
        return {
            **document,
            "phase": NoticePhase.FAILED,
            "reason": "what it said could not be made again from the log",
        }
    document |= {
        "template": first.template,
        "destination": first.destination,
        "body": text.body,
        "url": text.url,
        "open": True,
    }
    # Waits as long as it would have waited.
    if isinstance(story.last, NoticeFailed):
        document["retry_at"] = story.last.retry_at
    return document


NEWS = timedelta(days=1)
"""News for many that is older is told no further: what is left of its fan-out is not known, and
would be history by now.
"""


@dataclass(frozen=True, slots=True)
class RecoveredOutbox:
    """What the log still knows: every notice as a document of the outbox, and the young news for
    many. That is told from its beginning; whoever has a notice of it is not told again."""

    documents: list[Document]
    untold: list[StatusFact]


async def documents_from_log(
    bootstrap: str, prefix: str, directory: DirectoryIndex, house: SenderIdentity, now: datetime
) -> RecoveredOutbox:
    """What was in MongoDB, made anew. Raises Unavailable."""
    reader = Reader(bootstrap, prefix, client_id="courier-rebuild")
    await reader.start()
    try:
        documents = await _documents(reader, directory, house)
        news = [
            fact
            async for fact in _events(reader, topics.STATUS.name)
            if isinstance(fact, StatusFact) and type(fact) in STATUS
        ]
        return RecoveredOutbox(documents, [fact for fact in news if fact.at > now - NEWS])
    finally:
        await reader.stop()


def make_notices_again(
    fact: StatusFact,
    stories: Iterable[NoticeHistory],
    directory: DirectoryIndex,
    house: SenderIdentity,
) -> list[Told]:
    """The notices of `fact` for whoever it concerns only because they were told before."""
    # Only notices of this very fact: the others were caused by facts of their own.
    before = [
        (story.first.place, story.first.to)
        for story in stories
        if isinstance(story.first, NoticeOwed) and story.first.cause == fact.id
    ]
    places = audience(fact, directory, before)
    return [one for place in places for one in tell_place(fact, place, directory, house)]


async def _documents(
    reader: Reader, directory: DirectoryIndex, house: SenderIdentity
) -> list[Document]:
    # Twice through the log: first what is open, then the facts that made it.
    stories = collect_histories(
        [
            fact
            async for fact in _events(reader, topics.NOTICES.name)
            if isinstance(fact, NoticeFact)
        ]
    )
    causes = {story.first.cause for story in stories.values() if story.is_open}
    open_stories = [story for story in stories.values() if story.is_open]
    open_ones = {notice for notice, story in stories.items() if story.is_open}
    texts: dict[str, Notice] = {}
    # Topics with rules, because only their facts make notices.
    if causes:
        for topic in (name for name, rules in HANDLERS.items() if rules):
            async for fact in _events(reader, topic):
                if fact.id in causes:
                    made = notices_for(fact, directory, house)
                    if isinstance(fact, StatusFact):
                        # Some were told only because they were told before; `notices_for` does not
                        # know them.
                        made += make_notices_again(fact, open_stories, directory, house)
                    texts |= {
                        one.id: one
                        for one in made
                        if isinstance(one, Notice) and one.id in open_ones
                    }
    return [document_of(notice, story, texts.get(notice)) for notice, story in stories.items()]


async def _events(reader: Reader, topic: str) -> AsyncIterator[Event]:
    # From the beginning of what the topic still holds.
    starts = {(topic, p): 0 for p in range(await reader.partitions(topic))}
    async for messages in reader.read_to_end(starts):
        for message in messages:
            try:
                event = topics.read(message.value, message.headers.get("ce_type"))
            except Poisonous:
                continue  # a dead letter of whoever was to handle it
            if event is not None:
                yield event
