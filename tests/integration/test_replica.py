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
from shared.people.demo_origin import is_void
from shared.spine.replica import Replica

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
    fields = {
        "id": f"{key}:{time.time_ns()}",
        "key": key,
        "at": datetime.now(UTC),
        "kind": kind,
        "doc_id": doc_id,
        "document": document,
    }
    event = DirectoryRecorded.model_validate(fields)
    return record_for("directory", event, "intake", partition=1)


async def test_a_replica_has_what_was_written_and_follows(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    await producer.send_many(
        [recorded("apps", "shop", {"name": "shop"}), recorded("accounts", "a@b", {"email": "a@b"})]
    )
    changed: list[str] = []
    async with Replica(
        "directory", kafka_bootstrap, prefix, on_change=lambda message: changed.append(message.key)
    ) as replica:
        await replica.caught_up()
        assert replica.get("apps", "shop") == {"name": "shop"}
        assert replica.all("accounts") == {"a@b": {"email": "a@b"}}
        assert replica.all() == {"apps:shop": {"name": "shop"}, "accounts:a@b": {"email": "a@b"}}
        assert replica.ids("apps") == ["shop"] and replica.ids("app") == [] and len(replica) == 2
        assert replica.record("apps:shop") == b'{"document":{"name":"shop"}}', (
            "the envelope would be most of what memory holds"
        )
        offset = await producer.send(
            recorded("apps", "shop", {"name": "shop", "stage": "production"})
        )
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


async def test_a_replica_on_disk_answers_with_kafka_away(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    path = tmp_path / "directory.sqlite"
    await producer.send(recorded("apps", "shop", {"name": "shop"}))
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.caught_up()
    changed: list[str] = []
    async with Replica(
        "directory",
        "127.0.0.1:1",
        prefix,
        path=path,
        on_change=lambda message: changed.append(message.key),
    ) as away:
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


async def test_a_damaged_file_is_read_anew(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    path = tmp_path / "directory.sqlite"
    path.write_bytes(b"not a database" * 1000)
    await producer.send(recorded("apps", "shop", {"name": "shop"}))
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.caught_up()
        assert set(replica.all("apps")) == {"shop"}


async def test_a_topic_made_anew_empties_the_file(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
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


async def test_a_replica_goes_on_without_a_file_that_takes_nothing(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    """A full disk: what is revoked now is revoked in memory, and the next start reads on."""
    path = tmp_path / "directory.sqlite"
    await producer.send_many([recorded("apps", "shop", {"stage": "staging"})])
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.wait_until(lambda: replica.get("apps", "shop") is not None, 20)
        assert replica._file is not None
        replica._file.execute("PRAGMA query_only = 1")  # from here on it refuses every write
        await producer.send_many([recorded("apps", "shop", {"stage": "production"})])
        await replica.wait_until(lambda: replica.get("apps", "shop") == {"stage": "production"}, 20)
        assert await replica.unready() is None
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as again:
        await again.wait_until(lambda: again.get("apps", "shop") == {"stage": "production"}, 20)


async def test_a_replica_that_ended_by_a_bug_follows_again(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:
    failures = 2

    def on_change(_: object) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise ValueError("a bug")

    await producer.send_many([recorded("apps", "shop", {"stage": "staging"})])
    async with Replica("directory", kafka_bootstrap, prefix, on_change=on_change) as replica:
        await replica.wait_until(lambda: replica.is_caught_up and failures == 0, 20)
        assert replica.get("apps", "shop") == {"stage": "staging"}


async def test_what_is_void_is_read_as_removed_and_kept_in_the_file(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    """A folder of the demo, opened without it and with it again."""
    path = tmp_path / "directory.sqlite"
    await producer.send_many([recorded("tokens", "t", {"email": "a@b", "origin": "demo"})])
    for demo in (False, True, False):
        async with Replica(
            "directory", kafka_bootstrap, prefix, path=path, is_void=is_void(demo=demo)
        ) as replica:
            await replica.wait_until(lambda replica=replica: replica.is_caught_up, 20)  # type: ignore[misc]
            assert (replica.get("tokens", "t") is not None) == demo


HOSTILE: list[tuple[str, bytes]] = [
    ("accounts:a@b", b"\xff\xfe"),
    ("accounts:a@b", b"[]"),
    ("accounts:a@b", b"null"),
    ("accounts:a@b", b'{"type":"DirectoryRecorded",'),
    ("accounts:a@b", b'{"type":"DirectoryRecorded"}'),
    ("accounts:a@b", b'{"type":"DirectoryRecorded","document":[]}'),
    ("accounts:a@b", b'{"document":{"email":5,"plan":"free"}}'),
    ("accounts:a@b", b'{"document":{"email":"a@b","plan":"gold"}}'),
    ("accounts:a@b", b'{"document":{"email":"a@b","plan":"free","roles":"admin"}}'),
    ("tokens:t", b'{"document":{"email":"a@b","expires_at":"soon"}}'),
    ("tokens:t", b'{"document":{"email":"a@b","scopes":"admin"}}'),
]


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_record_that_cannot_be_read_is_skipped_and_noted(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path, on_disk: bool
) -> None:
    path = tmp_path / "copy.sqlite" if on_disk else None
    good = {"email": "a@b", "plan": "free"}
    await producer.send(recorded("accounts", "a@b", good))
    await producer.send_many([Record("directory", key, value, [], 1) for key, value in HOSTILE])
    async with Replica("directory", kafka_bootstrap, prefix, path=path) as replica:
        await replica.caught_up()
        assert replica.get("accounts", "a@b") == good
        assert replica.get("tokens", "t") is None
        assert await replica.unready() is None
        said = await replica.state()
        assert said is not None and "accounts:a@b" in said
        end = await producer.send(recorded("accounts", "a@b", {**good, "plan": "premium"}))
        await replica.wait_for(1, end)
        assert replica.get("accounts", "a@b") == {**good, "plan": "premium"}
        assert "accounts:a@b" not in str(await replica.state())


async def test_a_bug_of_whoever_follows_ends_no_replica(
    kafka_bootstrap: str, prefix: str, producer: Producer
) -> None:

    def stumbles(message: object) -> None:
        raise KeyError("a bug")

    await producer.send(recorded("accounts", "a@b", {"email": "a@b", "plan": "free"}))
    async with Replica("directory", kafka_bootstrap, prefix, on_change=stumbles) as replica:
        await replica.wait_until(lambda: replica.is_caught_up, 20)
        end = await producer.send(recorded("accounts", "c@d", {"email": "c@d", "plan": "free"}))
        await replica.wait_for(1, end, 20)
