"""What a ticket's page says of its text."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from services.portal.tickets import seen_texts
from services.portal.tickets.insight import insight

TICKET: dict[str, Any] = {
    "subject": "H12 on checkout",
    "body": "Every request times out since we deployed.",
    "priority": "urgent",
    "status": "new",
    "standing": "customer",
    "access_granted": False,
    "urgent": {"logs": "Error R14 (Memory quota exceeded)", "of_tomorrow": 1},
    "times": [
        {
            "field": "began_at",
            "original": "07:55 IST",
            "utc": None,
            "ambiguous_because": "IST can mean India.",
            "of_tomorrow": 1,
        }
    ],
}


def checklist(**changes: Any) -> dict[str, Any] | None:
    found: dict[str, Any] | None = insight({**TICKET, **changes})["checklist"]
    return found


def test_codes_come_from_every_text() -> None:
    assert [one["code"] for one in insight(TICKET)["codes"]] == ["H12", "R14"]


def test_the_colours_of_a_pasted_log_hide_no_code() -> None:
    body = "\x1b[36mheroku[router]:\x1b[0m at=error code=\x1b[31mH13\x1b[0m"
    assert [one["code"] for one in insight({**TICKET, "body": body})["codes"]] == [
        "H12",
        "H13",
        "R14",
    ]


def test_the_checklist_counts_and_asks() -> None:
    found = checklist(urgent={**TICKET["urgent"], "began_at": "07:55 IST"})
    assert found and (found["given"], found["of"]) == (2, 9)
    assert any("IST can mean India" in item["question"] for item in found["items"])


def test_access_given_later_counts() -> None:
    before, after = checklist(), checklist(access_granted=True)
    assert before and after and after["given"] == before["given"] + 1


@pytest.mark.parametrize(
    "changes",
    [{"priority": "high"}, {"status": "solved"}, {"status": "closed"}, {"standing": "provider"}],
)
def test_nobody_else_is_asked(changes: dict[str, Any]) -> None:
    assert checklist(**changes) is None


def test_a_ticket_without_form_or_times_has_one_too() -> None:
    found = checklist(urgent=None, times=None)
    assert found and found["given"] == 1


def reply(body: str, side: str = "customer", **more: Any) -> dict[str, Any]:
    return {"body": body, "side": side, **more}


SIX = """Users affected: all
Effect on the business: no orders
Steps to reproduce: open /checkout
Seen in staging: yes
When it began: 2026-11-30T05:00:00Z
Third-party services: none"""


def test_a_reply_shortens_the_list_by_what_it_gives() -> None:
    before, after = checklist(replies=[]), checklist(replies=[reply(SIX)])
    assert before and after
    asked = [item["field"] for item in after["items"] if item["question"]]
    assert after["given"] == before["given"] + 5, "users and business are one item"
    assert asked == ["access_granted", "configuration"]


@pytest.mark.parametrize("other", [reply(SIX, "staff"), reply(SIX, automatic=True)])
def test_only_the_customers_own_words_count(other: dict[str, Any]) -> None:
    assert checklist(replies=[other]) == checklist(replies=[])


def test_a_clear_time_answers_the_question_about_an_unclear_one() -> None:
    urgent = {**TICKET["urgent"], "began_at": "07:55 IST"}
    asked = checklist(urgent=urgent, replies=[reply("When it began: 2026-11-30 05:00 UTC")])
    assert asked and not any("IST" in item["question"] for item in asked["items"])


async def test_a_text_is_read_once_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def insight_now(ticket: dict[str, Any]) -> dict[str, Any]:
        read.append(ticket["seq"])
        return {"codes": [], "checklist": None}

    monkeypatch.setattr(seen_texts, "insight", insight_now)
    monkeypatch.setattr(seen_texts, "_kept", OrderedDict())
    ticket = {**TICKET, "id": "tkt_1", "seq": 1}
    for change in ({}, {}, {"seq": 2}, {"seq": 2}, {"body": "long " * 9_000, "seq": 3}):
        await seen_texts.insight_of({**ticket, **change})
    assert read == [1, 2, 3]
