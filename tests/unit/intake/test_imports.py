"""Imported history: requests with the other system's times, made once, that page nobody, tell
nobody and start no clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.intake.tickets.imports import QUIET
from services.notifier.notices import SenderIdentity, SuppressedNotice, notices_for
from services.router.ticket.domain import decide, evolve
from services.router.ticket.row import TicketRow
from services.sla.clock import ClockRow, due_at
from services.sla.clock import evolve as evolve_clock
from services.sla.domain import decide as decide_clocks
from services.sla.domain import fire
from shared import events as e
from shared.policy import DeskPolicy
from tests.unit.intake.building import NOW, POLICIES, Bench

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
BODY: dict[str, Any] = {
    "source": "zendesk",
    "id": "501",
    "requester": "premier@example.com",
    "subject": "Down",
    "body": "H10.",
    "at": "2024-03-01T12:00:00Z",
    "priority": "urgent",
    "app": "premier-production",
    "ended_at": "2024-03-02T09:00:00Z",
    "closed": True,
    "comments": [
        {
            "id": "2",
            "author": "ann@desk.example",
            "author_name": "Ann",
            "author_is_staff": True,
            "public": False,
            "body": "Hm.",
            "at": "2024-03-01T12:30:00Z",
        },
        {
            "id": "1",
            "author": "ann@desk.example",
            "author_is_staff": True,
            "body": "Deploy again.",
            "at": "2024-03-01T12:20:00+00:00",
        },
        {
            "id": "3",
            "author": "zed@z.example",
            "author_is_staff": False,
            "body": "Me too.",
            "at": "2024-03-01T13:00:00Z",
        },
    ],
}


async def post(bench: Bench, body: dict[str, Any], who: str = "demo-admin") -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://intake", headers={"Authorization": f"Bearer {who}"}
    ) as client:
        return await client.post("/v1/import/tickets", json=body)


async def imported(**changes: Any) -> tuple[Bench, list[e.Request], dict[str, Any]]:
    bench = Bench()
    answer = await post(bench, {**BODY, **changes})
    assert answer.status_code == 202, answer.text
    found = [request for request in bench.log.on("requests") if isinstance(request, e.Request)]
    return bench, found, answer.json()


def facts_of(requests: list[e.Request]) -> list[e.Fact]:
    """What the router makes of them."""
    policy = DeskPolicy.model_validate(POLICIES["default"])
    row, facts = TicketRow(), list[e.Fact]()
    for request in requests:
        for fact in decide(row, request, lambda _: policy):
            row = evolve(row, fact)  # type: ignore[arg-type]
            facts.append(
                fact.copy_with({"key": request.key, "seq": len(facts) + 1, "id": f"f{len(facts)}"})
            )
    return facts


async def test_requests_carry_the_times_and_people_they_had() -> None:
    bench, requests, answer = await imported()
    assert [
        (request.type, request.actor.email, request.at.isoformat()) for request in requests
    ] == [
        ("OpenTicket", "premier@example.com", "2024-03-01T12:00:00+00:00"),
        ("AddReply", "ann@desk.example", "2024-03-01T12:20:00+00:00"),
        ("AddReply", "ann@desk.example", "2024-03-01T12:30:00+00:00"),
        ("AddReply", "premier@example.com", "2024-03-01T13:00:00+00:00"),
        ("Solve", "import@zendesk", "2024-03-02T09:00:00+00:00"),
        ("CloseTicket", "import@zendesk", "2024-03-02T09:00:01+00:00"),
    ]
    assert {request.imported for request in requests} == {"zendesk"}
    assert bench.log.on("urgent") == []
    assert len(answer["warnings"]) == 1 and "zed@z.example" in answer["warnings"][0]
    assert isinstance(requests[3], e.AddReply) and requests[3].body.startswith(
        "zed@z.example <zed@z.example> wrote:"
    )


async def test_history_pages_nobody_tells_nobody_and_starts_no_clock() -> None:
    _, requests, _ = await imported()
    facts = facts_of(requests)
    kinds = [fact.type for fact in facts]
    assert "RequestRefused" not in kinds
    assert {"TicketOpened", "ReplyAdded", "NoteAdded", "TicketSolved", "TicketClosed"} <= set(kinds)
    priority = next(fact for fact in facts if isinstance(fact, e.PrioritySet))
    assert (priority.priority, priority.pages, priority.obligation) == (
        e.Priority.URGENT,
        False,
        None,
    )
    policy = DeskPolicy.model_validate(POLICIES["default"])
    assert [
        decide_clocks(None, fact, lambda _: policy)
        for fact in facts
        if isinstance(fact, e.TicketFact)
    ] == [[]] * len(facts)
    directory = {("accounts", "premier@example.com"): {"name": "P"}}

    class Known:
        def get(self, kind: str, id_: str) -> dict[str, Any] | None:
            return directory.get((kind, id_))

    told = [
        one
        for fact in facts
        for one in notices_for(fact, Known(), SenderIdentity("bot@x", frozenset(), "http://x"))
    ]
    assert told
    assert all(isinstance(one, SuppressedNotice) for one in told)
    assert {one.reason for one in told if one.to == "premier@example.com"} == {
        "it was imported: it happened elsewhere and before"
    }  # type: ignore[union-attr]


async def test_the_same_not_imported_does_page_and_tell() -> None:
    _, requests, _ = await imported()
    now = [request.copy_with({"imported": ""}) for request in requests]
    facts = facts_of(now)
    assert next(fact for fact in facts if isinstance(fact, e.PrioritySet)).pages
    policy = DeskPolicy.model_validate(POLICIES["default"])
    assert any(
        decide_clocks(None, fact, lambda _: policy)
        for fact in facts
        if isinstance(fact, e.TicketFact)
    )


async def test_a_provider_is_not_given_what_it_knows_nothing_of() -> None:
    _, requests, _ = await imported(
        body="Our redisco add-on: the Redisco dashboard at redisco.example is down",
        closed=False,
        ended_at=None,
    )
    assert not any(isinstance(fact, e.TicketAssigned) for fact in facts_of(requests))


async def test_importing_again_makes_the_same_requests() -> None:
    bench, first, answer = await imported()
    again = await post(bench, BODY)
    assert again.json() == answer
    found = bench.log.on("requests")
    assert [event.id for event in found[: len(first)]] == [
        event.id for event in found[len(first) :]
    ]
    assert answer["ticket_id"] == first[0].key


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"at": "2999-01-01T00:00:00Z"}, 422),
        ({"at": "yesterday"}, 422),
        ({"at": "2024-03-01T12:00:00"}, 422),
        ({"requester": "nobody@example.com"}, 422),
        ({"source": "Zen desk"}, 422),
        ({"id": {"$ne": 1}}, 422),
        ({"by": "me"}, 422),
        ({"comments": [{**BODY["comments"][0], "at": "2999-01-01T00:00:00Z"}]}, 422),
    ],
)
async def test_what_does_not_fit_is_refused(changes: dict[str, Any], status: int) -> None:
    bench = Bench()
    assert (await post(bench, {**BODY, **changes})).status_code == status
    assert bench.log.written == []


async def test_only_admins_rewrite_history() -> None:
    bench = Bench()
    for who in ("demo-agent", "demo-premier", "demo-ops"):
        assert (await post(bench, BODY, who)).status_code == 403
    assert bench.log.written == []


async def test_an_app_of_others_is_left_out() -> None:
    _, requests, answer = await imported(app="legacy-production")
    assert isinstance(requests[0], e.OpenTicket) and requests[0].app is None
    assert "legacy-production" in answer["warnings"][0]


PROMISED: dict[str, Any] = {
    "promised": True,
    "ended_at": None,
    "closed": False,
    "comments": [],
    "addon": "redisco",
    "steps": [
        {
            "id": "s2",
            "do": "review-priority",
            "at": "2024-03-01T12:10:00Z",
            "by": "ann@desk.example",
            "priority": "high",
            "text": "One user.",
        },
        {
            "id": "s1",
            "do": "assign",
            "at": "2024-03-01T12:05:00Z",
            "by": "ann@desk.example",
            "to": "redisco",
        },
        {
            "id": "s3",
            "do": "review-priority",
            "at": "2024-03-01T12:12:00Z",
            "by": "ann@desk.example",
            "priority": "urgent",
            "text": "All of them.",
        },
    ],
}
ANSWER = {
    "id": "c1",
    "author": "rae@redisco.example",
    "author_is_staff": False,
    "provider": "redisco",
    "body": "On it.",
    "at": "2024-03-01T12:20:00Z",
}


def clocks_of(facts: list[e.Fact]) -> tuple[ClockRow, list[e.Fact]]:
    policy, row, told = DeskPolicy.model_validate(POLICIES["default"]), ClockRow(), list[e.Fact]()
    for fact in facts:
        for found in decide_clocks(row, fact, lambda _: policy):  # type: ignore[arg-type]
            found = found.copy_with({"key": fact.key, "seq": len(told) + 1})
            row = evolve_clock(row, found)  # type: ignore[arg-type]
            told.append(found)
    return row, told


async def test_steps_are_decided_in_the_order_of_their_times_and_page_nobody() -> None:
    _, requests, _ = await imported(**PROMISED)
    assert [request.type for request in requests] == [
        "OpenTicket",
        "AssignTicket",
        "ReviewPriority",
        "ReviewPriority",
    ]
    facts = facts_of(requests)
    assert not [fact for fact in facts if isinstance(fact, e.RequestRefused)]
    reviews = [fact for fact in facts if isinstance(fact, e.PriorityReviewed)]
    assert [review.priority for review in reviews] == [e.Priority.HIGH, e.Priority.URGENT]
    assert not any(getattr(fact, "pages", False) for fact in facts)


async def test_a_promised_ticket_has_clocks_that_are_silent_until_its_history_is_here() -> None:
    _, requests, _ = await imported(**PROMISED)
    row, told = clocks_of(facts_of(requests))
    started = [fact for fact in told if isinstance(fact, e.ClockStarted)]
    assert [(fact.clock, fact.started_at) for fact in started] == [("initial-response", AT)]
    assert row.quiet_until == NOW + QUIET
    assert due_at(row) == row.quiet_until
    assert fire(row, row.quiet_until - timedelta(seconds=1)) == []
    assert [fact.type for fact in fire(row, row.quiet_until)] == ["ClockBreached"]


async def test_an_answer_in_time_meets_the_clock_whenever_it_is_read() -> None:
    _, requests, _ = await imported(**{**PROMISED, "comments": [ANSWER]})
    row, told = clocks_of(facts_of(requests))
    assert [fact.type for fact in told if fact.type != "ClockRetargeted"] == [
        "ClockStarted",
        "ClockMet",
    ]
    assert not row.clocks


async def test_a_step_that_names_no_incident_is_refused_as_a_whole() -> None:
    bench = Bench()
    step = {
        "id": "s1",
        "do": "link-incident",
        "at": "2024-03-01T12:10:00Z",
        "by": "ann@desk.example",
        "to": "inc_none",
    }
    answer = await post(bench, {**BODY, "steps": [step]})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-incident")
    assert bench.log.on("requests") == []


@pytest.mark.parametrize(
    ("step", "lacks"),
    [
        ({"do": "rate"}, "score"),
        ({"do": "assign"}, "to"),
        ({"do": "review-priority", "priority": "low"}, "text"),
    ],
)
async def test_a_step_that_lacks_something_says_what(step: dict[str, Any], lacks: str) -> None:
    whole = {"id": "s", "at": "2024-03-01T12:10:00Z", **step}
    answer = await post(Bench(), {**BODY, "steps": [whole]})
    assert answer.status_code == 422
    assert f"{step['do']} needs {lacks}" in answer.text.lower()
