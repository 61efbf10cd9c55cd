"""Incidents, maintenances and announcements as the router decides on them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.incident.decision import STATES
from services.router.incident.domain import DECIDE, decide
from services.router.incident.maintenance import fire
from services.router.incident.row import IncidentState, StatusRow, due_at, evolve
from shared import events as e
from shared import ids
from shared.status.durations import spans
from shared.topics import REQUESTS
from tests.support.examples import examples
from tests.unit.router.building import AT, STAMP, actor

INC, MNT, ANN = "inc_a", "mnt_a", "ann_a"
ROUTING = e.Component(id="routing", name="Routing")
POSTGRES = e.Component(id="postgres", name="Postgres")
REDISCO = e.Component(id="redisco", name="Redisco", addon="redisco")
RED = e.Impact(production=e.Colour.RED, development=e.Colour.RED)
YELLOW = e.Impact(production=e.Colour.YELLOW)
HOUR = timedelta(hours=1)


class Case:
    """One key, decided on as the spine does."""

    def __init__(self, key: str = INC) -> None:
        self.key, self.row, self.log, self.asked = key, None, [], 0
        self.row: StatusRow | None
        self.log: list[e.StatusFact]

    def ask(
        self, kind: type[e.StatusRequest], who: str = "ops", minute: float = 0, **fields: Any
    ) -> list[Any]:
        self.asked += 1
        given_id = fields.pop("id", f"req_{self.asked}")
        fields = {"id": given_id, "at": AT + timedelta(minutes=minute), **fields}
        return self.take(kind(key=self.key, actor=actor(who), policy=STAMP, **fields))

    def take(self, request: e.StatusRequest) -> list[Any]:
        if self.row and request.id in self.row.seen:
            return []
        return self._add(decide(self.row, request), request.id)

    def pass_to(self, now: datetime) -> list[Any]:
        """Fire until nothing is due any more."""
        found: list[Any] = []
        while self.row is not None and (due := due_at(self.row)) is not None and due <= now:
            found += self._add(fire(self.row, now), f"tmr_{due}")
        return found

    def _add(self, facts: list[e.StatusFact], cause: str) -> list[Any]:
        stamped = ids.stamp(facts, key=self.key, first_seq=len(self.log) + 1, cause=cause)
        for fact in stamped:
            row = evolve(self.row, fact)
            self.row = row.model_copy(update={"seq": fact.seq, "seen": (*row.seen, fact.cause)})
        self.log += stamped
        return stamped


def types(facts: list[Any]) -> list[str]:
    return [fact.type for fact in facts]


def refusal(facts: list[Any]) -> str:
    assert types(facts) == ["StatusRequestRefused"]
    return str(facts[0].code)


def opened(**fields: Any) -> Case:
    case = Case()
    given_fields = {
        "title": "Outage",
        "body": "We are looking.",
        "components": (ROUTING,),
        "impact": RED,
        **fields,
    }
    case.ask(e.OpenIncident, **given_fields)
    return case


# --- incidents
# -------------------------------------------------------------------------------------------------------


def test_an_incident_from_its_beginning_to_its_post_mortem() -> None:
    case = opened(
        started_at=AT - HOUR,
        stacks=(e.StackScope(stack="cedar", effects=("30% of applications",)),),
    )
    assert types(case.log) == ["IncidentOpened"] and case.log[0].is_public
    assert case.log[0].started_at == AT - HOUR  # type: ignore[attr-defined]
    facts = case.ask(
        e.UpdateIncident, minute=60, body="Better.", impact=YELLOW, components=(ROUTING, POSTGRES)
    )
    assert types(facts) == ["IncidentUpdated", "ImpactChanged"]
    assert (facts[1].previous, facts[1].impact, facts[1].previous_components) == (
        RED,
        YELLOW,
        ("routing",),
    )
    assert facts[0].impact == YELLOW and facts[0].title == "Outage", (
        "every fact says all there is to show"
    )
    (over,) = case.ask(e.ResolveIncident, minute=120, body="Restored.")
    assert (over.worst, over.impact, over.started_at) == (RED, e.GREEN, AT - HOUR)
    (said,) = case.ask(
        e.PublishPostmortem, sections=(e.Section(heading="What happened", body="A storm."),)
    )
    assert said.revision == 1
    assert case.ask(e.PublishPostmortem, sections=said.sections)[0].revision == 2


def test_a_correction_is_one_more_update_and_names_what_it_corrects() -> None:
    case = opened()
    first = case.log[0].update  # type: ignore[attr-defined]
    (fixed,) = case.ask(e.UpdateIncident, body="It began at 8:04 PM PDT.", corrects=first)
    assert fixed.corrects == first and fixed.update != first
    assert refusal(case.ask(e.UpdateIncident, body="x", corrects="upd_unknown")) == "no-such-update"
    (note,) = case.ask(e.UpdateIncident, body="The provider's API is down.", internal=True)
    assert not note.is_public
    assert (
        refusal(case.ask(e.UpdateIncident, body="x", corrects=note.update)) == "no-such-update"
    ), "nobody reads what it corrects"


def test_a_draft_is_not_public_until_it_is_published() -> None:
    case = opened(draft=True)
    case.ask(e.UpdateIncident, body="Still looking.", impact=YELLOW)
    assert not any(fact.is_public for fact in case.log)
    (public,) = case.ask(e.PublishIncident, minute=5, title="Routing errors")
    assert public.is_public and (public.title, public.body, public.impact) == (
        "Routing errors",
        "We are looking.",
        YELLOW,
    )
    assert public.started_at == AT
    assert refusal(case.ask(e.PublishIncident)) == "not-in-this-state"


def test_a_draft_can_be_dropped_and_nobody_learns_of_it() -> None:
    case = opened(draft=True)
    assert case.ask(e.ResolveIncident, body="A false alarm.")[0].draft
    assert case.row is not None and case.row.state is IncidentState.DROPPED
    assert refusal(case.ask(e.PublishPostmortem, sections=())) == "not-in-this-state"


def test_what_is_over_changes_no_more() -> None:
    case = opened()
    case.ask(e.ResolveIncident, body="Restored.")
    assert refusal(case.ask(e.UpdateIncident, body="Again.", impact=RED)) == "resolved"
    assert types(case.ask(e.UpdateIncident, body="It was the storm.")) == ["IncidentUpdated"]
    assert refusal(case.ask(e.ResolveIncident, body="x")) == "not-in-this-state"


WHO: list[tuple[str, str | None, tuple[e.Component, ...], str]] = [
    ("ops", None, (ROUTING,), ""),
    ("admin", None, (), ""),
    ("agent", None, (ROUTING,), "not-allowed"),
    ("premier", None, (ROUTING,), "not-allowed"),
    ("redisco", "redisco", (REDISCO,), ""),
    ("redisco", "redisco", (), ""),
    ("redisco", "redisco", (ROUTING,), "not-allowed"),
    ("redisco", None, (REDISCO,), "not-allowed"),
    ("mailgrid", "redisco", (REDISCO,), "not-allowed"),
    ("ops", "redisco", (REDISCO,), ""),
]


@pytest.mark.parametrize(("who", "provider", "components", "code"), WHO)
def test_who_may_open_an_incident(
    who: str, provider: str | None, components: tuple[e.Component, ...], code: str
) -> None:
    facts = Case().ask(
        e.OpenIncident, who, title="T", body="b", provider=provider, components=components
    )
    assert (refusal(facts) if code else types(facts)) == (code or ["IncidentOpened"])


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("redisco", ""),
        ("ops", ""),
        ("mailgrid", "no-such-incident"),
        ("premier", "no-such-incident"),
    ],
)
def test_who_may_change_a_providers(who: str, code: str) -> None:
    case = Case()
    case.ask(
        e.OpenIncident, "redisco", title="T", body="b", provider="redisco", components=(REDISCO,)
    )
    facts = case.ask(e.UpdateIncident, who, body="More.")
    assert (refusal(facts) if code else types(facts)) == (code or ["IncidentUpdated"])


def test_a_provider_cannot_take_the_platforms_components_in() -> None:
    case = Case()
    case.ask(
        e.OpenIncident, "redisco", title="T", body="b", provider="redisco", components=(REDISCO,)
    )
    assert (
        refusal(
            case.ask(e.UpdateIncident, "redisco", body="It is your routing.", components=(ROUTING,))
        )
        == "not-allowed"
    )


def test_nothing_can_be_asked_of_what_is_not_there() -> None:
    assert refusal(Case().ask(e.UpdateIncident, body="x")) == "no-such-incident"


# --- alerts
# ----------------------------------------------------------------------------------------------------------


def alert(
    case: Case, status: str, fingerprint: str = "f1", began: datetime = AT, **fields: Any
) -> list[Any]:
    about = {
        "source": "alertmanager",
        "group_key": "g",
        "summary": "Errors over 20 %",
        "components": (ROUTING,),
        "started_at": began,
    }
    return case.ask(e.RaiseAlert, status=status, fingerprint=fingerprint, **{**about, **fields})


def test_a_group_of_alerts_drafts_one_incident_that_goes_with_the_last() -> None:
    case = Case()
    assert types(alert(case, "firing")) == ["IncidentDrafted", "AlertRaised"]
    assert types(alert(case, "firing", "f2")) == ["AlertRaised"]
    assert alert(case, "resolved", "f1")[0].left == 1
    assert types(alert(case, "resolved", "f2")) == ["AlertCleared", "IncidentResolved"]
    assert not any(fact.is_public for fact in case.log), "it was never public"


def test_a_public_incident_outlives_its_alerts_and_ops_are_told() -> None:
    case = Case()
    alert(case, "firing")
    case.ask(e.PublishIncident)
    facts = alert(case, "resolved")
    assert types(facts) == ["AlertCleared", "IncidentUpdated"]
    assert facts[1].internal and case.row is not None and case.row.state is IncidentState.OPEN


def test_an_end_that_overtakes_its_beginning() -> None:
    case = Case()
    assert types(alert(case, "resolved")) == ["AlertCleared"]
    assert refusal(alert(case, "firing")) == "alert-over"
    assert types(alert(case, "firing", began=AT + HOUR)) == ["IncidentDrafted", "AlertRaised"], (
        "it fires again"
    )


def test_an_alert_that_fires_again_begins_a_dropped_draft_anew() -> None:
    case = Case()
    alert(case, "firing")
    alert(case, "resolved")
    assert types(alert(case, "firing", began=AT + HOUR)) == ["IncidentDrafted", "AlertRaised"]
    assert case.row is not None and case.row.state is IncidentState.DRAFT


def test_only_ops_machines_raise_alerts() -> None:
    case = Case()
    facts = case.ask(
        e.RaiseAlert,
        "agent",
        source="s",
        group_key="g",
        fingerprint="f",
        status="firing",
        summary="x",
        started_at=AT,
    )
    assert refusal(facts) == "not-allowed"


# --- maintenances and announcements
# ----------------------------------------------------------------------------------

DAY = timedelta(days=1)


def scheduled(ahead: timedelta = 2 * DAY, **fields: Any) -> Case:
    case = Case(MNT)
    about = {
        "title": "New hosts",
        "body": "b",
        "components": (REDISCO,),
        "impact": YELLOW,
        "provider": "redisco",
    }
    case.ask(
        e.ScheduleMaintenance,
        "redisco",
        **{**about, "starts_at": AT + ahead, "ends_at": AT + ahead + HOUR, **fields},
    )
    return case


@pytest.mark.parametrize(
    ("ahead", "reason", "code"),
    [
        (timedelta(hours=24), None, ""),
        (timedelta(hours=23, minutes=59), None, "notice-too-short"),
        (timedelta(hours=3), "  ", "notice-too-short"),
        (timedelta(hours=3), "a security update", ""),
        (timedelta(hours=-3), "x", "no-such-window"),
    ],
)
def test_a_maintenance_is_announced_a_day_ahead_or_says_why_not(
    ahead: timedelta, reason: str | None, code: str
) -> None:
    facts = scheduled(ahead, override_reason=reason).log
    assert (refusal(facts) if code else types(facts)) == (code or ["MaintenanceScheduled"])


def test_it_begins_and_ends_at_its_times_however_late_the_clock_is_looked_at() -> None:
    case = scheduled()
    assert case.pass_to(AT + 2 * DAY - timedelta(seconds=1)) == []
    facts = case.pass_to(AT + 9 * DAY)
    assert [(fact.type, fact.at) for fact in facts] == [
        ("MaintenanceStarted", AT + 2 * DAY),
        ("MaintenanceEnded", AT + 2 * DAY + HOUR),
    ]
    assert facts[0].impact == YELLOW and facts[1].impact == e.GREEN
    assert facts[0].policy == STAMP and facts[0].by == "system"
    assert case.row is not None and due_at(case.row) is None


def test_it_is_moved_extended_and_ended_early() -> None:
    case = scheduled()
    assert (
        refusal(
            case.ask(e.RescheduleMaintenance, "redisco", starts_at=AT + HOUR, ends_at=AT + 2 * HOUR)
        )
        == "notice-too-short"
    )
    (moved,) = case.ask(
        e.RescheduleMaintenance, "redisco", starts_at=AT + 3 * DAY, ends_at=AT + 3 * DAY + HOUR
    )
    assert (moved.previous_starts_at, moved.starts_at) == (AT + 2 * DAY, AT + 3 * DAY)
    case.pass_to(AT + 3 * DAY)
    late = {"minute": (3 * DAY).total_seconds() / 60 + 30}
    assert (
        refusal(
            case.ask(e.RescheduleMaintenance, starts_at=AT + 4 * DAY, ends_at=AT + 5 * DAY, **late)
        )
        == "has-begun"
    )
    (longer,) = case.ask(
        e.RescheduleMaintenance, "redisco", ends_at=AT + 3 * DAY + 3 * HOUR, **late
    )
    assert longer.started and case.row is not None and due_at(case.row) == AT + 3 * DAY + 3 * HOUR
    assert case.ask(e.EndMaintenance, "redisco", body="Done.", **late)[0].early
    assert case.pass_to(AT + 9 * DAY) == []


def test_a_cancelled_one_never_begins() -> None:
    case = scheduled()
    assert types(case.ask(e.CancelMaintenance, "redisco")) == ["MaintenanceCancelled"]
    assert case.pass_to(AT + 9 * DAY) == []


def test_a_maintenance_keeps_the_impact_it_was_announced_with() -> None:
    case = scheduled()
    assert types(case.ask(e.UpdateIncident, "redisco", body="All is prepared.")) == [
        "IncidentUpdated"
    ]
    assert (
        refusal(case.ask(e.UpdateIncident, "redisco", body="Oh.", impact=RED)) == "open-an-incident"
    )


def announced(purpose: e.Purpose, **fields: Any) -> Case:
    case = Case(ANN)
    about = {
        "provider": "redisco",
        "purpose": purpose,
        "subject": "S",
        "body": "b",
        "components": (REDISCO,),
    }
    case.ask(e.MakeAnnouncement, "redisco", **{**about, **fields})
    return case


@pytest.mark.parametrize("purpose", e.Purpose)
def test_which_announcements_reach_everybody(purpose: e.Purpose) -> None:
    facts = announced(purpose, starts_at=AT + 2 * DAY, ends_at=AT + 3 * DAY).log
    made = facts[-1]
    assert isinstance(made, e.AnnouncementMade)
    assert made.critical is (purpose not in (e.Purpose.FEATURE, e.Purpose.SURVEY))
    assert types(facts[:-1]) == (
        ["MaintenanceScheduled"] if purpose is e.Purpose.MAINTENANCE else []
    )


def test_an_announced_maintenance_is_one() -> None:
    case = announced(e.Purpose.MAINTENANCE, starts_at=AT + 2 * DAY, ends_at=AT + 2 * DAY + HOUR)
    assert case.log[0].announced  # type: ignore[attr-defined]
    assert types(
        case.ask(e.RescheduleMaintenance, "redisco", starts_at=AT + 3 * DAY, ends_at=AT + 4 * DAY)
    ) == ["MaintenanceRescheduled"]
    assert types(case.pass_to(AT + 5 * DAY)) == ["MaintenanceStarted", "MaintenanceEnded"]
    assert refusal(announced(e.Purpose.MAINTENANCE).log) == "no-time"
    short = announced(e.Purpose.MAINTENANCE, starts_at=AT + HOUR, ends_at=AT + 2 * HOUR)
    assert refusal(short.log) == "notice-too-short"


def test_only_its_own_provider_announces() -> None:
    case = Case(ANN)
    assert (
        refusal(
            case.ask(
                e.MakeAnnouncement,
                "mailgrid",
                provider="redisco",
                purpose="survey",
                subject="S",
                body="b",
            )
        )
        == "not-allowed"
    )


# --- any order
# -------------------------------------------------------------------------------------------------------

WINDOW = {"starts_at": AT + 2 * DAY, "ends_at": AT + 3 * DAY}
FIELDS: list[tuple[type[e.StatusRequest], dict[str, Any]]] = [
    (e.OpenIncident, {"title": "T", "body": "b", "impact": RED}),
    (
        e.OpenIncident,
        {"title": "T", "body": "b", "impact": RED, "draft": True, "components": (ROUTING,)},
    ),
    (e.UpdateIncident, {"body": "b", "impact": YELLOW}),
    (e.UpdateIncident, {"body": "b", "components": (POSTGRES,)}),
    (e.UpdateIncident, {"body": "b", "internal": True}),
    (e.UpdateIncident, {"body": "b", "impact": RED, "happened_at": AT - HOUR}),
    (e.CorrectIncident, {"title": "Right"}),
    (e.CorrectIncident, {"started_at": AT - HOUR, "resolved_at": AT}),
    (e.PublishIncident, {}),
    (e.ResolveIncident, {"body": "b"}),
    (e.ResolveIncident, {"body": "b", "resolved_at": AT}),
    (e.PublishPostmortem, {"sections": (e.Section(heading="h", body="b"),)}),
    *(
        (
            e.RaiseAlert,
            {
                "source": "s",
                "group_key": "g",
                "fingerprint": name,
                "status": status,
                "summary": "x",
                "started_at": AT + began,
            },
        )
        for name in "pq"
        for status in ("firing", "resolved")
        for began in (timedelta(0), HOUR)
    ),
    (e.ScheduleMaintenance, {"title": "T", "body": "b", "impact": YELLOW, **WINDOW}),
    (e.RescheduleMaintenance, {"starts_at": AT + 4 * DAY, "ends_at": AT + 5 * DAY}),
    (e.EndMaintenance, {}),
    (e.CancelMaintenance, {}),
    (
        e.MakeAnnouncement,
        {"provider": "redisco", "purpose": "maintenance", "subject": "S", "body": "b", **WINDOW},
    ),
    (e.MakeAnnouncement, {"provider": "redisco", "purpose": "survey", "subject": "S", "body": "b"}),
]


def test_every_request_is_tried_in_any_order() -> None:
    asked = {kind for kind in REQUESTS.events if issubclass(kind, e.StatusRequest)}
    assert {kind for kind, _ in FIELDS} == set(DECIDE) == set(STATES) == asked


@settings(max_examples=examples(200))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(FIELDS),
            st.sampled_from(["ops", "redisco", "premier"]),
            st.integers(0, 1500),
        ),
        max_size=14,
    )
)
def test_any_order_of_requests_leaves_it_consistent(
    asked: list[tuple[tuple[type[e.StatusRequest], dict[str, Any]], str, int]],
) -> None:
    case, minute = Case(), 0
    for (kind, fields), who, later in asked:
        minute += later
        case.pass_to(AT + timedelta(minutes=minute))
        assert case.ask(kind, who, minute=minute, **fields), "every request yields a fact"
    again: StatusRow | None = None
    for fact in case.log:
        again = evolve(again, fact)
    if case.row is None or again is None:
        return
    assert again.copy_with({"seq": case.row.seq, "seen": case.row.seen}) == case.row, (
        "the row is a function of its facts"
    )
    assert StatusRow.model_validate_json(case.row.to_bytes()) == case.row
    public = [fact for fact in case.log if fact.is_public]
    names = types(public)
    assert names.count("IncidentOpened") <= 1
    if (
        case.row.aggregate == "incident"
        and "IncidentUpdated" in names
        and "MaintenanceScheduled" not in names
    ):
        assert names.index("IncidentOpened") < names.index("IncidentUpdated"), (
            "the public hears of nothing before it is opened"
        )
    if case.row.state in (
        IncidentState.RESOLVED,
        IncidentState.DROPPED,
        IncidentState.ENDED,
        IncidentState.CANCELLED,
    ):
        assert case.row.impact == e.GREEN
        assert all(span.until is not None for span in spans(case.log))
    over = spans(case.log)
    assert all(span.until is not None and span.since < span.until for span in over[:-1])
    assert all(one.until is not None and one.until <= other.since for one, other in pairwise(over))


def opened_with(**fields: Any) -> Case:
    case = Case()
    case.ask(e.OpenIncident, title="Errors", body="We look.", impact=RED, **fields)
    return case


def test_an_incident_says_how_far_the_work_is_and_when_there_is_more() -> None:
    later = AT + timedelta(minutes=30)
    case = opened_with(phase=e.Phase.INVESTIGATING, next_update_at=later)
    opened = case.log[-1]
    assert isinstance(opened, e.IncidentOpened)
    assert (opened.phase, opened.next_update_at) == (e.Phase.INVESTIGATING, later)

    (said,) = case.ask(e.UpdateIncident, body="Found.", minute=20, phase=e.Phase.IDENTIFIED)
    assert (said.phase, said.next_update_at) == (e.Phase.IDENTIFIED, None)
    assert "phase" not in case.ask(e.UpdateIncident, body="Still.", minute=21)[0].model_dump()


def test_a_draft_gets_its_phase_when_it_is_published() -> None:
    case = opened_with(draft=True)
    (published,) = case.ask(e.PublishIncident, minute=5, phase=e.Phase.MONITORING)
    assert published.phase is e.Phase.MONITORING


@pytest.mark.parametrize("minutes", [-1, 20, 20 + 2 * 24 * 60 + 1])
def test_the_next_update_is_promised_for_a_time_to_come_and_soon(minutes: float) -> None:
    at = AT + timedelta(minutes=minutes)
    said = opened_with().ask(e.UpdateIncident, body="More.", minute=20, next_update_at=at)
    assert refusal(said) == "no-such-promise"


def test_what_is_over_has_no_phase() -> None:
    case = opened_with()
    case.ask(e.ResolveIncident, body="Over.", minute=30)
    said = case.ask(e.UpdateIncident, body="x", minute=40, phase=e.Phase.MONITORING)
    assert refusal(said) == "no-phase"
    assert types(case.ask(e.UpdateIncident, body="x", minute=41)) == ["IncidentUpdated"]
