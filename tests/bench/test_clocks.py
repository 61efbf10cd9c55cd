"""`make bench`: the speed of clocks. How long a due time takes, a million running clocks, a
restart.

The million is put into the changelog as sla writes it, and the real process is started on it with a
clock that the bench moves to two seconds before 10,000 of them fall due within one second.
`CLOCKS=100000` makes it quicker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from deploy.demo.directory import policies
from services.sla.clock import ClockRow, PromiseClock
from services.sla.domain import INITIAL_RESPONSE, decide
from shared import ids
from shared.bus import Admin, Producer, Reader
from shared.events import ClockBreached, Plan, PolicyPublished, Priority, PrioritySet
from shared.policy import DESK, DeskPolicy
from shared.policy.working_time import working_time
from shared.spine.recovery import state_record
from shared.topics import CLOCKS, DEAD_LETTERS, POLICIES, TICKETS, read
from shared.wire import Record, record_for
from tests.bench.table import Figure, at_share

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

HELD = int(os.environ.get("CLOCKS", "1000000"))
DUE = 10_000
RESTARTED = 100_000
PARTITIONS = 8
STATE = "sla-state"
NOW = datetime.now(UTC).replace(microsecond=0)
POLICY = DeskPolicy.model_validate(policies()[DESK])


def show(*figures: Figure) -> None:
    for figure in figures:
        print(figure, flush=True)


def opening(number: int, plan: Plan = Plan.PREMIUM) -> PrioritySet:
    ticket = ids.derive("tkt", str(number))
    return PrioritySet(
        id=ids.derive("fct", str(number)),
        key=ticket,
        at=NOW,
        seq=2,
        cause="req",
        by="c@example.com",
        policy={DESK: 1},
        requested=None,
        priority=Priority.NORMAL,
        plan=plan,
        opened_at=NOW,
        lane="lane",
    )


def test_due_times(capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds of CPU time for one due time, and for deciding on an opened ticket with its
    three warnings.
    """
    hours = working_time(POLICY.calendars["business"])
    starts = [NOW + timedelta(minutes=7 * n) for n in range(5000)]
    for start in starts:
        hours.due_at(start, timedelta(hours=24))

    def cost(function: Callable[[datetime], object]) -> float:
        begun = time.process_time()
        for start in starts:
            function(start)
        return (time.process_time() - begun) / len(starts) * 1e6

    facts = [opening(n, Plan.ENTERPRISE) for n in range(1000)]
    begun = time.process_time()
    for fact in facts:
        decide(None, fact, lambda stamp: POLICY)
    decided = (time.process_time() - begun) / len(facts) * 1e6
    with capsys.disabled():
        print()
        show(
            Figure(
                "due time, 4 business hours",
                cost(lambda at: hours.due_at(at, timedelta(hours=4))),
                "µs",
                goal=50,
            ),
            Figure(
                "due time, 24 business hours",
                cost(lambda at: hours.due_at(at, timedelta(hours=24))),
                "µs",
                goal=50,
            ),
            Figure("a clock started with its three warnings", decided, "µs"),
        )


class World:
    """Topics of their own, and sla as a process beside them with a clock that the bench moves."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap, self.prefix = bootstrap, f"bench-clocks-{secrets.token_hex(4)}-"
        self.clock, self.logs = folder / "clock", folder / "sla.log"
        self.port = 21000 + secrets.randbelow(2000)
        self.producer = Producer(bootstrap, self.prefix, "bench", timeout=60)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start sla; seconds until it says that it is ready."""
        begun = time.perf_counter()
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "SIGNALBOX_TOPIC_PREFIX": self.prefix,
            "SIGNALBOX_METRICS_PORT": str(self.port),
            "SIGNALBOX_CLOCK_FILE": str(self.clock),
        }
        with self.logs.open("ab") as logs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.sla", env=environment, stdout=logs, stderr=logs
            )
        async with httpx.AsyncClient() as http:

            async def is_ready() -> bool:
                assert self._process and self._process.returncode is None, self.logs.read_text()[
                    -2000:
                ]
                with contextlib.suppress(httpx.HTTPError):
                    return (
                        await http.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
                    ).status_code == 200
                return False

            await until(is_ready, 400)
        return time.perf_counter() - begun

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 30)
            finally:
                if self._process.returncode is None:
                    self._process.kill()

    def memory(self) -> dict[str, float]:
        """Megabytes by /proc's names: VmRSS now, VmHWM at most."""
        assert self._process
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return {
            line.split(":")[0]: int(line.split()[1]) / 1024
            for line in lines
            if line.startswith(("VmRSS", "VmHWM"))
        }

    async def write(self, records: AsyncIterator[Record] | list[Record]) -> None:
        chunk: list[Record] = []
        if isinstance(records, list):
            chunk = records
        else:
            async for record in records:
                chunk.append(record)
                if len(chunk) == 5000:
                    await self.producer.send_many(chunk)
                    chunk = []
        await self.producer.send_many(chunk)

    async def clocks(self, wanted: int, within: float) -> list[tuple[ClockBreached, float]]:
        """The first `wanted` breaches said, with the instant (epoch seconds, real time) at which
        they were written.
        """
        found: list[tuple[ClockBreached, float]] = []
        reader = Reader(self.bootstrap, self.prefix)
        await reader.start()
        try:
            async with asyncio.timeout(within):
                async for messages in reader.tail(
                    {(CLOCKS.name, partition): 0 for partition in range(PARTITIONS)}
                ):
                    for message in messages:
                        fact = read(message.value, message.headers.get("ce_type"))
                        assert isinstance(fact, ClockBreached)
                        found.append((fact, message.at))
                    if len(found) >= wanted:
                        return found
        finally:
            await reader.stop()
        return found

    async def count(self) -> int:
        """How many facts of clocks there are."""
        reader = Reader(self.bootstrap, self.prefix)
        await reader.start()
        try:
            return sum(
                (
                    await reader.ends((CLOCKS.name, partition) for partition in range(PARTITIONS))
                ).values()
            )
        finally:
            await reader.stop()


async def until(is_so: Callable[[], Awaitable[bool]], within: float) -> None:
    async with asyncio.timeout(within):
        while not await is_so():
            await asyncio.sleep(0.05)


@pytest.fixture
async def world(kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[World]:
    made = World(kafka_bootstrap, tmp_path)
    async with Admin(made.bootstrap, made.prefix) as admin:
        for topic in (TICKETS.name, CLOCKS.name, DEAD_LETTERS.name):
            await admin.create_topic(topic, PARTITIONS)
        await admin.create_topic(POLICIES.name, 1)
        await admin.create_topic(STATE, PARTITIONS, config={"cleanup.policy": "compact"})
        try:
            published = PolicyPublished(
                id="pol_1", key=DESK, at=NOW, version=1, document=policies()[DESK]
            )
            await made.producer.send(record_for(POLICIES.name, published, "intake"))
            yield made
        finally:
            await made.stop()
            await made.producer.stop()
            await admin.delete_all()


def row(number: int, due_at: datetime) -> Record:
    """One ticket with its initial response running, warned of three times, as sla remembers it."""
    ticket = ids.derive("tkt", str(number))
    clock = PromiseClock(
        nth=1,
        policy={DESK: 1},
        calendar="always",
        target=timedelta(hours=12),
        started_at=due_at - timedelta(hours=12),
        due_at=due_at,
        warned=(50, 75, 90),
    )
    causes = (
        ids.derive("fct", str(number)),
        *(ids.derive("tmr", str(number), str(percent)) for percent in clock.warned),
    )
    made = ClockRow(
        seq=4, seen=causes, ticket=ticket, plan=Plan.PREMIUM, clocks={INITIAL_RESPONSE: clock}
    )
    return state_record(STATE, 0, ticket, made.to_bytes(), 4, None)._replace(partition=None)


async def test_a_million_running_clocks(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    due = NOW + timedelta(days=30)

    async def rows() -> AsyncIterator[Record]:
        for number in range(HELD):
            falls = (
                number * timedelta(seconds=1) / DUE
                if number < DUE
                else timedelta(days=1, seconds=number % (30 * 86400))
            )
            yield row(number, due + falls)

    await world.write(rows())
    size = len(row(1, due).value or b"")
    loaded = await world.start()
    held = world.memory()
    await asyncio.sleep(2.0)
    assert await world.count() == 0, "nothing fires before its time"
    begins = time.time() + 2.0
    world.clock.write_text(str(due.timestamp() - begins))
    said = await world.clocks(DUE, within=60)
    lateness = [(fact.detected_at - fact.due_at).total_seconds() for fact, _ in said]
    assert len(said) == len({fact.key for fact, _ in said}) == DUE
    assert min(lateness) >= 0 and all(written >= begins for _, written in said), "none early"
    with capsys.disabled():
        print()
        show(
            Figure(f"{HELD:,} running clocks: memory of sla", held["VmRSS"], "MB"),
            Figure("the same at most, while loading", held["VmHWM"], "MB"),
            Figure("the same for each row", held["VmRSS"] * 2**20 / HELD, "bytes"),
            Figure("one row in the changelog", size, "bytes"),
            Figure("start with them, until ready", loaded, "s"),
            Figure(
                f"{DUE:,} due within one second: the last written after",
                max(at for _, at in said) - begins - 1,
                "s",
                goal=10,
            ),
            Figure("the same, detected late by: median", at_share(lateness, 0.5), "s"),
            Figure("the same, 99 of 100", at_share(lateness, 0.99), "s"),
            Figure("fired early", sum(late < 0 for late in lateness), "clocks", goal=0),
        )


async def test_restart_with_a_hundred_thousand_clocks(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async def openings() -> AsyncIterator[Record]:
        for number in range(RESTARTED):
            yield record_for(TICKETS.name, opening(number), "router")

    async def all_started() -> bool:
        return await world.count() >= RESTARTED

    await world.write(openings())
    await world.start()
    begun, before = time.perf_counter(), await world.count()
    await until(all_started, 300)
    rate = (RESTARTED - before) / (time.perf_counter() - begun)
    await world.stop()
    again = await world.start()
    assert await world.count() == RESTARTED, "a restart repeats nothing"
    with capsys.disabled():
        print()
        show(
            Figure("clocks started by one worker, each with three warnings", rate, "clocks/s"),
            Figure(
                f"sla started again with {RESTARTED:,} clocks, until ready", again, "s", goal=10
            ),
        )
