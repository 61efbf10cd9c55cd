"""Three Kafka clients under the same faults at the same time: aiokafka as it comes, aiokafka with
the network part of `shared/bus/client.py`, and librdkafka (`pip install confluent-kafka`, no
dependency of ours).

usage: python -m tests.cluster.clients [--rate 100] [--hang 30] [--port-base 24100]

Each runs in a process of its own: it writes small records with all acks, idempotent, at `rate`/s to
eight partitions and reads them back in a group. One broker of three is stopped, and later one is
killed. The table says how long the longest wait for an ack and for a record was under each fault,
how fast both are without one, and what a thousand records cost in processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from cli.settings import CommandSettings
from cli.up.supervise import Supervisor
from shared.bus import Admin
from shared.bus.client import METADATA_AGE_MS, talk_to_any
from shared.errors import Unavailable
from shared.settings import load
from tests.bench.table import at_share
from tests.cluster import engines

PREFIX, PARTITIONS = "clients-", 8
QUIET_S, AFTER_S = 15.0, 25.0
KINDS = ("plain", "ours", "librdkafka")

Write = Callable[[int, bytes], Awaitable[object]]
Heard = Callable[[bytes], None]


class Waits:
    """Every record: when it was sent, acknowledged, and read (seconds since 1970)."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}
        self.acked: dict[int, float] = {}
        self.read: dict[int, float] = {}

    def heard(self, value: bytes) -> None:
        self.read.setdefault(int(value), time.time())

    def told(self, periods: dict[str, tuple[float, float]]) -> dict[str, Any]:
        """Seconds by period: p50, p99 and the worst from sending to ack, and to reading."""
        found: dict[str, Any] = {}
        for name, (begin, end) in periods.items():
            mine = [n for n, at in self.sent.items() if begin <= at < end]
            for what, seen in (("ack", self.acked), ("read", self.read)):
                waits = [seen[n] - self.sent[n] for n in mine if n in seen]
                found[f"{name} {what}"] = [
                    at_share(waits, 0.5),
                    at_share(waits, 0.99),
                    max(waits, default=float("nan")),
                    len(mine) - len(waits),
                ]
        return found


async def with_aiokafka(kafka: str, ours: bool, heard: Heard, work: Callable[[Write], Any]) -> None:
    """`work` with a writer, while everything read is `heard`."""
    common = {"bootstrap_servers": kafka, "client_id": "clients"}
    quick = {"metadata_max_age_ms": METADATA_AGE_MS} if ours else {}
    producer = AIOKafkaProducer(
        **common, **quick, acks="all", enable_idempotence=True, request_timeout_ms=40_000
    )
    consumer = AIOKafkaConsumer(
        **common,
        **quick,
        group_id=f"{PREFIX}{'ours' if ours else 'plain'}",
        enable_auto_commit=False,
        auto_offset_reset="latest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
        rebalance_timeout_ms=25_000,
        request_timeout_ms=30_000,
    )
    topic = f"{PREFIX}{'ours' if ours else 'plain'}"
    consumer.subscribe([topic])
    for client in (producer, consumer) if ours else ():
        talk_to_any(client)
    await producer.start()
    await consumer.start()

    async def read() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    heard(record.value)
                await consumer.commit()

    reading = asyncio.create_task(read())
    await work(lambda p, value: producer.send_and_wait(topic, value, partition=p))
    reading.cancel()


async def with_librdkafka(kafka: str, heard: Heard, work: Callable[[Write], Any]) -> None:
    """The same with confluent-kafka's asyncio clients."""
    from confluent_kafka.aio import AIOConsumer, AIOProducer  # type: ignore[import-not-found]

    common = {
        "bootstrap.servers": kafka,
        "socket.timeout.ms": 7000,
        "topic.metadata.refresh.interval.ms": METADATA_AGE_MS,
        "reconnect.backoff.max.ms": 1000,
    }
    topic = f"{PREFIX}librdkafka"
    producer = AIOProducer(
        {**common, "enable.idempotence": True, "linger.ms": 0, "request.timeout.ms": 4000},
        batch_size=1,
    )
    consumer = AIOConsumer(
        {
            **common,
            "group.id": topic,
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 1000,
        }
    )
    await consumer.subscribe([topic])

    async def read() -> None:
        while True:
            found = await consumer.consume(500, timeout=0.05)
            for message in found:
                if message.error() is None:
                    heard(message.value())
            # As the others: without a position a group that forms again begins at the end.
            if found:
                await consumer.commit(asynchronous=False)

    async def write(partition: int, value: bytes) -> None:
        await (await producer.produce(topic, value=value, partition=partition))

    reading = asyncio.create_task(read())
    await work(write)
    reading.cancel()


async def one(kind: str, kafka: str, rate: float) -> dict[str, Any]:
    """Write and read until standard input ends, which says the periods; the figures."""
    waits, stop = Waits(), asyncio.Event()
    told = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    told.add_done_callback(lambda _: stop.set())

    async def work(write: Write) -> None:
        await asyncio.sleep(5.0)
        running = set[asyncio.Task[None]]()

        async def send(number: int) -> None:
            waits.sent[number] = time.time()
            await write(number % PARTITIONS, str(number).encode())
            waits.acked[number] = time.time()

        number = 0
        while not stop.is_set():
            number += 1
            task = asyncio.create_task(send(number))
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(1 / rate)
        if running:
            await asyncio.wait(running, timeout=10.0)

    if kind == "librdkafka":
        await with_librdkafka(kafka, waits.heard, work)
    else:
        await with_aiokafka(kafka, kind == "ours", waits.heard, work)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = 1e6 * (used.ru_utime + used.ru_stime) / max(1, len(waits.acked))
    return {**waits.told(json.loads(told.result())), "ms for 1000": cost}


async def compare(rate: float, hang: float, base: int, data: Path) -> dict[str, Any]:
    """Client → figures."""
    settings, logs = load(CommandSettings), data / "logs"
    logs.mkdir(parents=True)
    nodes = engines.brokers(data, base)
    kafka = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    supervisor = Supervisor(data / "up.json", lambda *_: None)
    supervisor.start(await engines.kafka_programs(nodes, settings.cache_dir, logs))
    try:
        await _make_topics(kafka)
        running = {
            kind: await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.cluster.clients"),
                *("--one", kind, "--kafka", kafka, "--rate", str(rate)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=(logs / f"{kind}.log").open("w"),
            )
            for kind in KINDS
        }
        await asyncio.sleep(15.0)
        victims = [node.name for node in nodes if node.node != engines.controller(nodes)]
        begun = time.time()
        await asyncio.sleep(QUIET_S)
        periods = {"quiet": (begun, time.time())}
        for name, how, lasting in (
            ("hang", signal.SIGSTOP, hang),
            ("kill", signal.SIGKILL, 0.0),
        ):
            pid = supervisor.children[victims.pop()].pid
            assert pid is not None
            begun = time.time()
            os.kill(pid, how)
            await asyncio.sleep(lasting)
            if lasting:
                os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(AFTER_S)
            periods[name] = (begun, time.time())
        said = json.dumps(periods).encode()
        outputs = [await process.communicate(said) for process in running.values()]
        return {
            kind: _read_figures(kind, output + (logs / f"{kind}.log").read_bytes()[-4000:])
            for kind, (output, _) in zip(running, outputs, strict=True)
        }
    finally:
        await supervisor.stop(list(supervisor.children))


def _read_figures(kind: str, output: bytes) -> Any:
    """One line holds the figures; around it stands what the client itself had to say. Raises
    RuntimeError, with that, where there is none: the client ended early.
    """
    for line in output.splitlines():
        if line.startswith(b"{"):
            return json.loads(line)
    raise RuntimeError(f"{kind} has no figures:\n{output.decode(errors='replace')}")


async def _make_topics(kafka: str) -> None:
    end = time.monotonic() + 90
    for kind in KINDS:
        while True:
            try:
                async with Admin(kafka, PREFIX) as admin:
                    config = {"min.insync.replicas": "2"}
                    await admin.create_topic(kind, PARTITIONS, 3, config)
                break
            except Unavailable:
                assert time.monotonic() < end, "Kafka did not come up"
                await asyncio.sleep(0.5)


def shown(found: dict[str, Any]) -> Sequence[str]:
    """The table: seconds as p50 / p99 / worst, and how many were never seen."""
    names = [name for name in next(iter(found.values())) if name != "ms for 1000"]
    lines = [f"{'':<12}" + "".join(f"{kind:>34}" for kind in found)]
    for name in names:
        cells = [
            "{:.3f} / {:.3f} / {:.1f} ({} unseen)".format(*figures.get(name, [0, 0, 0, 0]))
            for figures in found.values()
        ]
        lines.append(f"{name:<12}" + "".join(f"{cell:>34}" for cell in cells))
    costs = [f"{figures.get('ms for 1000', 0):.0f} ms" for figures in found.values()]
    return [*lines, f"{'CPU of 1000':<12}" + "".join(f"{cost:>34}" for cost in costs)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.clients", description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--hang", type=float, default=30.0)
    parser.add_argument("--port-base", type=int, default=24100)
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--kafka", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(asyncio.run(one(asked.one, asked.kafka, asked.rate))))
        return
    with tempfile.TemporaryDirectory(prefix="signalbox-clients-") as folder:
        found = asyncio.run(compare(asked.rate, asked.hang, asked.port_base, Path(folder) / "data"))
    print("\n".join(shown(found)))


if __name__ == "__main__":
    main()
