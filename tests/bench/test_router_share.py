"""`make bench`: what the router costs beside the bare shape, in the same run, on the same messages."""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from shared.bus import Admin, Producer, record_for
from shared.events import Request
from shared.topics import DEAD_LETTERS, REQUESTS, STATUS, TICKETS
from tests.bench.router import requests
from tests.bench.shape import PARTITIONS
from tests.bench.table import Figure

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

MESSAGES = 12_000
ROUNDS = 3
GOAL = 50.0


async def _provide(bootstrap: str, prefix: str, asked: list[Request]) -> None:
    async with Admin(bootstrap, prefix) as admin:
        for topic in (REQUESTS.name, TICKETS.name, STATUS.name, "router-state", DEAD_LETTERS.name):
            await admin.create_topic(topic, PARTITIONS)
    producer = Producer(bootstrap, prefix, "bench")
    for start in range(0, len(asked), 5000):
        await producer.send_many(
            [record_for(REQUESTS.name, each, "intake") for each in asked[start : start + 5000]]
        )
    await producer.stop()


async def _clear(bootstrap: str, prefix: str) -> None:
    async with Admin(bootstrap, prefix) as admin:
        await admin.delete_all()


def _measured(which: str, bootstrap: str, asked: list[Request]) -> dict[str, float]:
    prefix = f"bench-share-{secrets.token_hex(3)}-"
    asyncio.run(_provide(bootstrap, prefix, asked))
    try:
        command = [sys.executable, "-m", "tests.bench.shape", which, prefix, str(len(asked))]
        env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": bootstrap}
        said = subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env=env,
            stdout=subprocess.PIPE,
            check=True,
            timeout=120,
        ).stdout
        return dict(orjson.loads(said.splitlines()[-1]))
    finally:
        asyncio.run(_clear(bootstrap, prefix))


def _figures(name: str, asked: list[Request], bootstrap: str) -> None:
    """Turn and turn about, so that whatever else the machine does hits both alike; the medians
    count.
    """
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "router": []}
    for _ in range(ROUNDS):
        for which, found in runs.items():
            found.append(_measured(which, bootstrap, asked))

    def median(what: str, by: str) -> dict[str, float]:
        return {
            which: statistics.median(run[what] / run[by] for run in found)
            for which, found in runs.items()
        }

    rate, taken, written = (
        median("messages", "seconds"),
        median("messages", "cpu"),
        median("facts", "cpu"),
    )
    for which in runs:
        print(Figure(f"{which}, {name}", rate[which], "events/s"))
        print(Figure(f"{which}, {name}: CPU for 1,000 events", 1e6 / taken[which], "ms"))
    print(
        Figure(
            f"router's share of the bare shape, {name}",
            100 * rate["router"] / rate["bare"],
            "%",
            GOAL,
            low=False,
        )
    )
    print(
        Figure("the same by CPU time", 100 * taken["router"] / taken["bare"], "%", GOAL, low=False)
    )
    print(
        Figure(
            "the same by facts written for CPU time", 100 * written["router"] / written["bare"], "%"
        ),
        flush=True,
    )


def test_share_of_the_bare_shape(kafka_bootstrap: str) -> None:
    asked = requests(MESSAGES)
    print(
        f"\n{MESSAGES} messages of {len(asked[0].wire())} (new) and {len(asked[-1].wire())} bytes (replies)"
    )
    _figures("new tickets", asked[:MESSAGES], kafka_bootstrap)
    _figures("a third new, the rest replies", requests(MESSAGES // 3), kafka_bootstrap)
