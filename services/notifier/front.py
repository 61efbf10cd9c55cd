"""The notifier's front: turns urgents, raises, downgrades, solutions and page requests into `page-inbox`, keyed by lane.

Stateless: publish, await the acks, commit. Ids are derived, so a repeat makes the same events, and both roads of an urgent
ticket (`urgent` from intake, `tickets` from the router) make the same PageWanted; the pager takes the first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import Counter

from services.notifier.alerting import on_raise_alert, on_restore_alerts, on_silence_alerts
from shared import topics
from shared.access import may_handle_pages
from shared.bus import Consumer, Producer
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.events import (
    KAFKA_AWAY,
    AckAsked,
    Acknowledge,
    ActivitySeen,
    ContactCheckWanted,
    DirectPage,
    DirectPageSeen,
    DowngradeSeen,
    EscalateAsked,
    EscalatePage,
    Event,
    NoteAdded,
    OpenTicket,
    PagedDirectly,
    PageWanted,
    PriorityReviewed,
    PrioritySet,
    RaiseAlert,
    ReplyAdded,
    ResolveAsked,
    ResolvePage,
    RestoreAlerts,
    SenderConfirmed,
    SilenceAlerts,
    SolveSeen,
    TicketAssigned,
    TicketSolved,
    VerifyContact,
)
from shared.ids import derive, lane_of, obligation_id
from shared.policy import ON_CALL
from shared.settings import Settings
from shared.text.reading import began_in_words
from shared.wire import Batch, Message, Record, dead_letter, record_for

log = structlog.get_logger()

SOURCE = "notifier.front"
HANDLED = Counter("signalbox_front_inbox_total", "Events written to page-inbox", ["type"])
LETTERS = Counter("signalbox_front_dead_letters_total", "Inputs of the front that nobody can read")


def on_urgent(ticket: OpenTicket) -> Iterable[Event]:
    """Intake's copy: the recorded facts entitle it to page (or else it would not be here)."""
    if ticket.pages:
        yield PageWanted(
            id=obligation_id(ticket.key, ticket.id), key=ticket.lane, at=ticket.at,
            obligation=obligation_id(ticket.key, ticket.id), ticket_id=ticket.key, request_id=ticket.id, subject=ticket.subject,
            requester=ticket.actor.email, app=ticket.app, accepted_at=ticket.at, policy=ticket.policy,
            began=began_in_words(ticket.times),
        )  # fmt: skip


def on_paged_directly(paged: PagedDirectly) -> Iterable[Event]:
    """What intake sent with Kafka away. It stands before its ticket, so the pager finds the attempt made and makes no second one.

    The page that said so itself is over when this is read: Kafka is back.
    """
    told = {name: getattr(paged, name) for name in DirectPage.model_fields if name not in ("type", "id", "key")}
    yield DirectPageSeen(id=derive("dps", paged.id), key=paged.lane, **told)
    if paged.lane == KAFKA_AWAY:
        yield SolveSeen(
            id=derive("slv", paged.id), key=paged.lane, at=paged.at, ticket_id=paged.ticket_id, obligations=(paged.obligation,), by="system"
        )


def on_priority_set(fact: PrioritySet) -> Iterable[Event]:
    if fact.pages and fact.obligation:
        yield _wanted(fact, fact.obligation, fact.opened_at, fact.began)


def on_priority_reviewed(fact: PriorityReviewed) -> Iterable[Event]:
    """What it takes back comes first: a raise after it opens a page of its own."""
    if fact.cancels:
        yield DowngradeSeen(
            id=derive("dwn", fact.id), key=fact.lane, at=fact.at, ticket_id=fact.key, cancels=fact.cancels, by=fact.by, reason=fact.reason
        )
    if fact.pages and fact.obligation:
        yield _wanted(fact, fact.obligation, fact.at)


def on_sender_confirmed(fact: SenderConfirmed) -> Iterable[Event]:
    if fact.pages and fact.obligation:
        yield _wanted(fact, fact.obligation, fact.at)


def on_ticket_solved(fact: TicketSolved) -> Iterable[Event]:
    if fact.obligations:
        yield SolveSeen(id=derive("slv", fact.id), key=fact.lane, at=fact.at, ticket_id=fact.key, obligations=fact.obligations, by=fact.by)


def on_reply(fact: ReplyAdded) -> Iterable[Event]:
    return _activity(fact, "answer")


def on_note(fact: NoteAdded) -> Iterable[Event]:
    return _activity(fact, "note")


def on_assigned(fact: TicketAssigned) -> Iterable[Event]:
    return _activity(fact, "hand-over" if fact.provider else "take")


def _activity(fact: ReplyAdded | NoteAdded | TicketAssigned, activity: str) -> Iterable[Event]:
    """The router names what is owed only where one of ours is at work."""
    if fact.obligations:
        yield ActivitySeen(
            id=derive("act", fact.id), key=fact.lane, at=fact.at, ticket_id=fact.key, obligations=fact.obligations, by=fact.by,
            activity=activity,
        )  # fmt: skip


def on_acknowledge(request: Acknowledge) -> Iterable[Event]:
    may = request.via_link or may_handle_pages(request.actor)
    via = "link" if request.via_link else str(request.actor.via)
    yield AckAsked(id=request.id, key=lane_of(request.key), at=request.at, page=request.key, by=request.actor.email, via=via, may=may)


def on_resolve(request: ResolvePage) -> Iterable[Event]:
    may = may_handle_pages(request.actor)
    yield ResolveAsked(id=request.id, key=lane_of(request.key), at=request.at, page=request.key, by=request.actor.email, may=may)


def on_escalate(request: EscalatePage) -> Iterable[Event]:
    may = may_handle_pages(request.actor)
    yield EscalateAsked(id=request.id, key=lane_of(request.key), at=request.at, page=request.key, by=request.actor.email, may=may)


def on_verify_contact(request: VerifyContact) -> Iterable[Event]:
    yield ContactCheckWanted(
        id=request.id, key=request.key, at=request.at, person=request.person, method=request.method, asked_at=request.at,
        version=request.policy.get(ON_CALL, 0),
    )  # fmt: skip


HANDLERS: dict[str, dict[type[Event], Callable[[Any], Iterable[Event]]]] = {
    "urgent": {PagedDirectly: on_paged_directly, OpenTicket: on_urgent},
    "tickets": {
        PrioritySet: on_priority_set,
        PriorityReviewed: on_priority_reviewed,
        SenderConfirmed: on_sender_confirmed,
        TicketSolved: on_ticket_solved,
        ReplyAdded: on_reply,
        NoteAdded: on_note,
        TicketAssigned: on_assigned,
    },
    "requests": {
        Acknowledge: on_acknowledge,
        ResolvePage: on_resolve,
        EscalatePage: on_escalate,
        RaiseAlert: on_raise_alert,
        SilenceAlerts: on_silence_alerts,
        RestoreAlerts: on_restore_alerts,
        VerifyContact: on_verify_contact,
    },
    "status": {},
}
"""Topic → event → what it means for pages. Other events of these topics mean nothing here and are not even parsed."""

_WANTED = {(topic, kind.__name__) for topic, kinds in HANDLERS.items() for kind in kinds}


def records_for(messages: Sequence[Message], now: datetime) -> list[Record]:
    """What a batch puts into `page-inbox`, in its order, and into `dead-letters` what cannot be read."""
    found: list[Record] = []
    for message in messages:
        try:
            ce_type = message.headers.get("ce_type")
            if (message.topic, topics.type_of(message.value, ce_type)) not in _WANTED:
                continue
            event = topics.read(message.value, ce_type)
            if event is None:
                continue
            for wanted in HANDLERS[message.topic][type(event)](event):
                if not wanted.key:
                    raise Poisonous(f"{event.type} {event.id} names no lane")
                found.append(record_for("page-inbox", wanted, SOURCE, message.headers.get("traceparent")))
                HANDLED.labels(wanted.type).inc()
        except Poisonous as error:
            LETTERS.inc()
            log.warning("dead letter", topic=message.topic, partition=message.partition, offset=message.offset, reason=str(error))
            found.append(record_for("dead-letters", dead_letter(message, SOURCE, str(error), now), SOURCE))
    return found


def _wanted(fact: PrioritySet | PriorityReviewed | SenderConfirmed, obligation: str, accepted_at: datetime, began: str = "") -> PageWanted:
    return PageWanted(
        id=obligation, key=fact.lane, at=fact.at, obligation=obligation, ticket_id=fact.key, request_id=fact.cause,
        subject=fact.subject, requester=fact.requester, accepted_at=accepted_at, policy=fact.policy,
        began=began,
    )  # fmt: skip


def in_order(batch: Batch) -> list[Message]:
    """The messages of a batch, urgents first: nobody waits behind a burst of other news."""
    return [message for where in sorted(batch, key=lambda where: where[0] != "urgent") for message in batch[where]]


class Front:
    """The front's loop: `await run()` until `stop()`; its value is the exit code, 1 where Kafka failed."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._stopping = asyncio.Event()
        self._trouble: str | None = "starting"
        self._consumer: Consumer | None = None

    def stop(self) -> None:
        """Finish the batch in hand, commit, leave."""
        self._stopping.set()
        if self._consumer is not None:
            self._consumer.finish()

    async def unready(self) -> str | None:
        return self._trouble

    async def run(self) -> int:
        """Read, translate, publish, commit."""
        producer = Producer(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix, SOURCE)
        try:
            consumer = self._consumer = await self._joined()
            if consumer is None:
                return 0
            self._trouble = None
            async for batch in consumer.batches():
                records = records_for(in_order(batch), self._clock.now())
                await producer.send_many(records)
                consumer.commit(batch)
        except Unavailable as error:
            log.error("ending without a commit, to be started again", error=str(error))
            return 1
        finally:
            if self._consumer is not None:
                await self._consumer.stop()
            await producer.stop()
        return 0

    async def _joined(self) -> Consumer | None:
        """A member of the group as soon as Kafka answers; None: stopped meanwhile."""
        pause = 0.1
        while not self._stopping.is_set():
            kafka, prefix, instance = self._settings.kafka_bootstrap_servers, self._settings.topic_prefix, self._settings.instance
            consumer = Consumer(kafka, prefix, SOURCE, [topic for topic, kinds in HANDLERS.items() if kinds], instance=instance)
            try:
                await consumer.start()
                return consumer
            except Unavailable as error:
                self._trouble = str(error)
                log.warning("waiting for Kafka", error=self._trouble)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, 2.0)
        return None
