"""Scenarios: what was recorded can be read, a wrong line is told, and the one in the repository is
whole.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import typer

from cli.log.replay import read, scenario_of, to_json_line
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests

ROOT = Path(__file__).parents[3]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    log = [
        m
        for m in decide_all(requests(40), BEGIN + LASTS).messages
        if m.topic in ("policies", "requests", "urgent")
    ]
    lines = scenario_of(log, BEGIN + timedelta(days=2), BEGIN + timedelta(days=9))
    path = tmp_path / "one.jsonl"
    path.write_bytes(b"".join(to_json_line(line) for line in lines))
    assert read(path) == lines
    asked = [line for line in lines if line.topic != "policies"]
    assert asked[0].after == timedelta(0) and asked == sorted(asked, key=lambda line: line.after)
    assert {line.topic for line in lines[:2]} == {"policies"}, (
        "the policies they were asked under come first"
    )


def test_the_one_in_the_repository_can_be_asked() -> None:
    lines = read(ROOT / "deploy" / "demo" / "scenarios" / "morning.jsonl")
    assert {line.topic for line in lines} >= {"policies", "requests"} and len(lines) > 20


@pytest.mark.parametrize(
    "line",
    ['{"after": 0, "topic": "tickets", "event": {"type": "TicketOpened"}}', "{", '{"after": 0}'],
)
def test_what_is_no_scenario_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(line)
    with pytest.raises(typer.BadParameter):
        read(path)
