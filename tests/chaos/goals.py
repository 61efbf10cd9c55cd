"""The goals of RELIABILITY as the tests found them: kept for one table at the end, and a goal missed fails its test."""

from __future__ import annotations

import os

from tests.bench.table import Figure

LONG = os.environ.get("SIGNALBOX_CHAOS") == "long"
"""`make chaos`; `make test` runs the same with smaller numbers."""

FOUND: list[Figure] = []


def shown(*figures: Figure) -> None:
    """Keeps the figures for the table; AssertionError names the goals that were missed."""
    FOUND.extend(figures)
    missed = [str(figure) for figure in figures if figure.is_met is False]
    assert not missed, "goals missed:\n" + "\n".join(missed)
