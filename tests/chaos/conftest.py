"""One table of goals and figures at the end of a run."""

from __future__ import annotations

import pytest

from tests.chaos.goals import FOUND


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FOUND:
        terminalreporter.section("goals")
        for figure in FOUND:
            terminalreporter.write_line(str(figure))
