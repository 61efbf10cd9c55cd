"""From the forms of ops to intake's documents."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.forms import fill
from services.intake.incidents import forms as doors
from services.portal.incidents.documents import sections_from
from services.portal.incidents.forms import ACTIONS, action_document, make_opening_document

INCIDENT = {
    "title": "Outage",
    "body": "We are looking.",
    "component.routing": "yes",
    "component.api": "yes",
    "production": "red",
    "development": "green",
    "started_at": "2012-06-30T03:04",
    "stack.bamboo": " ",
    "stack.cedar": "- 30% lost a dyno\n\n- restored gradually",
}


def test_an_incident() -> None:
    document = make_opening_document("incident", INCIDENT)
    assert document == {
        "title": "Outage",
        "body": "We are looking.",
        "components": ["routing", "api"],
        "impact": {"production": "red", "development": "green"},
        "draft": False,
        "started_at": "2012-06-30T03:04:00Z",
        "stacks": [{"stack": "cedar", "effects": ["30% lost a dyno", "restored gradually"]}],
    }
    fill(doors.IncidentForm, document)


def test_a_maintenance() -> None:
    fields = {
        **INCIDENT,
        "starts_at": "2026-11-24T03:00",
        "ends_at": "2026-11-24T05:00+01:00",
        "override_reason": "",
    }
    document = make_opening_document("maintenance", fields)
    assert (document["starts_at"], document["ends_at"]) == (
        "2026-11-24T03:00:00Z",
        "2026-11-24T04:00:00Z",
    )
    assert "override_reason" not in document and "stacks" not in document
    fill(doors.MaintenanceForm, document)


CASES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("updates", {"body": "More."}, {"body": "More.", "internal": False}),
    (
        "updates",
        {"body": "x", "production": "yellow"},
        {"body": "x", "internal": False, "impact": {"production": "yellow"}},
    ),
    (
        "updates",
        {"body": "x", "production": "yellow", "internal": "yes"},
        {"body": "x", "internal": True},
    ),
    (
        "updates",
        {"body": "x", "corrects": "upd_1"},
        {"body": "x", "internal": False, "corrects": "upd_1"},
    ),
    (
        "updates",
        {"body": "x", "changes_components": "yes", "component.api": "yes"},
        {"body": "x", "internal": False, "components": ["api"]},
    ),
    (
        "publish",
        {"title": "T", "body": " ", "development": "red"},
        {"title": "T", "impact": {"development": "red"}},
    ),
    ("resolve", {"body": "Restored."}, {"body": "Restored."}),
    (
        "resolve",
        {"body": "Restored.", "resolved_at": "2026-11-24T03:00"},
        {"body": "Restored.", "resolved_at": "2026-11-24T03:00:00Z"},
    ),
    (
        "updates",
        {"body": "Worse.", "happened_at": "2026-11-24T03:00"},
        {"body": "Worse.", "internal": False, "happened_at": "2026-11-24T03:00:00Z"},
    ),
    (
        "correct",
        {"title": "T", "update": "", "body": " ", "started_at": "2026-11-24T03:00", "reason": ""},
        {"title": "T", "started_at": "2026-11-24T03:00:00Z"},
    ),
    ("message", {"body": "Are you well?"}, {"body": "Are you well?"}),
    (
        "reschedule",
        {"starts_at": "", "ends_at": "2026-11-24T03:00"},
        {"body": "", "ends_at": "2026-11-24T03:00:00Z"},
    ),
    ("end", {}, {"body": ""}),
    ("cancel", {"body": "x"}, {"body": "x"}),
]
DOORS = {
    "updates": doors.UpdateForm,
    "correct": doors.CorrectForm,
    "publish": doors.PublishForm,
    "resolve": doors.ResolveForm,
    "message": doors.MessageForm,
    "reschedule": doors.RescheduleForm,
    "end": doors.SayForm,
    "cancel": doors.SayForm,
}


@pytest.mark.parametrize(("action", "fields", "wanted"), CASES)
def test_what_a_form_asks_for(action: str, fields: dict[str, str], wanted: dict[str, Any]) -> None:
    assert action_document(action, fields) == wanted
    fill(DOORS[action], wanted)


def test_every_action_has_its_case() -> None:
    assert {action for action, _, _ in CASES} == set(ACTIONS) == set(DOORS)


def test_what_is_no_time_is_left_for_intake_to_refuse() -> None:
    assert make_opening_document("maintenance", {"starts_at": "soon"})["starts_at"] == "soon"


def test_sections_without_words_are_left_out() -> None:
    assert sections_from(
        [(" What happened ", "A storm."), ("What we are doing", " "), ("", "x")]
    ) == [{"heading": "What happened", "body": "A storm."}]
