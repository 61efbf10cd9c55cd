"""What a ticket's page says of its text."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.insight import insight

TICKET: dict[str, Any] = {
    "subject": "H12 on checkout", "body": "Every request times out since we deployed.", "priority": "urgent", "status": "new",
    "standing": "customer", "access_granted": False, "urgent": {"logs": "Error R14 (Memory quota exceeded)", "of_tomorrow": 1},
    "times": [{"field": "began_at", "original": "07:55 IST", "utc": None, "ambiguous_because": "IST can mean India.", "of_tomorrow": 1}],
}  # fmt: skip


def checklist(**changes: Any) -> dict[str, Any] | None:
    found: dict[str, Any] | None = insight({**TICKET, **changes})["checklist"]
    return found


def test_codes_come_from_every_text() -> None:
    assert [one["code"] for one in insight(TICKET)["codes"]] == ["H12", "R14"]


def test_the_checklist_counts_and_asks() -> None:
    found = checklist(urgent={**TICKET["urgent"], "began_at": "07:55 IST"})
    assert found and (found["given"], found["of"]) == (2, 9)
    assert any("IST can mean India" in item["question"] for item in found["items"])


def test_access_given_later_counts() -> None:
    before, after = checklist(), checklist(access_granted=True)
    assert before and after and after["given"] == before["given"] + 1


@pytest.mark.parametrize("changes", [{"priority": "high"}, {"status": "solved"}, {"status": "closed"}, {"standing": "provider"}])
def test_nobody_else_is_asked(changes: dict[str, Any]) -> None:
    assert checklist(**changes) is None


def test_a_ticket_without_form_or_times_has_one_too() -> None:
    found = checklist(urgent=None, times=None)
    assert found and found["given"] == 1
