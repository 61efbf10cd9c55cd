"""The what-if by HTTP is a process of its own: its answer passed on, its time bounded, one at a
time.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import pytest

from deploy.demo.directory import policies
from services.intake.policies.simulate import WhatIfs, window_of
from shared.errors import Refused, Unavailable

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DESK = policies()["default"]


def running(program: str, at_most: float = 10) -> WhatIfs:
    return WhatIfs((sys.executable, "-c", program), at_most)


async def test_it_is_given_the_draft_and_the_window() -> None:
    program = "import sys, json; print(json.dumps({'asked': sys.argv[1:], 'fields': len(json.load(sys.stdin))}))"
    told = await running(program).ask("default", DESK, None, NOW)
    assert told["asked"] == [
        "--name",
        "default",
        "--since",
        "2026-11-15T10:00:00Z",
        "--until",
        "2026-11-22T10:00:00Z",
    ]
    assert told["fields"] == len(DESK)


async def test_a_bad_draft_starts_nothing() -> None:
    with pytest.raises(Refused, match="colour"):
        await running("raise SystemExit(9)").ask("default", {**DESK, "colour": "red"}, None, NOW)


async def test_what_takes_too_long_is_ended_with_advice() -> None:
    with pytest.raises(Refused, match="shorter window"):
        await running("import threading; threading.Event().wait()", 0.3).ask(
            "default", DESK, None, NOW
        )


async def test_a_second_one_is_told_to_wait() -> None:
    """Of two asked at once one is worked out; which, is nobody's promise."""
    what_ifs = running("import threading; threading.Event().wait()", 1.0)
    both = [what_ifs.ask("default", DESK, None, NOW) for _ in range(2)]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(one.status for one in answers if isinstance(one, Refused)) == [413, 429]


async def test_kafka_away_is_no_answer() -> None:
    with pytest.raises(Unavailable, match="kafka: away"):
        await running("import sys; sys.stderr.write('kafka: away'); raise SystemExit(3)").ask(
            "default", DESK, None, NOW
        )


def test_a_window_needs_zones() -> None:
    assert window_of({"since": "2026-11-01T00:00:00+01:00"}, NOW) == (
        datetime(2026, 10, 31, 23, tzinfo=UTC),
        NOW,
    )
    for wrong in ("2026-11-01T00:00:00", "yesterday"):
        with pytest.raises(Refused):
            window_of({"until": wrong}, NOW)
