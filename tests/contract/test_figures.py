"""The table of facts that count for figures holds what `points` knows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.portal.operations.figures import COUNTED, points
from shared.topics import EVENTS

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_what_has_points_is_counted(name: str) -> None:
    example = next((Path(__file__).parent / "examples").glob(f"{name}.v*.json"))
    assert bool(points(EVENTS[name].read(example.read_bytes()), NOW)) == (name in COUNTED)
