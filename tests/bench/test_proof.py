"""`make bench`: verify and simulate over a log of 100,000 tickets, in Kafka; SIGNALBOX_BENCH_TICKETS takes fewer or more."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import multiprocessing
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import yaml

from cli.proof.spread import quietly
from deploy.demo.directory import policies
from shared.bus import Admin, Producer
from shared.topics import PUBLIC
from shared.wire import Message, Record
from tests.bench.table import Figure
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
TICKETS = int(os.environ.get("SIGNALBOX_BENCH_TICKETS", "100000"))
ROOT = Path(__file__).parents[2]
AT_ONCE = 5_000


def _fill(kafka: str, prefix: str) -> None:
    """Months beside each other, each decided by the workers' own functions; nobody has a ticket or a lane in two of them."""
    asyncio.run(_create(kafka, prefix))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        list(pool.map(functools.partial(_fill_month, kafka, prefix), range(-(-TICKETS // AT_ONCE))))


async def _create(kafka: str, prefix: str) -> None:
    async with Admin(kafka, prefix) as admin:
        for topic in PUBLIC:
            await admin.create_topic(topic.name, 8)


def _fill_month(kafka: str, prefix: str, seed: int) -> None:
    quietly()
    gc.disable()
    log = decide_all(requests(min(AT_ONCE, TICKETS - seed * AT_ONCE), seed), BEGIN + LASTS).messages
    asyncio.run(_send(kafka, prefix, [m for m in log if seed == 0 or m.topic != "policies"]))


async def _send(kafka: str, prefix: str, log: Sequence[Message]) -> None:
    producer = Producer(kafka, prefix, "bench", timeout=60)
    for first in range(0, len(log), 5000):
        await producer.send_many([Record(m.topic, m.key, m.value, list(m.headers.items())) for m in log[first : first + 5000]])
    await producer.stop()


async def _empty(kafka: str, prefix: str) -> None:
    async with Admin(kafka, prefix) as admin:
        await admin.delete_all()


def test_verify_and_simulate(kafka_bootstrap: str, tmp_path: Path) -> None:
    prefix = f"bench-{secrets.token_hex(4)}-"
    draft = tmp_path / "default.yaml"
    draft.write_text(yaml.safe_dump({**policies()["default"], "pages": ["premium", "premier", "legacy-enterprise"]}))
    _fill(kafka_bootstrap, prefix)
    try:
        print()
        for name, arguments in (
            ("verify", ("verify",)),
            ("simulate", ("simulate", "--policy", str(draft), "--since", "2027-03-01", "--until", "2027-04-10")),
        ):
            env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "SIGNALBOX_TOPIC_PREFIX": prefix}
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "cli.main", *arguments, "--json"], cwd=ROOT, env=env, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            told = json.loads(done.stdout)
            assert name == "verify" or told["tickets"] == TICKETS
            print(Figure(f"{name} over {TICKETS:,} tickets", time.monotonic() - began, "s", 60 * TICKETS / 100_000), flush=True)
    finally:
        asyncio.run(_empty(kafka_bootstrap, prefix))
