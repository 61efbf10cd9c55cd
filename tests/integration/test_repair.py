"""A partition of the embedded Kafka, torn as a disk tears it, is mended and read again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.bus import Admin, Producer, Reader, Record
from tests.support.stack import running

pytestmark = [pytest.mark.integration, pytest.mark.long]

PREFIX = "repair-"


async def write(bootstrap: str, count: int) -> None:
    async with Admin(bootstrap, PREFIX) as admin:
        await admin.create_topic("t", 2)
    producer = Producer(bootstrap, PREFIX, "test")
    for i in range(count):
        await producer.send_many([Record("t", "k", b"value-%d" % i, [], p) for p in range(2)])
    await producer.stop()


async def read(bootstrap: str) -> tuple[dict[int, list[int]], set[tuple[str, int]]]:
    reader = Reader(bootstrap, PREFIX)
    await reader.start()
    try:
        got: dict[int, list[int]] = {0: [], 1: []}
        async for messages in reader.read_to_end({("t", p): 0 for p in range(2)}):
            got[messages[0].partition] += [message.offset for message in messages]
        return got, reader.unread
    finally:
        await reader.stop()


def test_a_torn_partition_is_shown_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("SIGNALBOX_TOPIC_PREFIX", PREFIX)

    def repair(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(
            app, ["repair", "partition", "t/1", "--data-dir", str(data), *more]
        )
        return done.exit_code, done.output

    with running("--only", "engines", clock=False, keep=data) as engines:
        asyncio.run(write(engines.kafka, 6))
        assert repair("--json")[0] == 0
        assert repair("--skip")[0] == 1, "not while Kafka runs"
    (segment,) = (data / "kafka" / "log" / f"{PREFIX}t-1").glob("*.log")
    torn = segment.read_bytes()[:-40]
    segment.write_bytes(torn)
    with running("--only", "engines", clock=False, keep=data) as engines:
        asyncio.run(write(engines.kafka, 4))  # what is written after a torn record cannot be read
        got, unread = asyncio.run(read(engines.kafka))
        assert (got[0], got[1], unread) == (list(range(10)), list(range(5)), {("t", 1)})
    code, said = repair()
    assert code == 1 and "lost are the records from offset 5" in said
    code, said = repair("--skip", "--json")
    assert code == 0
    record = Path(orjson.loads(said)["record"])
    assert (record / segment.name).read_bytes().startswith(torn)
    assert orjson.loads((record / "skipped.json").read_bytes())["partition"] == f"{PREFIX}t-1"
    assert repair()[0] == 0
    with running("--only", "engines", clock=False, keep=data) as engines:
        asyncio.run(write(engines.kafka, 1))
        got, unread = asyncio.run(read(engines.kafka))
        assert unread == set()
        assert len(got[0]) == 11
        assert len(got[1]) == 10, "but for the torn one, everything is there"
