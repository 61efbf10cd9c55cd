"""Incidents as the portal shows them: each fact's place in the view, and what is left out for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.portal.incidents import documents as shapes
from services.portal.projector.incidents import STATUS_VIEW, Doc, project_status
from shared import events as e
from shared.topics import STATUS

BEGAN = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)
NOW = BEGAN + timedelta(days=2)
RED = e.Impact(production=e.Colour.RED, development=e.Colour.RED)
YELLOW = e.Impact(production=e.Colour.YELLOW, development=e.Colour.YELLOW)
ROUTING = e.Component(id="routing", name="Routing", words=("routing",))
OPS = e.Actor(email="ops@example.com", roles=(e.Role.OPS,))
AGENT = e.Actor(email="agent@example.com", roles=(e.Role.AGENT,))
RAE = e.Actor(email="redisco@example.com", roles=(e.Role.PROVIDER,), provider="redisco")
MAX = e.Actor(email="mailgrid@example.com", roles=(e.Role.PROVIDER,), provider="mailgrid")
ANN = e.Actor(email="ann@example.com")


class Case:
    def __init__(self, key: str = "inc_a") -> None:
        self.key, self.seq = key, 0
        self.doc: Doc | None = None

    def add(self, kind: type[e.StatusFact], hours: float = 0, **fields: Any) -> Doc:
        self.seq += 1
        about = {"title": "Outage", "components": (ROUTING,), "impact": RED, **fields}
        fact = kind(
            id=f"fct_{self.seq}",
            key=self.key,
            seq=self.seq,
            at=BEGAN + timedelta(hours=hours),
            by="ops@example.com",
            **about,
        )
        again = project_status(self.doc, fact)
        assert again is not None and project_status(again, fact) is again, (
            "seen before: nothing changes"
        )
        self.doc = again
        return again


def opened(**fields: Any) -> Case:
    case = Case()
    case.add(
        e.IncidentOpened,
        0.5,
        **{"update": "u1", "body": "We are looking.", "started_at": BEGAN, **fields},
    )
    return case


def test_the_outage_of_2012_from_first_word_to_post_mortem() -> None:
    case = opened(stacks=(e.StackScope(stack="cedar", effects=("30% lost a dyno",)),))
    case.add(e.IncidentUpdated, 1, update="u2", body="API access is disabled.")
    case.add(e.IncidentUpdated, 2, update="u3", body="The API is read-only.", corrects="u2")
    case.add(e.IncidentUpdated, 3, update="u4", body="EBS again.", internal=True)
    case.add(e.ImpactChanged, 8, impact=YELLOW, previous=RED)
    case.add(
        e.IncidentResolved,
        13,
        impact=e.GREEN,
        update="u5",
        body="Restored.",
        started_at=BEGAN,
        worst=RED,
    )
    doc = case.add(
        e.PostmortemPublished,
        20,
        impact=e.GREEN,
        sections=(e.Section(heading="What happened", body="A storm."),),
    )
    public, full = shapes.describe_incident(doc, ANN, NOW), shapes.describe_incident(doc, OPS, NOW)
    assert public["header"] == "Production 5h 8h Development 5h 8h"
    assert public["durations"]["production"] == {
        "yellow_seconds": 5 * 3600,
        "red_seconds": 8 * 3600,
        "maintenance_seconds": 0,
    }
    assert (public["state"], public["impact"], public["worst"]) == (
        "resolved",
        {"production": "green", "development": "green"},
        RED.model_dump(),
    )
    assert [update["id"] for update in public["updates"]] == ["u1", "u2", "u3", "u5"]
    assert [update["id"] for update in full["updates"]] == ["u1", "u2", "u3", "u4", "u5"]
    assert public["updates"][1]["corrected_by"] == "u3" and public["updates"][1]["body"], (
        "what was said first stays to be read"
    )
    assert "ops@example.com" not in str(public) and "EBS" not in str(public)
    assert public["postmortem"]["sections"] == [{"heading": "What happened", "body": "A storm."}]
    headings = [section["heading"] for section in shapes.draft_of_postmortem(full)]
    assert headings == [
        "Summary",
        "Scope of impact",
        "What happened",
        "What we are doing",
        "What you can do",
    ]
    told = shapes.draft_of_postmortem(full)[2]["body"]
    assert "2012-06-30 03:34 UTC  We are looking." in told and "EBS" not in told
    assert (
        "For applications using the Cedar stack\n- 30% lost a dyno"
        in shapes.draft_of_postmortem(full)[1]["body"]
    )


def test_a_draft_and_its_alerts_are_for_ops() -> None:
    case = Case()
    case.add(e.IncidentDrafted, update="u", body="b", started_at=BEGAN, draft=True, alert="g")
    about = {
        "source": "alertmanager",
        "alert": "g",
        "fingerprint": "f",
        "started_at": BEGAN,
        "draft": True,
    }
    case.add(e.AlertRaised, **about, severity="critical", summary="s")
    doc = case.add(e.AlertCleared, 1, **about)
    assert [shapes.may_see(actor, doc) for actor in (OPS, AGENT, RAE, ANN, None)] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert shapes.describe_incident(doc, OPS, NOW)["alerts"][0]["ended_at"] and doc["turns"] == []
    doc = case.add(e.IncidentOpened, 2, update="v", body="It is public.", started_at=BEGAN)
    assert shapes.may_see(None, doc) and "alerts" not in shapes.describe_incident(doc, ANN, NOW)
    assert [update["body"] for update in shapes.describe_incident(doc, ANN, NOW)["updates"]] == [
        "It is public."
    ]


TIMES = {"starts_at": BEGAN, "ends_at": BEGAN + timedelta(hours=1)}


def test_a_maintenance_from_notice_to_end() -> None:
    case = Case("mnt_a")
    doc = case.add(
        e.MaintenanceScheduled, -30, **TIMES, body="b", impact=YELLOW, provider="redisco"
    )
    assert (doc["state"], doc["live"], shapes.describe_incident(doc, None, BEGAN)["header"]) == (
        "scheduled",
        True,
        "Maintenance 0m",
    )
    later = {"starts_at": BEGAN + timedelta(hours=1), "ends_at": BEGAN + timedelta(hours=2)}
    previous = {"previous_starts_at": BEGAN, "previous_ends_at": BEGAN}
    case.add(e.MaintenanceRescheduled, -2, **later, **previous, body="Later.", impact=YELLOW)
    case.add(e.MaintenanceStarted, 1, **later, impact=YELLOW)
    doc = case.add(e.MaintenanceEnded, 2, **later, impact=e.GREEN)
    assert (doc["state"], doc["live"], doc["starts_at"]) == (
        "ended",
        False,
        "2012-06-30T04:04:00.000000Z",
    )
    assert shapes.describe_incident(doc, None, NOW)["header"] == "Maintenance 1h"
    assert shapes.describe_incident(doc, None, NOW)["durations"]["production"] == {
        "yellow_seconds": 0,
        "red_seconds": 0,
        "maintenance_seconds": 3600,
    }


@pytest.mark.parametrize(
    ("purpose", "seers"),
    [
        ("survey", [True, True, True, False, False]),
        ("interruption", [True] * 5),
        ("maintenance", [True] * 5),
    ],
)
def test_what_a_provider_writes_to_its_users_is_no_matter_of_the_status_page(
    purpose: str, seers: list[bool]
) -> None:
    case = Case("ann_a")
    if purpose == "maintenance":
        case.add(e.MaintenanceScheduled, **TIMES, body="b", provider="redisco", announced=True)
    doc = case.add(e.AnnouncementMade, purpose=purpose, body="b", critical=True, provider="redisco")
    assert [shapes.may_see(actor, doc) for actor in (OPS, AGENT, RAE, ANN, None)] == seers
    assert shapes.may_see(MAX, doc) is seers[-1]
    assert doc["state"] == ("scheduled" if purpose == "maintenance" else "made")


def test_a_refusal_shows_nothing() -> None:
    doc = Case().add(e.StatusRequestRefused, request_type="UpdateIncident", code="c", reason="r")
    assert not shapes.may_see(OPS, doc) and doc["order_key"] == ""


def test_every_fact_has_its_place() -> None:
    assert set(STATUS_VIEW) == set(STATUS.events)


def test_the_phase_stays_until_another_is_said_and_a_promise_until_the_next_update() -> None:
    from services.portal.status import v3

    later = BEGAN + timedelta(hours=2)
    case = opened(phase=e.Phase.INVESTIGATING, next_update_at=later)
    assert (case.doc or {})["phase"] == "investigating"
    case.add(e.IncidentUpdated, 1, update="u2", body="Found.", phase=e.Phase.IDENTIFIED)
    doc = case.add(e.IncidentUpdated, 2, update="u3", body="Still at it.")
    assert (doc["phase"], doc["next_update_at"]) == ("identified", None)
    hidden = {"update": "u4", "body": "For us.", "internal": True, "phase": e.Phase.MONITORING}
    doc = case.add(e.IncidentUpdated, 2.5, **hidden)
    assert doc["phase"] == "identified", "what only ops read says nothing to others"

    shown = shapes.describe_incident(doc, None, NOW)
    assert [update["phase"] for update in shown["updates"]] == ["investigating", "identified", None]
    issue = v3.issue(shown, "")
    assert (issue["phase"], issue["updates"][-1]["phase"]) == ("identified", "investigating")

    over = case.add(
        e.IncidentResolved, 3, update="u5", body="Over.", started_at=BEGAN, impact=e.GREEN
    )
    assert over["phase"] is None
    issue = v3.issue(shapes.describe_incident(over, None, NOW), "")
    assert (issue["phase"], issue["updates"][0]["phase"]) == ("resolved", "resolved")
