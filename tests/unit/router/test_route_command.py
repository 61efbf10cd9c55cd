"""`signalbox route` says what the router would decide, and sends nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.unit.router.building import open_ticket

RUN = CliRunner()


def routed(asked: Any, *more: str) -> Any:
    text = asked if isinstance(asked, str) else orjson.dumps(asked).decode()
    return RUN.invoke(app, ["route", "--file", "-", *more], input=text)


def test_a_request_as_the_topic_has_it() -> None:
    found = orjson.loads(routed(open_ticket(addon="redisco").wire().decode(), "--json").stdout)
    assert (found["queue"], found["provider"], found["pages"]) == (
        "provider:redisco",
        "redisco",
        False,
    )
    assert found["trail"]["routing"][0]["rule"] == "addon_chosen_in_form"
    assert [fact["type"] for fact in found["facts"]] == [
        "TicketOpened",
        "PrioritySet",
        "TicketRouted",
        "TicketAssigned",
    ]


def test_only_what_the_form_takes() -> None:
    asked = {
        "subject": "Down",
        "priority": "urgent",
        "admission": {"plan": "premier", "app_stage": "production"},
    }
    found = orjson.loads(routed(asked, "--json").stdout)
    assert (found["queue"], found["priority"], found["pages"]) == ("platform", "urgent", True)
    said = routed(asked).stdout
    assert "wakes the engineer on call" in said and "addon_host_in_text" in said


@pytest.mark.parametrize(
    "wrong", ["", "[]", "{}", '{"type": "Solve"}', '{"subject": "a", "of_tomorrow": 1}']
)
def test_what_is_no_new_ticket(wrong: str) -> None:
    assert routed(wrong).exit_code == 2
