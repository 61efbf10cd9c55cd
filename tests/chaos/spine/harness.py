"""Two workers under load, one of them ended at random every few seconds, started again as
`signalbox up` would.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared import ids
from shared.bus import Admin, Producer, Reader, record_for
from shared.errors import Unavailable
from shared.wire import Message
from tests.chaos.spine.domain import WORK, Count
from tests.chaos.spine.judge import Account, Verdict

ROOT = Path(__file__).parents[3]
PARTITIONS = 8


@dataclass(frozen=True)
class Plan:
    """`how` is kill, term, stop (stand still for longer than the session, then go on), mixed (kill
    and term) or inside (the workers kill themselves right after a write with probability `inside`,
    and each once for certain: the first after its facts, the second after its rows); times in
    seconds."""

    requests: int = 40_000
    rate: float = 1000.0
    how: str = "mixed"
    inside: float = 0.01
    every: tuple[float, float] = (5.0, 9.0)
    keys: int = 5003
    timers: float = 0.02
    sends: float = 0.02
    ring_in: tuple[float, float] = (2.0, 20.0)
    workers: int = 2
    is_static: bool = True
    patience: float = 120.0
    seed: int = 1


class Workers:
    """The processes; what ends is started again after 0.2 s."""

    def __init__(self, plan: Plan, bootstrap: str, prefix: str, log: Path) -> None:
        self._plan, self._bootstrap, self._prefix, self._log = plan, bootstrap, prefix, log
        self._processes = [self._start(i, dies_at=i + 1) for i in range(plan.workers)]
        self.ends = 0

    def _start(self, number: int, dies_at: int = 0) -> subprocess.Popen[bytes]:
        env = dict(
            os.environ,
            KAFKA_BOOTSTRAP_SERVERS=self._bootstrap,
            SIGNALBOX_TOPIC_PREFIX=self._prefix,
            SIGNALBOX_METRICS_PORT="0",
        )
        if self._plan.is_static:
            env["SIGNALBOX_INSTANCE"] = f"w{number}"
        if self._plan.how == "inside":
            env["CHAOS_INSIDE"] = str(self._plan.inside)
            env["CHAOS_INSIDE_AT"] = str(dies_at)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.spine.worker"],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=log,
            )

    async def supervise(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            for i, process in enumerate(self._processes):
                if process.poll() is not None:
                    self.ends += 1
                    self._processes[i] = self._start(i)

    async def end_one(self, choose: random.Random) -> None:
        process = self._processes[choose.randrange(len(self._processes))]
        how = self._plan.how if self._plan.how != "mixed" else choose.choice(["kill", "term"])
        if process.poll() is not None:
            return
        if how == "stop":
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(choose.uniform(7.0, 9.0))
            process.send_signal(signal.SIGCONT)
        else:
            process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def requests_of(plan: Plan, choose: random.Random) -> list[Count]:
    """What will be asked; instants are set when a request is sent."""
    now = datetime.now(UTC)
    return [
        Count(
            id=ids.derive("req", str(plan.seed), str(i)),
            key=f"k{i % plan.keys}",
            at=now,
            due_at=now + timedelta(seconds=choose.uniform(*plan.ring_in))
            if choose.random() < plan.timers
            else None,
            send=choose.random() < plan.sends,
        )
        for i in range(plan.requests)
    ]


async def run(
    plan: Plan, *, bootstrap: str, log: Path, say: Callable[[str], None] = lambda _: None
) -> tuple[Verdict, int]:
    """(verdict, how often a worker was ended). Makes topics of its own and removes them."""
    choose = random.Random(plan.seed)
    prefix = f"chaos-{os.getpid()}-{time.time_ns() % 10**9}-"
    async with Admin(bootstrap, prefix) as admin:
        for topic in ("in", "out", WORK.changelog, "dead-letters"):
            await admin.create_topic(
                topic,
                PARTITIONS,
                config={"cleanup.policy": "compact"} if topic == WORK.changelog else {},
            )
    workers = Workers(plan, bootstrap, prefix, log)
    supervising = asyncio.create_task(workers.supervise())
    producer, reader = Producer(bootstrap, prefix, "chaos"), Reader(bootstrap, prefix)
    try:
        await reader.start()
        loading = asyncio.create_task(_load(plan, producer, choose))
        ending = (
            asyncio.create_task(_end_at_random(plan, workers, choose))
            if plan.how != "inside"
            else None
        )
        asked = await loading
        if ending is not None:
            ending.cancel()
        say(f"asked {len(asked)}, ended {workers.ends} workers; reading the log")
        account = Account(asked)
        await _until_complete(
            account, reader, plan.patience, max((r.due_at for r in asked if r.due_at), default=None)
        )
        supervising.cancel()
        changelog = await _rows_settled(account, reader, plan.patience)
        letters = sum((await reader.ends(("dead-letters", p) for p in range(PARTITIONS))).values())
        return account.verdict(changelog, letters), workers.ends
    finally:
        supervising.cancel()
        workers.stop()
        await producer.stop()
        await reader.stop()
        async with Admin(bootstrap, prefix) as admin:
            await admin.delete_all()


async def _load(plan: Plan, producer: Producer, choose: random.Random) -> list[Count]:
    """Ask at the plan's rate; due times count from when a request is really sent."""
    asked: list[Count] = []
    begun, planned = time.monotonic(), requests_of(plan, choose)
    drawn = datetime.now(UTC)
    while len(asked) < len(planned):
        due = min(len(planned), int((time.monotonic() - begun) * plan.rate) + 1)
        now = datetime.now(UTC)
        fresh = [
            request.model_copy(
                update={"at": now, "due_at": request.due_at and request.due_at + (now - drawn)}
            )
            for request in planned[len(asked) : due]
        ]
        try:
            await producer.send_many([record_for("in", request, "chaos") for request in fresh])
        except Unavailable:
            continue  # asked again with the same ids, as a client would
        asked.extend(fresh)
        await asyncio.sleep(max(0.02, 1 / plan.rate))
    return asked


async def _end_at_random(plan: Plan, workers: Workers, choose: random.Random) -> None:
    while True:
        await asyncio.sleep(choose.uniform(*plan.every))
        await workers.end_one(choose)


async def _until_complete(
    account: Account, reader: Reader, patience: float, last_due: datetime | None
) -> None:
    """Read facts until all has been said, or nothing new came for `patience` seconds (counted from
    the last timer).
    """
    at = {("out", p): 0 for p in range(PARTITIONS)}
    quiet_since = time.time()
    while not account.is_complete:
        moved = False
        async for messages in reader.read_to_end(at):
            account.read(messages)
            at["out", messages[0].partition] = messages[-1].offset + 1
            moved = True
        if moved or (last_due is not None and time.time() < last_due.timestamp()):
            quiet_since = time.time()
        elif time.time() - quiet_since > patience:
            return
        else:
            await asyncio.sleep(0.2)


async def _rows_settled(account: Account, reader: Reader, patience: float) -> list[Message]:
    """The changelog once it has caught up with the facts (it is written just after them)."""
    deadline = time.monotonic() + min(patience, 40.0)
    while True:
        changelog = [
            message
            async for batch in reader.read_to_end(
                {(WORK.changelog, p): 0 for p in range(PARTITIONS)}
            )
            for message in batch
        ]
        seqs = {message.key: int(message.headers["seq"]) for message in changelog}
        if time.monotonic() > deadline or all(
            seqs.get(key, 0) >= row.seq for key, row in account.rows.items()
        ):
            return changelog
        await asyncio.sleep(0.3)
