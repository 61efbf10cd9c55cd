"""Attachments as somebody may fetch them: through the tickets that name them, by the same rule as everything else in a ticket.

Until a ticket or a reply names it, an attachment is its uploader's alone; afterwards only what one is to the ticket counts, so
a provider whose ticket was taken away is told 404 at once. Always a download: nothing of it is ever shown in our pages.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from services.portal.queries import standing_in
from shared.access import may_see_fact
from shared.errors import Unavailable
from shared.events import Actor
from shared.store import Store

COLLECTION = "attachments"
ID = re.compile(r"att_[a-z2-7]{26}")
_NAMED_IN = ("TicketOpened", "ReplyAdded", "NoteAdded")
_HARMLESS = re.compile(r"(image/(png|jpeg|gif|webp)|text/plain|application/(pdf|zip|gzip|octet-stream)|audio/[\w.+-]+|video/[\w.+-]+)")
"""What a file may be called when it is sent; anything else is called bytes. It is a download all the same."""

Shape = dict[str, Any]


async def attachment(store: Store, actor: Actor, attachment_id: str) -> Shape | None:
    """`{_id, blob, name, type, size, by, at, scan}`, or None: there is none, or none the actor may see. Raises Unavailable."""
    if not ID.fullmatch(attachment_id):
        return None
    found = await store[COLLECTION].find_one({"_id": attachment_id})
    if found is None:
        return None
    named = await store["timeline"].find({"data.attachments": attachment_id, "type": {"$in": list(_NAMED_IN)}}, limit=200)
    if not named:
        return found if found["by"] == actor.email.lower() else None
    tickets = {doc["_id"]: doc for doc in await store["tickets"].find({"_id": {"$in": sorted({fact["ticket"] for fact in named})}})}
    for fact in named:
        doc = tickets.get(fact["ticket"])
        who = standing_in(actor, doc) if doc is not None else None
        if who is not None and may_see_fact(who, fact["type"], fact.get("audience")):
            return found
    return None


async def described(store: Store, facts: Iterable[Shape]) -> dict[str, Shape]:
    """`{id: {id, name, type, size, scan}}` of what facts somebody may see name; one that is not stored yet has its id alone."""
    ids = {name for fact in facts for name in (fact.get("data") or {}).get("attachments") or []}
    if not ids:
        return {}
    found = {doc["_id"]: doc for doc in await store[COLLECTION].find({"_id": {"$in": sorted(ids)}})}
    return {name: {"id": name, **{field: found.get(name, {}).get(field) for field in ("name", "type", "size", "scan")}} for name in ids}


def files_of(fact: Shape, known: dict[str, Shape]) -> list[Shape]:
    """Those of one fact, in its order."""
    return [known[name] for name in (fact.get("data") or {}).get("attachments") or [] if name in known]


async def download(store: Store, found: Shape) -> Response:
    """The bytes. Raises Unavailable where they are not in GridFS yet: intake moves them within seconds."""
    chunks = await store.files("blobs").stream(found["blob"])
    if chunks is None:
        raise Unavailable("attachment", "its bytes are still on intake's disk")
    return StreamingResponse(_all(chunks), media_type=None, headers=headers_for(found))


def headers_for(found: Shape) -> dict[str, str]:
    """They keep a browser from ever making something of the file but a file."""
    kind = str(found["type"])
    plain = re.sub(r"[^\w.-]", "_", str(found["name"]), flags=re.ASCII)
    return {
        "Content-Type": kind if _HARMLESS.fullmatch(kind) else "application/octet-stream",
        "Content-Length": str(found["size"]),
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(str(found['name']), safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


async def _all(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
