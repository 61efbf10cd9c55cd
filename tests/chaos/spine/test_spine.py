"""The spine's chaos run: workers ended at random under traffic, then the log is read as a client
would.

Short in `make test`, long in `make chaos` (SIGNALBOX_CHAOS=long); any other plan by `python -m
tests.chaos.spine --help`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.spine.__main__ import table_of
from tests.chaos.spine.harness import Plan, run

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

SHORT = [
    Plan(requests=5_000, rate=500, how="kill", every=(3, 5), ring_in=(2, 8), seed=7),
    Plan(
        requests=500,
        rate=60,
        how="inside",
        inside=0.03,
        timers=0.1,
        sends=0.1,
        ring_in=(1, 6),
        seed=9,
    ),
    Plan(
        requests=80,
        rate=8,
        how="mixed",
        every=(3, 5),
        timers=0.3,
        sends=0.3,
        ring_in=(1, 6),
        seed=8,
    ),
]
LONG = [
    Plan(requests=100_000, rate=1_000, how="kill", seed=7),
    Plan(requests=20_000, rate=500, how="stop", seed=10),
    Plan(requests=6_000, rate=100, how="inside", timers=0.1, sends=0.1, seed=9),
    Plan(requests=600, rate=8, how="mixed", timers=0.3, sends=0.3, seed=8),
]
PLANS = LONG if os.environ.get("SIGNALBOX_CHAOS") == "long" else SHORT


@pytest.mark.parametrize(
    "plan", [pytest.param(plan, id=f"{plan.how}-at-{plan.rate:g}") for plan in PLANS]
)
async def test_nothing_is_lost_doubled_or_early(
    plan: Plan, kafka_bootstrap: str, tmp_path: Path
) -> None:
    verdict, ends = await run(plan, bootstrap=kafka_bootstrap, log=tmp_path / "workers.log")
    Console(width=220).print(table_of([(f"{plan.how}, {plan.rate:g}/s", verdict, ends)]))
    assert ends >= 1
    assert verdict.faults == 0, verdict.examples
