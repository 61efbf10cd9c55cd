"""What MongoDB and the kept files hold of a person, gone: the views are dropped and made anew from
the erased log, everything else is gone through.

Nothing here is the truth, so each step may be done twice. A notice that still had to be sent to
them, or about a ticket of theirs, is given up, and says so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from cli.erase.person import PersonToErase
from cli.log.rebuild import BESIDE, POSITIONS, VIEWS
from services.notifier.courier.ledger import read_owed, settle
from services.notifier.courier.recorder import to_keep
from shared.channels.outcome import Rejected
from shared.files import FileHome
from shared.files.home import DESCRIBED
from shared.files.with_old import OLD_COLLECTIONS
from shared.storage.store import Document, Store

ALSO_VIEWS = ("mail_counts",)
GIVEN_UP = "given up: the person it is to or about was erased"
# Collections that are looked at in a way of their own.
_OUTBOX, _ATTACHMENTS, _SESSIONS, _FILES = "outbox", "attachments", "sessions", "blobs"
_READ_AT_ONCE = 32


async def drop_views(store: Store) -> int:
    """The projector makes them anew; positions first, so that a half-dropped view is never gone on
    with.
    """
    there = await store.collections()
    wanted = [
        POSITIONS,
        *(name for name in there if name in (*VIEWS, *ALSO_VIEWS) or name.startswith(BESIDE)),
    ]
    for name in wanted:
        await store[name].drop()
    return len(wanted)


async def sweep(
    store: Store,
    places: Sequence[FileHome],
    person: PersonToErase,
    now: datetime,
    *,
    dry_run: bool = False,
) -> Counter[str]:
    """Collection → documents that were deleted or changed; `attachments` and `blobs` are files, in
    all the `places`. Raises Unavailable.
    """
    found: Counter[str] = Counter()
    there = await store.collections()
    views = {*VIEWS, *ALSO_VIEWS, POSITIONS}
    for name in there:
        if name in views or name in OLD_COLLECTIONS or name.startswith(BESIDE):
            continue
        collection = store[name]
        # Everything that is no view. Documents are compared, so what does not name them is not
        # written.
        async for document in collection.each({}):
            left = _left(name, document, person, now)
            if left == document:
                continue
            found[name] += 1
            if dry_run:
                continue
            # An `_id` cannot be changed: such a document is written anew.
            if left is None or left["_id"] != document["_id"]:
                await collection.delete({"_id": document["_id"]})
            if left is not None:
                await collection.replace({"_id": left["_id"]}, left)
    found[_FILES] += await _sweep_blobs(places, person, dry_run)
    found[_ATTACHMENTS] += await _sweep_descriptions(places, person, dry_run)
    return +found


async def _sweep_blobs(places: Sequence[FileHome], person: PersonToErase, dry_run: bool) -> int:
    """Messages and attachments as they came. The same bytes that somebody else uploaded too are
    theirs as well: they stay.
    """
    # The same bytes may be somebody else's upload.
    shared_with = {
        str(each["blob"])
        for place in places
        async for each in _descriptions(place)
        if not person.is_them(each.get("by"))
    }
    gone = 0
    for blob in sorted(person.blobs - shared_with):
        there = [place for place in places if await place.has(blob)]
        gone += bool(there)
        for place in () if dry_run else there:
            await place.delete(blob)
    return gone


async def _sweep_descriptions(
    places: Sequence[FileHome], person: PersonToErase, dry_run: bool
) -> int:
    changed = 0
    for place in places:
        async for each in _descriptions(place):
            left = None if _is_theirs(each, person) else _scrub_value(each, person)
            if left == each:
                continue
            changed += 1
            if dry_run:
                continue
            if left is None:
                await place.delete(each["_id"])
            else:
                await place.replace(each["_id"], orjson.dumps(left))
    return changed


async def _descriptions(place: FileHome) -> AsyncIterator[Document]:
    """What is said about each attachment that is kept there."""
    names = [entry.name async for entry in place.entries() if entry.name.startswith(DESCRIBED)]
    # Some at once: each is a round trip.
    for start in range(0, len(names), _READ_AT_ONCE):
        some = names[start : start + _READ_AT_ONCE]
        for raw in await asyncio.gather(*(place.get(name) for name in some)):
            if raw is not None:
                yield orjson.loads(raw)


async def blobs_of(places: Sequence[FileHome], person: PersonToErase) -> frozenset[str]:
    """The files of their attachments: asked before the attachments' descriptions go."""
    return frozenset(
        [
            str(each["blob"])
            for place in places
            async for each in _descriptions(place)
            if _is_theirs(each, person)
        ]
    )


def _left(name: str, document: Document, person: PersonToErase, now: datetime) -> Document | None:
    """What is left of a document; None: nothing."""
    # A session is about one person and holds nothing else.
    if name == _SESSIONS:
        return None if person.is_them(document.get("email")) else document
    if name == _OUTBOX and (
        person.is_them(document.get("to")) or document.get("ticket_id") in person.tickets
    ):
        document = _notice(document, person, now)
    return {key: _scrub_value(value, person) for key, value in document.items()}


def _is_theirs(attachment: Document, person: PersonToErase) -> bool:
    return attachment["_id"] in person.attachments or person.is_them(attachment.get("by"))


def _notice(document: Document, person: PersonToErase, now: datetime) -> Document:
    """Without its words. The id stays, so that it is not owed again."""
    left = {
        key: value for key, value in document.items() if key not in ("body", "open", "retry_at")
    }
    # Settled already: only its words go.
    if not document.get("open"):
        return left
    settled = settle(read_owed(document), Rejected(GIVEN_UP), now)
    unsaid = [*document.get("unsaid", ()), *to_keep([settled.fact], document.get("trace"))]
    return {**left, **settled.change["$set"], "unsaid": unsaid}


def _scrub_value(value: Any, person: PersonToErase) -> Any:
    """As `erasing.named`, for what BSON holds: bytes too."""
    if isinstance(value, str):
        return person.replaced(value)
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return (
            person.replaced(text).encode("utf-8", "surrogateescape")
            if person.is_named(text)
            else value
        )
    if isinstance(value, list | tuple):
        return [_scrub_value(each, person) for each in value]
    if isinstance(value, dict):
        return {
            _scrub_value(key, person): _scrub_value(each, person) for key, each in value.items()
        }
    return value
