"""A pytest plugin: the files that took longest, in a table at the end of a run (`--slowest-files`).

Seconds are of the watch. CPU seconds are of the process that ran the tests and of the children that
ended in it; a stack that outlives its test is not in them. With pytest-xdist each report carries
its CPU seconds to the process that prints.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass

import pytest


@dataclass
class Cost:
    """What the tests of one file took, set-up and tear-down included."""

    tests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0


COSTS: dict[str, Cost] = defaultdict(Cost)


def cpu_seconds() -> float:
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def add(costs: dict[str, Cost], file: str, when: str, seconds: float, cpu: float) -> None:
    """Count one phase of one test: `when` is setup, call or teardown."""
    cost = costs[file]
    cost.tests += when == "setup"
    cost.seconds += seconds
    cost.cpu += cpu


def table(costs: dict[str, Cost], most: int) -> list[str]:
    """One line a file, the slowest first, then the sum of all."""
    slowest = sorted(costs.items(), key=lambda item: -item[1].seconds)[:most]
    lines = [f"{'seconds':>8} {'CPU s':>8} {'tests':>6}  file"]
    lines += [f"{c.seconds:8.1f} {c.cpu:8.1f} {c.tests:6}  {file}" for file, c in slowest]
    everything = Cost()
    for cost in costs.values():
        everything.tests += cost.tests
        everything.seconds += cost.seconds
        everything.cpu += cost.cpu
    return [
        *lines,
        f"{everything.seconds:8.1f} {everything.cpu:8.1f} {everything.tests:6}  all files",
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slowest-files",
        type=int,
        default=0,
        metavar="N",
        help="print the N files that took longest",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    item.stash[SPENT] = cpu_seconds()
    return (yield)


SPENT = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    now = cpu_seconds()
    report.cpu = now - item.stash[SPENT]
    item.stash[SPENT] = now
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    file = report.nodeid.partition("::")[0]
    add(COSTS, file, report.when or "", report.duration, getattr(report, "cpu", 0.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if most := terminalreporter.config.getoption("slowest_files"):
        terminalreporter.section("slowest files")
        for line in table(COSTS, most):
            terminalreporter.write_line(line)
