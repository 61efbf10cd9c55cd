"""The proofs on a real Kafka and MongoDB: a log that was decided on paper is verified, simulated,
recorded, replayed, rebuilt.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.demo.directory import policies
from services.portal.projector.app import make_projector
from services.portal.settings import PortalSettings
from shared.bus import Admin, Producer, Reader, partition_of
from shared.bus.rewriting import RawRecord, Rewriting
from shared.events import DeadLetter
from shared.files.database import DatabaseHome
from shared.storage.store import Store
from shared.topics import PUBLIC
from shared.wire import Message, Record, record_for
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TICKETS = 150


@dataclass
class System:
    """A prefix and a database of the test's own, and the command on them."""

    kafka: str
    mongodb: str
    name: str
    log: list[Message]

    @property
    def prefix(self) -> str:
        return f"{self.name}-"

    def run(
        self, *arguments: str, expect: int = 0, given: bytes | None = None, **more: str
    ) -> dict[str, Any]:
        """The JSON that the command prints."""
        env = {
            name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")
        }
        env |= {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "MONGODB_URI": self.mongodb,
            "SIGNALBOX_TOPIC_PREFIX": self.prefix,
            "SIGNALBOX_MONGODB_DATABASE": self.name,
            "SIGNALBOX_TOPIC_PARTITIONS": "2",
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments, "--json"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            input=given,
            timeout=120,
        )
        assert done.returncode == expect, (
            f"{done.returncode}: {done.stdout[-2000:]!r} {done.stderr[-2000:]!r}"
        )
        found: dict[str, Any] = orjson.loads(done.stdout or b"{}")
        return found


@pytest.fixture(scope="module")
def system(kafka_bootstrap: str, mongodb_uri: str) -> Iterator[System]:
    made = System(
        kafka_bootstrap,
        mongodb_uri,
        f"proof-{secrets.token_hex(4)}",
        decide_all(requests(TICKETS), BEGIN + LASTS).messages,
    )

    async def fill() -> None:
        async with Admin(made.kafka, made.prefix) as admin:
            for topic in PUBLIC:
                await admin.create_topic(topic.name, 2)
        producer = Producer(made.kafka, made.prefix, "test")
        await producer.send_many(
            [Record(m.topic, m.key, m.value, list(m.headers.items())) for m in made.log]
        )
        await producer.stop()

    async def empty() -> None:
        for prefix in (made.prefix, f"{made.prefix}again-"):
            async with Admin(made.kafka, prefix) as admin:
                await admin.delete_all()
        store = Store(made.mongodb, made.name)
        await store.drop()
        store.close()

    asyncio.run(fill())
    yield made
    asyncio.run(empty())


@contextlib.contextmanager
def written(system: System, name: str, records: Iterable[Record]) -> Iterator[System]:
    """Another log on a prefix of its own."""
    other = System(system.kafka, system.mongodb, f"{system.name}-{name}", [])

    async def fill() -> None:
        async with Admin(other.kafka, other.prefix) as admin:
            for topic in PUBLIC:
                await admin.create_topic(topic.name, 2)
        producer = Producer(other.kafka, other.prefix, "test")
        await producer.send_many(list(records))
        await producer.stop()

    async def empty() -> None:
        async with Admin(other.kafka, other.prefix) as admin:
            await admin.delete_all()

    asyncio.run(fill())
    try:
        yield other
    finally:
        asyncio.run(empty())


def as_record(message: Message) -> Record:
    return Record(message.topic, message.key, message.value, list(message.headers.items()))


def test_verify_reads_the_log_and_finds_nothing(system: System) -> None:
    """On a copy: other tests of this file write the module's log on."""
    with written(system, "clean", map(as_record, system.log)) as clean:
        told = clean.run("verify")
    assert told["differences"] == [], orjson.dumps(told["differences"][:2]).decode()
    assert told["ok"] and told["repeats"] == []
    counted = {
        topic: sum(m.topic == topic for m in system.log) for topic in ("tickets", "clocks", "pages")
    }
    assert [told["counts"][f"{worker} facts"] for worker in ("router", "sla", "pager")] == list(
        counted.values()
    )


def test_verify_names_a_page_that_is_doubled_under_a_new_seq(system: System) -> None:
    """A copy of the log with one page fact written again."""
    doubled = next(m for m in system.log if m.topic == "pages" and b"PageAttempted" in m.value)
    fact = orjson.loads(doubled.value)
    top = max(
        orjson.loads(m.value)["seq"]
        for m in system.log
        if m.topic == "pages" and m.key == doubled.key
    )
    again = Record(
        "pages", doubled.key, orjson.dumps({**fact, "seq": top + 1}), list(doubled.headers.items())
    )
    with written(system, "copy", [*map(as_record, system.log), again]) as copy:
        (named,) = copy.run("verify", expect=1)["differences"]
    assert (named["kind"], named["key"], named["seq"]) == ("extra", doubled.key, top + 1)
    assert (named["about"]["to"], named["about"]["step"]) == (fact["to"], str(fact["step"]))


def test_verify_in_two_processes_names_what_differs_in_either_half(system: System) -> None:
    """One fact of a ticket changed in each partition: one process reads the one, the other the
    other.
    """
    changed: dict[int, Message] = {}
    for message in system.log:
        if message.topic == "tickets" and b"TicketRouted" in message.value:
            changed.setdefault(partition_of(message.key, 2), message)
    assert set(changed) == {0, 1}

    def with_another_queue(message: Message) -> Record:
        if message not in changed.values():
            return as_record(message)
        return as_record(
            message._replace(
                value=orjson.dumps({**orjson.loads(message.value), "queue": "elsewhere"})
            )
        )

    with written(system, "halves", map(with_another_queue, system.log)) as copy:
        told = copy.run("verify", "--processes", "2", expect=1)
        alone = copy.run("verify", "--processes", "1", expect=1)
    named = {
        (each["kind"], each["key"], each["seq"], each["changes"][0]["found"])
        for each in told["differences"]
    }
    seqs = {message.key: orjson.loads(message.value)["seq"] for message in changed.values()}
    assert named == {("different", key, seq, "elsewhere") for key, seq in seqs.items()}
    assert {**told, "seconds": 0} == {**alone, "seconds": 0}


def test_simulate_tells_what_a_draft_changes_and_writes_nothing(
    system: System, tmp_path: Path
) -> None:
    ends = asyncio.run(_ends(system))
    same = system.run(
        "simulate",
        "--policy",
        "-",
        "--name",
        "default",
        "--since",
        "2027-03-01",
        "--until",
        "2027-03-14",
        given=orjson.dumps(policies()["default"]),
    )
    assert same["empty"] and same["tickets"] > 40
    report = tmp_path / "report.html"
    stages = ["production", "staging", "development"]
    draft = orjson.dumps(
        {
            **policies()["default"],
            "pages": ["premium", "enterprise", "premier", "legacy-enterprise"],
            "urgent_stages": stages,
        }
    )
    window = ("--since", "2027-03-01", "--until", "2027-03-14", "--html", str(report))
    told = system.run("simulate", "--policy", "-", *window, given=draft)
    assert (
        told["pages"]["extra"]
        and told["pages"]["extra"][0]["local"]
        and "<svg" in report.read_text()
    )
    assert asyncio.run(_ends(system)) == ends, "the log is as it was"


def test_a_recording_is_asked_again_on_another_prefix(system: System, tmp_path: Path) -> None:
    scenario, again = tmp_path / "scenario.jsonl", f"{system.prefix}again-"
    recorded = system.run("record", str(scenario), "--since", "2027-03-02", "--until", "2027-03-04")
    lines = scenario.read_bytes().splitlines()
    first, last = orjson.loads(lines[0]), orjson.loads(lines[-1])
    assert (
        first["topic"] == "policies"
        and last["topic"] in ("requests", "urgent")
        and last["after"] > 0
    )
    system.run("replay", str(scenario), "--prefix", system.prefix, expect=2)
    told = system.run("replay", str(scenario), "--prefix", again, "--speed", "0")
    assert told["lines"] == recorded["lines"]
    asked = asyncio.run(_read(system.kafka, again, "requests"))
    wanted = {orjson.loads(line)["event"]["id"] for line in lines if b'"topic":"requests"' in line}
    assert {orjson.loads(m.value)["id"] for m in asked} == wanted
    assert all(orjson.loads(m.value)["at"] < "2027" for m in asked), "they are asked now, not then"


@contextlib.asynccontextmanager
async def projected(system: System) -> AsyncIterator[None]:
    """The live projector at work."""
    settings = PortalSettings(
        kafka_bootstrap_servers=system.kafka,
        mongodb_uri=system.mongodb,
        mongodb_database=system.name,
        topic_prefix=system.prefix,
    )
    projector, producer = make_projector(settings)
    running = asyncio.create_task(projector.run())
    try:
        yield
    finally:
        projector.stop()
        await running
        await producer.stop()


@contextlib.asynccontextmanager
async def busy(system: System) -> AsyncIterator[list[int]]:
    """Somebody writes all the time: what the log has already, so that no view changes by it. How
    many records so far.
    """
    producer, written = Producer(system.kafka, system.prefix, "busy"), [0]
    again = [as_record(m) for m in system.log if m.topic == "tickets"][:200]

    async def write() -> None:
        for record in itertools.cycle(again):
            await producer.send(record)
            written[0] += 1
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    try:
        yield written
    finally:
        writing.cancel()
        await asyncio.wait({writing})
        await producer.stop()


@pytest.mark.long
async def test_views_are_rebuilt_beside_the_old_ones_and_put_in_their_place(system: System) -> None:
    """While somebody writes, so that old and new views never stand still at one place."""
    store = Store(system.mongodb, system.name)
    facts = sum(m.topic in ("tickets", "clocks", "pages") for m in system.log)

    async def until(documents: int) -> None:
        async with asyncio.timeout(40):
            while await store["timeline"].count({}) < documents:
                await asyncio.sleep(0.1)

    async with projected(system), busy(system) as written:
        await until(facts)
        feeds = {
            doc["_id"]: doc["feed"] for doc in await store["timeline"].find({}, fields={"feed": 1})
        }
        before = written[0]
        told = await asyncio.to_thread(system.run, "rebuild")
        assert written[0] > before + 10, "somebody wrote meanwhile"
        assert told["equal"] and told["switched"] and told["compared"]
        assert {name for name, view in told["collections"].items() if view["documents"]} >= {
            "tickets",
            "timeline",
            "pages",
            "requests",
        }
        assert {
            doc["_id"]: doc["feed"] for doc in await store["timeline"].find({}, fields={"feed": 1})
        } == feeds
        assert not [name for name in await store.collections() if name.startswith("rebuilt.")]

        await store["tickets"].update(
            {"opened_key": {"$gt": ""}}, {"$set": {"subject": "somebody's finger slipped"}}
        )
        wrong = await asyncio.to_thread(lambda: system.run("rebuild", expect=1))
        assert not wrong["switched"] and [
            name for name, view in wrong["collections"].items() if not view["equal"]
        ] == ["tickets"]
        forced = await asyncio.to_thread(lambda: system.run("rebuild", "--force", expect=1))
        assert forced["switched"]
        assert (await asyncio.to_thread(system.run, "rebuild"))["equal"], (
            "the live projector goes on from the new views"
        )
    store.close()


async def test_a_dead_letter_is_listed_shown_and_put_back_where_it_came_from(
    system: System,
) -> None:
    asked = next(m for m in system.log if m.topic == "requests")
    producer = Producer(system.kafka, system.prefix, "test")
    offset = await producer.send(
        Record("requests", asked.key, b"{}", [("ce_type", b"dev.signalbox.Solve")], 1)
    )
    letter = DeadLetter(
        id="dlt_test",
        key=asked.key,
        at=BEGIN,
        worker="router",
        topic="requests",
        partition=1,
        offset=offset,
        reason="does not parse",
        raw="e30=",
        headers={"ce_type": "dev.signalbox.Solve"},
        parked=True,
    )
    await producer.send(record_for("dead-letters", letter, "router"))
    await producer.send(record_for("dead-letters", letter, "router"))
    await producer.stop()
    (listed,) = await asyncio.to_thread(
        lambda: system.run("dead-letters", "list", "--worker", "router")
    )
    assert (listed["id"], listed["offset"], listed["parked"]) == ("dlt_test", offset, True)
    assert (await asyncio.to_thread(lambda: system.run("dead-letters", "show", "dlt_test")))[
        "raw"
    ] == "{}"
    await asyncio.to_thread(lambda: system.run("dead-letters", "redrive", "dlt_test"))
    last = [m for m in await _read(system.kafka, system.prefix, "requests") if m.partition == 1][-1]
    assert (last.value, last.key, last.headers["redrive"], last.headers["ce_type"]) == (
        b"{}",
        asked.key,
        b"dlt_test",
        b"dev.signalbox.Solve",
    )


async def _read(kafka: str, prefix: str, topic: str) -> list[Message]:
    reader = Reader(kafka, prefix)
    await reader.start()
    try:
        starts = {(topic, partition): 0 for partition in range(await reader.partitions(topic))}
        return [message async for messages in reader.read_to_end(starts) for message in messages]
    finally:
        await reader.stop()


async def _ends(system: System) -> dict[tuple[str, int], int]:
    reader = Reader(system.kafka, system.prefix)
    await reader.start()
    try:
        return await reader.ends(
            (topic.name, partition) for topic in PUBLIC for partition in range(2)
        )
    finally:
        await reader.stop()


EXAMPLES = ROOT / "tests" / "contract" / "examples"
SENT, MAILED = "a" * 64, "b" * 64
ATTACHMENT = "att_" + "c" * 26
FILES = {
    SENT: b"what was sent",
    MAILED: b"Subject: Help\r\n\r\nHelp.",
    ATTACHMENT: orjson.dumps({"_id": ATTACHMENT, "blob": SENT, "name": "a.txt"}),
}


def naming_files() -> list[Record]:
    """A ticket with an attachment, and a mail."""
    found = []
    for name, topic, more in (
        ("TicketOpened", "tickets", {"attachments": [ATTACHMENT]}),
        ("MailReceived", "mail", {"blob": MAILED}),
    ):
        event = {**orjson.loads((EXAMPLES / f"{name}.v1.json").read_bytes()), **more}
        kind = f"dev.signalbox.{name}".encode()
        found.append(Record(topic, event["key"], orjson.dumps(event), [("ce_type", kind)]))
    return found


async def fill_beside(here: System) -> None:
    """Rows whose beginning was deleted, what a group has committed, and the files: the attachment
    where earlier releases kept it, the mail in the home of today.
    """
    async with Admin(here.kafka, here.prefix) as admin:
        await admin.create_topic("router-state", 2, config={"cleanup.policy": "compact,delete"})
    producer = Producer(here.kafka, here.prefix, "test")
    await producer.send_many([Record("router-state", f"k{n}", b"{}", [], 1) for n in range(9)])
    await producer.stop()
    async with Rewriting(here.kafka, here.prefix) as kafka:
        await kafka.cut("router-state", {1: 4})
        await kafka.commit("router", {("requests", 0): (3, "where the outputs ended")})
    home = DatabaseHome(here.mongodb, f"{here.name}-files")
    await home.put_many([(MAILED, FILES[MAILED])])
    await home.close()
    store = Store(here.mongodb, here.name)
    await store.bucket("blobs").put(SENT, FILES[SENT])
    await store["attachments"].insert(orjson.loads(FILES[ATTACHMENT]))
    store.close()


async def look_over(system: System) -> dict[str, Any]:
    """Bounds, settings and every record of all topics, and what is committed."""
    async with Rewriting(system.kafka, system.prefix) as kafka:
        found: dict[str, Any] = {"committed": await kafka.committed("router")}
        for topic in await kafka.topics():
            shape = await kafka.shape(topic)
            records: dict[int, list[RawRecord]] = {}
            async for partition, raws in kafka.read(topic, shape.bounds):
                records.setdefault(partition, []).extend(raws)
            found[topic] = (dict(shape.bounds), dict(shape.config), records)
        return found


@contextlib.contextmanager
def cleared(*systems: System) -> Iterator[None]:
    """Afterwards nothing is left of them."""

    async def clear() -> None:
        for system in systems:
            async with Admin(system.kafka, system.prefix) as admin:
                await admin.delete_all()
            for name in (system.name, f"{system.name}-files"):
                store = Store(system.mongodb, name)
                await store.drop()
                store.close()

    try:
        yield
    finally:
        asyncio.run(clear())


@pytest.mark.long
def test_a_backup_brings_back_log_files_and_views(system: System, tmp_path: Path) -> None:
    there = System(system.kafka, system.mongodb, f"{system.name}-there", [])
    path, files = tmp_path / "backup.tar", tmp_path / "files"
    at = {"SIGNALBOX_FILES": str(files), "SIGNALBOX_DATA_DIR": str(tmp_path / "data")}
    log = [*map(as_record, system.log), *naming_files()]
    with written(system, "here", log) as here, cleared(here, there):
        asyncio.run(fill_beside(here))
        told = here.run("backup", str(path))
        assert (told["missing"], told["files"]) == ([], 3)
        here.run("restore", str(path), expect=1)  # it is not empty
        there.run("restore", str(path), "--check", **at)
        assert there.run("restore", str(path), **at)["written"] == 3
        assert asyncio.run(look_over(there)) == asyncio.run(look_over(here))
        kept = {path.name: path.read_bytes() for path in files.rglob("*") if path.is_file()}
        assert kept == FILES
        views, again = here.run("rebuild"), there.run("rebuild", **at)
        assert again["collections"] == views["collections"]
        there.run("restore", str(path), expect=1, **at)

        (files / MAILED[-2:] / MAILED).unlink()
        short = there.run("backup", str(tmp_path / "short"), "--patience", "0", expect=1, **at)
        assert short["missing"] == [MAILED], "what the log names and nobody has is named"
