"""Depth and age of the outbox, asked of a real MongoDB."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.notifier.courier.outbox import Outbox
from shared.storage.store import InsertOne, Store

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Still:
    tick = timedelta(seconds=1)

    def now(self) -> datetime:
        return NOW


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    made = Store(mongodb_uri, f"outbox_{os.getpid()}_{time.time_ns()}")
    yield made
    await made.drop()
    made.close()


def told(name: str) -> dict[str, float | None]:
    return {
        phase: REGISTRY.get_sample_value(name, {"phase": phase})
        for phase in ("ready", "sending", "waiting")
    }


async def test_what_is_open_is_counted_and_what_is_over_is_not(store: Store) -> None:
    outbox = Outbox(store, None, Still(), "courier-0")  # type: ignore[arg-type]
    await outbox.prepare()

    def notice(name: str, phase: str, ago: int, **more: Any) -> InsertOne[dict[str, Any]]:
        owed_at = NOW - timedelta(seconds=ago)
        owned = {"owner": outbox.owner, "open": True}
        return InsertOne({"_id": name, "phase": phase, "owed_at": owed_at, **owned, **more})

    await store["outbox"].bulk(
        [
            notice("a", "waiting", 90),
            notice("b", "waiting", 300),
            notice("c", "sending", 2),
            notice("d", "waiting", 900, owner="somebody else"),
        ]
    )
    await store["outbox"].bulk(
        [InsertOne({"_id": "e", "phase": "delivered", "owner": outbox.owner, "owed_at": NOW})]
    )
    await outbox.measure()
    assert told("signalbox_outbox_open") == {"ready": 0, "sending": 1, "waiting": 2}
    assert told("signalbox_outbox_oldest_seconds") == {"ready": 0, "sending": 2, "waiting": 300}
