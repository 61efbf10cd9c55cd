"""MongoDB: the only module that knows motor (past its end of life: the swap to PyMongo's async
client is to cost this file).

Everything kept here is a view or the outbox, never the truth (DESIGN section 1). Documents are
plain dicts with string keys; instants come back as aware UTC datetimes (milliseconds). A server
that does not answer in its time raises `Unavailable`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorGridFSBucket,
)
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    PyMongoError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.errors import SignalboxError, Unavailable
from shared.storage.store_trouble import in_words, is_gone_snapshot, is_refusal

__all__ = [
    "Bucket",
    "Collection",
    "DeleteMany",
    "DeleteOne",
    "Document",
    "Duplicate",
    "InsertOne",
    "ReplaceOne",
    "Session",
    "Store",
    "UpdateMany",
    "UpdateOne",
]

Document = dict[str, Any]
Filter = Mapping[str, Any]
Session = AsyncIOMotorClientSession
Order = Sequence[tuple[str, int]]

# `put_many` writes chunks by itself, so that files of both ways read alike.
_CHUNK = 255 * 1024
"""GridFS's own."""
_DUPLICATE_KEY = 11000
# Errors that mean "wait": nobody answers, or not in time.
_AWAY = (ConnectionFailure, ExecutionTimeout, WriteConcernError)


class Duplicate(SignalboxError):
    """A unique index already has it."""


@contextlib.contextmanager
def _translate_errors(what: str) -> Iterator[None]:
    try:
        yield
    except DuplicateKeyError as error:
        raise Duplicate(f"{what}: {error}") from error
    except BulkWriteError as error:
        # Only where every failure is a duplicate. Anything else beside it must not be hidden.
        details = error.details or {}
        codes = [found.get("code") for found in details.get("writeErrors", [])]
        if set(codes) - {_DUPLICATE_KEY}:
            raise
        # First: what no majority has may be rolled back, and the duplicates with it.
        if details.get("writeConcernErrors"):
            raise Unavailable("mongodb", f"{what}: no majority has it yet") from error
        if not codes:
            raise
        raise Duplicate(f"{what}: {len(codes)} duplicates") from error
    except _AWAY as error:
        raise Unavailable("mongodb", f"{what}: {in_words(error)}") from error
    except PyMongoError as error:
        if is_refusal(error) or is_gone_snapshot(error):
            raise Unavailable("mongodb", f"{what}: {in_words(error)}") from error
        # The driver has tried again by itself already; after that it is a matter of waiting.
        if error.has_error_label("RetryableWriteError") or error.has_error_label(
            "TransientTransactionError"
        ):
            raise Unavailable("mongodb", f"{what}: {type(error).__name__}") from error
        raise


class Collection:
    """One collection. Every call may raise Unavailable; writes by unique key raise Duplicate."""

    def __init__(self, store: Store, name: str) -> None:
        # Reads that are bounded have a time limit at the server; reading all of something has none.
        self.name = name
        self._motor = store.database[name]
        self._patience_ms = store.patience_ms

    async def find_one(
        self,
        where: Filter,
        *,
        fields: Mapping[str, Any] | None = None,
        session: Session | None = None,
    ) -> Document | None:
        with _translate_errors(f"reading {self.name}"):
            found: Document | None = await self._motor.find_one(
                where, projection=fields, session=session, max_time_ms=self._patience_ms
            )
            return found

    async def find(
        self,
        where: Filter,
        *,
        order: Order | None = None,
        limit: int = 0,
        skip: int = 0,
        fields: Mapping[str, Any] | None = None,
    ) -> list[Document]:
        """The documents, sorted by (field, 1 or -1) pairs; limit 0 is all of them."""
        with _translate_errors(f"reading {self.name}"):
            cursor = self._motor.find(
                where,
                projection=fields,
                limit=limit,
                skip=skip,
                # All documents of a large collection may take long: a rebuild, for one.
                max_time_ms=self._patience_ms if limit else None,
            )
            found: list[Document] = await (cursor.sort(list(order)) if order else cursor).to_list(
                length=None
            )
            return found

    async def each(
        self,
        where: Filter,
        *,
        order: Order | None = None,
        fields: Mapping[str, Any] | None = None,
        session: Session | None = None,
    ) -> AsyncIterator[Document]:
        """The documents one by one, for more than fit in memory."""
        with _translate_errors(f"reading {self.name}"):
            cursor = self._motor.find(where, projection=fields, session=session)
            async for document in cursor.sort(list(order)) if order else cursor:
                yield document

    async def count(self, where: Filter, *, limit: int = 0) -> int:
        """How many; with a limit no more than that are counted."""
        more: dict[str, Any] = {"limit": limit} if limit else {}
        with _translate_errors(f"counting {self.name}"):
            return int(
                await self._motor.count_documents(where, maxTimeMS=self._patience_ms, **more)
            )

    async def distinct(self, field: str) -> list[Any]:
        """The values a field has; of a field that an index begins with, read from the index."""
        with _translate_errors(f"reading {self.name}"):
            found: list[Any] = await self._motor.distinct(field, maxTimeMS=self._patience_ms)
            return found

    async def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        with _translate_errors(f"aggregating {self.name}"):
            found: list[Document] = await self._motor.aggregate(
                list(pipeline), maxTimeMS=self._patience_ms
            ).to_list(length=None)
            return found

    async def insert(self, document: Document, *, session: Session | None = None) -> None:
        with _translate_errors(f"writing {self.name}"):
            await self._motor.insert_one(document, session=session)

    async def update(
        self, where: Filter, change: Any, *, upsert: bool = False, session: Session | None = None
    ) -> int:
        """Update one document; how many matched (an upserted one counts)."""
        with _translate_errors(f"writing {self.name}"):
            done = await self._motor.update_one(where, change, upsert=upsert, session=session)
            return int(done.matched_count + (done.upserted_id is not None))

    async def update_all(self, where: Filter, change: Any) -> int:
        with _translate_errors(f"writing {self.name}"):
            return int((await self._motor.update_many(where, change)).modified_count)

    async def take(
        self, where: Filter, change: Any, *, order: Order | None = None, upsert: bool = False
    ) -> Document | None:
        """Find one, change it, and return it as it is afterwards, in one step (claims, leases)."""
        with _translate_errors(f"writing {self.name}"):
            found: Document | None = await self._motor.find_one_and_update(
                where,
                change,
                sort=list(order) if order else None,
                upsert=upsert,
                return_document=True,
            )
            return found

    async def replace(
        self,
        where: Filter,
        document: Document,
        *,
        upsert: bool = True,
        session: Session | None = None,
    ) -> None:
        with _translate_errors(f"writing {self.name}"):
            await self._motor.replace_one(where, document, upsert=upsert, session=session)

    async def delete(self, where: Filter, *, session: Session | None = None) -> int:
        with _translate_errors(f"writing {self.name}"):
            return int((await self._motor.delete_many(where, session=session)).deleted_count)

    async def bulk(
        self, writes: Sequence[Any], *, ordered: bool = True, session: Session | None = None
    ) -> int:
        """Many writes in one round trip; how many documents changed. Unordered, Duplicate is raised
        after all were tried.
        """
        if not writes:
            return 0
        with _translate_errors(f"writing {self.name}"):
            done = await self._motor.bulk_write(list(writes), ordered=ordered, session=session)
            return int(
                done.inserted_count + done.modified_count + done.upserted_count + done.deleted_count
            )

    async def index(self, fields: Order, **options: Any) -> None:
        """Create an index where it is missing (`unique=True`, `expireAfterSeconds=…`,
        `partialFilterExpression=…`).
        """
        with _translate_errors(f"indexing {self.name}"):
            await self._motor.create_index(list(fields), **options)

    async def watch(
        self, pipeline: Sequence[Mapping[str, Any]] = (), *, resume_after: Any = None
    ) -> AsyncGenerator[Document, None]:
        """Changes as they come, full documents with them; each has its resume token as `_id`. Ends
        by Unavailable, also where the collection is dropped.
        """
        with _translate_errors(f"watching {self.name}"):
            async with self._motor.watch(
                list(pipeline), full_document="updateLookup", resume_after=resume_after
            ) as stream:
                async for change in stream:
                    yield change
        # The stream ends by itself only where the collection is gone.
        raise Unavailable("mongodb", f"watching {self.name}: it was dropped")

    async def rename(self, name: str) -> None:
        """Put this collection in the place of `name`, whose documents are dropped, in one step."""
        with _translate_errors(f"renaming {self.name}"):
            await self._motor.rename(name, dropTarget=True)

    async def drop(self) -> None:
        with _translate_errors(f"dropping {self.name}"):
            await self._motor.drop()


class Bucket:
    """Bytes in GridFS under names that are theirs for good (a hash). Every call may raise
    Unavailable.
    """

    def __init__(self, store: Store, bucket: str) -> None:
        self.bucket = bucket
        self._store = store
        self._is_indexed = False

    @cached_property
    def _motor(self) -> Any:
        """Made when first asked for: it binds the client to the loop that runs then, and wiring
        runs in none that lasts.
        """
        return AsyncIOMotorGridFSBucket(self._store.database, bucket_name=self.bucket)

    async def put(self, name: str, raw: bytes) -> None:
        """Kept by a majority on return. What is there already is not written again; a crash
        half-way leaves nothing of that name.
        """
        # The name is a hash of the bytes, so what is there is the same.
        with _translate_errors(f"writing {self.bucket}"):
            if await self._find_newest(name) is None:
                await self._motor.upload_from_stream(name, raw)

    async def replace(self, name: str, raw: bytes) -> None:
        """The same in place of what is there; a reader meets the one or the other."""
        with _translate_errors(f"writing {self.bucket}"):
            # The new one is written first: a reader that takes the newest always finds one.
            before = await self._motor.find({"filename": name}).to_list(length=None)
            await self._motor.upload_from_stream(name, raw)
            for each in before:
                await self._motor.delete(each["_id"])

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Several in three round trips, a few megabytes together; each as `put` keeps it. Raises
        Unavailable: some may be kept.
        """
        chunks, entries = self._store[f"{self.bucket}.chunks"], self._store[f"{self.bucket}.files"]
        # GridFS makes these itself only in `upload_from_stream`.
        if not self._is_indexed:
            await chunks.index([("files_id", 1), ("n", 1)], unique=True)
            await entries.index([("filename", 1), ("uploadDate", 1)])
            self._is_indexed = True
        there = {
            found["filename"]
            for found in await entries.find(
                {"filename": {"$in": [file[0] for file in files]}}, fields={"filename": 1}
            )
        }
        # The id comes from the name, so what a write that failed half-way left behind is the same
        # and in its place.
        fresh = {
            name: (ObjectId(hashlib.sha256(name.encode()).digest()[:12]), raw)
            for name, raw in files
            if name not in there
        }
        if not fresh:
            return
        pieces = [
            InsertOne({"files_id": file_id, "n": n, "data": raw[n * _CHUNK : (n + 1) * _CHUNK]})
            for file_id, raw in fresh.values()
            # Rounded up.
            for n in range(-(-len(raw) // _CHUNK))
        ]
        now = datetime.now(UTC)
        heads = [
            InsertOne(
                {
                    "_id": file_id,
                    "filename": name,
                    "length": len(raw),
                    "chunkSize": _CHUNK,
                    "uploadDate": now,
                }
            )
            for name, (file_id, raw) in fresh.items()
        ]
        # Chunks before heads: a file is there once its head is.
        for collection, writes in ((chunks, pieces), (entries, heads)):
            with contextlib.suppress(Duplicate):
                await collection.bulk(writes, ordered=False)

    async def get(self, name: str) -> bytes | None:
        with _translate_errors(f"reading {self.bucket}"):
            found = await self._find_newest(name)
            if found is None:
                return None
            opened = await self._motor.open_download_stream(found)
            raw: bytes = await opened.read()
            return raw

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        """The same in pieces."""
        with _translate_errors(f"reading {self.bucket}"):
            found = await self._find_newest(name)
            return (
                None
                if found is None
                else self._pieces(await self._motor.open_download_stream(found))
            )

    async def _pieces(self, opened: Any) -> AsyncIterator[bytes]:
        with _translate_errors(f"reading {self.bucket}"):
            while piece := await opened.readchunk():
                yield piece

    async def has(self, name: str) -> bool:
        with _translate_errors(f"reading {self.bucket}"):
            return await self._find_newest(name) is not None

    async def delete(self, name: str) -> bool:
        """Every copy of it, if there is any; whether there was one."""
        was_there = False
        with _translate_errors(f"deleting from {self.bucket}"):
            # `replace` may have left more than one of a name.
            while (found := await self._find_newest(name)) is not None:
                await self._motor.delete(found)
                was_there = True
        return was_there

    async def entries(self) -> AsyncIterator[tuple[str, int]]:
        """(name, bytes) of everything that is there."""
        fields = {"filename": 1, "length": 1}
        async for found in self._store[f"{self.bucket}.files"].each({}, fields=fields):
            yield str(found["filename"]), int(found["length"])

    async def _find_newest(self, name: str) -> Any:
        """The newest of that name."""
        newest = [("uploadDate", -1)]
        found = await self._motor.find({"filename": name}, sort=newest, limit=1).to_list(length=1)
        return found[0]["_id"] if found else None


class Store:
    """One database. Connects when first used; reads and writes with majority, so nothing read is
    rolled back.

    `patience_ms`: how long the server may work at a read that is bounded. We wait a second longer,
    so that it never goes on with what nobody waits for any more.
    """

    def __init__(
        self, uri: str, database: str, *, timeout_ms: int = 2000, patience_ms: int = 9_000
    ) -> None:
        self.patience_ms = patience_ms
        self._client: Any = AsyncIOMotorClient(
            uri,
            tz_aware=True,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=patience_ms + 1_000,
            waitQueueTimeoutMS=timeout_ms,
            retryWrites=True,
            appname="signalbox",
        )
        options: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)
        self.database = self._client.get_database(
            database,
            codec_options=options,
            # A majority, in five seconds: else the write counts as not done, and is tried again
            # under its id.
            write_concern=WriteConcern("majority", wtimeout=5000),
            read_concern=ReadConcern("majority"),
        )

    def collection(self, name: str) -> Collection:
        return Collection(self, name)

    def __getitem__(self, name: str) -> Collection:
        return Collection(self, name)

    async def ping(self) -> None:
        """Raises Unavailable where no primary answers."""
        with _translate_errors("ping"):
            await self._client.admin.command("ping")

    async def unready(self) -> str | None:
        """A telemetry check."""
        try:
            await self.ping()
        except Unavailable as error:
            return str(error)
        return None

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Give the session to every call that belongs to it; committed at the end, undone where the
        body raises.
        """
        with _translate_errors("transaction"):
            async with await self._client.start_session() as session, session.start_transaction():
                yield session

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Reads that are given the session (`each`) all see the database as it was at the first of
        them. MongoDB keeps that for some minutes (minSnapshotHistoryWindowInSeconds); raises
        Unavailable once it does not.
        """
        with _translate_errors("reading a snapshot"):
            async with await self._client.start_session(snapshot=True) as session:
                yield session

    def bucket(self, name: str) -> Bucket:
        """Large bytes, in the GridFS bucket of this name."""
        return Bucket(self, name)

    async def collections(self) -> list[str]:
        with _translate_errors("listing collections"):
            return sorted(await self.database.list_collection_names())

    async def drop(self) -> None:
        """Drop the whole database: tests, and `signalbox rebuild`."""
        with _translate_errors("dropping the database"):
            await self._client.drop_database(self.database.name)

    def close(self) -> None:
        self._client.close()
