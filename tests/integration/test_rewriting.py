"""A topic made anew has the same offsets, holes and all; while an erasure is under way nobody of
ours connects.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from cli.erase import copying
from cli.erase.course import begin, course, end
from cli.erase.person import PersonToErase
from shared.bus import Admin, Consumer, Producer, Record
from shared.bus.rewriting import FILLER, RawRecord, Rewriting, TopicShape
from shared.errors import Unavailable
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


def contents_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file beneath; what the broker deletes meanwhile is gone."""
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield Path(where, name), Path(where, name).read_bytes()


NOBODY = PersonToErase(address="nobody@shop.example", pseudonym="erased-0123456789")
AT = datetime(2024, 3, 3, 15, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> AsyncIterator[tuple[str, str, Rewriting]]:
    prefix = f"rewriting-{secrets.token_hex(4)}-"
    async with Rewriting(kafka_bootstrap, prefix) as rewriting:
        yield kafka_bootstrap, prefix, rewriting
    async with Admin(kafka_bootstrap, prefix) as admin:
        await admin.delete_all()


async def all_of(kafka: Rewriting, topic: str) -> list[tuple[int, RawRecord]]:
    return [
        (number, raw)
        async for number, raws in kafka.read(topic, (await kafka.shape(topic)).bounds)
        for raw in raws
    ]


async def test_holes_and_a_cut_beginning_are_copied_with_everything_else(
    kafka: tuple[str, str, Rewriting],
) -> None:
    bootstrap, prefix, rewriting = kafka
    await rewriting.make("requests", TopicShape(2, 1, {"retention.ms": "-1"}, {}))
    kept = [
        RawRecord(
            at,
            b"k%d" % at,
            None if at == 9 else b"{}",
            (("ce_id", b"x"), ("ce_id", b"twice")),
            AT_MS + at,
        )
        for at in (4, 7, 8, 9)
    ]
    async with rewriting.writer("requests") as writer:
        await writer.add(0, kept)
        await writer.fill(0, 12, AT_MS)
    await rewriting.cut("requests", {0: 4})
    shape = await rewriting.shape("requests")
    assert shape.bounds == {0: (4, 12), 1: (0, 0)}
    await rewriting.commit("router", {("requests", 0): (7, "a note")})

    await begin(rewriting, NOBODY.pseudonym, AT, 1)
    bounds = await copying.copy(rewriting, "requests", shape, NOBODY)
    await copying.replace(rewriting, "requests", bounds, AT)
    found = await course(rewriting)
    assert found is not None
    assert found.replaced == {"requests"}
    made_anew = await rewriting.shape("requests")
    assert (made_anew.bounds, dict(made_anew.config)) == (shape.bounds, {"retention.ms": "-1"})
    records = [raw for number, raw in await all_of(rewriting, "requests") if raw.key != FILLER]
    assert records == kept

    for connecting in (
        Consumer(bootstrap, prefix, "router", ["requests"]).start(),
        Producer(bootstrap, prefix, "intake").start(),
    ):
        with pytest.raises(Unavailable, match="erasure is under way"):
            await connecting
    await end(rewriting)
    producer = Producer(bootstrap, prefix, "intake")
    assert await producer.send(Record("requests", "k", b"{}", partition=0)) == 12
    await producer.stop()


async def test_a_record_that_somebody_writes_between_is_noticed(
    kafka: tuple[str, str, Rewriting],
) -> None:
    bootstrap, prefix, rewriting = kafka
    await rewriting.make("requests", TopicShape(1, 1, {}, {}))
    shape = await rewriting.shape("requests")
    producer = Producer(bootstrap, prefix, "smtp")
    await producer.send(Record("requests", "k", b"{}"))
    await producer.stop()
    with pytest.raises(copying.CopyDiffers, match="somebody writes to requests"):
        await copying.copy(rewriting, "requests", shape, NOBODY)
    assert len(await all_of(rewriting, "requests")) == 1, "nothing was touched"


async def test_what_was_erased_leaves_the_brokers_disk(engine: Stack) -> None:
    """Of the embedded broker's, whose files can be looked at: `log.segment.delete.delay.ms` after
    the topic was deleted.
    """
    prefix, planted = f"rewriting-{secrets.token_hex(4)}-", secrets.token_hex(12)
    person = PersonToErase(
        address="ann@shop.example", pseudonym="erased-0123456789", tickets=frozenset({"tkt_1"})
    )
    event = {
        "type": "TicketOpened",
        "id": "fct_1",
        "key": "tkt_1",
        "at": AT.isoformat(),
        "subject": planted,
        "requester": person.address,
    }

    def on_disk() -> bool:
        return any(planted.encode() in raw for _, raw in contents_of(engine.data / "kafka"))

    async with Rewriting(engine.kafka, prefix) as rewriting:
        await rewriting.make("tickets", TopicShape(1, 1, {}, {}))
        async with rewriting.writer("tickets") as writer:
            await writer.append(0, RawRecord(0, b"tkt_1", orjson.dumps(event), (), AT_MS))
        assert on_disk()
        bounds = await copying.copy(rewriting, "tickets", await rewriting.shape("tickets"), person)
        await begin(rewriting, person.pseudonym, AT, 1)
        await copying.replace(rewriting, "tickets", bounds, AT)
        await end(rewriting)
        ((_, left),) = await all_of(rewriting, "tickets")
    assert orjson.loads(left.value or b"")["subject"] == "[erased]"
    assert dict(left.headers)["ce_erased"] == person.pseudonym.encode()
    eventually(
        lambda: not on_disk(), within=60, every=0.5, what="Kafka has deleted the old segments"
    )
    async with Admin(engine.kafka, prefix) as admin:
        await admin.delete_all()
