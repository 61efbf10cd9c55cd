"""Lists of tickets, purely: who sees which, in which order, and where the next page goes on."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import orjson

from shared.errors import Refused
from shared.events import Actor, Priority, Status

Filter = dict[str, Any]

LIVE = (Status.NEW, Status.OPEN, Status.PENDING)
DONE = (Status.SOLVED, Status.CLOSED)

PRIORITY_RANK = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}

ORDERS: dict[str, tuple[str, int]] = {
    "queue": ("order_key", 1),
    "newest": ("opened_key", -1),
    "updated": ("updated_key", -1),
}
"""Order → the field it goes by (unique per ticket, so one field is the whole keyset) and its direction."""

MAX_LIMIT = 200
_WORD = re.compile(r"[^\W_]{2,40}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list was asked for. `status` is one of Status, `live` or None; `q` matches whole words, the last by its beginning."""

    queue: str | None = None
    status: str | None = None
    priority: str | None = None
    provider: str | None = None
    q: str | None = None
    order: str | None = None
    cursor: str | None = None
    limit: int = 50


def visible_to(actor: Actor) -> Filter:
    """The filter that finds the tickets `shared.access.standing` gives the actor some standing in; nothing else ever does."""
    if actor.is_staff:
        return {}
    own = {"people": actor.email.lower()}
    return own if actor.provider is None else {"$or": [{"provider": actor.provider}, own]}


def words_of(text: str, limit: int = 80) -> list[str]:
    """The words a ticket is found by: case-folded, each once, the first `limit` of them."""
    found: dict[str, None] = {}
    for match in _WORD.finditer(text[:20_000].casefold()):
        found[match.group()] = None
        if len(found) >= limit:
            break
    return list(found)


def filter_for(actor: Actor, asked: Asked) -> Filter:
    """Access and what was asked for, both. Raises Refused for a value there is not."""
    clauses: list[Filter] = [visible_to(actor), {"opened_key": {"$gt": ""}}, _wanted(asked, order_for(actor, asked)[0])]
    if asked.q and asked.q.strip():
        words = _WORD.findall(asked.q.casefold())[:8]
        clauses += [{"words": word} for word in words[:-1]]
        clauses.append({"words": {"$regex": "^" + re.escape(words[-1])} if words else {"$in": []}})
    return {"$and": [clause for clause in clauses if clause]}


def _wanted(asked: Asked, field: str) -> Filter:
    """Queue, provider, status and priority, each with where in the queue's order it lies, so that an index leads there.

    An `order_key` begins with three digits: whether it is done, whether the customer does not stand first, the priority's rank
    (`projection.py`). The stretches say no more than status and priority do; without them a list of what is rare, or of what
    there is not, is walked to through a million others. All stands in each branch, or MongoDB tries every mixture of indexes; in
    another order than the queue's (`field`) it does all the same, so there one queue's tickets are looked at instead.
    """
    wanted: Filter = {name: value for name, value in (("queue", asked.queue), ("provider", asked.provider)) if value}
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
        return {"$or": [{**wanted, "order_key": _begins(f"{over}{later}{rank} ")} for over in done for later in "01"]}
    return wanted if len(done) > 1 else {**wanted, "order_key": _begins(done)}


def _begins(prefix: str) -> Filter:
    return {"$gte": prefix, "$lt": f"{prefix}~"}


def order_for(actor: Actor, asked: Asked) -> tuple[str, int]:
    """Field and direction: staff and providers see the queue's order unless they ask otherwise, customers the latest first."""
    name = asked.order or ("queue" if actor.is_staff or actor.provider else "updated")
    if name not in ORDERS:
        raise Refused("bad-parameter", f"order is one of {', '.join(ORDERS)}", status=422)
    return ORDERS[name]


def next_cursor(field: str, last: str) -> str:
    """An opaque place to go on from: after the item whose `field` is `last`."""
    return base64.urlsafe_b64encode(orjson.dumps([field, last])).decode().rstrip("=")


def after_cursor(field: str, direction: int, cursor: str | None) -> Filter:
    """The filter for what comes after the cursor. Raises Refused where it is not ours or of another order."""
    if not cursor:
        return {}
    try:
        made_for, last = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise Refused("bad-cursor", "this cursor was not made by this list; begin again without one", status=422) from error
    if made_for != field or not isinstance(last, str):
        raise Refused("bad-cursor", "this cursor belongs to another order; begin again without one", status=422)
    return {field: {"$gt" if direction > 0 else "$lt": last}}


def _one_of(kind: type[Status] | type[Priority], name: str, value: str) -> str:
    known = [member.value for member in kind]
    if value not in known:
        raise Refused("bad-parameter", f"{name} is one of {', '.join(known)}", status=422)
    return value
