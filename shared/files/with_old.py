"""A home, and behind it the place where earlier releases kept files: GridFS beside the views, and
the collection `attachments` for what is said about them. `signalbox files move` empties it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import orjson

from shared.errors import Unavailable
from shared.files.home import DESCRIBED, FileEntry, FileHome
from shared.storage.store import Store

OLD_BUCKET, OLD_DESCRIPTIONS = "blobs", "attachments"
OLD_COLLECTIONS = frozenset({f"{OLD_BUCKET}.files", f"{OLD_BUCKET}.chunks", OLD_DESCRIPTIONS})


class OldFiles:
    """What earlier releases left in the database of the views. A `FileHome` that is only
    emptied.
    """

    def __init__(self, store: Store) -> None:
        self.where = "the database of the views"
        self._store, self._bucket = store, store.bucket(OLD_BUCKET)

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        raise NotImplementedError("nothing new is kept here")

    async def replace(self, name: str, raw: bytes) -> None:
        """Raises Unavailable. Only what is there is replaced: what is left of it when a person was
        erased.
        """
        if name.startswith(DESCRIBED):
            # `upsert=False`: what was moved or erased must not come back.
            await self._store[OLD_DESCRIPTIONS].replace(
                {"_id": name}, orjson.loads(raw), upsert=False
            )
        else:
            await self._bucket.replace(name, raw)

    async def get(self, name: str) -> bytes | None:
        if name.startswith(DESCRIBED):
            found = await self._store[OLD_DESCRIPTIONS].find_one({"_id": name})
            return None if found is None else orjson.dumps(found)
        return await self._bucket.get(name)

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        return await self._bucket.stream(name)

    async def has(self, name: str) -> bool:
        if name.startswith(DESCRIBED):
            return await self._store[OLD_DESCRIPTIONS].count({"_id": name}) > 0
        return await self._bucket.has(name)

    async def delete(self, name: str) -> bool:
        if name.startswith(DESCRIBED):
            return await self._store[OLD_DESCRIPTIONS].delete({"_id": name}) > 0
        return await self._bucket.delete(name)

    async def entries(self) -> AsyncIterator[FileEntry]:
        # The list of collections first: asking one that is gone would make a cursor for nothing.
        there = set(await self._store.collections())
        if OLD_DESCRIPTIONS in there:
            async for found in self._store[OLD_DESCRIPTIONS].each({}):
                yield FileEntry(str(found["_id"]), len(orjson.dumps(found)))
        if f"{OLD_BUCKET}.files" in there:
            async for name, size in self._bucket.entries():
                yield FileEntry(name, size)

    async def drop_if_empty(self) -> bool:
        """Whether nothing is left; then the collections are gone too."""
        # One entry is enough to know.
        async for _ in self.entries():
            return False
        for name in OLD_COLLECTIONS & set(await self._store.collections()):
            await self._store[name].drop()
        return True

    async def unready(self) -> str | None:
        return await self._store.unready()

    async def close(self) -> None:
        """The store is its owner's."""


class HomeWithOld:
    """`home`, and for what is not there the `old` place. All that is new goes to `home`."""

    def __init__(self, home: FileHome, old: FileHome) -> None:
        self.where = home.where
        self._home, self._old = home, old

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        await self._home.put_many(files)

    async def replace(self, name: str, raw: bytes) -> None:
        await self._home.replace(name, raw)

    async def get(self, name: str) -> bytes | None:
        try:
            found = await self._home.get(name)
        except Unavailable:
            # What is here can be read with the home away.
            if (old := await self._old_get(name)) is not None:
                return old
            raise
        # The new home first: nearly everything is there.
        return found if found is not None else await self._old.get(name)

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        found = await self._home.stream(name)
        return found if found is not None else await self._old.stream(name)

    async def _old_get(self, name: str) -> bytes | None:
        with contextlib.suppress(Unavailable):
            return await self._old.get(name)
        return None

    async def has(self, name: str) -> bool:
        return await self._home.has(name) or await self._old.has(name)

    async def delete(self, name: str) -> bool:
        """From both."""
        was_here = await self._home.delete(name)
        # Both are always asked: an erased file must be left in neither place.
        return await self._old.delete(name) or was_here

    async def entries(self) -> AsyncIterator[FileEntry]:
        """What stands in both is named twice."""
        for place in (self._home, self._old):
            async for entry in place.entries():
                yield entry

    async def unready(self) -> str | None:
        return await self._home.unready()

    async def close(self) -> None:
        await self._home.close()
        await self._old.close()
