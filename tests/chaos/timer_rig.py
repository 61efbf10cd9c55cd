"""sla as two processes on topics of their own, a clock that jumps, and an account of which clock
rang when.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.demo.directory import policies
from shared import ids
from shared.bus import Admin, Producer, Reader
from shared.events import ClockBreached, ClockStarted, Plan, PolicyPublished, Priority, PrioritySet
from shared.policy import DESK, DeskPolicy
from shared.topics import CLOCKS, DEAD_LETTERS, POLICIES, TICKETS, read
from shared.wire import record_for

PARTITIONS = 8
WORKERS = 2
NOW = datetime.now(UTC).replace(microsecond=0)
DOCUMENT = {**policies()[DESK], "warn_at": []}
"""The demo's policy, but nobody is warned: only deadlines ring."""
PROMISED = DeskPolicy.model_validate(DOCUMENT).target_for(Plan.PREMIUM, Priority.NORMAL).within


@dataclass
class Account:
    """The log of clocks as a reader keeps it: the first fact of each (ticket, seq)."""

    started: set[str] = field(default_factory=set)
    rang: dict[str, list[tuple[ClockBreached, float]]] = field(default_factory=dict)
    """Ticket → its breaches, each with when it was written (epoch seconds)."""
    seen: set[tuple[str, int]] = field(default_factory=set)
    repeats: int = 0
    letters: int = 0

    def take(self, fact: object, written: float) -> None:
        if not isinstance(fact, ClockStarted | ClockBreached):
            return
        if (fact.key, fact.seq) in self.seen:
            self.repeats += 1
            return
        self.seen.add((fact.key, fact.seq))
        if isinstance(fact, ClockStarted):
            self.started.add(fact.key)
        else:
            self.rang.setdefault(fact.key, []).append((fact, written))


class TimerRig:
    """`account` grows while the rig lives. A worker that ended is started again at once under its
    name, as `signalbox up` does.
    """

    def __init__(self, bootstrap: str, prefix: str, clock: Path, producer: Producer) -> None:
        self.account, self.ends = Account(), 0
        self._bootstrap, self._prefix, self._clock, self._producer = (
            bootstrap,
            prefix,
            clock,
            producer,
        )
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    async def keep(self, number: int) -> None:
        """Until cancelled."""
        while True:
            process = self._processes[number] = await self._start(number)
            await process.wait()

    async def open(self, due: Sequence[datetime]) -> list[str]:
        """A ticket for each instant at which its initial response falls due; their ids."""
        event = PolicyPublished(id="pol_1", key=DESK, at=NOW, version=1, document=DOCUMENT)
        await self._producer.send(record_for(POLICIES.name, event, "intake"))
        tickets = [ids.derive("tkt", self._prefix, str(number)) for number in range(len(due))]
        facts = [
            PrioritySet(
                id=ids.derive("fct", ticket),
                key=ticket,
                at=NOW,
                seq=2,
                cause="req",
                by="c@example.com",
                policy={DESK: 1},
                requested=None,
                priority=Priority.NORMAL,
                plan=Plan.PREMIUM,
                opened_at=at - PROMISED,
                lane="lane",
            )
            for ticket, at in zip(tickets, due, strict=True)
        ]
        await self._producer.send_many([record_for(TICKETS.name, fact, "router") for fact in facts])
        return tickets

    def jump(self, to: datetime) -> timedelta:
        """It is `to` for the workers from now on; the offset between their clock and ours."""
        offset = to - datetime.now(UTC)
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(str(offset.total_seconds()))
        fresh.replace(self._clock)
        return offset

    def end_one(self, how: signal.Signals) -> None:
        """The workers in turn; one that is being started again already is left alone."""
        process = self._processes[self.ends % WORKERS]
        self.ends += 1
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)

    async def follow(self) -> None:
        """Read clocks and dead letters until cancelled."""
        reader = Reader(self._bootstrap, self._prefix)
        await reader.start()
        try:
            async for messages in reader.tail(
                {
                    (topic, p): 0
                    for topic in (CLOCKS.name, DEAD_LETTERS.name)
                    for p in range(PARTITIONS)
                }
            ):
                for message in messages:
                    if message.topic == DEAD_LETTERS.name:
                        self.account.letters += 1
                    else:
                        self.account.take(
                            read(message.value, message.headers.get("ce_type")), message.at
                        )
        finally:
            await reader.stop()

    async def stop(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")},
            "KAFKA_BOOTSTRAP_SERVERS": self._bootstrap,
            "SIGNALBOX_TOPIC_PREFIX": self._prefix,
            "SIGNALBOX_LOG_LEVEL": "error",
            "SIGNALBOX_INSTANCE": f"sla-{number}",
            "SIGNALBOX_CLOCK_FILE": str(self._clock),
            "SIGNALBOX_METRICS_PORT": "0",
        }
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.sla", env=environment
        )


@contextlib.asynccontextmanager
async def timers_on(bootstrap: str, folder: Path) -> AsyncIterator[TimerRig]:
    """Two workers run and the log is followed; everything is removed in the end."""
    prefix = f"timers-{secrets.token_hex(4)}-"
    producer = Producer(bootstrap, prefix, "test")
    async with Admin(bootstrap, prefix) as admin:
        for topic in (TICKETS.name, CLOCKS.name, DEAD_LETTERS.name):
            await admin.create_topic(topic, PARTITIONS)
        await admin.create_topic(POLICIES.name, 1)
        await admin.create_topic("sla-state", PARTITIONS, config={"cleanup.policy": "compact"})
        rig = TimerRig(bootstrap, prefix, folder / "clock", producer)
        (folder / "clock").write_text("0")
        running = [
            asyncio.create_task(work) for work in (rig.follow(), *map(rig.keep, range(WORKERS)))
        ]
        try:
            yield rig
        finally:
            for task in running:
                task.cancel()
            ended = await asyncio.gather(*running, return_exceptions=True)
            await rig.stop()
            await producer.stop()
            await admin.delete_all()
            assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
