"""One batch of the log on paper: which documents it needs, and what it makes of them. Pure;
`loop.py` reads and writes.

Written again, a batch changes nothing: documents know the last seq they hold, timeline entries are
named by topic, key and seq (the first in the log counts, DESIGN section 3), what became of a
request is a set.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from services.portal.projector.audit import entry_of, needs_before
from services.portal.projector.files import with_files
from services.portal.projector.incidents import project_status
from services.portal.projector.mail import places, project_mail
from services.portal.projector.pages import find_request_outcome, project_notice, project_page
from services.portal.projector.tickets import Doc, bucket, iso, project
from shared import events as e
from shared.access import audience_of
from shared.errors import Poisonous
from shared.people.folding import fold_address
from shared.people.saved_views import SAVED_VIEWS
from shared.people.sign_in import SIGN_IN_KINDS
from shared.telemetry.tracing import parse as parse_trace
from shared.topics import read
from shared.wire import Message

Place = tuple[str, str]
"""(collection, id)."""

# A fact may also be caused by another fact; only requests are settled.
_REQUEST = re.compile(r"req_[a-z2-7]+")
HIDDEN_KINDS = ("credentials", "tokens", SAVED_VIEWS, *SIGN_IN_KINDS)
"""Directory kinds that no view holds."""


class EventMessage(NamedTuple):
    """A message with the event it carries."""

    message: Message
    event: e.Event


class TicketCounter(NamedTuple):
    """A counter: live and done tickets of one partition of the log."""

    partition: int
    queue: str
    status: str
    priority: str

    @property
    def id(self) -> str:
        return f"{self.partition}|{self.queue}|{self.status}|{self.priority}"


@dataclass
class Changes:
    """What a batch comes to.

    `replaced`: documents to write whole (None: to remove); `inserted`: to write unless they are
    there; `settled`: by request id what to set and which facts to add; `counted` and `shelved`: by
    how much each counter of a queue and each of a home's list moves.
    """

    replaced: dict[str, dict[str, Doc | None]] = field(default_factory=lambda: defaultdict(dict))
    inserted: dict[str, dict[str, Doc]] = field(default_factory=lambda: defaultdict(dict))
    settled: dict[str, Doc] = field(default_factory=dict)
    counted: dict[TicketCounter, int] = field(default_factory=lambda: defaultdict(int))
    shelved: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def parse(messages: Iterable[Message]) -> tuple[list[EventMessage], list[tuple[Message, str]]]:
    """The events, and the messages that are none with the reason. Tombstones and types of newer
    versions are left out.
    """
    events: list[EventMessage] = []
    poison: list[tuple[Message, str]] = []
    for message in messages:
        if not message.value:
            continue
        try:
            event = read(message.value, message.headers.get("ce_type"))
        except Poisonous as error:
            poison.append((message, str(error)))
            continue
        if event is not None:
            events.append(EventMessage(message, event))
    return events, poison


def list_needed_docs(events: Iterable[EventMessage]) -> set[Place]:
    """The documents the fold starts from."""
    found: set[Place] = set()
    # Kinds that are absent are written whole, without a look at what was there.
    for message, event in events:
        if isinstance(event, e.TicketFact | e.ClockFact):
            found.add(("tickets", event.key))
        elif isinstance(event, e.PageFact):
            if event.page:
                found.add(("pages", event.page))
        elif isinstance(event, e.NoticeFact):
            found.add(("notices", event.key))
        elif isinstance(event, e.StatusFact):
            found.add(("incidents", event.key))
        elif isinstance(event, e.MailFact):
            found |= places(event, message.partition)
        elif isinstance(event, e.DirectoryRecorded) and needs_before(event):
            found.add(("directory", f"{event.kind}:{event.doc_id}"))
    return found


class Fold:
    """`docs` are the documents `list_needed_docs` named, None where there is none; the fold updates it. `feed`
    numbers timeline entries; `file_names` are those of the files that `files.py` wants, by
    id.
    """

    def __init__(
        self,
        docs: dict[Place, Doc | None],
        feed: int,
        file_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.docs, self.feed, self._file_names = docs, feed, file_names
        self.changes = Changes()

    def take(self, events: Iterable[EventMessage]) -> Changes:
        """Fold the events in, in the order given: facts of `tickets` before those of other topics
        with the same keys.
        """
        for message, event in events:
            match event:
                case e.TicketFact() | e.ClockFact():
                    self._ticket(message, event)
                case e.PageFact():
                    self._page(message, event)
                case e.NoticeFact():
                    self._keep(
                        "notices",
                        event.key,
                        project_notice(self.docs.get(("notices", event.key)), event),
                    )
                case e.StatusFact():
                    self._incident(message, event)
                case e.MailFact():
                    for (collection, name), doc in project_mail(
                        self.docs, event, message.partition
                    ).items():
                        self._keep(collection, name, doc)
                case e.Request():
                    self._fold_request(event)
                case _:
                    # What is written whole: the directory, policies, figures, dead letters.
                    self._reference(message, event)
        return self.changes

    def _ticket(self, message: Message, fact: e.TicketFact | e.ClockFact) -> None:
        place = ("tickets", fact.key)
        before = self.docs.get(place)
        made = project(before, fact)
        assert made is not None, "seq begins at 1"
        if made is not before:
            made = with_files(made, fact, self._file_names)
            made["partition"] = message.partition
            self._count(message.partition, before, made)
            self._keep("tickets", fact.key, made)
        # The entry is written even where the document had the fact: an insert never replaces.
        order = made["clock_order" if isinstance(fact, e.ClockFact) else "ticket_order"]
        seen_by = {"people": made["people"], "provider": made["provider"], "queue": made["queue"]}
        self._entry(message, fact, order=order, ticket=fact.key, seen_by=seen_by)
        self._settle_cause(fact)

    def _page(self, message: Message, fact: e.PageFact) -> None:
        before = self.docs.get(("pages", fact.page))
        made = project_page(before, fact)
        if made is not None:
            self._keep("pages", fact.page, made)
        # A fact without a ticket of its own belongs to the ticket of its page.
        ticket = getattr(fact, "ticket_id", None) or (made or {}).get("ticket_id")
        people = (made or {}).get("people", [])
        self._entry(
            message,
            fact,
            order=iso(fact.at),
            ticket=ticket,
            page=fact.page or None,
            seen_by={"people": people, "provider": None, "queue": None} if people else None,
            tickets=(made or {}).get("ticket_ids"),
        )
        self._settle_cause(fact)

    def _incident(self, message: Message, fact: e.StatusFact) -> None:
        made = project_status(self.docs.get(("incidents", fact.key)), fact)
        if made is not None and made is not self.docs.get(("incidents", fact.key)):
            made["partition"] = message.partition
        self._keep("incidents", fact.key, made)
        self._entry(message, fact, order=iso(fact.at), ticket=None, incident=fact.key, seen_by=None)
        self._settle_cause(fact)

    def _keep(self, collection: str, name: str, doc: Doc | None) -> None:
        if doc is not self.docs.get((collection, name)):
            self.docs[collection, name] = doc
            self.changes.replaced[collection][name] = doc

    def _count(self, partition: int, before: Doc | None, made: Doc) -> None:
        # A counter moves only where the ticket leaves one bucket for another.
        old, new = bucket(before), bucket(made)
        if old != new:
            if old is not None:
                self.changes.counted[TicketCounter(partition, *old)] -= 1
            if new is not None:
                self.changes.counted[TicketCounter(partition, *new)] += 1
        # The lists of the homes are counted the same way, one counter a shelf.
        was, is_now = set((before or {}).get("shelves") or ()), set(made.get("shelves") or ())
        for name in was - is_now:
            self.changes.shelved[name] -= 1
        for name in is_now - was:
            self.changes.shelved[name] += 1

    def _entry(
        self,
        message: Message,
        fact: e.Fact,
        *,
        order: str,
        ticket: str | None,
        seen_by: Doc | None,
        page: str | None = None,
        incident: str | None = None,
        tickets: list[str] | None = None,
    ) -> None:
        """Timeline order is a function of the log: each topic's facts by time never going back,
        then topic and seq.
        """
        # As it came, not as the model read it: fields of newer versions stay in the view.
        data: dict[str, Any] = orjson.loads(message.value)
        audience = audience_of(fact)
        trace = parse_trace(message.headers.get("traceparent"))
        name = f"{message.topic}/{fact.key}/{fact.seq}"
        self.feed += 1
        self.changes.inserted["timeline"].setdefault(
            name,
            {
                "_id": name,
                "id": fact.id,
                "topic": message.topic,
                "ticket": ticket,
                "page": page,
                "incident": incident,
                "seq": fact.seq,
                "type": fact.type,
                "at": iso(fact.at),
                "by": data.get("by"),
                "audience": audience and audience.value,
                "data": data,
                "seen_by": seen_by,
                # Leading zeros, so that the order of the strings is the order of the seqs.
                "order": f"{order} {_TOPIC_RANK.get(message.topic, 9)} {fact.seq:07d}",
                "feed": self.feed,
                "cause": fact.cause,
                "trace": trace.trace_id if trace else None,
                **({"tickets": tickets} if tickets else {}),
            },
        )

    def _fold_request(self, request: e.Request) -> None:
        # Listed one by one: what is in neither list is about a ticket.
        is_page = isinstance(
            request,
            e.Acknowledge
            | e.ResolvePage
            | e.EscalatePage
            | e.NotePage
            | e.ReassignPage
            | e.VerifyContact
            | e.TestPage
            | e.SilenceAlerts
            | e.RestoreAlerts,
        )
        about = (
            "page" if is_page else "incident" if isinstance(request, e.StatusRequest) else "ticket"
        )
        self.changes.settled.setdefault(request.id, {}).update(
            type=request.type,
            key=request.key,
            by=fold_address(request.actor.email),
            at=iso(request.at),
            about=about,
        )

    def _settle_cause(self, fact: e.Fact) -> None:
        if not _REQUEST.fullmatch(fact.cause) or (said := find_request_outcome(fact)) is None:
            return
        change = self.changes.settled.setdefault(fact.cause, {})
        change.update(said)
        change.setdefault("facts", []).append(fact.id)

    def _add_audit_entry(self, event: e.DirectoryRecorded | e.PolicyPublished) -> None:
        """Who changed what; written once, so read again it stays what it was."""
        before = None
        if isinstance(event, e.DirectoryRecorded):
            known = self.docs.get(("directory", f"{event.kind}:{event.doc_id}"))
            before = known["document"] if known else None
        if (entry := entry_of(event, before)) is not None:
            self.changes.inserted["audit"].setdefault(event.id, entry)

    def _reference(self, message: Message, event: e.Event) -> None:
        replaced = self.changes.replaced
        if isinstance(event, e.DirectoryRecorded | e.PolicyPublished):
            # Before the document is replaced below: the entry compares it with what it was.
            self._add_audit_entry(event)
        match event:
            case e.DirectoryRecorded() if event.kind not in HIDDEN_KINDS:
                name = f"{event.kind}:{event.doc_id}"
                gone = event.document is None
                made = {"_id": name, "kind": event.kind, "document": event.document}
                replaced["directory"][name] = self.docs["directory", name] = None if gone else made
            case e.PolicyPublished():
                name = f"{event.key}@{event.version}"
                self.changes.inserted["policies"].setdefault(
                    name,
                    {
                        "_id": name,
                        "name": event.key,
                        "version": event.version,
                        "at": iso(event.at),
                        "document": event.document,
                        "by": event.actor.email if event.actor else None,
                        "note": event.note,
                    },
                )
            case e.FigureComputed():
                replaced["figures"][event.key] = {
                    "_id": event.key,
                    "figure": event.figure,
                    "group": event.group,
                    "since": iso(event.since),
                    "until": iso(event.until),
                    "value": event.value,
                }
            case e.DeadLetter():
                name = f"{event.topic}/{event.partition}/{event.offset}"
                replaced["dead_letters"][name] = {
                    "_id": name,
                    "worker": event.worker,
                    "topic": event.topic,
                    "partition": event.partition,
                    "offset": event.offset,
                    "key": event.key,
                    "reason": event.reason,
                    "parked": event.parked,
                    "at": iso(event.at),
                }
            # Other events are no part of the views.
            case _:
                pass


# Facts of the same instant: what happened to the ticket stands before what followed from it.
_TOPIC_RANK: Mapping[str, int] = {"tickets": 0, "clocks": 1, "pages": 2, "status": 3}
