"""The doors of incidents, maintenances and announcements, in process: what is answered, and what
reaches the log.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.intake.incidents.forms import ACTIONS, OPENINGS
from services.intake.world.incidents import Incidents
from services.router.incident import row as incident_row
from services.router.incident.domain import decide
from shared import events as e
from shared import ids
from shared.errors import Unavailable
from shared.wire import Message, headers_for
from tests.unit.intake.building import NOW, Bench
from tests.unit.intake.test_http import call, is_problem

pytestmark = pytest.mark.costly

INCIDENT = {
    "title": "Widespread Application Outage",
    "body": "We are looking.",
    "components": ["routing", "Databases"],
    "impact": {"production": "red", "development": "yellow"},
}
RED = e.Impact(production=e.Colour.RED, development=e.Colour.RED)
DAY = timedelta(days=1)


def at(ahead: timedelta) -> str:
    return (NOW + ahead).isoformat()


@pytest.fixture
def bench() -> Bench:
    return Bench()


class Desk:
    """The router's side of the bench: it decides on what reached the log, and intake reads that."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.rows, self.offset = bench, dict[str, incident_row.StatusRow](), 0

    def work(self) -> None:
        asked, self.bench.log.written[:] = [event for _, event in self.bench.log.written], []
        for request in asked:
            if isinstance(request, e.StatusRequest):
                row = self.rows.get(request.key)
                seq = row.seq if row else 0
                for fact in ids.stamp(
                    decide(row, request), key=request.key, first_seq=seq + 1, cause=request.id
                ):
                    row = incident_row.evolve(row, fact).copy_with({"seq": fact.seq})
                    self.rows[request.key] = row
                    self.offset += 1
                    said = Message(
                        "status",
                        0,
                        self.offset,
                        fact.key,
                        fact.wire(),
                        dict(headers_for(fact, "router")),
                        0.0,
                    )
                    self.bench.intake.incidents.on_change(said)


async def begun(bench: Bench, who: str = "demo-ops", family: str = "incidents", **body: Any) -> str:
    """Something begun and decided on: its id."""
    answer = await call(bench, "POST", f"/v1/{family}", body or INCIDENT, who)
    assert answer.status_code == 202, answer.text
    Desk(bench).work()
    return str(answer.json()[f"{family[:-1]}_id"])


async def test_an_incident_reaches_the_log_with_what_it_affects(bench: Bench) -> None:
    asked = {
        **INCIDENT,
        "started_at": "2026-11-21T18:04:00-08:00",
        "stacks": [{"stack": "cedar", "effects": ["30% of applications"]}],
    }
    answer = await call(
        bench, "POST", "/v1/incidents", asked, "demo-ops", headers={"Idempotency-Key": "k"}
    )
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.OpenIncident)
    assert answer.status_code == 202
    assert answer.json()["incident_id"] == request.key
    assert answer.json()["links"]["self"] == f"/v1/incidents/{request.key}"
    assert [component.name for component in request.components] == ["Routing", "Databases"]
    assert (request.impact.production, request.impact.development) == ("red", "yellow")
    assert str(request.started_at) == "2026-11-22 02:04:00+00:00"
    assert request.stacks == (e.StackScope(stack="cedar", effects=("30% of applications",)),)
    again = await call(
        bench, "POST", "/v1/incidents", asked, "demo-ops", headers={"Idempotency-Key": "k"}
    )
    assert again.json()["request_id"] == answer.json()["request_id"]
    is_problem(
        await call(
            bench, "POST", "/v1/incidents", INCIDENT, "demo-ops", headers={"Idempotency-Key": "k"}
        ),
        422,
        "idempotency-key-reused",
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**INCIDENT, "components": ["nowhere"]}, 422, "no-such-component"),
        ({**INCIDENT, "impact": {"production": "blue"}}, 422, "invalid"),
        ({**INCIDENT, "started_at": 1340000000}, 422, "invalid"),
        ({**INCIDENT, "started_at": "2012-06-29T20:04:00"}, 422, "invalid"),
        ({**INCIDENT, "title": ""}, 422, "invalid"),
        ({**INCIDENT, "provider": "nobody"}, 422, "no-such-provider"),
        ({**INCIDENT, "severity": 1}, 422, "invalid"),
    ],
)
async def test_what_is_wrong_is_told_with_its_place(
    bench: Bench, body: dict[str, Any], status: int, code: str
) -> None:
    assert is_problem(await call(bench, "POST", "/v1/incidents", body, "demo-ops"), status, code)[
        "errors"
    ]
    assert bench.log.written == []


async def test_who_may_report(bench: Bench) -> None:
    for who in ("demo-premier", "demo-agent", "demo-redisco"):
        is_problem(await call(bench, "POST", "/v1/incidents", INCIDENT, who), 403, "forbidden")
    is_problem(
        await call(
            bench, "POST", "/v1/incidents", {**INCIDENT, "provider": "mailgrid"}, "demo-redisco"
        ),
        403,
        "forbidden",
    )
    is_problem(await call(bench, "POST", "/v1/incidents", INCIDENT, None), 401, "unauthenticated")
    answer = await call(
        bench, "POST", "/v1/incidents", {"title": "Redisco is slow", "body": "b"}, "demo-redisco"
    )
    assert answer.status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.OpenIncident)
    assert (request.provider, [component.addon for component in request.components]) == (
        "redisco",
        ["redisco"],
    )


async def test_a_providers_incident_is_the_providers_to_change(bench: Bench) -> None:
    key = await begun(bench, "demo-redisco", title="Redisco is slow", body="b")
    path = f"/v1/incidents/{key}/updates"
    is_problem(await call(bench, "POST", path, {"body": "x"}, "demo-mailgrid"), 403, "forbidden")
    is_problem(await call(bench, "POST", path, {"body": "x"}, "demo-premier"), 403, "forbidden")
    is_problem(
        await call(bench, "POST", path, {"body": "x", "components": ["routing"]}, "demo-redisco"),
        403,
        "forbidden",
    )
    assert (await call(bench, "POST", path, {"body": "x"}, "demo-redisco")).status_code == 202
    assert (await call(bench, "POST", path, {"body": "x"}, "demo-ops")).status_code == 202


async def test_an_update_changes_the_impact_it_speaks_of_and_no_other(bench: Bench) -> None:
    key = await begun(bench)
    await call(
        bench,
        "POST",
        f"/v1/incidents/{key}/updates",
        {"body": "x", "impact": {"production": "yellow"}},
        "demo-ops",
    )
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.UpdateIncident) and request.impact is not None
    assert (request.impact.production, request.impact.development) == ("yellow", "yellow"), (
        "development was yellow before"
    )


async def test_a_draft_does_not_exist_for_anybody_but_ops(bench: Bench) -> None:
    key = await begun(bench, **INCIDENT, draft=True)
    is_problem(
        await call(bench, "POST", f"/v1/incidents/{key}/updates", {"body": "x"}, "demo-redisco"),
        404,
        "not-found",
    )
    assert (
        await call(bench, "POST", f"/v1/incidents/{key}/publish", {}, "demo-ops")
    ).status_code == 202


async def test_what_is_not_there_is_not_found(bench: Bench) -> None:
    for key in ("inc_x", "inc_" + "a" * 26):
        is_problem(
            await call(
                bench, "POST", f"/v1/incidents/{key}/updates", {"body": "x"}, "demo-premier"
            ),
            404,
            "not-found",
        )
    is_problem(
        await call(
            bench, "POST", "/v1/incidents/mnt_" + "a" * 26 + "/updates", {"body": "x"}, "demo-ops"
        ),
        404,
        "not-found",
    )


@pytest.mark.parametrize(
    ("ahead", "more", "code"),
    [
        (timedelta(hours=30), {}, ""),
        (timedelta(hours=3), {}, "notice-too-short"),
        (timedelta(hours=3), {"override_reason": "a security update"}, ""),
        (timedelta(hours=-3), {"override_reason": "x"}, "no-such-window"),
    ],
)
async def test_a_maintenance_is_announced_a_day_ahead(
    bench: Bench, ahead: timedelta, more: dict[str, str], code: str
) -> None:
    maintenance = {
        "title": "New hosts",
        "body": "b",
        "starts_at": at(ahead),
        "ends_at": at(ahead + timedelta(hours=1)),
        **more,
    }
    announcement = {
        "purpose": "maintenance",
        "subject": "New hosts",
        "body": "b",
        "starts_at": at(ahead),
        **more,
    }
    for path, body in (("/v1/maintenances", maintenance), ("/v1/announcements", announcement)):
        answer = await call(bench, "POST", path, body, "demo-redisco")
        if code:
            is_problem(answer, 422, code)
        else:
            assert answer.status_code == 202, answer.text
    if not code:
        _, announced = bench.log.on("requests")
        assert isinstance(announced, e.MakeAnnouncement)
        assert announced.ends_at == NOW + ahead + timedelta(hours=1), (
            "where nobody says how long it takes"
        )


async def test_announcements_are_a_providers(bench: Bench) -> None:
    body = {"purpose": "feature", "subject": "Faster", "body": "b"}
    is_problem(
        await call(bench, "POST", "/v1/announcements", body, "demo-premier"), 403, "forbidden"
    )
    is_problem(await call(bench, "POST", "/v1/announcements", body, "demo-ops"), 422, "no-provider")
    is_problem(
        await call(
            bench, "POST", "/v1/announcements", {**body, "purpose": "party"}, "demo-redisco"
        ),
        422,
        "invalid",
    )
    is_problem(
        await call(
            bench, "POST", "/v1/announcements", {**body, "purpose": "maintenance"}, "demo-redisco"
        ),
        422,
        "no-time",
    )
    assert (
        await call(bench, "POST", "/v1/announcements", {**body, "provider": "redisco"}, "demo-ops")
    ).status_code == 202


async def test_an_announced_maintenance_is_moved_under_either_address(bench: Bench) -> None:
    key = await begun(
        bench,
        "demo-redisco",
        "announcements",
        purpose="maintenance",
        subject="S",
        body="b",
        starts_at=at(2 * DAY),
    )
    moved = {"starts_at": at(3 * DAY), "ends_at": at(4 * DAY)}
    for family in ("announcements", "maintenances"):
        answer = await call(bench, "POST", f"/v1/{family}/{key}/reschedule", moved, "demo-redisco")
        assert answer.status_code == 202, answer.text
    is_problem(
        await call(bench, "POST", f"/v1/maintenances/{key}/cancel", {}, "demo-mailgrid"),
        403,
        "forbidden",
    )


async def test_a_ticket_is_matched_shown_and_grouped(bench: Bench) -> None:
    key = await begun(bench, **{**INCIDENT, "impact": {"production": "red"}})
    sure = {
        "subject": "H99 on every page",
        "body": "It is down.",
        "app": "premier-production",
        "priority": "urgent",
    }
    answer = (await call(bench, "POST", "/v1/tickets", sure)).json()
    assert answer["incidents"] == [
        {
            "id": key,
            "title": INCIDENT["title"],
            "url": f"http://127.0.0.1:8000/status/incidents/{key}",
        }
    ]
    (request,) = bench.log.on("urgent")
    assert isinstance(request, e.OpenTicket)
    assert (request.lane, request.admission.open_incidents) == (key, (key,))
    assert request.pages, "it is an emergency all the same"
    perhaps = {
        "subject": "Checkout loses orders",
        "body": "Is your database slow?",
        "app": "premier-production",
        "priority": "urgent",
    }
    assert (await call(bench, "POST", "/v1/tickets", perhaps)).json()["incidents"], "shown"
    alone = bench.log.on("urgent")[-1]
    assert isinstance(alone, e.OpenTicket)
    assert alone.lane.startswith("lane_"), "but its page is its own"


async def test_drafts_and_what_is_over_match_nothing(bench: Bench) -> None:
    key = await begun(bench, **INCIDENT, draft=True)
    ticket = {"subject": "H99 on every page", "body": "It is down."}
    assert (await call(bench, "POST", "/v1/tickets", ticket)).json()["incidents"] == []
    desk = Desk(bench)
    await call(bench, "POST", f"/v1/incidents/{key}/publish", {}, "demo-ops")
    desk.rows[key] = incident_row.StatusRow(
        seq=1, state=incident_row.IncidentState.DRAFT, title="T", started_at=NOW, impact=RED
    )
    desk.work()
    assert bench.intake.incidents.ongoing
    await call(bench, "POST", f"/v1/incidents/{key}/resolve", {"body": "Restored."}, "demo-ops")
    desk.work()
    assert (await call(bench, "POST", "/v1/tickets", ticket)).json()["incidents"] == []


async def test_staff_link_a_ticket_by_hand(bench: Bench) -> None:
    key = await begun(bench)
    ticket = "tkt_" + "a" * 26
    await call(bench, "POST", f"/v1/tickets/{ticket}/link", {"incident_id": key}, "demo-agent")
    await call(
        bench, "POST", f"/v1/tickets/{ticket}/link", {"incident_id": "inc_unknown"}, "demo-agent"
    )
    known, unknown = bench.log.on("requests")
    assert isinstance(known, e.LinkIncident) and isinstance(unknown, e.LinkIncident)
    assert (known.title, unknown.title) == (INCIDENT["title"], ""), (
        "the router refuses what nobody knows"
    )


async def test_an_incident_that_was_opened_just_now_can_be_linked(bench: Bench) -> None:
    key = await begun(bench)
    known = bench.intake.incidents._known.pop(key)
    ticket, form = "tkt_" + "a" * 26, {"incident_id": key}
    linking = asyncio.create_task(
        call(bench, "POST", f"/v1/tickets/{ticket}/link", form, "demo-agent")
    )
    done, _ = await asyncio.wait({linking}, timeout=0.1)
    assert not done, "it is not known yet, and waited for"
    # Our reader of the log comes to it.
    bench.intake.incidents._known[key] = known
    assert (await linking).status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.LinkIncident) and request.title == INCIDENT["title"]


async def test_one_message_reaches_every_linked_ticket_once(bench: Bench) -> None:
    key = await begun(bench)
    bench.view.by_incident[key] = [f"tkt_{number:026}" for number in range(1200)]
    body, once = {"body": "It is over. Are you well?"}, {"Idempotency-Key": "k"}
    answer = await call(
        bench, "POST", f"/v1/incidents/{key}/message", body, "demo-ops", headers=once
    )
    assert (answer.status_code, answer.json()["tickets"]) == (202, 1200)
    first = bench.log.on("requests")
    assert len({request.id for request in first}) == 1200
    assert all(
        isinstance(request, e.AddReply) and request.audience == "everyone" for request in first
    )
    await call(bench, "POST", f"/v1/incidents/{key}/message", body, "demo-ops", headers=once)
    assert {request.id for request in bench.log.on("requests")} == {request.id for request in first}
    is_problem(
        await call(bench, "POST", f"/v1/incidents/{key}/message", body, "demo-agent"),
        403,
        "forbidden",
    )
    is_problem(
        await call(bench, "POST", f"/v1/incidents/inc_{'a' * 26}/message", body, "demo-premier"),
        404,
        "not-found",
    )


async def test_a_message_waits_for_the_view(bench: Bench) -> None:
    key = await begun(bench)
    bench.view.trouble = Unavailable("mongodb")
    is_problem(
        await call(bench, "POST", f"/v1/incidents/{key}/message", {"body": "b"}, "demo-ops"),
        503,
        "mongodb-unavailable",
    )


async def test_kafka_away_keeps_it_in_the_spool_and_says_so(bench: Bench) -> None:
    bench.log.away = True
    answer = (await call(bench, "POST", "/v1/incidents", INCIDENT, "demo-ops")).json()
    assert answer["accepted"] == "spooled" and answer["warnings"]


async def test_secrets_are_masked_here_too(bench: Bench) -> None:
    body = {**INCIDENT, "body": "postgres://u:hunter2hunter2@db.example.com/d"}
    answer = (await call(bench, "POST", "/v1/incidents", body, "demo-ops")).json()
    (request,) = bench.log.on("requests")
    assert "hunter2hunter2" not in request.model_dump_json()
    assert answer["warnings"]


def test_what_is_going_on_is_kept_for_a_start_without_kafka(bench: Bench, tmp_path: Any) -> None:
    path = tmp_path / "intake" / "incidents.json"
    book = Incidents(path)
    opened = e.IncidentOpened(
        id="f",
        key="inc_a",
        seq=1,
        at=NOW,
        by="ops",
        update="u",
        body="b",
        started_at=NOW,
        title="T",
    )
    book.on_change(Message("status", 0, 0, "inc_a", opened.wire(), {}, 0.0))
    assert [incident.id for incident in Incidents(path).ongoing] == ["inc_a"]
    again = Incidents(path)
    again.on_change(Message("status", 0, 0, "inc_a", opened.wire(), {}, 0.0))
    over = e.IncidentResolved(
        id="g",
        key="inc_a",
        seq=2,
        at=NOW,
        by="ops",
        update="u",
        body="b",
        started_at=NOW,
        title="T",
    )
    again.on_change(Message("status", 0, 1, "inc_a", over.wire(), {}, 0.0))
    again.on_change(Message("status", 0, 2, "inc_a", opened.wire(), {}, 0.0))
    assert again.ongoing == () == Incidents(path).ongoing, "what was seen before counts once"
    book.on_change(Message("status", 0, 3, "inc_a", b"no json", {}, 0.0))
    path.write_text("no json")
    assert Incidents(path).ongoing == ()


def test_every_request_has_a_door() -> None:
    doors = {kind for _, kind, _ in OPENINGS.values()} | {
        kind for actions in ACTIONS.values() for kind, _ in actions.values()
    }
    assert doors | {e.RaiseAlert} == set(e.StatusRequest.__subclasses__())


KNOWN = "inc_" + "a" * 26


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/incidents", {"started_at": "2026-11-22T02:00:00Z"}, 202),
        ("/v1/incidents", {"started_at": "2026-11-22T03:00:30Z"}, 202),
        ("/v1/incidents", {"started_at": "2026-11-22T04:00:00Z"}, 422),
        ("/v1/incidents", {"started_at": "2026-08-01T00:00:00Z"}, 422),
        ("/v1/incidents", {"body": "x" * 10_001}, 422),
        ("/v1/incidents", {"components": ["routing"] * 51}, 422),
        (f"/v1/incidents/{KNOWN}/updates", {"happened_at": "2026-11-22T04:00:00Z"}, 422),
        (f"/v1/incidents/{KNOWN}/resolve", {"resolved_at": "2026-11-22T04:00:00Z"}, 422),
        (f"/v1/incidents/{KNOWN}/resolve", {"resolved_at": "2026-11-22T02:00:00Z"}, 202),
        (f"/v1/incidents/{KNOWN}/correct", {"body": "Which update?"}, 422),
        (f"/v1/incidents/{KNOWN}/correct", {"body": "That one.", "update": "upd_a"}, 202),
    ],
)
async def test_true_times_and_bounds_are_said_at_once(
    path: str, body: dict[str, object], status: int
) -> None:
    bench = Bench()
    begins = {"title": "Errors", "body": "We look."} if path == "/v1/incidents" else {}
    says = {"body": "Said."} if path.endswith(("updates", "resolve")) else {}
    answer = await call(bench, "POST", path, {**begins, **says, **body}, "demo-ops")
    assert answer.status_code == status, answer.text
