"""From the views' documents to what is shown (DESIGN section 7). Pure; what a standing may not know is left out here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.portal.listing import LIVE
from services.portal.projection import iso as iso
from services.portal.projection_flow import time_with
from shared import events as e
from shared.access import Standing, may_see_fact
from shared.certificate import Certificate
from shared.events import Actor, PageFact
from shared.topics import EVENTS

Shape = dict[str, Any]

_LIST_FIELDS = (
    "subject", "status", "queue", "provider", "requested_priority", "priority", "kind", "app", "addon", "plan", "requester",
    "requester_name", "suggestion", "due_at", "opened_at", "updated_at", "first", "seq",
)  # fmt: skip
LISTED = dict.fromkeys((*_LIST_FIELDS, "appeal", "clocks", "reply_count", "order_key", "opened_key", "updated_key"), 1)
"""The fields a list reads: no words, no participants."""

_TICKET_FIELDS = (
    "subject", "status", "queue", "provider", "requested_priority", "priority", "priority_reason", "kind", "scope", "app", "stage",
    "addon", "plan", "requester", "requester_name", "participants", "incident_ids", "suggestion", "attachments", "via", "opened_at",
    "updated_at", "seq", "verified",
)  # fmt: skip

_BETWEEN_US = ("appeal", "rating", "rateable", "shared_until", "access_granted")
"""What is between the customer and us, and no provider's matter."""

_ENVELOPE = frozenset({"id", "key", "at", "type", "seq", "cause", "by"})
_STAFF_DATA = frozenset(
    {"policy", "trail", "lane", "obligation", "obligations", "cancels", "pages", "participants", "warned", "token_hash"}
)
"""What a fact says that is for staff only."""

DECISIONS = (
    "PrioritySet", "TicketRouted", "ScopeDecided", "ProviderSuggested", "SuggestionDismissed", "TicketAssigned", "PriorityReviewed",
    "RequestRefused",
    "AppealDecided", "TicketClosed",
    "ClockStarted", "ClockRetargeted", "ClockPaused", "ClockResumed", "ClockStopped",
)  # fmt: skip
_DECIDED = (
    "requested", "priority", "previous", "pages", "queue", "provider", "because", "confidence", "scope", "rule", "code", "request_type",
    "clock", "calendar", "target", "started_at", "due_at",
)  # fmt: skip
_OPEN_TRAILS = frozenset({"PrioritySet"})
"""Decisions whose trail the customer reads too."""


def instant(text: str) -> datetime:
    """The aware datetime of one of our strings."""
    return datetime.fromisoformat(text)


def ticket(doc: Shape, facts: Iterable[Shape], who: Standing, pages: list[str], now: datetime) -> Shape:
    """One ticket with what was said in it; `facts` are its TicketOpened, ReplyAdded and NoteAdded in order."""
    shown: Shape = {"id": doc["_id"], **{name: doc.get(name) for name in _TICKET_FIELDS}, "clocks": clocks(doc, who)}
    replies = []
    for fact in facts:
        if fact["type"] == "TicketOpened":
            shown["body"], shown["urgent"] = fact["data"].get("body", ""), fact["data"].get("urgent")
            shown["times"] = fact["data"].get("times") or []
        elif may_see_fact(who, fact["type"], fact.get("audience")):
            replies.append(reply(fact))
    shown["replies"] = replies
    shown["standing"] = who.value
    shown["time_with"] = time_with(doc, now)
    shown |= {name: None if who is Standing.PROVIDER else doc.get(name) for name in _BETWEEN_US}
    if who is Standing.STAFF:
        shown["pages"] = pages
    else:
        shown["suggestion"] = None
    return shown


def reply(fact: Shape) -> Shape:
    data = fact["data"]
    return {
        "id": fact["id"], "author": data.get("author", fact.get("by")), "author_name": data.get("author_name", ""),
        "side": data.get("side", "staff"), "audience": fact.get("audience") or "staff", "via": data.get("via", "api"),
        "automatic": data.get("automatic", False), "attachments": data.get("attachments", []), "at": fact["at"],
        "body": data.get("body", ""),
    }  # fmt: skip


def clocks(doc: Shape, who: Standing, *, full: bool = False) -> list[Shape]:
    """The clocks of a ticket. Warnings are for staff, the provider's clock for staff and the provider."""
    names = ["name", "calendar", "state", "started_at", "due_at", "met_at", "breached_at"]
    if full:
        names += ["target_seconds", "late", "paused_at", "stopped", "provider"] + (["warned"] if who is Standing.STAFF else [])
    hidden = e.ClockName.PROVIDER_ANSWER if who is Standing.CUSTOMER else None
    return [{name: clock.get(name) for name in names} for clock in doc["clocks"] if clock["name"] != hidden]


def listed(doc: Shape, actor: Actor) -> Shape:
    """One line of a list."""
    shown: Shape = {"id": doc["_id"], **{name: doc.get(name) for name in _LIST_FIELDS}}
    shown["replies"] = doc.get("reply_count", 0)
    shown["breached"] = any(clock["state"] == "breached" for clock in doc["clocks"] if clock["name"] in e.PROMISES)
    shown["appealed"] = actor.is_staff and (doc.get("appeal") or {}).get("state") == "open"
    if not actor.is_staff:
        shown["suggestion"] = None
    return shown


def counts(groups: Iterable[Shape]) -> Shape:
    """Sums of groups `{_id: {queue, status, priority}, n}`; the queues and priorities count live tickets only."""
    found: Shape = {"total": 0, "live": 0, "statuses": {}, "queues": {}, "priorities": {}}
    for group in groups:
        where, n = group["_id"], int(group["n"])
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


def entry(fact: Shape, who: Standing) -> Shape:
    """One fact of a timeline or stream, without what is for staff only unless `who` is staff."""
    hidden = _ENVELOPE if who is Standing.STAFF else _ENVELOPE | _STAFF_DATA
    return {
        "id": fact["id"], "ticket_id": fact.get("ticket"), "page_id": fact.get("page"), "incident_id": fact.get("incident"),
        "topic": fact["topic"], "seq": fact["seq"], "type": fact["type"], "at": fact["at"], "by": fact.get("by"),
        "side": fact["data"].get("side"), "audience": fact.get("audience"),
        "order": fact["order"], "data": {name: value for name, value in fact["data"].items() if name not in hidden},
    }  # fmt: skip


def decision(fact: Shape, who: Standing) -> Shape:
    """One decision of the trail."""
    data = fact["data"]
    staff = who is Standing.STAFF
    hidden = frozenset() if staff else _STAFF_DATA
    return {
        "seq": fact["seq"], "type": fact["type"], "at": fact["at"], "by": fact.get("by"),
        "decided": {name: data[name] for name in _DECIDED if name in data and name not in hidden}, "reason": data.get("reason", ""),
        "policy": data.get("policy", {}),
        "trail": data.get("trail", []) if staff or (who is Standing.CUSTOMER and fact["type"] in _OPEN_TRAILS) else [],
    }  # fmt: skip


def request(doc: Shape) -> Shape:
    """What became of a request; `ticket_id`, `page_id` or `incident_id` by what it was about."""
    about = f"{doc.get('about') or 'ticket'}_id"
    return {
        "id": doc["_id"], about: doc.get("key"), "type": doc.get("type"), "state": doc.get("state", "pending"), "code": doc.get("code"),
        "reason": doc.get("reason"), "facts": doc.get("facts", []), "at": doc.get("at"),
    }  # fmt: skip


def page(doc: Shape) -> Shape:
    """One page."""
    return {"id": doc["_id"], **{name: value for name, value in doc.items() if name not in ("_id", "order_key")}}


def page_fact(doc: Shape) -> PageFact:
    """The fact a timeline document was made of."""
    kind = EVENTS[doc["type"]]
    fact = kind.model_validate({**doc["data"], **{name: doc[name] for name in ("id", "type", "at", "seq")}}, extra="ignore")
    assert isinstance(fact, PageFact)
    return fact


def certified(page_id: str, made: Certificate) -> Shape:
    """The certificate as JSON."""
    return {"page_id": page_id, **made.model_dump(mode="json")}
