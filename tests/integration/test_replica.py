"""Replicas against a real broker, in memory and on disk."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.bus import Admin, Producer, Record, record_for
from shared.errors import Unavailable
from shared.events import DirectoryRecorded
from shared.replica import Replica

pytestmark = pytest.mark.integration


@pytest.fixture
async def prefix(kafka_bootstrap: str) -> AsyncIterator[str]:
    name = f"replica-{os.getpid()}-{time.time_ns()}-"
    async with Admin(kafka_bootstrap, name) as admin:
        await admin.create_topic("directory", 4, config={"cleanup.policy": "compact"})
    yield name
    async with Admin(kafka_bootstrap, name) as admin:
        await admin.delete_all()


@pytest.fixture
async def producer(kafka_bootstrap: str, prefix: str) -> AsyncIterator[Producer]:
    made = Producer(kafka_bootstrap, prefix, "test")
    yield made
    await made.stop()


def recorded(kind: str, doc_id: str, document: dict[str, object] | None) -> Record:
    key = f"{kind}:{doc_id}"
    fields = {"id": f"{key}:{time.time_ns()}", "key": key, "at": datetime.now(UTC), "kind": kind, "doc_id": doc_id, "document": document}
    event = DirectoryRecorded.model_validate(fields)
    return record_for("directory", event, "intake", partition=1)


async def test_a_replica_has_what_was_written_and_follows(kafka_bootstrap: str, prefix: str, producer: Producer) -> None:
    await producer.send_many([recorded("apps", "shop", {"name": "shop"}), recorded("accounts", "a@b", {"email": "a@b"})])
    changed: list[str] = []
    async with Replica("directory", kafka_bootstrap, prefix, on_change=lambda message: changed.append(message.key)) as replica:
        await replica.caught_up()
        assert replica.get("apps", "shop") == {"name": "shop"}
        assert replica.all("accounts") == {"a@b": {"email": "a@b"}}
        assert replica.all() == {"apps:shop": {"name": "shop"}, "accounts:a@b": {"email": "a@b"}}
        assert replica.ids("apps") == ["shop"] and replica.ids("app") == [] and len(replica) == 2
        assert replica.record("apps:shop") == b'{"document":{"name":"shop"}}', "the envelope would be most of what memory holds"
        offset = await producer.send(recorded("apps", "shop", {"name": "shop", "stage": "production"}))
        await replica.wait_for(1, offset)
        assert replica.get("apps", "shop") == {"name": "shop", "stage": "production"}
        offset = await producer.send(recorded("apps", "shop", None))
        await replica.wait_for(1, offset)
        assert replica.get("apps", "shop") is None
        offset = await producer.send(Record("directory", "accounts:a@b", None, (), 1))
        await replica.wait_for(1, offset)
        assert replica.all("accounts") == {}
        assert changed == ["apps:shop", "accounts:a@b", "apps:shop", "apps:shop", "accounts:a@b"]
        assert await replica.unready() is None


async def test_a_replica_on_disk_answers_with_kafka_away(kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    await producer.send(recorded("apps", "shop", {"name": "shop"}))
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.caught_up()
    changed: list[str] = []
    async with Replica("directory", "127.0.0.1:1", prefix, path=path, on_change=lambda message: changed.append(message.key)) as away:
        assert away.get("apps", "shop") == {"name": "shop"}
        assert away.record("apps:shop") == b'{"document":{"name":"shop"}}'
        assert changed == ["apps:shop"]
        assert "behind" in (await away.unready() or "")
        with pytest.raises(Unavailable):
            await away.caught_up(timeout=0.2)
    await producer.send(recorded("apps", "blog", {"name": "blog"}))
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as back:
        await back.caught_up()
        assert set(back.all("apps")) == {"shop", "blog"}


async def test_a_damaged_file_is_read_anew(kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    path.write_bytes(b"not a database" * 1000)
    await producer.send(recorded("apps", "shop", {"name": "shop"}))
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.caught_up()
        assert set(replica.all("apps")) == {"shop"}


async def test_a_topic_made_anew_empties_the_file(kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    await producer.send(recorded("apps", "shop", {"name": "shop"}))
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.caught_up()
    other = f"{prefix}anew-"
    async with Admin(kafka_bootstrap, other) as admin:
        await admin.create_topic("directory", 4)
    async with Replica("directory", kafka_bootstrap, other, path=path) as replica:
        await replica.caught_up()
        assert replica.all() == {}
