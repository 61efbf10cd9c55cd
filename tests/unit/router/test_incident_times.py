"""Incidents with their true times, corrected and bounded: what the router decides, and what the
status page makes of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.incidents import documents as shapes
from services.portal.projector.incidents import project_status
from services.portal.status.board import BoardEntry, take
from services.router.incident.correction import on_correct
from shared import events as e
from shared.status.bounds import LONGEST_AGO, MOST_UPDATES
from shared.status.durations import spans
from tests.unit.router.building import AT
from tests.unit.router.test_incidents import RED, ROUTING, YELLOW, Case, refusal, types

MINUTE = timedelta(minutes=1)


def at(minute: float) -> datetime:
    return AT + timedelta(minutes=minute)


def begun(minute: float = 60, **fields: Any) -> Case:
    case = Case()
    about = {"title": "Errors", "body": "We look.", "components": (ROUTING,), "impact": YELLOW}
    case.ask(e.OpenIncident, minute=minute, **about | fields)
    return case


def over() -> Case:
    """Began at 10, worse at 30, over at 50; recorded at 60, 70 and 80."""
    case = begun(60, started_at=at(10))
    case.ask(e.UpdateIncident, minute=70, body="Worse.", impact=RED, happened_at=at(30))
    case.ask(e.ResolveIncident, minute=80, body="Over.", resolved_at=at(50))
    return case


def public(case: Case) -> list[tuple[float, float | None, e.Impact]]:
    """(since, until, impact) in minutes, as the log, the view and the page have it alike."""
    doc, told = None, None
    for fact in case.log:
        doc, told = project_status(doc, fact), take(told, fact)
    assert doc is not None and isinstance(told, BoardEntry)
    assert [turn[:2] for turn in told.turns] == [
        (
            datetime.fromisoformat(turn["at"]),
            e.Impact(**{n: turn[n] for n in e.Impact.model_fields}),
        )
        for turn in doc["turns"]
    ]
    found = spans(case.log)
    assert shapes.spans_of(doc) == found

    def minutes(when: datetime | None) -> float | None:
        return None if when is None else (when - AT) / MINUTE

    return [(minutes(s.since) or 0.0, minutes(s.until), s.impact) for s in found]


def shown(case: Case) -> dict[str, Any]:
    doc = None
    for fact in case.log:
        doc = project_status(doc, fact)
    assert doc is not None
    return shapes.describe_incident(doc, None, at(100))


def updates(case: Case) -> list[str]:
    return [fact.update for fact in case.log if getattr(fact, "body", "") and fact.update]  # type: ignore[attr-defined]


def test_an_incident_recorded_afterwards_has_its_true_times() -> None:
    case = over()
    assert public(case) == [(10, 30, YELLOW), (30, 50, RED)]
    item = shown(case)
    assert item["header"] == "Production 20m 20m Development 0m 20m"
    assert item["ended_at"] == f"{at(50):%Y-%m-%dT%H:%M:%S.%fZ}"
    assert [update["happened_at"] is not None for update in item["updates"]] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (e.ResolveIncident, {"resolved_at": at(90)}, "not-in-the-past"),
        (e.ResolveIncident, {"resolved_at": at(9)}, "not-in-order"),
        (e.ResolveIncident, {"resolved_at": at(10)}, ""),
        (e.UpdateIncident, {"happened_at": at(90)}, "not-in-the-past"),
        (e.UpdateIncident, {"happened_at": at(9), "impact": RED}, "not-in-order"),
        (e.UpdateIncident, {"happened_at": at(9)}, "not-in-order"),
        (e.UpdateIncident, {"happened_at": at(11)}, ""),
    ],
)
def test_times_are_in_the_past_and_in_order(
    kind: type[e.StatusRequest], fields: dict[str, Any], code: str
) -> None:
    facts = begun(60, started_at=at(10)).ask(kind, minute=70, body="Said.", **fields)
    if code:
        assert refusal(facts) == code
    else:
        assert "StatusRequestRefused" not in types(facts)


def test_times_are_corrected_and_the_old_ones_stay_in_the_log() -> None:
    case = over()
    facts = case.ask(
        e.CorrectIncident, minute=90, started_at=at(5), resolved_at=at(55), reason="The logs."
    )
    assert types(facts) == ["IncidentCorrected"] * 2
    assert [fact.previous_happened_at for fact in facts] == [at(10), at(50)]
    assert public(case) == [(5, 30, YELLOW), (30, 55, RED)]
    item = shown(case)
    assert item["started_at"].startswith(f"{at(5):%Y-%m-%dT%H:%M}")
    assert item["ended_at"].startswith(f"{at(55):%Y-%m-%dT%H:%M}")
    assert [bool(update["edited_at"]) for update in item["updates"]] == [True, False, True]
    (moved,) = case.ask(e.CorrectIncident, minute=91, update=updates(case)[1], happened_at=at(20))
    assert moved.previous_happened_at == at(30)
    assert public(case) == [(5, 20, YELLOW), (20, 55, RED)]


def test_words_are_corrected_in_place_and_the_title_everywhere() -> None:
    case = over()
    first = updates(case)[0]
    case.ask(
        e.CorrectIncident, minute=90, title="API errors", update=first, body="The right words."
    )
    item = shown(case)
    assert (item["title"], item["body"]) == ("API errors", "The right words.")
    assert item["updates"][0]["body"] == "The right words."
    assert item["updates"][0]["edited_at"] and not item["updates"][1]["edited_at"]
    assert [fact.body for fact in case.log if isinstance(fact, e.IncidentOpened)] == ["We look."]
    (later,) = case.ask(e.UpdateIncident, minute=95, body="More.")
    assert later.title == "API errors"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"started_at": at(31)}, "not-in-order"),
        ({"resolved_at": at(29)}, "not-in-order"),
        ({"resolved_at": at(200)}, "not-in-the-past"),
        ({"started_at": at(10) - LONGEST_AGO - MINUTE}, "not-in-the-past"),
        ({"update": "upd_unknown", "body": "x"}, "no-such-update"),
        ({}, "nothing-to-correct"),
        ({"started_at": at(5), "resolved_at": at(29)}, "not-in-order"),
    ],
)
def test_a_correction_keeps_the_order(fields: dict[str, Any], code: str) -> None:
    case = over()
    before = public(case)
    assert refusal(case.ask(e.CorrectIncident, minute=90, **fields)) == code
    assert public(case) == before


def test_an_old_incident_is_corrected_by_its_own_days() -> None:
    case = over()
    late = 60 * 24 * 200
    assert types(case.ask(e.CorrectIncident, minute=late, started_at=at(5))) == [
        "IncidentCorrected"
    ]


def test_who_sees_an_update_sees_its_correction() -> None:
    case = begun()
    (note,) = case.ask(e.UpdateIncident, minute=61, body="The cause is X.", internal=True)
    (fixed,) = case.ask(e.CorrectIncident, minute=62, update=note.update, body="The cause is Y.")
    assert not fixed.is_public
    assert all("cause" not in update["body"] for update in shown(case)["updates"])
    draft = Case()
    draft.ask(e.OpenIncident, title="t", body="b", draft=True)
    (named,) = draft.ask(e.CorrectIncident, minute=1, title="Better")
    assert not named.is_public
    assert refusal(draft.ask(e.CorrectIncident, minute=2, started_at=at(0))) == "no-times"


def test_an_incident_of_an_older_row_is_corrected_in_its_words_alone() -> None:
    case = over()
    assert case.row is not None
    case.row = case.row.copy_with({"turned": {}})
    assert refusal(case.ask(e.CorrectIncident, minute=90, started_at=at(5))) == "no-times"
    assert types(case.ask(e.CorrectIncident, minute=91, title="Right")) == ["IncidentCorrected"]


def test_updates_and_corrections_have_an_end_and_the_end_can_always_be_said() -> None:
    case = begun()
    for number in range(MOST_UPDATES - 1):
        case.ask(e.UpdateIncident, minute=61 + number, body="More.")
    late = 61 + MOST_UPDATES
    assert refusal(case.ask(e.UpdateIncident, minute=late, body="More.")) == "too-many-updates"
    assert types(case.ask(e.ResolveIncident, minute=late, body="Over.")) == ["IncidentResolved"]
    assert case.row is not None
    case.row = case.row.copy_with({"corrections": MOST_UPDATES})
    assert refusal(case.ask(e.CorrectIncident, minute=late, title="t")) == "too-many-corrections"


def test_a_correction_of_a_maintenance_is_of_words() -> None:
    assert on_correct.__doc__
    case = Case("mnt_a")
    times = {"starts_at": at(60 * 48), "ends_at": at(60 * 49)}
    case.ask(e.ScheduleMaintenance, title="Disk", body="b", components=(ROUTING,), **times)
    (fixed,) = case.ask(e.CorrectIncident, minute=1, title="Disks")
    assert fixed.is_public and shown(case)["title"] == "Disks"
    assert refusal(case.ask(e.CorrectIncident, minute=2, started_at=at(1))) == "no-times"


_MINUTES = st.integers(-30, 130)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("start"), _MINUTES),
            st.tuples(st.just("end"), _MINUTES),
            st.tuples(st.just("turn"), _MINUTES),
        ),
        max_size=8,
    )
)
def test_whatever_is_corrected_time_goes_one_way(steps: list[tuple[str, int]]) -> None:
    case = over()
    for number, (what, minute) in enumerate(steps):
        fields: dict[str, Any] = {
            "start": {"started_at": at(minute)},
            "end": {"resolved_at": at(minute)},
            "turn": {"update": updates(case)[1], "happened_at": at(minute)},
        }[what]
        case.ask(e.CorrectIncident, minute=90 + number, **fields)
    assert case.row is not None
    turned = list(case.row.turned.values())
    assert turned == sorted(turned) and len(turned) == 3
    assert turned[-1] <= at(90 + len(steps) + 1)
    found = public(case)
    assert [since for since, _, _ in found] == sorted(since for since, _, _ in found)
    first = (turned[0] - AT) / MINUTE
    assert not found or found[0][0] >= first
