"""Imported history: requests with the other system's times, made once, that page nobody, tell nobody and start no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.notifier.notices import House, Suppressed, notices_for
from services.router.domain import decide, evolve
from services.router.ticket import TicketRow
from services.sla.domain import decide as decide_clocks
from shared import events as e
from shared.policy import DeskPolicy
from tests.unit.intake.building import POLICIES, Bench

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
BODY: dict[str, Any] = {
    "source": "zendesk", "id": "501", "requester": "premier@example.com", "subject": "Down", "body": "H10.", "at": "2024-03-01T12:00:00Z",
    "priority": "urgent", "app": "premier-production", "ended_at": "2024-03-02T09:00:00Z", "closed": True,
    "comments": [
        {"id": "2", "author": "ann@desk.example", "author_name": "Ann", "author_is_staff": True, "public": False, "body": "Hm.",
         "at": "2024-03-01T12:30:00Z"},
        {"id": "1", "author": "ann@desk.example", "author_is_staff": True, "body": "Deploy again.", "at": "2024-03-01T12:20:00+00:00"},
        {"id": "3", "author": "zed@z.example", "author_is_staff": False, "body": "Me too.", "at": "2024-03-01T13:00:00Z"},
    ],
}  # fmt: skip


async def post(bench: Bench, body: dict[str, Any], who: str = "demo-admin") -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake", headers={"Authorization": f"Bearer {who}"}) as client:
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
            facts.append(fact.having({"key": request.key, "seq": len(facts) + 1, "id": f"f{len(facts)}"}))
    return facts


async def test_requests_carry_the_times_and_people_they_had() -> None:
    bench, requests, answer = await imported()
    assert [(request.type, request.actor.email, request.at.isoformat()) for request in requests] == [
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
    assert isinstance(requests[3], e.AddReply) and requests[3].body.startswith("zed@z.example <zed@z.example> wrote:")


async def test_history_pages_nobody_tells_nobody_and_starts_no_clock() -> None:
    _, requests, _ = await imported()
    facts = facts_of(requests)
    kinds = [fact.type for fact in facts]
    assert "RequestRefused" not in kinds
    assert {"TicketOpened", "ReplyAdded", "NoteAdded", "TicketSolved", "TicketClosed"} <= set(kinds)
    priority = next(fact for fact in facts if isinstance(fact, e.PrioritySet))
    assert (priority.priority, priority.pages, priority.obligation) == (e.Priority.URGENT, False, None)
    policy = DeskPolicy.model_validate(POLICIES["default"])
    assert [decide_clocks(None, fact, lambda _: policy) for fact in facts if isinstance(fact, e.TicketFact)] == [[]] * len(facts)
    directory = {("accounts", "premier@example.com"): {"name": "P"}}

    class Known:
        def get(self, kind: str, id_: str) -> dict[str, Any] | None:
            return directory.get((kind, id_))

    told = [one for fact in facts for one in notices_for(fact, Known(), House("bot@x", frozenset(), "http://x"))]
    assert told
    assert all(isinstance(one, Suppressed) for one in told)
    assert {one.reason for one in told if one.to == "premier@example.com"} == {"it was imported: it happened elsewhere and before"}  # type: ignore[union-attr]


async def test_the_same_not_imported_does_page_and_tell() -> None:
    _, requests, _ = await imported()
    now = [request.having({"imported": ""}) for request in requests]
    facts = facts_of(now)
    assert next(fact for fact in facts if isinstance(fact, e.PrioritySet)).pages
    policy = DeskPolicy.model_validate(POLICIES["default"])
    assert any(decide_clocks(None, fact, lambda _: policy) for fact in facts if isinstance(fact, e.TicketFact))


async def test_a_provider_is_not_given_what_it_knows_nothing_of() -> None:
    _, requests, _ = await imported(
        body="Our redisco add-on: the Redisco dashboard at redisco.example is down", closed=False, ended_at=None
    )
    assert not any(isinstance(fact, e.TicketAssigned) for fact in facts_of(requests))


async def test_importing_again_makes_the_same_requests() -> None:
    bench, first, answer = await imported()
    again = await post(bench, BODY)
    assert again.json() == answer
    found = bench.log.on("requests")
    assert [event.id for event in found[: len(first)]] == [event.id for event in found[len(first) :]]
    assert answer["ticket_id"] == first[0].key


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"at": "2999-01-01T00:00:00Z"}, 422), ({"at": "yesterday"}, 422), ({"at": "2024-03-01T12:00:00"}, 422),
        ({"requester": "nobody@example.com"}, 422), ({"source": "Zen desk"}, 422), ({"id": {"$ne": 1}}, 422), ({"by": "me"}, 422),
        ({"comments": [{**BODY["comments"][0], "at": "2999-01-01T00:00:00Z"}]}, 422),
    ],
)  # fmt: skip
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
