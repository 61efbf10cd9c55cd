"""What staff see of mail that came in: the list with its sums, and one message. None is a 404, as in `queries.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.portal.listing import MAX_LIMIT, after_cursor, next_cursor
from services.portal.projection_mail import STATES
from shared.access import may_see_desk
from shared.errors import Refused
from shared.events import Actor, Cause
from shared.store import Store

Shape = dict[str, Any]

_LISTED = ("sender", "sender_name", "subject", "state", "why", "ticket_id", "received_at", "deliveries", "size", "released_by", "automatic")
_FIELDS = dict.fromkeys((*_LISTED, "order_key"), 1)
_ORDER = ("order_key", -1)


@dataclass(frozen=True)
class Mails:
    """The reads about mail. One per process; safe for concurrent use. Raises Unavailable while MongoDB is away."""

    store: Store

    async def listed(
        self, actor: Actor, *, state: str | None = None, cause: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Shape | None:
        """`{items: [{id, from, from_name, subject, state, cause, ticket_id, received_at, deliveries, size, released_by}], counts,
        next}`, the latest first. Raises Refused for a state or cause there is not.

        `counts`: `{received, ticketed, threaded, quarantined, duplicate, in_hand, balanced, causes: {cause: n}}`, deliveries all.
        """
        if not may_see_desk(actor):
            return None
        if state is not None and state not in STATES:
            raise Refused("bad-parameter", f"state is one of {', '.join(STATES)}", status=422)
        if cause is not None and cause not in set(Cause):
            raise Refused("bad-parameter", f"cause is one of {', '.join(Cause)}", status=422)
        limit = max(1, min(limit, MAX_LIMIT))
        # A duplicate is a second delivery of a message, so the messages that were delivered twice are listed.
        wanted: Shape = {"deliveries": {"$gt": 1}} if state == "duplicate" else {"state": state} if state else {}
        where = {"$and": [wanted, {"why": cause} if cause else {}, {"order_key": {"$gt": ""}}, after_cursor(*_ORDER, cursor)]}
        docs = await self.store["mail"].find(where, fields=_FIELDS, order=[_ORDER], limit=limit + 1)
        more, docs = len(docs) > limit, docs[:limit]
        return {
            "items": [_item(doc) for doc in docs], "counts": await self.counts(),
            "next": next_cursor(_ORDER[0], docs[-1]["order_key"]) if more else None,
        }  # fmt: skip

    async def counts(self) -> Shape:
        """The sums over every partition of the log. `in_hand` is a count of its own, so `balanced` says something; all counts of a
        partition stand in one document and change together."""
        sums, causes = dict.fromkeys((*STATES, "in_hand"), 0), dict[str, int]()
        for part in await self.store["mail_counts"].find({}):
            for name in sums:
                sums[name] += part.get(name, 0)
            for cause, n in part["causes"].items():
                causes[cause] = causes.get(cause, 0) + n
        is_balanced = sums["received"] == sum(n for name, n in sums.items() if name != "received")
        return {**sums, "balanced": is_balanced, "causes": {cause: n for cause, n in causes.items() if n}}

    async def message(self, actor: Actor, digest: str) -> Shape | None:
        """One message with its envelope, what its headers say, who vouched for it, what became of it and why, and its history."""
        if not may_see_desk(actor):
            return None
        doc = await self.store["mail"].find_one({"_id": digest})
        if doc is None or not doc["order_key"]:
            return None
        told = {name: doc.get(name) for name in _TOLD}
        return {**_item(doc), **told, "releasable": doc["state"] == "quarantined"}

    async def raw(self, actor: Actor, digest: str) -> bytes | None:
        """The message as it came; None also while it lies on intake's disk only."""
        if not may_see_desk(actor):
            return None
        doc = await self.store["mail"].find_one({"_id": digest}, fields={"blob": 1})
        return await self.store.files("blobs").get(doc["blob"]) if doc and doc.get("blob") else None


_TOLD = (
    "explanation", "answer", "verified", "automatic_reply", "request_id", "released_at", "bounced", "history", "via", "mail_from",
    "rcpt_to", "peer", "helo", "gateway", "message_id", "to", "cc", "in_reply_to", "references", "date", "automatic", "authentication",
    "troubles", "attachments",
)  # fmt: skip


def _item(doc: Mapping[str, Any]) -> Shape:
    return {
        "id": doc["_id"], "from": doc["sender"], "from_name": doc["sender_name"], "subject": doc["subject"], "state": doc["state"],
        "cause": doc["why"], "ticket_id": doc["ticket_id"], "page_id": doc.get("page_id"), "received_at": doc["received_at"],
        "deliveries": doc["deliveries"], "size": doc["size"], "released_by": doc["released_by"],
    }  # fmt: skip
