"""`signalbox due` says what sla would promise."""

from __future__ import annotations

import orjson
import pytest
from typer.testing import CliRunner

from cli.main import app

RUN = CliRunner()
FREE = ["due", "--plan", "free", "--priority", "normal", "--json"]


@pytest.mark.parametrize(
    ("opened", "more", "due_at", "minutes"),
    [
        ("2025-07-03T20:30-04:00", ["--target", "240m"], "2025-07-07T16:30:00Z", [30, 210]),
        (
            "2025-03-07T20:00",
            ["--target", "120m", "--zone", "America/New_York"],
            "2025-03-10T14:00:00Z",
            [60, 60],
        ),
        ("2025-11-01T00:00:00Z", ["--target", "2h"], "2025-11-03T15:00:00Z", [60, 60]),
        ("2025-07-08T13:00:00Z", [], "2025-07-09T01:00:00Z", [720]),
    ],
)
def test_due(opened: str, more: list[str], due_at: str, minutes: list[int]) -> None:
    found = orjson.loads(RUN.invoke(app, [*FREE, "--opened", opened, *more]).stdout)
    assert (found["calendar"], found["due_at"]) == ("business", due_at)
    assert [interval["minutes"] for interval in found["intervals"]] == minutes
    assert sum(minutes) == found["target_minutes"]


def test_round_the_clock() -> None:
    said = RUN.invoke(
        app,
        [
            "due",
            "--plan",
            "premier",
            "--priority",
            "urgent",
            "--opened",
            "2025-11-02T05:45Z",
            "--json",
        ],
    ).stdout
    assert orjson.loads(said)["due_at"] == "2025-11-02T06:15:00Z"


def test_in_words() -> None:
    said = RUN.invoke(
        app, [*FREE[:-1], "--opened", "2025-07-03T20:30-04:00", "--target", "240m"]
    ).stdout
    assert "Mon 2025-07-07 12:30:00 EDT" in said


@pytest.mark.parametrize(
    "wrong",
    [
        ["--opened", "2025-07-03T20:30"],
        ["--opened", "Thursday"],
        ["--opened", "2025-07-03T20:30Z", "--target", "-4h"],
    ],
)
def test_what_is_not_certain_is_refused(wrong: list[str]) -> None:
    assert RUN.invoke(app, [*FREE, *wrong]).exit_code == 2
