"""Three brokers, three mongods, two of each worker: one broker hangs for 30 s, another is killed.
The short form of `make cluster`; about four minutes, so in `make chaos` only.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.goals import shown
from tests.cluster.run import run
from tests.support.stack import PORTS

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1200)]


def test_a_broker_hangs_and_one_is_killed(tmp_path: Path) -> None:
    base = 10_000 + 90 * (next(PORTS) % 10)
    figures = asyncio.run(run(tmp_path / "data", ["hang-30", "kill"], 3.0, base, print))
    shown(*figures)
