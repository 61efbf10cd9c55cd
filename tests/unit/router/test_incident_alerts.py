"""Alerts in an incident: the same episodes as the pager counts, and drafts that can be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.intake.incidents.late_alerts import draft_for
from services.router.handlers import work
from services.router.incident import domain as incident_domain
from services.router.incident.alerts import OVERTAKEN
from services.router.incident.row import MOST_ENDED, MOST_REPEATS, REPEATED, StatusRow, evolve
from shared import events as e
from shared import ids
from tests.unit.notifier.test_pager_alerts import EPISODES

AT = datetime(2026, 11, 22, 3, tzinfo=UTC)
OPS = e.Actor(email="ops@example.com", roles=(e.Role.OPS,))
ROUTING = e.Component(id="routing", name="Routing")
POSTGRES = e.Component(id="postgres", name="Postgres")


class Case:
    """One incident, with the runtime's way of keeping its row."""

    def __init__(self) -> None:
        self.row: StatusRow | None = None
        self.now = AT
        self.work = work(lambda *_: pytest.fail("no policy is looked up"))
        self._asked = 0

    def asks(self, kind: type[e.StatusRequest], **fields: Any) -> list[Any]:
        self._asked += 1
        about = {"id": f"req_{self._asked}", "key": "inc_a", "at": self.now, "actor": OPS}
        request = kind(**{**about, "policy": {}, **fields})
        facts = incident_domain.decide(self.row, request)
        seq = self.row.seq if self.row else 0
        stamped = ids.stamp(facts, key="inc_a", first_seq=seq + 1, cause=request.id)
        self.row = self.work.advance(self.row, stamped)  # type: ignore[assignment]
        return list(stamped)

    def alert(
        self,
        status: str = "firing",
        name: str = "f1",
        began: datetime | None = AT,
        **fields: Any,
    ) -> list[Any]:
        about = {
            "source": "alertmanager",
            "group_key": "g",
            "fingerprint": name,
            "status": status,
            "summary": "Errors",
            "started_at": began or self.now,
            "start_known": began is not None,
        }
        return self.asks(e.RaiseAlert, **{**about, **fields})


def types(facts: list[Any]) -> list[str]:
    return [fact.type for fact in facts]


@pytest.mark.parametrize(("told", "pages"), [row[1:] for row in EPISODES])
def test_a_new_episode_drafts_the_incident_anew(
    told: list[tuple[str, datetime | None]], pages: int
) -> None:
    """The table of the pager: as many drafts as pages."""
    case, drafts = Case(), 0
    for status, began in told:
        drafts += types(case.alert(status, began=began)).count("IncidentDrafted")
        case.now += timedelta(seconds=1)
    assert drafts == pages


def test_repeats_are_answered_and_only_the_newest_remembered() -> None:
    """Each has a request id of its own, for days; the row stays small."""
    case = Case()
    case.alert()
    assert case.row is not None
    for _ in range(MOST_REPEATS + 100):
        (answer,) = case.alert()
        assert (answer.code, answer.cause) == (REPEATED, f"req_{case._asked}")
    assert len(case.row.seen) == 1 and len(case.row.repeats) == MOST_REPEATS
    assert case.row.has_taken(f"req_{case._asked}") and case.row.has_taken("req_1"), (
        "after a crash they are read again, and not answered twice"
    )
    assert not case.row.has_taken("req_2")


def test_a_repeat_under_which_a_maintenance_means_something_else_is_told() -> None:
    case = Case()
    case.alert()
    assert types(case.alert(pages=False, silenced_by="mnt_1")) == ["AlertRaised"]
    assert types(case.alert(pages=False, silenced_by="mnt_1")) == ["StatusRequestRefused"]
    assert types(case.alert()) == ["AlertRaised"]


def test_an_end_that_came_first_is_forgotten_after_two_minutes() -> None:
    case = Case()
    case.alert("resolved")
    case.now += OVERTAKEN + timedelta(seconds=1)
    assert "IncidentDrafted" in types(case.alert())


def test_what_came_to_intake_before_the_end_is_over() -> None:
    case = Case()
    case.alert()
    case.now += timedelta(seconds=5)
    case.alert("resolved")
    (late,) = case.alert(at=case.now - timedelta(seconds=1))
    assert late.code == "alert-over"


def test_alerts_that_ended_are_bounded() -> None:
    case = Case()
    for number in range(MOST_ENDED + 20):
        case.alert(name=f"f{number}")
        case.alert("resolved", name=f"f{number}")
    assert case.row is not None and len(case.row.ended) == MOST_ENDED
    assert list(case.row.ended)[-1] == f"f{MOST_ENDED + 19}"


def test_a_draft_has_the_title_the_text_and_the_components_of_all_its_alerts() -> None:
    case = Case()
    draft, raised = case.alert(
        title="Pods are not ready (300 alerts)",
        body="What is known.",
        components=(ROUTING,),
        affected=(ROUTING, POSTGRES),
    )
    assert (draft.title, draft.body) == ("Pods are not ready (300 alerts)", "What is known.")
    assert draft.components == raised.components == (ROUTING, POSTGRES)
    assert raised.summary == "Errors"


def test_a_draft_names_the_components_of_alerts_that_come_later_a_public_incident_does_not() -> (
    None
):
    case = Case()
    case.alert(components=(ROUTING,))
    changed, _ = case.alert(name="f2", components=(POSTGRES,))
    assert isinstance(changed, e.ImpactChanged) and not changed.is_public
    assert changed.components == (ROUTING, POSTGRES)
    case.asks(e.PublishIncident)
    third = e.Component(id="builds", name="Builds")
    assert types(case.alert(name="f3", components=(third,))) == ["AlertRaised"]
    assert case.row is not None and case.row.components == (ROUTING, POSTGRES)


def test_an_alert_that_comes_to_an_incident_that_is_over_has_another_drafted() -> None:
    case = Case()
    case.alert()
    case.asks(e.PublishIncident)
    case.asks(e.ResolveIncident, body="Over.")
    assert types(case.alert()) == ["StatusRequestRefused"], "a repeat"
    (raised,) = case.alert(name="f2")
    assert raised.too_late
    wanted, other = draft_for(raised), draft_for(case.alert(name="f3")[0])
    assert wanted is not None and other is not None
    assert wanted.key == other.key != "inc_a", "one draft for the group"
    assert (wanted.title, wanted.follow_up_of, wanted.draft) == ("Errors", "inc_a", True)
    assert types(list(incident_domain.decide(None, wanted))) == ["IncidentDrafted"]
    assert draft_for(Case().alert()[1]) is None


def test_rows_of_before_are_read() -> None:
    at = "2026-11-22T03:00:00Z"
    old = {"firing": {"f1": {"started_at": at, "summary": "x"}}, "cleared": {"f2": at}}
    row = StatusRow.model_validate_json(orjson.dumps(old))
    assert row.firing["f1"].start_known and row.ended == {}
    assert evolve(row, Case().alert()[1]).firing["f1"].pages
