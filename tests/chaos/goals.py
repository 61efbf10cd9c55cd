"""The goals of RELIABILITY as the tests found them: kept for one table at the end, and a goal
missed fails its test.
"""

from __future__ import annotations

import os

from tests.bench.table import Figure

LONG = os.environ.get("SIGNALBOX_CHAOS") == "long"
"""`make chaos`; `make test` runs the same with smaller numbers."""

SLACK = 1 if LONG else 5
"""What the latencies' goals are multiplied by: `make test` runs on machines that do other things as
well.
"""

FOUND: list[Figure] = []


def shown(*figures: Figure) -> None:
    """Keeps the figures for the table; AssertionError names the goals that were missed."""
    FOUND.extend(figures)
    missed = [str(figure) for figure in figures if figure.is_met is False]
    assert not missed, "goals missed:\n" + "\n".join(missed)
