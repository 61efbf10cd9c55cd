"""The steered clock follows its file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.clock import SteeredClock, SystemClock


def offset(clock: SteeredClock) -> float:
    return (clock.now() - datetime.now(UTC)).total_seconds()


def steer(path: Path, text: str) -> None:
    """Replaced at once, as a careful writer does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_it_follows_the_file_and_keeps_the_last_good_offset(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = SteeredClock(path)
    assert abs(offset(clock)) < 0.1
    for text, expected in (
        ("60", 60.0),
        ("1860.5", 1860.5),
        ("not a number", 1860.5),
        ("-5", -5.0),
    ):
        steer(path, text)
        assert abs(offset(clock) - expected) < 0.1
    path.unlink()
    assert abs(offset(clock) + 5) < 0.1


def test_a_move_counts_from_the_next_question_on(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = SteeredClock(path)
    for minutes in range(100):
        steer(path, str(60 * minutes))
        assert abs(offset(clock) - 60 * minutes) < 0.1


def test_nobody_waits_long_for_business_time() -> None:
    assert SteeredClock(Path("x")).tick <= timedelta(milliseconds=50)
    assert SystemClock().now().tzinfo is UTC
