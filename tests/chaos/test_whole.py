"""A storm over the whole system: short in `make long`, longer in `make chaos`."""

from __future__ import annotations

import pytest

from tests.bench.table import Figure
from tests.chaos.goals import LONG, shown
from tests.chaos.whole import Plan, run

WHOLE = Plan(busy=240, sparse=120, urgents=60, broker=3, settle=240) if LONG else Plan()


@pytest.mark.chaos
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_parts_die_under_load_and_nothing_is_lost_or_doubled() -> None:
    told: list[str] = []
    verdict = run(WHOLE, tell=told.append)
    print("\n".join(["", *told, str(verdict)]))
    assert not any(verdict.findings.values()), f"{verdict}\n" + "\n".join(told)
    assert verdict.figures["kills"] >= 5
    assert verdict.figures["tickets accepted"] > 200
    shown(
        Figure("R1 R2 parts killed at random under load", verdict.figures["kills"], "kills"),
        Figure(
            "R1 R2 tickets and replies accepted",
            verdict.figures["tickets accepted"] + verdict.figures["replies accepted"],
            "requests",
        ),
        Figure(
            "R1 R2 lost, doubled, or otherwise not as promised",
            sum(map(len, verdict.findings.values())),
            "findings",
            0,
        ),
    )
