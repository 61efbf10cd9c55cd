"""From the views' documents to what is shown (DESIGN section 7). Pure; what a standing may not know
is left out here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from services.portal.desk.listing import LIVE
from services.portal.projector.ticket_flow import time_with
from services.portal.projector.tickets import iso as iso
from services.portal.tickets.naming import CUSTOMER, for_customer, name_person
from services.portal.tickets.paging import describe_paging
from shared import events as e
from shared.access import TOLD_OF_PAGING, Standing, may_see_fact
from shared.certificate import Certificate
from shared.events import Actor, PageFact
from shared.topics import EVENTS

Shape = dict[str, Any]

# What is absent here is in no list, for anybody.
_LIST_FIELDS = (
    "subject",
    "status",
    "queue",
    "provider",
    "requested_priority",
    "priority",
    "kind",
    "app",
    "addon",
    "plan",
    "requester",
    "requester_name",
    "suggestion",
    "queue_suggestion",
    "due_at",
    "opened_at",
    "updated_at",
    "first",
    "seq",
)
LISTED = dict.fromkeys(
    (
        *_LIST_FIELDS,
        "owner",
        "owner_name",
        "tags",
        "last",
        "insisted",
        "desk_key",
        "due_key",
        "appeal",
        "clocks",
        "reply_count",
        "order_key",
        "opened_key",
        "updated_key",
    ),
    1,
)
"""The fields a list reads: no words, no participants."""

# What everybody who may see the ticket reads; `ticket` adds the rest by who looks.
_TICKET_FIELDS = (
    "subject",
    "status",
    "queue",
    "provider",
    "requested_priority",
    "priority",
    "priority_reason",
    "kind",
    "scope",
    "app",
    "stage",
    "addon",
    "plan",
    "requester",
    "requester_name",
    "opened_by",
    "opened_by_name",
    "participants",
    "incident_ids",
    "suggestion",
    "queue_suggestion",
    "attachments",
    "via",
    "opened_at",
    "updated_at",
    "seq",
    "verified",
    "doubtful_reply",
)

_OURS = ("owner", "owner_name", "tags", "last", "insisted")
"""What is for staff only."""

_BETWEEN_US = (
    "appeal",
    "rating",
    "rateable",
    "shared_until",
    "asked",
    "access_granted",
    "follows",
)
"""What is between the customer and us, and no provider's matter."""

# Fields of an appeal that hold an address.
_PERSONS = frozenset({"by", "changed_by", "decided_by"})
# Shown beside `data` already.
_ENVELOPE = frozenset({"id", "key", "at", "type", "seq", "cause", "by"})
_STAFF_DATA = frozenset(
    {
        "policy",
        "trail",
        "lane",
        "obligation",
        "obligations",
        "cancels",
        "pages",
        "participants",
        "warned",
        "token_hash",
    }
)
"""What a fact says that is for staff only."""

# The facts that the trail explains, with the field `trail` or without.
DECISIONS = (
    "PrioritySet",
    "TicketRouted",
    "ScopeDecided",
    "ProviderSuggested",
    "SuggestionDismissed",
    "QueueSuggested",
    "QueueSuggestionDismissed",
    "TicketAssigned",
    "OwnerChanged",
    "TicketTagged",
    "TicketMerged",
    "PriorityReviewed",
    "RequestRefused",
    "AppealDecided",
    "TicketClosed",
    "ClockStarted",
    "ClockRetargeted",
    "ClockPaused",
    "ClockResumed",
    "ClockStopped",
)
# What the trail shows of a decision; any other field stays in the fact.
_DECIDED = (
    "requested",
    "priority",
    "previous",
    "pages",
    "queue",
    "provider",
    "owner",
    "how",
    "into",
    "added",
    "removed",
    "because",
    "confidence",
    "scope",
    "rule",
    "code",
    "request_type",
    "clock",
    "calendar",
    "target",
    "started_at",
    "due_at",
)
_OPEN_TRAILS = frozenset({"PrioritySet"})
"""Decisions whose trail the customer reads too."""


def instant(text: str) -> datetime:
    """The aware datetime of one of our strings."""
    return datetime.fromisoformat(text)


def ticket(
    doc: Shape, facts: Iterable[Shape], who: Standing, pages: list[Shape], now: datetime
) -> Shape:
    """One ticket with what was said in it; `facts` are its TicketOpened, ReplyAdded and NoteAdded
    in order. `pages`: the documents of its pages.
    """
    people = doc["people"]
    # What is the same for everybody.
    shown: Shape = {
        "id": doc["_id"],
        **{name: doc.get(name) for name in _TICKET_FIELDS},
        "clocks": clocks(doc, who),
    }
    replies = []
    # What was said, as far as this reader may see it.
    for fact in facts:
        if fact["type"] == "TicketOpened":
            shown["body"], shown["urgent"] = (
                fact["data"].get("body", ""),
                fact["data"].get("urgent"),
            )
            shown["quoted"] = fact["data"].get("quoted", "")
            shown["times"] = fact["data"].get("times") or []
        elif may_see_fact(who, fact["type"], fact.get("audience")):
            replies.append(reply(fact, who, people))
    shown["replies"] = replies
    shown["standing"] = who.value
    shown["time_with"] = time_with(doc, now)
    # None where it may not be known: the shape is the same for every reader.
    shown |= {name: None if who is Standing.PROVIDER else doc.get(name) for name in _BETWEEN_US}
    shown["paging"] = describe_paging(doc, pages) if who in TOLD_OF_PAGING else None
    shown["merged_into"] = doc.get("merged_into") if _knows_of_merge(doc, who) else None
    if who is Standing.STAFF:
        shown["merged"] = doc.get("merged") or []
        shown["pages"] = [page["_id"] for page in pages]
        shown |= {name: doc.get(name) for name in _OURS}
    else:
        shown["suggestion"] = None
    # A customer is told roles in place of our addresses.
    if who is Standing.CUSTOMER:
        shown["opened_by"] = name_person(shown["opened_by"], people)
    if who is Standing.CUSTOMER and shown["appeal"]:
        shown["appeal"] = {
            name: name_person(value, people) if name in _PERSONS else value
            for name, value in shown["appeal"].items()
        }
    if who is Standing.PROVIDER:
        shown["queue_suggestion"] = None
    return shown


def _knows_of_merge(doc: Shape, who: Standing) -> bool:
    """Whether they learn which ticket it goes on in: a customer only where the requester is on that
    one, too.
    """
    if who is Standing.CUSTOMER:
        return bool(doc.get("is_merge_shared"))
    return who is Standing.STAFF


def reply(fact: Shape, who: Standing, people: Collection[str]) -> Shape:
    data = fact["data"]
    author = data.get("author", fact.get("by"))
    # Who wrote for the customer's side stays named when they have left.
    if who is Standing.CUSTOMER and data.get("side") != CUSTOMER:
        author = name_person(author, people, data.get("side", "staff"))
    return {
        "id": fact["id"],
        "author": author,
        "author_name": data.get("author_name", ""),
        "side": data.get("side", "staff"),
        "audience": fact.get("audience") or "staff",
        "via": data.get("via", "api"),
        "automatic": data.get("automatic", False),
        "automatic_because": data.get("automatic_because", ""),
        "doubtful": data.get("doubtful", False),
        "attachments": data.get("attachments", []),
        "at": fact["at"],
        "body": data.get("body", ""),
        "quoted": data.get("quoted", ""),
    }


def clocks(doc: Shape, who: Standing, *, full: bool = False) -> list[Shape]:
    """The clocks of a ticket. Warnings are for staff, the provider's clock for staff and the
    provider.
    """
    names = ["name", "calendar", "state", "started_at", "due_at", "met_at", "breached_at"]
    if full:
        names += ["target_seconds", "late", "paused_at", "stopped", "provider"] + (
            ["warned"] if who is Standing.STAFF else []
        )
    # The clock that measures a provider is no promise to the customer.
    hidden = e.ClockName.PROVIDER_ANSWER if who is Standing.CUSTOMER else None
    return [
        {name: clock.get(name) for name in names}
        for clock in doc["clocks"]
        if clock["name"] != hidden
    ]


def to_list_row(doc: Shape, actor: Actor) -> Shape:
    """One line of a list."""
    shown: Shape = {"id": doc["_id"], **{name: doc.get(name) for name in _LIST_FIELDS}}
    shown["replies"] = doc.get("reply_count", 0)
    shown["breached"] = any(
        clock["state"] == "breached" for clock in doc["clocks"] if clock["name"] in e.PROMISES
    )
    shown["appealed"] = actor.is_staff and (doc.get("appeal") or {}).get("state") == "open"
    if actor.is_staff:
        shown |= {name: doc.get(name) for name in _OURS}
    else:
        shown["suggestion"] = None
        shown["queue_suggestion"] = shown["queue_suggestion"] if actor.provider is None else None
    return shown


def counts(groups: Iterable[Shape]) -> Shape:
    """Sums of groups `{_id: {queue, status, priority}, n}`; the queues and priorities count live
    tickets only.
    """
    found: Shape = {"total": 0, "live": 0, "statuses": {}, "queues": {}, "priorities": {}}
    for group in groups:
        where, n = group["_id"], int(group["n"])
        # Counters at 0 may stand in the view; a list shows none of them.
        if n == 0:
            continue
        found["total"] += n
        _add(found["statuses"], where["status"], n)
        if where["status"] in LIVE:
            found["live"] += n
            _add(found["queues"], where["queue"], n)
            _add(found["priorities"], where["priority"], n)
    return found


def _add(sums: dict[str, int], name: str, n: int) -> None:
    sums[name] = sums.get(name, 0) + n


def entry(fact: Shape, who: Standing, people: Collection[str] = ()) -> Shape:
    """One fact of a timeline or stream, without what is for staff only unless `who` is staff.
    `people`: folded addresses of the customer's side.
    """
    # Staff read a fact whole, anybody else without what is for staff.
    hidden = _ENVELOPE if who is Standing.STAFF else _ENVELOPE | _STAFF_DATA
    shown = {
        "id": fact["id"],
        "ticket_id": fact.get("ticket"),
        "page_id": fact.get("page"),
        "incident_id": fact.get("incident"),
        "topic": fact["topic"],
        "seq": fact["seq"],
        "type": fact["type"],
        "at": fact["at"],
        "by": fact.get("by"),
        "side": fact["data"].get("side"),
        "audience": fact.get("audience"),
        "order": fact["order"],
        "data": {name: value for name, value in fact["data"].items() if name not in hidden},
    }
    return for_customer(shown, people, fact["data"]) if who is Standing.CUSTOMER else shown


def decision(fact: Shape, who: Standing) -> Shape:
    """One decision of the trail."""
    data = fact["data"]
    staff = who is Standing.STAFF
    hidden = frozenset() if staff else _STAFF_DATA
    return {
        "seq": fact["seq"],
        "type": fact["type"],
        "at": fact["at"],
        "by": fact.get("by"),
        "decided": {name: data[name] for name in _DECIDED if name in data and name not in hidden},
        "reason": data.get("reason", ""),
        "policy": data.get("policy", {}),
        "trail": data.get("trail", [])
        if staff or (who is Standing.CUSTOMER and fact["type"] in _OPEN_TRAILS)
        else [],
        "trace_id": fact.get("trace"),
    }


def request(doc: Shape) -> Shape:
    """What became of a request; `ticket_id`, `page_id` or `incident_id` by what it was about."""
    about = f"{doc.get('about') or 'ticket'}_id"
    return {
        "id": doc["_id"],
        about: doc.get("key"),
        "type": doc.get("type"),
        "state": doc.get("state", "pending"),
        "code": doc.get("code"),
        "reason": doc.get("reason"),
        "facts": doc.get("facts", []),
        "at": doc.get("at"),
    }


def page(doc: Shape) -> Shape:
    """One page."""
    # For lists and for access alone.
    return {
        "id": doc["_id"],
        **{
            name: value for name, value in doc.items() if name not in ("_id", "order_key", "people")
        },
    }


def page_fact(doc: Shape) -> PageFact:
    """The fact a timeline document was made of."""
    kind = EVENTS[doc["type"]]
    fact = kind.model_validate(
        {**doc["data"], **{name: doc[name] for name in ("id", "type", "at", "seq")}}, extra="ignore"
    )
    assert isinstance(fact, PageFact)
    return fact


def describe_certificate(page_id: str, made: Certificate) -> Shape:
    """The certificate as JSON."""
    return {"page_id": page_id, **made.model_dump(mode="json")}
