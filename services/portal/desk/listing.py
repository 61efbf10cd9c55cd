"""Lists of tickets, purely: who sees which, in which order, and where the next page goes on."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import orjson

from services.portal.projector.index_words import clauses, terms_of
from shared.errors import Refused
from shared.events import Actor, Audience, Priority, Status
from shared.people.folding import fold_address

Filter = dict[str, Any]

LIVE = (Status.NEW, Status.OPEN, Status.PENDING)
DONE = (Status.SOLVED, Status.CLOSED)

# The rank is part of keys in the views: to change it is to make them anew.
PRIORITY_RANK = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}

ORDERS: dict[str, tuple[str, int]] = {
    "queue": ("order_key", 1),
    "newest": ("opened_key", -1),
    "updated": ("updated_key", -1),
}
"""Order → the field it goes by (unique per ticket, so one field is the whole keyset) and its
direction.
"""

MAX_LIMIT = 200
_ID = re.compile(r"#?(?:tkt_)?([a-z2-7]{8,26})")
"""A ticket's id, or the beginning of it that people tell each other (`display.short_id`)."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list was asked for. `status` is one of Status, `live` or None. `q`: words, all of
    which must be in the ticket (the last by its beginning), or the id of one.
    """

    queue: str | None = None
    status: str | None = None
    priority: str | None = None
    provider: str | None = None
    q: str | None = None
    order: str | None = None
    cursor: str | None = None
    limit: int = 50


def visible_to(actor: Actor) -> Filter:
    """The filter that finds the tickets `shared.access.find_standing` gives the actor some standing in;
    nothing else ever does.
    """
    if actor.is_staff:
        return {}
    own = {"people": fold_address(actor.email)}
    return own if actor.provider is None else {"$or": [{"provider": actor.provider}, own]}


def filter_for(actor: Actor, asked: ListQuery) -> Filter:
    """Access and what was asked for, both. Raises Refused for a value there is not."""
    # Who may see it, in any case: what was asked for only narrows that.
    parts: list[Filter] = [
        visible_to(actor),
        # Left out: tickets of which the opening was not read yet.
        {"opened_key": {"$gt": ""}},
        _make_filter(asked, order_for(actor, asked)[0]),
    ]
    if asked.q and asked.q.strip():
        parts.append(_says(actor, asked.q))
    return {"$and": [part for part in parts if part]}


def _says(actor: Actor, q: str) -> Filter:
    """Tickets in which every word of `q` is found, in what the actor may read of each."""
    terms = terms_of(q)
    if not terms:
        # Only signs, no words: nothing is found, rather than everything.
        return {"words": {"$in": []}}
    if actor.is_staff:
        return {"$and": clauses(terms, Audience)}
    everybody = {"$and": clauses(terms, (Audience.EVERYONE,))}
    if actor.provider is None:
        return everybody
    theirs = clauses(terms, (Audience.EVERYONE, Audience.PROVIDER))
    # Words between staff and a provider are found only in tickets which it has now.
    return {"$or": [everybody, {"provider": actor.provider, "$and": theirs}]}


def by_id(actor: Actor, q: str | None) -> Filter | None:
    """The filter for the tickets that `q` names by their id, done or not; None where it
    names none.
    """
    named = _ID.fullmatch(q.strip().lower()) if q else None
    if named is None:
        return None
    start = f"tkt_{named.group(1)}"
    # `~` stands behind every character of an id.
    ids: Filter = {"_id": {"$gte": start, "$lt": f"{start}~"}}
    parts = (visible_to(actor), {"opened_key": {"$gt": ""}}, ids)
    return {"$and": [part for part in parts if part]}


def _make_filter(asked: ListQuery, field: str) -> Filter:
    """Queue, provider, status and priority, each with where in the queue's order it lies, so that
    an index leads there.

    An `order_key` begins with three digits: whether it is done, whether the customer does not stand
    first, the priority's rank (`projector/tickets.py`). The stretches say no more than status and
    priority do; without them a list of what is rare, or of what there is not, is walked to through
    a million others. All stands in each branch, or MongoDB tries every mixture of indexes; in
    another order than the queue's (`field`) it does all the same, so there one queue's tickets are
    looked at instead.
    """
    wanted: Filter = {
        name: value
        for name, value in (("queue", asked.queue), ("provider", asked.provider))
        if value
    }
    # Digits that `order_key` may begin with: 0 is live, 1 is done.
    done = "01"
    if asked.status == "live":
        wanted["status"], done = {"$in": list(LIVE)}, "0"
    elif asked.status:
        wanted["status"] = _one_of(Status, "status", asked.status)
        done = "1" if asked.status in DONE else "0"
    if asked.priority:
        wanted["priority"] = _one_of(Priority, "priority", asked.priority)
    if asked.priority and (field == "order_key" or not (asked.queue or asked.provider)):
        rank = PRIORITY_RANK[Priority(asked.priority)]
        return {
            "$or": [
                {**wanted, "order_key": begins(f"{over}{later}{rank} ")}
                for over in done
                # Both, whether the customer stands first or not.
                for later in "01"
            ]
        }
    return wanted if len(done) > 1 else {**wanted, "order_key": begins(done)}


def begins(prefix: str) -> Filter:
    # Behind everything that keys are made of.
    return {"$gte": prefix, "$lt": f"{prefix}~"}


def order_for(actor: Actor, asked: ListQuery) -> tuple[str, int]:
    """Field and direction: staff and providers see the queue's order unless they ask otherwise,
    customers the latest first.
    """
    name = asked.order or ("queue" if actor.is_staff or actor.provider else "updated")
    if name not in ORDERS:
        raise Refused("bad-parameter", f"order is one of {', '.join(ORDERS)}", status=422)
    return ORDERS[name]


def next_cursor(field: str, last: str) -> str:
    """An opaque place to go on from: after the item whose `field` is `last`."""
    # With its field, so that a cursor of another order is noticed.
    return base64.urlsafe_b64encode(orjson.dumps([field, last])).decode().rstrip("=")


def after_cursor(field: str, direction: int, cursor: str | None) -> Filter:
    """The filter for what comes after the cursor. Raises Refused where it is not ours or of another
    order.
    """
    if not cursor:
        return {}
    try:
        # The padding that was cut off.
        made_for, last = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise Refused(
            "bad-cursor",
            "this cursor was not made by this list; begin again without one",
            status=422,
        ) from error
    if made_for != field or not isinstance(last, str):
        raise Refused(
            "bad-cursor",
            "this cursor belongs to another order; begin again without one",
            status=422,
        )
    return {field: {"$gt" if direction > 0 else "$lt": last}}


def _one_of(kind: type[Status] | type[Priority], name: str, value: str) -> str:
    known = [member.value for member in kind]
    if value not in known:
        raise Refused("bad-parameter", f"{name} is one of {', '.join(known)}", status=422)
    return value
