"""The demo's two weeks of history: the file can be read, every request is one that intake takes,
and nothing of it lies ahead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deploy.demo.directory import SINK
from deploy.demo.lived_in import DemoCall, moment, stages
from services.intake.directory.load import DirectoryForm
from services.intake.incidents.forms import (
    IncidentForm,
    MaintenanceForm,
    PostmortemForm,
    ResolveForm,
    UpdateForm,
)
from services.intake.policies.rota import OverrideForm
from services.intake.tickets.imports import ImportForm
from services.router.ticket.domain import decide, evolve
from services.router.ticket.row import TicketRow
from services.sla import domain as sla
from services.sla.clock import ClockRow
from services.sla.clock import evolve as evolve_clock
from shared import events as e
from shared.policy import DeskPolicy, OnCallPolicy
from tests.unit.intake.building import NOW as BENCH_NOW
from tests.unit.intake.building import POLICIES, Bench

NOW = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
FORMS = {
    "/v1/directory": DirectoryForm,
    "/v1/incidents": IncidentForm,
    "/v1/maintenances": MaintenanceForm,
    "overrides": OverrideForm,
    "updates": UpdateForm,
    "resolve": ResolveForm,
    "postmortem": PostmortemForm,
    "/v1/import/tickets": ImportForm,
}


def calls(now: datetime = NOW) -> list[DemoCall]:
    return [call for stage in stages(now, SINK) for call in stage.calls]


def imports(now: datetime = NOW) -> list[DemoCall]:
    return [call for call in calls(now) if call.path == "/v1/import/tickets"]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("-3d 14:05", datetime(2026, 11, 27, 14, 5, tzinfo=UTC)),
        ("-40m", NOW - timedelta(minutes=40)),
        ("-1h10m", NOW - timedelta(minutes=70)),
        ("+25m", NOW - timedelta(hours=2) + timedelta(minutes=25)),
        ("+1d 13:00", datetime(2026, 12, 1, 13, 0, tzinfo=UTC)),
    ],
)
def test_times_are_relative(said: str, at: datetime) -> None:
    assert moment(said, NOW, NOW - timedelta(hours=2)) == at


@pytest.mark.parametrize("said", ["", "yesterday", "3d", "-3d 14", "+25m"])
def test_what_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        moment(said, NOW)


def test_every_request_is_one_that_intake_takes() -> None:
    for call in calls():
        if call.path == "/v1/policies/on-call":
            OnCallPolicy.model_validate(call.body)
            continue
        form = FORMS.get(call.path) or FORMS[call.path.rpartition("/")[2]]
        form.model_validate(call.body)


def test_every_request_has_a_key_of_its_own_and_repeating_asks_the_same() -> None:
    assert max(Counter(call.key for call in calls()).values()) == 1
    assert stages(NOW, SINK) == stages(NOW, SINK)


def test_an_incident_is_of_the_platform_so_that_no_mail_tells_of_it() -> None:
    addons = {one["id"] for one in POLICIES["components"]["components"] if "addon" in one}
    told = [call.body for call in calls() if call.path in ("/v1/incidents", "/v1/maintenances")]
    assert len(told) == 3
    assert not {name for body in told for name in body["components"]} & addons


def times_in(body: Any) -> list[datetime]:
    found = [datetime.fromisoformat(body["at"])]
    found += [datetime.fromisoformat(one["at"]) for one in (*body["comments"], *body["steps"])]
    return found


@pytest.mark.parametrize("hour", range(24))
def test_nothing_lies_ahead_whenever_it_is_started(hour: int) -> None:
    now = NOW.replace(hour=hour)
    ahead = [call.key for call in imports(now) if max(times_in(call.body)) > now]
    assert ahead == []


def test_there_is_a_desk_at_work() -> None:
    tickets = [call.body for call in imports()]
    assert 75 <= len(tickets) <= 90
    assert len({body["requester"] for body in tickets}) >= 10
    by_provider = {c["provider"] for body in tickets for c in body["comments"] if "provider" in c}
    assert len(by_provider) >= 2
    done = Counter(step["do"] for body in tickets for step in body["steps"])
    assert done["rate"] >= 20 and done["close"] >= 5 and done["link-incident"] >= 4
    assert done["appeal-priority"] and done["decide-appeal"] and done["reopen"]


class Lived:
    """What the router and sla made of one import."""

    def __init__(self, requests: list[e.Request]) -> None:
        policy = DeskPolicy.model_validate(POLICIES["default"])
        self.row, self.facts = TicketRow(), list[e.Fact]()
        self.clocks, self.clock_facts = ClockRow(), list[e.Fact]()
        for request in requests:
            for fact in decide(self.row, request, lambda _: policy):
                known = {
                    "key": request.key,
                    "seq": len(self.facts) + 1,
                    "id": f"f{len(self.facts)}",
                }
                fact = fact.copy_with(known)
                self.row = evolve(self.row, fact)  # type: ignore[arg-type]
                self.facts.append(fact)
                if type(fact) in sla.DECIDE:
                    for told in sla.decide(self.clocks, fact, lambda _: policy):  # type: ignore[arg-type]
                        told = told.copy_with(
                            {"key": request.key, "seq": len(self.clock_facts) + 1}
                        )
                        self.clocks = evolve_clock(self.clocks, told)  # type: ignore[arg-type]
                        self.clock_facts.append(told)


@pytest.fixture(scope="module")
def lived() -> list[Lived]:
    """Through intake's door, the router and sla."""
    return asyncio.run(live())


async def live() -> list[Lived]:
    bench, made = Bench(), list[Lived]()
    directory, _, _, tickets, _ = stages(BENCH_NOW, SINK)
    for call in (*directory.calls, *tickets.calls):
        before = len(bench.log.on("requests"))
        answer = await asked(bench, call)
        assert answer.status_code in (200, 202), (call.key, answer.text)
        requests = bench.log.on("requests")[before:]
        if requests:
            made.append(Lived([one for one in requests if isinstance(one, e.Request)]))
    return made


async def asked(bench: Bench, call: DemoCall) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {call.token}", "Idempotency-Key": call.key}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://intake", headers=headers
    ) as client:
        return await client.request(call.method, call.path, json=dict(call.body))


def test_the_router_refuses_nothing_and_pages_nobody(lived: list[Lived]) -> None:
    for one in lived:
        refused = [fact for fact in one.facts if isinstance(fact, e.RequestRefused)]
        assert not refused, (one.row.subject, [fact.reason for fact in refused])
        assert not [fact for fact in one.facts if getattr(fact, "pages", False)]
        assert all(fact.imported == "demo" for fact in one.facts if isinstance(fact, e.TicketFact))


def test_tickets_are_in_every_state_and_queue(lived: list[Lived]) -> None:
    assert {one.row.status for one in lived} == set(e.Status)
    assert {"platform", "csa", "provider:redisco"} <= {one.row.queue for one in lived}


def test_clocks_ran_by_the_times_of_the_tickets(lived: list[Lived]) -> None:
    kinds = Counter(type(fact).__name__ for one in lived for fact in one.clock_facts)
    assert kinds["ClockMet"] > 50
    running = [one for one in lived if one.clocks.running("initial-response")]
    assert 5 <= len(running) <= 12
    for one in running:
        assert not sla.fire(one.clocks, one.clocks.quiet_until - timedelta(seconds=1))  # type: ignore[operator]
