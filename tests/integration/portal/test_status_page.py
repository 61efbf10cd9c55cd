"""The writer on a real log: it writes what the log says when the log says it, and a deputy keeps
out of the way.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.portal.status.files import StatusFiles
from services.portal.status.writer import StatusPageWriter
from shared.bus import Admin, Producer, record_for
from shared.clock import SystemClock
from tests.unit.portal_status.outage import KEY, facts

pytestmark = pytest.mark.integration


@pytest.fixture
async def prefix(kafka_bootstrap: str) -> AsyncIterator[str]:
    name = f"status-{os.getpid()}-{time.time_ns()}-"
    async with Admin(kafka_bootstrap, name) as admin:
        for topic in ("status", "policies"):
            await admin.create_topic(topic, 2)
    yield name
    async with Admin(kafka_bootstrap, name) as admin:
        await admin.delete_all()


@pytest.fixture
async def producer(kafka_bootstrap: str, prefix: str) -> AsyncIterator[Producer]:
    made = Producer(kafka_bootstrap, prefix, "test")
    yield made
    await made.stop()


async def until(holds: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)
    assert holds(), what


def writer(
    folder: Path, bootstrap: str, prefix: str, name: str, *, is_deputy: bool = False
) -> StatusPageWriter:
    return StatusPageWriter(
        folder, bootstrap, prefix, SystemClock(), base="", name=name, is_deputy=is_deputy, tick=0.2
    )


def light(files: StatusFiles) -> str:
    return str((files.lights() or {"status": {"production": "none yet"}})["status"]["production"])


async def test_the_lights_turn_as_the_log_says(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    files = StatusFiles(tmp_path)
    story = facts()
    during = facts(5)
    async with writer(tmp_path, kafka_bootstrap, prefix, "status-0").at_work():
        await until(lambda: light(files) == "green", "a page before anything happened")
        await producer.send_many([record_for("status", fact, "router") for fact in during])
        await until(lambda: light(files) == "red", "red")
        assert "Widespread Application Outage" in (tmp_path / "status" / "index.html").read_text()
        await producer.send_many(
            [record_for("status", fact, "router") for fact in story]
        )  # the first of them once more
        await until(lambda: light(files) == "green", "green again")
        await until(
            lambda: (
                "What you can do"
                in (tmp_path / "status" / "incidents" / KEY / "index.html").read_text()
            ),
            "the report",
        )
    page = (tmp_path / "status" / "incidents" / KEY / "index.html").read_text()
    assert page.count("We have lost connectivity to some of our infrastructure") == 1


async def test_a_page_that_is_there_stays_while_the_log_is_away(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    files = StatusFiles(tmp_path)
    await producer.send_many([record_for("status", fact, "router") for fact in facts(5)])
    async with writer(tmp_path, kafka_bootstrap, prefix, "status-0").at_work():
        await until(lambda: light(files) == "red", "red")
    before = (tmp_path / "status" / "index.html").read_bytes()
    async with writer(tmp_path, "127.0.0.1:1", prefix, "status-0").at_work():
        await asyncio.sleep(1)  # time in which it could do harm
    assert (tmp_path / "status" / "index.html").read_bytes() == before


async def test_a_deputy_writes_only_where_nobody_else_does(
    kafka_bootstrap: str, prefix: str, producer: Producer, tmp_path: Path
) -> None:
    mark = tmp_path / "writer"
    async with writer(tmp_path, kafka_bootstrap, prefix, "portal-0", is_deputy=True).at_work():
        await until(
            lambda: mark.exists() and mark.read_text() == "portal-0",
            "the deputy writes where nobody has",
        )
        async with writer(tmp_path, kafka_bootstrap, prefix, "status-0").at_work():
            await until(lambda: mark.read_text() == "status-0", "the writer takes over")
            seen = set[str]()
            for _ in range(40):
                await asyncio.sleep(0.05)
                seen.add(mark.read_text())
            assert seen == {"status-0"}
        gone = time.time() - 60
        os.utime(mark, (gone, gone))
        await until(
            lambda: mark.read_text() == "portal-0",
            "the deputy is back when the writer has been gone for a while",
        )
