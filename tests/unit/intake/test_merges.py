"""A ticket is merged into another: by staff alone, and never into one that nobody knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.intake.app import build
from services.intake.tickets.shell import OTHERS_TICKET
from services.intake.world.portal_view import SeenTicket
from shared import events as e
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import call, is_problem

ENDS, GOES_ON, OTHERS, NOBODYS = (f"tkt_{letter * 26}" for letter in "abcd")
PATH = f"/v1/tickets/{ENDS}/merge"


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    mine = SeenTicket("premier@example.com", ("free@example.com",), "redisco", "open", "Slow")
    made.view.tickets = {
        ENDS: mine,
        GOES_ON: replace(mine, provider=None, status="pending"),
        OTHERS: SeenTicket("legacy@example.com", (), None, "new", ""),
    }
    return made


async def merge(bench: Bench, who: str, into: Any = GOES_ON) -> httpx.Response:
    return await call(bench, "POST", PATH, {"into": into}, f"demo-{who}")


@pytest.mark.parametrize("who", ["agent", "reviewer", "admin"])
async def test_staff_ask_and_what_is_known_of_the_other_ticket_is_recorded(
    bench: Bench, who: str
) -> None:
    answer = await merge(bench, who)
    assert (answer.status_code, answer.json()["warnings"]) == (202, [])
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.MergeTicket)
    assert (request.key, request.into, request.into_status) == (ENDS, GOES_ON, e.Status.PENDING)
    assert request.into_people == ("premier@example.com", "free@example.com")


@pytest.mark.parametrize(
    ("who", "status"), [("premier", 403), ("free", 403), ("redisco", 403), ("stranger", 404)]
)
@pytest.mark.parametrize("into", [GOES_ON, NOBODYS])
async def test_nobody_else_does_and_nobody_else_learns_which_tickets_there_are(
    bench: Bench, who: str, status: int, into: str
) -> None:
    assert (await merge(bench, who, into)).status_code == status
    assert bench.log.on("requests") == []


async def test_of_a_ticket_the_view_does_not_know_either_a_customer_learns_nothing(
    bench: Bench,
) -> None:
    """The router refuses it: it has the ticket."""
    del bench.view.tickets[ENDS]
    for into in (GOES_ON, NOBODYS):
        assert (await merge(bench, "premier", into)).status_code == 202
    assert {request.into_status for request in bench.log.on("requests")} == {None}  # type: ignore[attr-defined]


async def test_another_persons_ticket_is_warned_of_and_taken(bench: Bench) -> None:
    answer = await merge(bench, "agent", OTHERS)
    assert (answer.status_code, answer.json()["warnings"]) == (202, [OTHERS_TICKET])


async def test_there_must_be_such_a_ticket(bench: Bench) -> None:
    found = is_problem(await merge(bench, "agent", NOBODYS), 422, "no-such-ticket")
    assert found["errors"][0]["pointer"] == "#/into"
    for wrong in ("7", "tkt_A", "", None, f"inc_{'a' * 26}"):
        is_problem(await merge(bench, "agent", wrong), 422, "invalid")
    assert bench.log.on("requests") == []


async def test_while_nobody_can_say_whose_ticket_it_is_it_is_asked_again_later(
    bench: Bench,
) -> None:
    bench.intake = replace(bench.intake, view=None)
    bench.app = build(bench.intake, bench.door, {})
    assert (await merge(bench, "agent")).status_code == 503
    assert bench.log.on("requests") == []
