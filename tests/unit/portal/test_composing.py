"""What is done along with a reply, and the macros that fill it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deploy.shipped import shipped_policies
from services.portal.desk.composing import (
    SOLVED_BY_REPLY,
    do_after,
    field_values,
    read_extra_actions,
)
from services.portal.web.intake_client import IntakeAnswer
from shared.events import Actor, Via
from shared.ids import is_ticket
from shared.policy import MACROS, MacrosPolicy
from shared.policy.macros import fill_fields

SOLVE = ("solve", {"resolution": SOLVED_BY_REPLY})


@pytest.mark.parametrize(
    ("fields", "acts"),
    [
        ({}, []),
        ({"then": "next"}, []),
        ({"then": "solve"}, [SOLVE]),
        ({"macro_solve": "yes"}, [SOLVE]),
        ({"then": "solve", "audience": "staff"}, []),
        (
            {"macro_priority": "low", "macro_reason": "r", "then": "solve"},
            [("review", {"priority": "low", "reason": "r"}), SOLVE],
        ),
        ({"macro_priority": "highest"}, []),
    ],
)
def test_acts(fields: dict[str, str], acts: list[Any]) -> None:
    assert read_extra_actions(fields) == acts


async def test_what_is_refused_stops_what_would_follow() -> None:
    asked: list[str] = []

    async def ask(action: str, document: Any, end: str) -> IntakeAnswer:
        asked.append(action)
        return IntakeAnswer(422, {}, b'{"detail": "not you"}')

    last, problem = await do_after(
        ask, read_extra_actions({"macro_priority": "low", "then": "solve"})
    )
    assert (asked, last, problem) == (["review"], "", "The priority was not changed: not you.")


TICKET = {"id": "tkt_" + "a" * 26, "requester_name": "Rae", "app": None, "clocks": []}
AGENT = Actor(email="agent@example.com", name="Ann", via=Via.WEB)


def test_fields_are_filled() -> None:
    values = field_values(TICKET, AGENT)
    assert fill_fields("Hi {customer}, {ticket} {due} {agent} {app} {unknown}", values) == (
        "Hi Rae, aaaaaaaa as soon as we can Ann APP {unknown}"
    )
    clocks = [
        {"state": "met", "due_at": "2026-01-01T00:00:00Z"},
        {"state": "running", "due_at": "2026-03-03T10:00:00Z"},
    ]
    assert "3 Mar 2026" in field_values({**TICKET, "clocks": clocks}, AGENT)["due"]


def test_the_shipped_macros_can_be_used() -> None:
    policy = MacrosPolicy.model_validate(shipped_policies([MACROS])[MACROS])
    values = field_values(TICKET, AGENT)
    assert policy.macros and all(
        "{" not in fill_fields(macro.text, values) for macro in policy.macros
    )


@pytest.mark.parametrize(
    "macro",
    [
        {"text": "Hi {custmer}"},
        {"text": "x", "priority": "low"},
        {"text": "x", "is_note": True, "solves": True},
        {"text": ""},
    ],
)
def test_a_macro_that_could_not_be_used_is_refused(macro: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MacrosPolicy.model_validate({"macros": [{"id": "a", "title": "A", **macro}]})


def test_only_our_own_ids_are_followed() -> None:
    assert is_ticket(TICKET["id"]) and not is_ticket("//evil.example") and not is_ticket("")
