"""A ticket that one of our staff opens for somebody: theirs in everything, and honest about who
wrote it.
"""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.outage.decisions import about_ticket
from services.notifier.front.rules import on_urgent
from services.router.ticket.domain import decide
from shared import events as e
from shared.events import Plan, Priority, Role
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import is_problem, submit
from tests.unit.router.building import policy

pytestmark = pytest.mark.costly

PREMIER = "premier@example.com"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def opened(bench: Bench) -> e.OpenTicket:
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.OpenTicket)
    return request


async def test_it_is_the_requesters_by_their_plan_and_app(bench: Bench) -> None:
    answer = await submit(
        bench,
        who="demo-agent",
        requester="Premier@example.com",
        app="premier-production",
        priority="urgent",
    )
    assert answer.status_code == 202
    request = opened(bench)
    assert (request.actor.email, request.requester, request.for_whom) == (
        "agent@example.com",
        PREMIER,
        PREMIER,
    )
    assert (request.admission.plan, request.admission.requester_name) == (
        Plan.PREMIER,
        "Priya Premier",
    )
    assert request.pages and bench.log.on("urgent") == [request]
    own = Bench()
    await submit(own, app="premier-production", priority="urgent")
    assert opened(own).lane == request.lane, "their own emergency about the app is the same page"
    (wanted,) = on_urgent(request)
    assert isinstance(wanted, e.PageWanted)
    assert (wanted.requester, about_ticket(request, "x").requester) == (PREMIER, PREMIER)


async def test_a_plan_that_pages_nobody_pages_nobody(bench: Bench) -> None:
    await submit(bench, who="demo-agent", requester="free@example.com", priority="urgent")
    assert not opened(bench).pages


async def test_the_facts_say_whose_it_is_and_who_wrote_it(bench: Bench) -> None:
    await submit(bench, who="demo-agent", requester=PREMIER)
    facts: list[Any] = decide(None, opened(bench), lambda stamp: policy())
    first = facts[0]
    assert isinstance(first, e.TicketOpened)
    assert (first.by, first.author, first.requester) == (
        "agent@example.com",
        "agent@example.com",
        PREMIER,
    )
    assert first.author_name and first.requester_name == "Priya Premier"
    told = [fact.requester for fact in facts if hasattr(fact, "requester")]
    assert set(told) == {PREMIER}


async def test_a_providers_turn_names_the_requester(bench: Bench) -> None:
    await submit(
        bench,
        who="demo-agent",
        requester=PREMIER,
        app="premier-production",
        addon="redisco",
    )
    facts = decide(None, opened(bench), lambda stamp: policy())
    (given,) = (fact for fact in facts if isinstance(fact, e.TicketAssigned))
    assert (given.requester, given.participants) == (PREMIER, (PREMIER,))


@pytest.mark.parametrize("who", ["demo-premier", "demo-redisco"])
async def test_nobody_but_staff_may(bench: Bench, who: str) -> None:
    for fields in ({}, {"priority": "urgent", "body": "x" * 20_000}):
        answer = await submit(bench, who=who, requester="free@example.com", **fields)
        is_problem(answer, 403, "forbidden")
    assert bench.log.on("requests") == []


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"requester": "nobody@example.com"}, 422, "no-such-account", "#/requester"),
        ({"requester": " "}, 422, "no-such-account", "#/requester"),
        ({"requester": ["a@example.com"]}, 422, "invalid", "#/requester"),
        ({"requester": PREMIER, "app": "free-production"}, 403, "not-a-collaborator", None),
        (
            {"requester": PREMIER, "priority": "urgent", "urgent": {"access_granted": True}},
            403,
            "forbidden",
            "#/urgent/access_granted",
        ),
    ],
)
async def test_what_is_refused_says_why(
    bench: Bench, fields: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    found = is_problem(await submit(bench, who="demo-agent", **fields), status, code)
    if pointer:
        assert found["errors"][0]["pointer"] == pointer
    else:
        assert found["detail"].startswith("They are not a collaborator")
    assert bench.log.on("requests") == []


async def test_a_deactivated_account_gets_no_ticket(bench: Bench) -> None:
    gone = {"email": PREMIER, "plan": "premier", "deactivated_at": "2026-01-01T00:00:00Z"}
    bench.log.holds("accounts", PREMIER, gone)
    answer = await submit(bench, who="demo-agent", requester=PREMIER)
    is_problem(answer, 422, "no-such-account")


async def test_for_oneself_is_ones_own(bench: Bench) -> None:
    for who in ("premier", "agent"):
        await submit(bench, who=f"demo-{who}", requester=f"{who}@Example.com")
    for request in bench.log.on("requests"):
        assert isinstance(request, e.OpenTicket)
        assert request.requester is None
        assert b'"requester":' not in request.wire(), "the log is as it was before"


async def test_the_router_takes_nobodys_word_for_it(bench: Bench) -> None:
    await submit(bench, who="demo-agent", requester=PREMIER, priority="high")
    forged = opened(bench).copy_with(
        {"actor": e.Actor(email="free@example.com", roles=(Role.REQUESTER,))}
    )
    (refusal,) = decide(None, forged, lambda stamp: policy())
    assert isinstance(refusal, e.RequestRefused) and refusal.code == "not-allowed"
    assert opened(bench).priority is Priority.HIGH
