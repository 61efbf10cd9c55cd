"""A lease against a real MongoDB: one has it, whoever is silent loses it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from shared.errors import Unavailable
from shared.storage.lease import Lease
from shared.storage.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    made = Store(mongodb_uri, f"lease_{os.getpid()}_{time.time_ns()}")
    yield made
    await made.drop()
    made.close()


async def test_of_many_who_ask_at_once_one_has_it(store: Store) -> None:
    leases = [Lease(store, "views", f"p-{number}") for number in range(8)]
    answers = await asyncio.gather(*(each.take() for each in leases), return_exceptions=True)
    winners = [lease for lease, answer in zip(leases, answers, strict=True) if answer is None]
    assert len(winners) == 1
    for lease in leases:
        assert await lease.take() == (None if lease is winners[0] else winners[0].owner)


async def test_who_leaves_makes_room_at_once_and_for_nobody_elses(store: Store) -> None:
    first, second = Lease(store, "views", "same-name"), Lease(store, "views", "same-name")
    assert await first.take() is None
    await second.leave()
    assert await second.take() == first.owner
    await first.leave()
    assert await second.take() is None
    assert await Lease(store, "another", "p").take() is None


async def test_who_is_silent_loses_it_and_learns_so(store: Store) -> None:
    silent, next_one = Lease(store, "views", "a", span=0.2), Lease(store, "views", "b", span=0.2)
    assert await silent.take() is None
    async with asyncio.timeout(30):
        while await next_one.take() is not None:
            await asyncio.sleep(0.02)
        assert await silent.take() == next_one.owner or await silent.take() is None


async def test_keeping_ends_when_somebody_else_has_it(store: Store) -> None:
    lease = Lease(store, "views", "a", span=0.4)
    await lease.take()
    keeping = asyncio.create_task(lease.keep())
    await store["leases"].update({"_id": "views"}, {"$set": {"owner": "b"}})
    async with asyncio.timeout(30):
        await keeping


async def test_without_mongodb_it_is_nobodys() -> None:
    away = Store("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100", "lease", timeout_ms=100)
    with pytest.raises(Unavailable):
        await Lease(away, "views", "a").take()
    away.close()
