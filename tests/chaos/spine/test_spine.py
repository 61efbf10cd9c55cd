"""The short variant of the chaos run: ends workers at random under busy traffic, then reads the log as a client would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.spine.harness import Plan, run

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(150)]


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(requests=6_000, rate=500, how="kill", every=(3, 5), ring_in=(2, 8), seed=7), id="busy-kill"),
        pytest.param(Plan(requests=600, rate=60, how="inside", timers=0.1, sends=0.1, ring_in=(1, 6), seed=9), id="between-the-steps"),
        pytest.param(Plan(requests=100, rate=8, every=(3, 5), timers=0.3, sends=0.3, ring_in=(1, 6), seed=8), id="sparse-mixed"),
    ],
)
async def test_nothing_is_lost_doubled_or_early(plan: Plan, kafka_bootstrap: str, tmp_path: Path) -> None:
    verdict, ends = await run(plan, bootstrap=kafka_bootstrap, log=tmp_path / "workers.log")
    assert ends >= 2
    assert verdict.faults == 0, verdict
