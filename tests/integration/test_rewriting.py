"""A topic made anew has the same offsets, holes and all; while an erasure is under way nobody of ours connects."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from cli.erase import copying
from cli.erase.course import begin, course, end
from cli.erase.person import Person
from shared.bus import Admin, Consumer, Producer, Record
from shared.bus.rewriting import FILLER, Raw, Rewriting, Shape
from shared.errors import Unavailable

pytestmark = pytest.mark.integration

NOBODY = Person(address="nobody@shop.example", pseudonym="erased-0123456789")
AT = datetime(2024, 3, 3, 15, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> AsyncIterator[tuple[str, str, Rewriting]]:
    prefix = f"rewriting-{secrets.token_hex(4)}-"
    async with Rewriting(kafka_bootstrap, prefix) as rewriting:
        yield kafka_bootstrap, prefix, rewriting
    async with Admin(kafka_bootstrap, prefix) as admin:
        await admin.delete_all()


async def all_of(kafka: Rewriting, topic: str) -> list[tuple[int, Raw]]:
    return [(number, raw) async for number, raws in kafka.read(topic, (await kafka.shape(topic)).bounds) for raw in raws]


async def test_holes_and_a_cut_beginning_are_copied_with_everything_else(kafka: tuple[str, str, Rewriting]) -> None:
    bootstrap, prefix, rewriting = kafka
    await rewriting.make("requests", Shape(2, 1, {"retention.ms": "-1"}, {}))
    kept = [Raw(at, b"k%d" % at, None if at == 9 else b"{}", (("ce_id", b"x"), ("ce_id", b"twice")), AT_MS + at) for at in (4, 7, 8, 9)]
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

    for connecting in (Consumer(bootstrap, prefix, "router", ["requests"]).start(), Producer(bootstrap, prefix, "intake").start()):
        with pytest.raises(Unavailable, match="erasure is under way"):
            await connecting
    await end(rewriting)
    producer = Producer(bootstrap, prefix, "intake")
    assert await producer.send(Record("requests", "k", b"{}", partition=0)) == 12
    await producer.stop()


async def test_a_record_that_somebody_writes_between_is_noticed(kafka: tuple[str, str, Rewriting]) -> None:
    bootstrap, prefix, rewriting = kafka
    await rewriting.make("requests", Shape(1, 1, {}, {}))
    shape = await rewriting.shape("requests")
    producer = Producer(bootstrap, prefix, "smtp")
    await producer.send(Record("requests", "k", b"{}"))
    await producer.stop()
    with pytest.raises(copying.NotTheSame, match="somebody writes to requests"):
        await copying.copy(rewriting, "requests", shape, NOBODY)
    assert len(await all_of(rewriting, "requests")) == 1, "nothing was touched"
