"""One table of goals and figures at the end of a run."""

from __future__ import annotations

import os

import pytest
from xdist.workermanage import WorkerController

from tests.chaos.goals import FOUND, LONG

collect_ignore = [] if LONG else ["test_backup.py", "test_full_disk.py", "test_strangers.py"]
"""What only `make chaos` runs: it mounts a small disk, needs two whole systems, or takes minutes."""

LINES: list[str] = []
"""What the processes that ran the tests found, where this one only tells of it."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (handed := getattr(session.config, "workeroutput", None)) is not None:
        handed["goals"] = [str(figure) for figure in FOUND]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    LINES.extend(getattr(node, "workeroutput", {}).get("goals", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := [*LINES, *map(str, FOUND)]:
        terminalreporter.section("goals")
        load = " ".join(f"{value:.1f}" for value in os.getloadavg())
        terminalreporter.write_line(f"load average {load} on {os.cpu_count()} cores")
        for line in lines:
            terminalreporter.write_line(line)
