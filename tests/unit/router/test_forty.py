"""The forty tickets against the pure router and sla; the end-to-end test runs the same file through
the whole system.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.sla import domain as sla
from shared.events import Kind, Priority
from tests.unit.router.building import Ticket, open_ticket, policy_of

FILE = Path(__file__).parents[2] / "e2e" / "forty_tickets.yaml"
FORTY: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())


@pytest.mark.parametrize(
    "case", FORTY, ids=[f"{case['who']}: {case['why'][:60]}" for case in FORTY]
)
def test_ticket(case: dict[str, Any]) -> None:
    expected = case["expect"]
    ticket = Ticket(
        open_ticket(
            case["who"],
            app=f"{case['who']}-{case['app']}" if case.get("app") else None,
            addon=case.get("addon"),
            kind=Kind(case["kind"]),
            priority=Priority(case["priority"]) if case.get("priority") else None,
            subject=case["subject"],
            body=case["body"],
        )
    )
    row, priority = ticket.row, ticket.log[1]
    assert row is not None
    assert (row.queue, row.provider, row.suggestion) == (
        expected["queue"],
        expected["provider"],
        expected["suggestion"],
    )
    assert (row.priority, priority.pages) == (expected["priority"], expected["pages"])  # type: ignore[attr-defined]
    assert expected.get("reason", "") in priority.reason and bool(expected.get("reason")) == bool(
        priority.reason
    )  # type: ignore[attr-defined]
    (clock,) = sla.decide(None, priority, policy_of)  # type: ignore[arg-type]
    promised = timedelta(minutes=expected["clock"]["minutes"])
    assert (clock.calendar, clock.target) == (expected["clock"]["calendar"], promised)  # type: ignore[attr-defined]


def test_there_are_forty_and_they_differ() -> None:
    assert len(FORTY) >= 40
    assert len({case["subject"] for case in FORTY}) == len(FORTY)
    assert {case["who"] for case in FORTY} == {"free", "premium", "enterprise", "legacy", "premier"}
