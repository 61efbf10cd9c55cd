"""What staff see of mail that came in: the list with its sums, and one message. None is a 404, as
in `tickets/queries.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.portal.desk.listing import MAX_LIMIT, after_cursor, next_cursor
from services.portal.projector.mail import STATES
from services.portal.tickets.documents import instant
from shared.access import may_see_desk
from shared.errors import Refused, Unavailable
from shared.events import Actor, Cause
from shared.files import FileHome
from shared.storage.store import Store

Shape = dict[str, Any]

_LISTED = (
    "sender",
    "sender_name",
    "subject",
    "state",
    "why",
    "ticket_id",
    "received_at",
    "deliveries",
    "size",
    "released_by",
    "automatic",
)
# What a list reads: no texts, no addresses of delivery.
_FIELDS = dict.fromkeys((*_LISTED, "order_key"), 1)
_ORDER = ("order_key", -1)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOVED_WITHIN = timedelta(days=1)
"""After that, bytes that are not where files are kept are gone: intake moves them within
seconds.
"""


@dataclass(frozen=True)
class MailReads:
    """The reads about mail. One per process; safe for concurrent use. Raises Unavailable while
    MongoDB is away, or what keeps the files.
    """

    store: Store
    files: FileHome

    async def listed(
        self,
        actor: Actor,
        *,
        state: str | None = None,
        cause: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Shape | None:
        """`{items: [{id, from, from_name, subject, state, cause, ticket_id, received_at,
        deliveries, size, released_by}], counts, next}`, the latest first. Raises Refused for a
        state or cause there is not.

        `counts`: `{received, ticketed, threaded, quarantined, duplicate, in_hand, balanced, causes:
        {cause: n}}`, deliveries all.
        """
        if not may_see_desk(actor):
            return None
        if state is not None and state not in STATES:
            raise Refused("bad-parameter", f"state is one of {', '.join(STATES)}", status=422)
        if cause is not None and cause not in set(Cause):
            raise Refused("bad-parameter", f"cause is one of {', '.join(Cause)}", status=422)
        limit = max(1, min(limit, MAX_LIMIT))
        # A duplicate is a second delivery of a message, so the messages that were delivered twice
        # are listed.
        wanted: Shape = (
            {"deliveries": {"$gt": 1}}
            if state == "duplicate"
            else {"state": state}
            if state
            else {}
        )
        where = {
            "$and": [
                wanted,
                {"why": cause} if cause else {},
                # What was told of before its receipt has nothing that a list could show.
                {"order_key": {"$gt": ""}},
                after_cursor(*_ORDER, cursor),
            ]
        }
        docs = await self.store["mail"].find(where, fields=_FIELDS, order=[_ORDER], limit=limit + 1)
        more, docs = len(docs) > limit, docs[:limit]
        return {
            "items": [item_of(doc) for doc in docs],
            "counts": await self.counts(),
            "next": next_cursor(_ORDER[0], docs[-1]["order_key"]) if more else None,
        }

    async def counts(self) -> Shape:
        """The sums over every partition of the log. `in_hand` is a count of its own, so `balanced`
        says something; all counts of a partition stand in one document and change together."""
        sums, causes = dict.fromkeys((*STATES, "in_hand"), 0), dict[str, int]()
        for part in await self.store["mail_counts"].find({}):
            for name in sums:
                sums[name] += part.get(name, 0)
            for cause, n in part["causes"].items():
                causes[cause] = causes.get(cause, 0) + n
        # Every delivery has one outcome or is in hand; anything else is a bug that people must see.
        is_balanced = sums["received"] == sum(n for name, n in sums.items() if name != "received")
        return {
            **sums,
            "balanced": is_balanced,
            # A cause at 0 was released since.
            "causes": {cause: n for cause, n in causes.items() if n},
        }

    async def message(self, actor: Actor, digest: str) -> Shape | None:
        """One message with its envelope, what its headers say, who vouched for it, what became of
        it and why, and its history.
        """
        if not may_see_desk(actor):
            return None
        doc = await self._doc(digest)
        if doc is None:
            return None
        return message_of(doc)

    async def raw(self, actor: Actor, digest: str, now: datetime) -> bytes | None:
        """The message as it came; None where there is no such message.

        Raises Unavailable while its bytes lie on intake's disk only, which lasts seconds; Refused
        `gone` (410) where they are not kept any more, because a person was erased.
        """
        if not may_see_desk(actor):
            return None
        doc = await self._doc(digest)
        if doc is None:
            return None
        raw = await self.files.get(doc["blob"]) if doc["blob"] else None
        # The mail is too old to be on its way: it is not kept any more.
        if raw is None and now - instant(doc["received_at"]) > _MOVED_WITHIN:
            raise Refused("gone", "The message as it came is not kept any more.", status=410)
        if raw is None:
            raise Unavailable("raw-mail", "its bytes are still on intake's disk")
        return raw

    async def _doc(self, digest: str) -> Shape | None:
        """The message's document; None where nobody wrote of such a message.

        Raises Unavailable where the view knows of the message by a later fact, and its receipt has
        not been read yet.
        """
        if not _DIGEST.fullmatch(digest):
            return None
        doc = await self.store["mail"].find_one({"_id": digest})
        # An outcome was read before the message itself, which lasts a moment.
        if doc is not None and not doc["order_key"]:
            raise Unavailable("mail", "the view has not read the message's receipt yet")
        return doc


# What one message says beyond its line in the list.
_TOLD = (
    "explanation",
    "answer",
    "verified",
    "automatic_reply",
    "request_id",
    "released_at",
    "bounced",
    "history",
    "via",
    "mail_from",
    "rcpt_to",
    "peer",
    "helo",
    "gateway",
    "message_id",
    "to",
    "cc",
    "in_reply_to",
    "references",
    "date",
    "automatic",
    "authentication",
    "troubles",
    "attachments",
)


def item_of(doc: Mapping[str, Any]) -> Shape:
    """One line of the list, of a document of the view."""
    return {
        "id": doc["_id"],
        "from": doc["sender"],
        "from_name": doc["sender_name"],
        "subject": doc["subject"],
        "state": doc["state"],
        "cause": doc["why"],
        "ticket_id": doc["ticket_id"],
        "page_id": doc.get("page_id"),
        "received_at": doc["received_at"],
        "deliveries": doc["deliveries"],
        "size": doc["size"],
        "released_by": doc["released_by"],
    }


def message_of(doc: Mapping[str, Any]) -> Shape:
    """One message, of a document of the view."""
    told = {name: doc.get(name) for name in _TOLD}
    # Only what is held can be let out.
    return {**item_of(doc), **told, "releasable": doc["state"] == "quarantined"}
