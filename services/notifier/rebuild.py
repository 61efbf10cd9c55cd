"""The outbox made anew from the log, where MongoDB was lost: what is still owed is sent on, what is over is never repeated.

Topic `notices` says what was owed and how far each came; the text of those still open is made again from the facts that caused them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.notifier.ledger import Phase
from services.notifier.notices import HANDLERS, House, Lookup, Notice, notices_for
from services.notifier.notices.status import STATUS
from shared import topics
from shared.bus import Reader
from shared.errors import Poisonous
from shared.events import Event, NoticeAttempted, NoticeDelivered, NoticeFact, NoticeFailed, NoticeOwed, NoticeSuppressed, StatusFact
from shared.store import Document

log = structlog.get_logger()

OWNER = "rebuilt"
"""The owner of what was rebuilt: nobody alive, so the next look for orphans takes it up."""


@dataclass(frozen=True, slots=True)
class Story:
    """One notice as the log tells it: its first fact, the number of its last attempt, and its last fact."""

    first: NoticeFact
    tries: int
    last: NoticeFact

    @property
    def phase(self) -> Phase:
        match self.last:
            case NoticeSuppressed():
                return Phase.SUPPRESSED
            case NoticeDelivered():
                return Phase.DELIVERED
            case NoticeFailed(retry_at=None):
                return Phase.FAILED
            case NoticeFailed():
                return Phase.WAITING
        return Phase.SENDING

    @property
    def is_open(self) -> bool:
        return self.phase in {Phase.WAITING, Phase.SENDING}


def told_by(facts: Iterable[NoticeFact]) -> dict[str, Story]:
    """Notice id → its story. Facts come in log order; a place (seq) that was seen is seen for good."""
    stories: dict[str, Story] = {}
    for fact in facts:
        known = stories.get(fact.key)
        if known is None:
            stories[fact.key] = Story(fact, 1, fact)
        elif fact.seq > known.last.seq:
            tries = fact.tries if isinstance(fact, NoticeAttempted) else known.tries
            stories[fact.key] = replace(known, tries=tries, last=fact)
    return stories


def document_of(notice: str, story: Story, text: Notice | None) -> Document:
    """The notice's document. `text` is needed for an open one; without it there is nothing to send, and a human must look."""
    first = story.first
    document: dict[str, Any] = {
        "_id": notice, "fact_id": first.cause, "ticket_id": first.ticket_id, "kind": first.notice_kind, "to": first.to,
        "owed_at": first.at, "tries": story.tries, "phase": story.phase, "owner": OWNER,
    }  # fmt: skip
    if not story.is_open:
        return document
    if text is None or not isinstance(first, NoticeOwed):
        return {**document, "phase": Phase.FAILED, "reason": "what it said could not be made again from the log"}
    document |= {"template": first.template, "destination": first.destination, "body": text.body, "url": text.url, "open": True}
    if isinstance(story.last, NoticeFailed):
        document["retry_at"] = story.last.retry_at
    return document


NEWS = timedelta(days=1)
"""News for many that is older is told no further: what is left of its fan-out is not known, and would be history by now."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What the log still knows: every notice as a document of the outbox, and the young news for many. That is told from its beginning;
    whoever has a notice of it is not told again."""

    documents: list[Document]
    untold: list[StatusFact]


async def documents_from_log(bootstrap: str, prefix: str, directory: Lookup, house: House, now: datetime) -> Lost:
    """What was in MongoDB, made anew. Raises Unavailable."""
    reader = Reader(bootstrap, prefix, client_id="courier-rebuild")
    await reader.start()
    try:
        documents = await _documents(reader, directory, house)
        news = [fact async for fact in _events(reader, topics.STATUS.name) if isinstance(fact, StatusFact) and type(fact) in STATUS]
        return Lost(documents, [fact for fact in news if fact.at > now - NEWS])
    finally:
        await reader.stop()


async def _documents(reader: Reader, directory: Lookup, house: House) -> list[Document]:
    stories = told_by([fact async for fact in _events(reader, topics.NOTICES.name) if isinstance(fact, NoticeFact)])
    causes = {story.first.cause for story in stories.values() if story.is_open}
    open_ones = {notice for notice, story in stories.items() if story.is_open}
    texts: dict[str, Notice] = {}
    if causes:
        for topic in (name for name, rules in HANDLERS.items() if rules):
            async for fact in _events(reader, topic):
                if fact.id in causes:
                    made = notices_for(fact, directory, house)
                    texts |= {one.id: one for one in made if isinstance(one, Notice) and one.id in open_ones}
    return [document_of(notice, story, texts.get(notice)) for notice, story in stories.items()]


async def _events(reader: Reader, topic: str) -> AsyncIterator[Event]:
    starts = {(topic, p): 0 for p in range(await reader.partitions(topic))}
    async for messages in reader.read_to_end(starts):
        for message in messages:
            try:
                event = topics.read(message.value, message.headers.get("ce_type"))
            except Poisonous:
                continue  # a dead letter of whoever was to handle it
            if event is not None:
                yield event
