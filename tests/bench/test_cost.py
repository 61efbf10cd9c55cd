"""`make bench`: what a ticket costs each process, beside the bare endpoint and the last record."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench import accept, cost
from tests.bench.table import Figure

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


def test_accepting() -> None:
    yardstick, ours = asyncio.run(accept.measure(accept.intake()))
    figure = Figure("intake's application, in the bare endpoint's", ours / yardstick, "times")
    print(f"\n{figure}")


def test_each_process() -> None:
    with cost.stack_of_its_own() as stack:
        found = asyncio.run(cost.measure(stack))
    print("\n" + "\n".join(map(str, cost.figures_of(found))))
    for what, why in cost.judge(found, cost.recorded()).items():
        print(f"WORSE: {what}: {why}")
