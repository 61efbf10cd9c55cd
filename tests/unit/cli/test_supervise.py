"""The pauses between restarts, and the logs that must not fill the disk."""

from pathlib import Path

import pytest

from cli.up.supervise import next_pause, rotate, tail


@pytest.mark.parametrize(
    ("previous", "alive", "pause"),
    [
        (0, 0.1, 0.2),  # the first death
        (0.2, 0.1, 0.4),
        (0.4, 29.9, 0.8),
        (6.4, 1, 10),  # 12.8 is too long
        (10, 1, 10),
        (10, 30, 0.2),  # it had lived long enough to be forgiven
    ],
)
def test_pause_doubles_and_is_forgiven(previous: float, alive: float, pause: float) -> None:
    assert next_pause(previous, alive) == pytest.approx(pause)


def test_rotation_keeps_the_newest(tmp_path: Path) -> None:
    log = tmp_path / "router.log"
    for text in ("one", "two", "three", "four", "five"):
        log.write_text(text)
        rotate(log, limit=3, kept=3)
    assert sorted((path.name, path.read_text()) for path in tmp_path.iterdir()) == [
        ("router.log.1", "five"),
        ("router.log.2", "four"),
        ("router.log.3", "three"),
    ]


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "router.log"
    log.write_text("ab")
    rotate(log, limit=3)
    assert log.read_text() == "ab"


def test_tail(tmp_path: Path) -> None:
    log = tmp_path / "router.log"
    assert tail(log) == ""
    log.write_text("\n".join(str(number) for number in range(5000)))
    assert tail(log, lines=2) == "4998\n4999"
