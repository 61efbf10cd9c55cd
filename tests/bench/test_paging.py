"""From an urgent ticket's acceptance to the phone, by front and pager alone: idle, and beside a
thousand urgents of one lane.

`SIGNALBOX_BENCH_PAGES` says how many are measured (100). Through intake, and beside other work:
`test_beside.py`.
"""

from __future__ import annotations

import os

import pytest

from tests.bench.paging import measure
from tests.bench.table import Figure, at_share

PAGES = int(os.environ.get("SIGNALBOX_BENCH_PAGES", "100"))


@pytest.mark.bench
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "storm", "goal"), [("idle", 0, 1000.0), ("beside a storm of 1,000", 1000, 5000.0)]
)
async def test_acceptance_to_phone(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch, name: str, storm: int, goal: float
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    found = await measure(PAGES, 0.1, storm)
    print()
    print(
        Figure(
            f"urgent to phone, {name}, p50", at_share(found, 0.5), "ms", 100 if not storm else None
        )
    )
    print(Figure(f"urgent to phone, {name}, p99", at_share(found, 0.99), "ms", goal))
    assert len(found) == PAGES
