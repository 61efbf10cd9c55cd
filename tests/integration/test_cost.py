"""The guard: no process may cost a quarter more than `tests/bench/record.json` says, in processor
time of a ticket (as a ratio to the bare endpoint's in the same run) or in memory. Skipped where the
bare endpoint itself takes twice its time; `tests/unit/intake/test_cost.py` judges there too.

Where it fails with good reason, measure anew: `python -m tests.bench.cost --record WHY`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.bench.cost import (
    SLACK_COST,
    SLACK_MB,
    WORSE,
    Costs,
    TooBusy,
    judge,
    measure,
    recorded,
    stack_of_its_own,
)
from tests.bench.table import Figure, figures_in

BEFORE = Costs({"intake": 4.0, "smtp": 0.0}, 130.0, {"intake": 100.0, "smtp": 60.0})


def test_a_quarter_worse_is_told_and_less_is_not() -> None:
    assert judge(BEFORE, BEFORE) == {}
    at_most = replace(
        BEFORE,
        cpu={"intake": WORSE * 4.0 + SLACK_COST, "smtp": SLACK_COST},
        memory={"intake": WORSE * 100 + SLACK_MB, "smtp": WORSE * 60},
    )
    assert judge(at_most, BEFORE) == {}
    assert len(judge(replace(BEFORE, cpu={"intake": 5.2}), BEFORE)) == 1
    assert len(judge(replace(BEFORE, cpu={"smtp": 0.2}), BEFORE)) == 1
    assert len(judge(replace(BEFORE, memory={"intake": 132.0}), BEFORE)) == 1
    assert judge(replace(BEFORE, cpu={"newcomer": 9.0}), BEFORE) == {}


def test_figures_are_read_back_from_what_was_printed() -> None:
    figures = [
        Figure("intake, CPU", 217.04, "µs/ticket", 60.0),
        Figure("idle (load 1.5): p50", 1e6, "% of 1"),
    ]
    printed = "\n".join(["=== 1.0 seconds ===", *map(str, figures), "1 passed in 3.21s"])
    assert figures_in(printed) == {"intake, CPU": 217.0, "idle (load 1.5): p50": 1_000_000.0}


@pytest.mark.bench  # `make bench`: its figures mean something on a machine that does nothing else
@pytest.mark.timeout(400)
def test_no_process_costs_more_than_the_record_says() -> None:
    before = recorded()
    most = 2 * before.bare
    with stack_of_its_own() as stack:
        try:
            found = judge(asyncio.run(measure(stack, most=most)), before)
            if found:  # what a second measurement does not say was an accident of the machine
                again = judge(asyncio.run(measure(stack, most=most)), before)
                found = {what: why for what, why in again.items() if what in found}
        except TooBusy as error:
            pytest.skip(f"the machine is too busy to judge: {error}")
    assert not found, found
