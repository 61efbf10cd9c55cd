"""forty_tickets.yaml through the whole system: each ends in the queue, priority, clock and page
that the rules give it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.desk import Desk
from tests.support.waiting import eventually

FORTY: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "forty_tickets.yaml").read_text()
)


@pytest.fixture(scope="module")
def submitted(desk: Desk) -> dict[str, str]:
    """Subject → ticket id; all of them in at once, as on a busy morning."""
    ids = {}
    for case in FORTY:
        fields = {name: case[name] for name in ("addon", "kind", "priority") if case.get(name)}
        fields |= {"app": f"{case['who']}-{case['app']}"} if case.get("app") else {}
        ids[case["subject"]] = desk.person(case["who"]).submits(
            case["subject"], case["body"], **fields
        )
    return ids


@pytest.mark.parametrize("case", FORTY, ids=[case["subject"][:50] for case in FORTY])
def test_ticket(desk: Desk, submitted: dict[str, str], case: dict[str, Any]) -> None:
    expected, ticket = case["expect"], submitted[case["subject"]]
    seen = desk.agent.ticket(
        ticket,
        queue=expected["queue"],
        provider=expected["provider"],
        priority=expected["priority"],
    )
    assert (seen["suggestion"] or {}).get("provider") == expected["suggestion"], case["why"]
    assert expected.get("reason", "") in (seen["priority_reason"] or "")
    clock, *others = eventually(
        lambda: desk.agent.get(f"/v1/tickets/{ticket}/clocks")["items"], what="a clock"
    )
    assert (clock["name"], {other["name"] for other in others} <= {"provider-answer"}) == (
        "initial-response",
        True,
    )
    assert clock["calendar"] == expected["clock"]["calendar"], case["why"]
    if clock["calendar"] == "always":
        ran = datetime.fromisoformat(clock["due_at"]) - datetime.fromisoformat(clock["started_at"])
        assert ran == timedelta(minutes=expected["clock"]["minutes"]), case["why"]
    assert clock["target_seconds"] == expected["clock"]["minutes"] * 60, case["why"]
    if expected["pages"]:
        eventually(lambda: desk.agent.ticket(ticket)["pages"], what=f"a page: {case['why']}")
    else:
        assert not desk.agent.ticket(ticket)["pages"], case["why"]
    trail = desk.agent.get(f"/v1/tickets/{ticket}/explain")["decisions"]
    assert any(decision["trail"] for decision in trail), "every decision says why"
