"""What a monitor's alert means for pages, from the request to the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.demo.directory import policies
from services.notifier.front.alerts import obligation_by_time, obligation_of, on_raise_alert
from services.notifier.front.rules import HANDLERS
from services.notifier.pager import decide as domain
from services.notifier.pager.lane import Lane, PageState, evolve
from services.notifier.pager.pace import PagingRules
from services.notifier.pager.sends import about_url
from shared import ids
from shared.events import (
    SYSTEM,
    Actor,
    Component,
    PageOpened,
    PageWanted,
    RaiseAlert,
    RestoreAlerts,
    RestoreAsked,
    Role,
    SilenceAlerts,
    SilenceAsked,
    SolveSeen,
)
from shared.policy import ON_CALL, OnCallPolicy

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
MONITOR = Actor(email="monitor", roles=(Role.OPS,))
RULES = PagingRules(OnCallPolicy.model_validate(policies()[ON_CALL]), "support", {"on-call": 1})


def alert(
    status: str = "firing", fingerprint: str = "f1", began: datetime = NOW, **fields: Any
) -> RaiseAlert:
    about: dict[str, Any] = {
        "id": f"req_{fingerprint}_{status}_{began}",
        "key": "inc_a",
        "at": NOW,
        "actor": MONITOR,
        "policy": {"on-call": 1},
        "source": "alertmanager",
        "group_key": "g",
        "fingerprint": fingerprint,
        "status": status,
        "summary": "Errors over 20 %",
        "started_at": began,
        **fields,
    }
    return RaiseAlert(**about)


class Pager:
    """One lane, told what the front makes of alerts."""

    def __init__(self, rules: PagingRules = RULES) -> None:
        self.lane: Lane | None = None
        self.rules = rules

    def hears(self, asked: RaiseAlert) -> list[Any]:
        found: list[Any] = []
        for event in on_raise_alert(asked):
            facts = domain.decide(self.lane, event, self.rules, NOW)
            seq = self.lane.seq if self.lane else 0
            for fact in ids.stamp(list(facts), key=event.key, first_seq=seq + 1, cause=event.id):
                self.lane = evolve(self.lane, fact).model_copy(update={"seq": fact.seq})
                found.append(fact)
        return found

    def open_pages(self) -> int:
        return (
            sum(page.state is PageState.OPEN for page in self.lane.pages.values())
            if self.lane
            else 0
        )


def test_an_alert_wakes_ops_by_their_own_escalation() -> None:
    facts = Pager().hears(alert(severity="error"))
    opened = facts[0]
    assert isinstance(opened, PageOpened)
    assert (opened.escalation, opened.incident_id, opened.severity) == ("ops", "inc_a", "error")
    assert opened.key == ids.ops_lane("inc_a") != "inc_a", (
        "an urgent ticket about it wakes support, not ops"
    )
    assert any(fact.type == "PageAttempted" and fact.to == "ops" for fact in facts)


def test_without_an_escalation_of_ops_the_desks_stands_in() -> None:
    other = RULES.on_call.model_copy(
        update={"escalation": {"support": RULES.on_call.escalation["support"]}}
    )
    assert Pager(PagingRules(other, "support", {})).hears(alert())[0].escalation == "support"


def test_a_group_is_one_page_and_ends_with_its_last_alert() -> None:
    pager = Pager()
    pager.hears(alert())
    assert [fact.type for fact in pager.hears(alert(fingerprint="f2"))] == ["PageJoined"]
    assert pager.hears(alert()) == [], "a notification that is repeated"
    pager.hears(alert("resolved"))
    assert pager.open_pages() == 1
    assert "PageResolved" in [fact.type for fact in pager.hears(alert("resolved", "f2"))]
    assert pager.open_pages() == 0


def test_what_fires_again_wakes_again() -> None:
    pager = Pager()
    pager.hears(alert())
    pager.hears(alert("resolved"))
    assert isinstance(pager.hears(alert(began=NOW + timedelta(hours=1)))[0], PageOpened)


def test_an_end_that_overtakes_its_beginning_wakes_nobody() -> None:
    pager = Pager()
    pager.hears(alert("resolved"))
    pager.hears(alert())
    assert pager.open_pages() == 0


@pytest.mark.parametrize(
    "asked", [alert(pages=False), alert(actor=Actor(email="premier@example.com"))]
)
def test_who_and_what_wakes_nobody(asked: RaiseAlert) -> None:
    assert list(on_raise_alert(asked)) == []


def test_a_silent_alert_is_owed_and_says_what_it_is_about() -> None:
    routing = (Component(id="routing", name="Routing"),)
    (silent,) = on_raise_alert(alert(pages=False, silenced_by="mnt_1", components=routing))
    (heard,) = on_raise_alert(alert(components=routing))
    assert isinstance(silent, PageWanted) and isinstance(heard, PageWanted)
    assert (silent.obligation, silent.silenced_by, silent.components) == (
        heard.obligation,
        "mnt_1",
        ("routing",),
    )
    pager = Pager()
    assert [
        fact.type
        for fact in pager.hears(alert(pages=False, silenced_by="mnt_1", components=routing))
    ] == [
        "PageOpened",
        "PageSilenced",
    ]
    assert "PageResolved" in [fact.type for fact in pager.hears(alert("resolved"))]


@pytest.mark.parametrize("kind", [SilenceAlerts, RestoreAlerts])
def test_only_the_system_silences_and_restores(kind: Any) -> None:
    more = {"components": ("routing",)} if kind is SilenceAlerts else {}
    asked = kind(
        id="req_1", key="inc_a", at=NOW, actor=SYSTEM, policy={}, maintenance="mnt_1", **more
    )
    (told,) = HANDLERS["requests"][kind](asked)
    assert isinstance(told, SilenceAsked | RestoreAsked)
    assert (told.id, told.key, told.maintenance) == ("req_1", ids.ops_lane("inc_a"), "mnt_1")
    assert list(HANDLERS["requests"][kind](asked.model_copy(update={"actor": MONITOR}))) == []


def test_the_ids_are_derived_so_reading_a_request_again_is_the_same() -> None:
    (first,), (again,) = on_raise_alert(alert()), on_raise_alert(alert())
    assert first == again
    assert isinstance(first, PageWanted) and first.obligation == obligation_of(alert())
    (ended,) = on_raise_alert(alert("resolved"))
    assert isinstance(ended, SolveSeen) and ended.alert == first.alert
    assert ended.obligations == (obligation_by_time(alert()),), "a page from before is ended, too"


def test_without_a_time_of_the_monitor_none_is_compared() -> None:
    (wanted,) = on_raise_alert(alert(start_known=False))
    assert isinstance(wanted, PageWanted) and wanted.started_at is None


def test_a_draft_of_many_alerts_gives_the_page_its_name() -> None:
    (wanted,) = on_raise_alert(alert(title="Pods are not ready (300 alerts)"))
    assert isinstance(wanted, PageWanted)
    assert wanted.subject == "Pods are not ready (300 alerts)"


def test_a_page_leads_to_what_it_is_about() -> None:
    assert about_url("inc_a") == "/ops/incidents/inc_a"
    assert about_url("tkt_a") == "/tickets/tkt_a"
