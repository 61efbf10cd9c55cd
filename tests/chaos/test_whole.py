"""A storm over the whole system: short in `make test`, long in `make chaos`."""

from __future__ import annotations

import os

import pytest

from tests.chaos.whole import Plan, run

LONG = Plan(busy=240, sparse=120, urgents=60, broker=3, settle=240)


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_parts_die_under_load_and_nothing_is_lost_or_doubled() -> None:
    told: list[str] = []
    verdict = run(LONG if os.environ.get("SIGNALBOX_CHAOS") == "long" else Plan(), tell=told.append)
    print("\n".join(["", *told, str(verdict)]))
    assert not any(verdict.findings.values()), f"{verdict}\n" + "\n".join(told)
    assert verdict.figures["kills"] >= 5
    assert verdict.figures["tickets accepted"] > 200
