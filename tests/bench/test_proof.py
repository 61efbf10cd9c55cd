"""`make bench`: verify and simulate over a log of 100,000 tickets, in Kafka;
SIGNALBOX_BENCH_TICKETS takes fewer or more.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from deploy.demo.directory import policies
from shared.bus import Admin
from tests.bench.months import TICKETS, fill
from tests.bench.table import Figure

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]


async def _empty(kafka: str, prefix: str) -> None:
    async with Admin(kafka, prefix) as admin:
        await admin.delete_all()


def test_verify_and_simulate(kafka_bootstrap: str, tmp_path: Path) -> None:
    prefix = f"bench-{secrets.token_hex(4)}-"
    draft = tmp_path / "default.yaml"
    draft.write_text(
        yaml.safe_dump(
            {**policies()["default"], "pages": ["premium", "premier", "legacy-enterprise"]}
        )
    )
    fill(kafka_bootstrap, prefix)
    try:
        print()
        for name, arguments in (
            ("verify", ("verify",)),
            (
                "simulate",
                (
                    "simulate",
                    "--policy",
                    str(draft),
                    "--since",
                    "2027-03-01",
                    "--until",
                    "2027-04-10",
                ),
            ),
        ):
            env = {
                **os.environ,
                "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
                "SIGNALBOX_TOPIC_PREFIX": prefix,
            }
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "cli.main", *arguments, "--json"],
                cwd=ROOT,
                env=env,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            told = json.loads(done.stdout)
            assert name == "verify" or told["tickets"] == TICKETS
            print(
                Figure(
                    f"{name} over {TICKETS:,} tickets",
                    time.monotonic() - began,
                    "s",
                    60 * TICKETS / 100_000,
                ),
                flush=True,
            )
    finally:
        asyncio.run(_empty(kafka_bootstrap, prefix))
