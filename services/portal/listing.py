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
    clauses: list[Filter] = [visible_to(actor), {"opened_key": {"$gt": ""}}]
    if asked.queue:
        clauses.append({"queue": asked.queue})
    if asked.provider:
        clauses.append({"provider": asked.provider})
    if asked.status == "live":
        clauses.append({"status": {"$in": list(LIVE)}})
    elif asked.status:
        clauses.append({"status": _one_of(Status, "status", asked.status)})
    if asked.priority:
        clauses.append({"priority": _one_of(Priority, "priority", asked.priority)})
    if asked.q and asked.q.strip():
        words = _WORD.findall(asked.q.casefold())[:8]
        clauses += [{"words": word} for word in words[:-1]]
        clauses.append({"words": {"$regex": "^" + re.escape(words[-1])} if words else {"$in": []}})
    return {"$and": [clause for clause in clauses if clause]}


def stretches_of(field: str, asked: Asked) -> Filter:
    """Where in the queue's order what was asked for lies, so that a list is not walked to from the first ticket there is.

    An `order_key` begins with three digits: whether it is done, whether the customer does not stand first, the priority's rank
    (`projection.py`). This says no more than status and priority do; without it the first solved ticket is found behind all
    that live. Raises Refused for a value there is not.
    """
    if field != ORDERS["queue"][0]:
        return {}
    status = _one_of(Status, "status", asked.status) if asked.status and asked.status != "live" else asked.status
    done = "01" if not status else "1" if status in DONE else "0"
    if not asked.priority:
        return {field: {"$gte": done, "$lt": f"{done}~"}} if len(done) == 1 else {}
    rank = PRIORITY_RANK[Priority(_one_of(Priority, "priority", asked.priority))]
    begins = [f"{over}{later}{rank} " for over in done for later in "01"]
    return {"$or": [{field: {"$gte": begin, "$lt": f"{begin}~"}} for begin in begins]}


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
