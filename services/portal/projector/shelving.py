"""How many tickets stand in each list of the desk: counters beside the views, moved by the
projector in the batch that moves the tickets.

`recount` is what they must equal. It is answered by indexes alone.
"""

from __future__ import annotations

from typing import Any

from services.portal.desk.homes import shelve
from services.portal.projector.ticket_flow import begin_shelf_fields
from shared.storage.store import DeleteOne, ReplaceOne, Store, UpdateOne

SHELVES = "shelves"
"""The collection: `{_id: a shelf's name, n}`."""

SHAPE = 2
"""Of a ticket's document: 2 has what the homes' lists go by. Views of an older release are brought
up to it once; done tickets stand in no home and stay as they are.
"""

_LIVE = {"status": {"$in": ["new", "open", "pending"]}}
# Documents to one write, so that neither memory nor the write grows with the tickets.
_AT_ONCE = 500


async def recount(store: Store) -> dict[str, int]:
    """The counters as the tickets themselves say. Raises Unavailable."""
    names = [name for name in await store["tickets"].distinct("shelves") if name]
    return {name: await store["tickets"].count({"shelves": name}) for name in names}


def counter(name: str, n: int) -> ReplaceOne[dict[str, Any]] | DeleteOne:
    """The write that sets a counter. One at nothing is none: views are the same however they came
    to be.
    """
    if n == 0:
        return DeleteOne({"_id": name})
    return ReplaceOne({"_id": name}, {"_id": name, "n": n}, upsert=True)


async def begin(store: Store) -> dict[str, int]:
    """Bring older views up to this release, count afresh, and write what was counted."""
    await _bring_up(store)
    counts = await recount(store)
    # A shelf that nobody stands on any more has no counter.
    stale = [doc["_id"] for doc in await store[SHELVES].find({}) if doc["_id"] not in counts]
    writes: list[Any] = [DeleteOne({"_id": name}) for name in stale]
    writes += [counter(name, n) for name, n in counts.items()]
    await store[SHELVES].bulk(writes, ordered=False)
    return counts


async def _bring_up(store: Store) -> None:
    stands = await store["positions"].find_one({"_id": "views"})
    # No views yet: they are made in today's shape from the first document on.
    if stands is None or stands.get("shape", 1) >= SHAPE:
        return
    writes: list[Any] = []
    async for doc in store["tickets"].each({**_LIVE, "desk_key": {"$exists": False}}):
        made = begin_shelf_fields(doc)
        shelve(made)
        changed = {name: value for name, value in made.items() if doc.get(name) != value}
        writes.append(UpdateOne({"_id": doc["_id"]}, {"$set": changed}))
        if len(writes) == _AT_ONCE:
            await store["tickets"].bulk(writes, ordered=False)
            writes = []
    await store["tickets"].bulk(writes, ordered=False)
    # Last: after a crash the work is done again, which changes nothing.
    await store["positions"].update({"_id": "views"}, {"$set": {"shape": SHAPE}})
