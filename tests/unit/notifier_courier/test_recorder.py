"""The recorder: MongoDB first, Kafka after it, and nobody waits for Kafka; facts of a notice are
said in their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifier.courier.recorder import Patience, Recorder
from shared.events import NoticeAttempted, NoticeDelivered, NoticeFact
from shared.wire import Record

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Desk:
    """Stands for the collection and the producer: what was done, in order. `kafka` is set where
    Kafka answers.
    """

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.kafka = asyncio.Event()

    async def bulk(self, writes: Sequence[Any]) -> None:
        self.done.append(("written", len(writes)))

    async def send_many(self, records: Sequence[Record]) -> None:
        await self.kafka.wait()
        self.done.append(("said", [record.key for record in records]))


@pytest.fixture
async def desk() -> AsyncIterator[tuple[Desk, Recorder]]:
    made = Desk()
    recorder = Recorder(made, made, Patience())  # type: ignore[arg-type]
    running = asyncio.create_task(recorder.run())
    yield made, recorder
    running.cancel()


def fact(kind: type[NoticeFact], seq: int) -> NoticeFact:
    about = {
        "id": f"fct_{seq}",
        "key": "ntc_1",
        "seq": seq,
        "cause": "fct",
        "ticket_id": None,
        "notice_kind": "mail",
        "to": "a@b.example",
    }
    return kind(**about, at=NOW, tries=1, **({"receipt": "250"} if kind is NoticeDelivered else {}))


async def test_a_change_is_recorded_once_mongodb_has_it_though_kafka_hangs(
    desk: tuple[Desk, Recorder],
) -> None:
    world, recorder = desk
    recorded = recorder.add(
        "ntc_1", {"$set": {"phase": "delivered"}}, [fact(NoticeDelivered, 3)], None, over=True
    )
    await asyncio.wait_for(recorded, 5)
    assert world.done == [("written", 1)]
    world.kafka.set()
    await asyncio.wait_for(recorder.drained(), 5)
    assert world.done == [("written", 1), ("said", ["ntc_1"]), ("written", 1)], (
        "and what was said is dropped from the document"
    )


async def test_what_follows_is_not_written_over_facts_that_were_not_said(
    desk: tuple[Desk, Recorder],
) -> None:
    world, recorder = desk
    await asyncio.wait_for(
        recorder.add("ntc_1", {"$set": {"tries": 2}}, [fact(NoticeAttempted, 4)], None, over=False),
        5,
    )
    later = recorder.add(
        "ntc_1", {"$set": {"phase": "delivered"}}, [fact(NoticeDelivered, 5)], None, over=True
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(later), 0.1)
    assert world.done == [("written", 1)], "the document holds the attempt until Kafka has it"
    world.kafka.set()
    await asyncio.wait_for(later, 5)
    await asyncio.wait_for(recorder.drained(), 5)
    assert [what for what in world.done if what[0] == "said"] == [("said", ["ntc_1"])] * 2
