"""Attachments as somebody may fetch them: through the tickets that name them, by the same rule as
everything else in a ticket.

Until a ticket or a reply names it, an attachment is its uploader's alone; afterwards only what one
is to the ticket counts, so a provider whose ticket was taken away is told 404 at once. Always a
download: nothing of it is ever shown in our pages.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from services.portal.tickets.queries import find_ticket_standing
from shared.access import may_see_fact
from shared.errors import Unavailable
from shared.events import Actor
from shared.files import Descriptions, FileHome
from shared.people.folding import fold_address
from shared.storage.store import Store

ID = re.compile(r"att_[a-z2-7]{26}")
# Only these facts bring files; a word in another fact opens none.
_NAMED_IN = ("TicketOpened", "ReplyAdded", "NoteAdded")
_HARMLESS = re.compile(
    r"(image/(png|jpeg|gif|webp)|text/plain|application/(pdf|zip|gzip|octet-stream)"
    r"|audio/[\w.+-]+|video/[\w.+-]+)"
)
"""What a file may be called when it is sent; anything else is called bytes. It is a download all
the same.
"""

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What a browser shows and cannot run (an SVG could)."""
MOST_SHOWN = 10 * 1024 * 1024
"""Bytes of a picture that a page shows; a larger one is a download alone."""

Shape = dict[str, Any]


def has_preview(found: Shape) -> bool:
    """Whether a page may show it. What the virus scanner should have seen and did not, it
    may not.
    """
    return (
        found.get("type") in _PICTURES
        and 0 < (found.get("size") or 0) <= MOST_SHOWN
        and found.get("scan") != "unscanned"
    )


async def attachment(
    store: Store, descriptions: Descriptions, actor: Actor, attachment_id: str
) -> Shape | None:
    """`{_id, blob, name, type, size, by, at, scan}`, or None: there is none, or none the actor may
    see. Raises Unavailable; also where a ticket names it and it is still on intake's disk.
    """
    if not ID.fullmatch(attachment_id):
        return None
    found = (await descriptions.find([attachment_id])).get(attachment_id)
    # A bound only: as a rule one message names a file.
    named = await store["timeline"].find(
        {"data.attachments": attachment_id, "type": {"$in": list(_NAMED_IN)}}, limit=200
    )
    if not named:
        return found if found and found["by"] == fold_address(actor.email) else None
    tickets = {
        doc["_id"]: doc
        for doc in await store["tickets"].find(
            {"_id": {"$in": sorted({fact["ticket"] for fact in named})}}
        )
    }
    # One ticket that the actor may see is enough.
    for fact in named:
        doc = tickets.get(fact["ticket"])
        who = find_ticket_standing(actor, doc) if doc is not None else None
        if who is not None and may_see_fact(who, fact["type"], fact.get("audience")):
            # Said only now, so that a stranger cannot tell a file on its way from none.
            if found is None:
                raise Unavailable("attachment", "it is still on intake's disk")
            return found
    return None


async def describe_attachments(
    descriptions: Descriptions, facts: Iterable[Shape]
) -> dict[str, Shape]:
    """`{id: {id, name, type, size, scan, has_preview}}` of what facts somebody may see name; one
    that is not stored yet has its id alone.
    """
    ids = {name for fact in facts for name in (fact.get("data") or {}).get("attachments") or []}
    if not ids:
        return {}
    found = await descriptions.find(sorted(ids))
    return {
        name: {
            "id": name,
            **{field: found.get(name, {}).get(field) for field in ("name", "type", "size", "scan")},
            "has_preview": has_preview(found.get(name, {})),
        }
        for name in ids
    }


def files_of(fact: Shape, known: dict[str, Shape]) -> list[Shape]:
    """Those of one fact, in its order."""
    return [
        known[name] for name in (fact.get("data") or {}).get("attachments") or [] if name in known
    ]


async def download(files: FileHome, found: Shape, *, is_shown: bool = False) -> Response:
    """The bytes; `is_shown`: for an `<img>` of ours. Raises Unavailable where they are not where
    files are kept yet: intake moves them within seconds.
    """
    chunks = await files.stream(found["blob"])
    if chunks is None:
        raise Unavailable("attachment", "its bytes are still on intake's disk")
    return StreamingResponse(
        _all(chunks), media_type=None, headers=headers_for(found, is_shown=is_shown)
    )


def headers_for(found: Shape, *, is_shown: bool = False) -> dict[str, str]:
    """They keep a browser from ever making something of the file but a file."""
    kind = str(found["type"])
    how = "inline" if is_shown else "attachment"
    # For old browsers, which read ASCII alone; `filename*` has the real name (RFC 6266).
    plain = re.sub(r"[^\w.-]", "_", str(found["name"]), flags=re.ASCII)
    return {
        "Content-Type": kind if _HARMLESS.fullmatch(kind) else "application/octet-stream",
        "Content-Length": str(found["size"]),
        "Content-Disposition": f'{how}; filename="{plain}"; '
        f"filename*=UTF-8''{quote(str(found['name']), safe='')}",
        "X-Content-Type-Options": "nosniff",
        # Even where a browser opens it, nothing in it may run or load.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


async def _all(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
