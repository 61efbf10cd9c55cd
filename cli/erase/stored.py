"""What MongoDB holds of a person, gone: the views are dropped and made anew from the erased log, everything else is gone through.

Nothing here is the truth, so each step may be done twice. A notice that still had to be sent to them, or about a ticket of theirs, is
given up, and says so.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from cli.erase.person import Person
from cli.rebuild import BESIDE, POSITIONS, VIEWS
from services.notifier.ledger import owed_in, settle
from services.notifier.recorder import to_keep
from shared.channels.outcome import Refused
from shared.store import Document, Store

ALSO_VIEWS = ("mail_counts",)
GIVEN_UP = "given up: the person it is to or about was erased"
_OUTBOX, _ATTACHMENTS, _SESSIONS, _FILES = "outbox", "attachments", "sessions", "blobs"


async def drop_views(store: Store) -> int:
    """The projector makes them anew; positions first, so that a half-dropped view is never gone on with."""
    there = await store.collections()
    wanted = [POSITIONS, *(name for name in there if name in (*VIEWS, *ALSO_VIEWS) or name.startswith(BESIDE))]
    for name in wanted:
        await store[name].drop()
    return len(wanted)


async def sweep(store: Store, person: Person, now: datetime, *, dry_run: bool = False) -> Counter[str]:
    """Collection → documents that were deleted or changed. Raises Unavailable."""
    found: Counter[str] = Counter()
    there = await store.collections()
    views = {*VIEWS, *ALSO_VIEWS, POSITIONS}
    for name in there:
        if name in views or name.startswith(BESIDE) or name.endswith(".chunks"):
            continue
        collection = store[name]
        async for document in collection.each({}):
            left = _left(name, document, person, now)
            if left == document:
                continue
            found[name] += 1
            if dry_run:
                continue
            if left is None or left["_id"] != document["_id"]:
                await collection.delete({"_id": document["_id"]})
            if left is not None:
                await collection.replace({"_id": left["_id"]}, left)
    found[_FILES] += await _files(store, person, there, dry_run)
    return +found


async def _files(store: Store, person: Person, there: list[str], dry_run: bool) -> int:
    """Messages and attachments as they came. The same bytes that somebody else uploaded too are theirs as well: they stay."""
    if f"{_FILES}.files" not in there:
        return 0
    shared_with = {str(each["blob"]) async for each in store[_ATTACHMENTS].each({}) if not person.is_them(each.get("by"))}
    gone = 0
    for blob in sorted(person.blobs - shared_with):
        if await store[f"{_FILES}.files"].find_one({"filename": blob}) is not None:
            gone += 1
            if not dry_run:
                await store.files(_FILES).delete(blob)
    return gone


async def blobs_of(store: Store, person: Person) -> frozenset[str]:
    """The files of their attachments: asked before the attachments' documents go."""
    return frozenset([str(each["blob"]) async for each in store[_ATTACHMENTS].each({}) if _is_theirs(each, person)])


def _left(name: str, document: Document, person: Person, now: datetime) -> Document | None:
    """What is left of a document; None: nothing."""
    if name == _SESSIONS:
        return None if person.is_them(document.get("email")) else document
    if name == _ATTACHMENTS:
        return None if _is_theirs(document, person) else document
    if name == _OUTBOX and (person.is_them(document.get("to")) or document.get("ticket_id") in person.tickets):
        document = _notice(document, person, now)
    return {key: _scrubbed(value, person) for key, value in document.items()}


def _is_theirs(attachment: Document, person: Person) -> bool:
    return attachment["_id"] in person.attachments or person.is_them(attachment.get("by"))


def _notice(document: Document, person: Person, now: datetime) -> Document:
    """Without its words. The id stays, so that it is not owed again."""
    left = {key: value for key, value in document.items() if key not in ("body", "open", "retry_at")}
    if not document.get("open"):
        return left
    settled = settle(owed_in(document), Refused(GIVEN_UP), now)
    unsaid = [*document.get("unsaid", ()), *to_keep([settled.fact], document.get("trace"))]
    return {**left, **settled.change["$set"], "unsaid": unsaid}


def _scrubbed(value: Any, person: Person) -> Any:
    """As `erasing.named`, for what BSON holds: bytes too."""
    if isinstance(value, str):
        return person.replaced(value)
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return person.replaced(text).encode("utf-8", "surrogateescape") if person.is_named(text) else value
    if isinstance(value, list | tuple):
        return [_scrubbed(each, person) for each in value]
    if isinstance(value, dict):
        return {_scrubbed(key, person): _scrubbed(each, person) for key, each in value.items()}
    return value
