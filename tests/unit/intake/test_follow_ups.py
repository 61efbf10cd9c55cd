"""A ticket that takes up another again: only one that its writer may see."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.world.portal_view import SeenTicket
from services.router.ticket.domain import decide
from shared import events as e
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import is_problem, submit
from tests.unit.router.building import policy

pytestmark = pytest.mark.costly

BEFORE, OTHERS = (f"tkt_{letter * 26}" for letter in "ab")


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    mine = SeenTicket("premier@example.com", ("free@example.com",), None, "closed", "Old")
    made.view.tickets = {
        BEFORE: mine,
        OTHERS: SeenTicket("legacy@example.com", (), "redisco", "closed", ""),
    }
    return made


@pytest.mark.parametrize("who", ["demo-premier", "demo-free", "demo-agent"])
async def test_whoever_sees_the_ticket_takes_it_up_again(bench: Bench, who: str) -> None:
    assert (await submit(bench, who=who, follows=BEFORE)).status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.OpenTicket)
    opened: Any = decide(None, request, lambda stamp: policy())[0]
    assert request.follows == opened.follows == BEFORE


@pytest.mark.parametrize("named", [OTHERS, f"tkt_{'c' * 26}"])
async def test_what_one_may_not_see_is_not_there(bench: Bench, named: str) -> None:
    found = is_problem(await submit(bench, follows=named), 422, "no-such-ticket")
    assert found["errors"][0]["pointer"] == "#/follows"
    assert bench.log.on("requests") == []


@pytest.mark.parametrize("named", ["7", "tkt_A", f"tkt_{'a' * 26}\n", f"inc_{'a' * 26}"])
async def test_it_is_the_id_of_a_ticket(bench: Bench, named: str) -> None:
    is_problem(await submit(bench, follows=named), 422, "invalid")


async def test_an_emergency_does_not_wait_for_the_view(bench: Bench) -> None:
    answer = await submit(bench, app="premier-production", priority="urgent", follows=OTHERS)
    assert answer.status_code == 202
    assert len(bench.log.on("urgent")) == 1


async def test_a_ticket_that_follows_none_says_nothing_of_it(bench: Bench) -> None:
    await submit(bench)
    (request,) = bench.log.on("requests")
    assert b"follows" not in request.wire()
    assert b"follows" not in decide(None, request, lambda stamp: policy())[0].wire()  # type: ignore[arg-type]
