"""The store against a real MongoDB: reads, writes, duplicates, transactions, bounded waits."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared.errors import Unavailable
from shared.storage.store import Duplicate, InsertOne, Store, UpdateOne
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    made = Store(mongodb_uri, f"store_{os.getpid()}_{time.time_ns()}")
    yield made
    await made.drop()
    made.close()


async def test_documents_come_back_with_aware_instants(store: Store) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    await store["tickets"].insert({"_id": "t1", "at": at})
    found = await store["tickets"].find_one({"_id": "t1"})
    assert found == {"_id": "t1", "at": at}
    assert await store.unready() is None


async def test_lists_are_sorted_and_limited(store: Store) -> None:
    tickets = store.collection("tickets")
    assert await tickets.bulk([InsertOne({"_id": i, "n": i % 3}) for i in range(9)]) == 9
    assert [
        found["_id"] for found in await tickets.find({"n": 1}, order=[("_id", -1)], limit=2)
    ] == [7, 4]
    assert await tickets.count({"n": 2}) == 3
    assert [found["_id"] async for found in tickets.each({"n": 0}, order=[("_id", 1)])] == [0, 3, 6]
    assert await tickets.aggregate(
        [{"$group": {"_id": "$n", "many": {"$sum": 1}}}, {"$sort": {"_id": 1}}, {"$limit": 1}]
    ) == [{"_id": 0, "many": 3}]


async def test_a_duplicate_is_told_from_a_failure(store: Store) -> None:
    tickets = store["tickets"]
    await tickets.insert({"_id": "t1"})
    with pytest.raises(Duplicate):
        await tickets.insert({"_id": "t1"})
    with pytest.raises(Duplicate):
        await tickets.bulk([InsertOne({"_id": "t1"}), InsertOne({"_id": "t2"})], ordered=False)
    assert await tickets.count({}) == 2


async def test_updates_tell_whether_they_matched(store: Store) -> None:
    tickets = store["tickets"]
    assert await tickets.update({"_id": "t1", "seq": {"$lt": 3}}, {"$set": {"seq": 3}}) == 0
    assert await tickets.update({"_id": "t1"}, {"$set": {"seq": 2}}, upsert=True) == 1
    assert await tickets.update({"_id": "t1", "seq": {"$lt": 3}}, {"$set": {"seq": 3}}) == 1
    taken = await tickets.take({"_id": "t1"}, {"$inc": {"seq": 1}})
    assert taken == {"_id": "t1", "seq": 4}
    assert await tickets.bulk([UpdateOne({"_id": "t1"}, {"$set": {"seq": 5}})]) == 1
    assert await tickets.delete({}) == 1


async def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    tickets, outbox = store["tickets"], store["outbox"]
    await tickets.insert({"_id": "t0"})
    await outbox.insert({"_id": "n0"})
    with pytest.raises(ValueError, match="on purpose"):
        async with store.transaction() as session:
            await tickets.insert({"_id": "t1"}, session=session)
            raise ValueError("on purpose")
    async with store.transaction() as session:
        await tickets.insert({"_id": "t2"}, session=session)
        await outbox.insert({"_id": "n2"}, session=session)
    assert [found["_id"] for found in await tickets.find({}, order=[("_id", 1)])] == ["t0", "t2"]


async def test_changes_are_seen_as_they_come(store: Store) -> None:
    tickets = store["tickets"]
    await tickets.insert({"_id": "before"})

    async def first() -> str:
        async for change in tickets.watch([{"$match": {"operationType": "insert"}}]):
            return str(change["fullDocument"]["_id"])
        return ""

    watching = asyncio.create_task(first())
    async with asyncio.timeout(30):
        while not watching.done():
            await tickets.insert({"_id": f"t{time.time_ns()}"})
            await asyncio.sleep(0.05)
    assert (await watching).startswith("t")


async def test_a_server_that_is_away_is_unavailable_in_time() -> None:
    away = Store("mongodb://127.0.0.1:1/?replicaSet=rs0", "x", timeout_ms=300)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await away["tickets"].find_one({})
    assert await away.unready() is not None
    assert time.monotonic() - begun < stretched(3)
    away.close()


async def test_a_read_that_takes_too_long_is_given_up_on_both_sides(
    store: Store, mongodb_uri: str
) -> None:
    """Every document takes the server a while; left alone, it would work at them for 10 s after we
    have stopped to wait.
    """
    await store["tickets"].bulk([InsertOne({"_id": i}) for i in range(100)])
    slow = {
        "$expr": {
            "$function": {
                "body": "function() { sleep(100); return true }",
                "args": [],
                "lang": "js",
            }
        }
    }
    hasty = Store(mongodb_uri, store.database.name, patience_ms=300)
    try:
        with pytest.raises(Unavailable, match="ExecutionTimeout"):
            await hasty["tickets"].find(slow, limit=100)
        with pytest.raises(Unavailable, match="ExecutionTimeout"):
            await hasty["tickets"].count(slow)
        with pytest.raises(Unavailable, match="ExecutionTimeout"):
            await hasty["tickets"].aggregate([{"$match": slow}])
    finally:
        hasty.close()


async def test_files_are_kept_many_at_a_time_and_once(store: Store) -> None:
    files, large = store.bucket("blobs"), bytes(range(256)) * 2000
    await files.put("a" * 64, b"first")
    some = [
        ("a" * 64, b"first"),
        ("b" * 64, large),
        ("c" * 64, b""),
    ]
    for _ in range(2):
        await files.put_many(some)
    assert [await files.get(name) for name, _ in some] == [raw for _, raw in some]
    assert await store["blobs.files"].count({}) == 3
    assert await store["blobs.chunks"].count({}) == 1 + 2
    assert await files.get("d" * 64) is None


async def test_a_write_of_files_that_failed_half_way_is_made_whole(store: Store) -> None:
    files = store.bucket("blobs")
    await files.put_many([("e" * 64, b"whole")])
    await store["blobs.files"].delete({})  # its bytes were written, its entry was not
    assert await files.get("e" * 64) is None
    await files.put_many([("e" * 64, b"whole")])
    assert await files.get("e" * 64) == b"whole"
    assert await store["blobs.chunks"].count({}) == 1


async def test_watching_ends_in_words_where_the_collection_is_dropped(store: Store) -> None:
    seen: list[str] = []

    async def watch() -> None:
        async for change in store["watched"].watch():
            seen.append(change["operationType"])

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(30):
        while not seen:  # until it watches
            await store["watched"].insert({"at": len(seen)})
            await asyncio.sleep(0.05)
        await store["watched"].drop()
        with pytest.raises(Unavailable, match="dropped"):
            await watching


async def test_a_snapshot_stays_as_it_was(store: Store) -> None:
    await store["rows"].insert({"_id": 1})
    async with store.snapshot() as session:
        assert [row["_id"] async for row in store["rows"].each({}, session=session)] == [1]
        await store["rows"].insert({"_id": 2})
        await store["rows"].update({"_id": 1}, {"$set": {"late": True}})
        seen = [row async for row in store["rows"].each({}, session=session)]
    assert seen == [{"_id": 1}]
