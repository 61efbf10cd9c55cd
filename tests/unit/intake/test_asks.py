"""Asking somebody by mail to take part in a ticket: whom we ask, how often, and who may answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.tickets.ask_limits import (
    AT_WORK,
    MACHINE,
    MANY_BY_ONE,
    MANY_TO_ONE,
    OURS,
    STOPPED,
    AskLimits,
)
from services.intake.world.portal_view import SeenTicket
from shared import events as e
from shared.people.subscriptions import KIND, stop_id
from shared.policy import AskRules
from shared.signed import links
from tests.unit.intake.building import SECRET, Bench
from tests.unit.intake.test_http import call, is_problem

TICKET, OTHER = "tkt_" + "a" * 26, "tkt_" + "b" * 26
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OWN = frozenset({"support@help.example.com"})
STOPPED_ONE = "gone@example.org"


class Directory:
    """Two accounts and a stop."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], dict[str, Any]] = {
            ("accounts", "agent@example.com"): {"roles": ["agent"]},
            ("accounts", "rae@redisco.example"): {"roles": ["provider"], "provider": "redisco"},
            ("accounts", "free@example.com"): {"roles": ["requester"]},
            (KIND, stop_id(STOPPED_ONE)): {
                "what": "stop",
                "email": STOPPED_ONE,
                "why": "bounced",
                "at": NOW.isoformat(),
            },
        }

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        return self.documents.get((kind, doc_id))


def find(limits: AskLimits, email: str, asker: str = "ann@example.org", **more: Any) -> str:
    return limits.find_obstacle(
        email, asker, Directory(), more.get("rules", AskRules()), more.get("now", NOW)
    )


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("Support@Help.Example.com", OURS),
        ("support+tkt_aaa.x@help.example.com", OURS),
        ("No-Reply@example.org", MACHINE),
        ("mailer-daemon@example.org", MACHINE),
        ("bounces+123@example.org", MACHINE),
        ("somebody@import.invalid", MACHINE),
        ("AGENT@example.com", AT_WORK),
        ("rae@redisco.example", AT_WORK),
        (STOPPED_ONE, STOPPED),
        ("free@example.com", ""),
        ("nobodys-friend@example.org", ""),
        ("stranger@example.org", ""),
    ],
)
def test_whom_we_never_ask(email: str, why: str) -> None:
    assert find(AskLimits(OWN), email) == why


def test_one_person_asks_so_many_a_day_and_one_address_is_asked_so_often() -> None:
    limits, rules = AskLimits(OWN), AskRules(by_person=2, to_address=3)

    def ask(email: str, asker: str, now: datetime = NOW) -> str:
        return find(limits, email, asker, rules=rules, now=now)

    assert [ask(f"a{n}@example.org", "ann@example.org") for n in range(3)] == ["", "", MANY_BY_ONE]
    assert ask("no-reply@example.org", "ben@example.org") == MACHINE
    asked = [ask("cy@example.org", f"{n}@example.org") for n in "pqrs"]
    assert asked == ["", "", "", MANY_TO_ONE]
    assert ask("x@example.org", "s@example.org") == "", "a refused ask uses up nothing"
    assert ask("a9@example.org", "ann@example.org", NOW + DAY) == ""
    assert ask("cy@example.org", "p@example.org", NOW + DAY) == ""


def test_each_of_two_copies_gives_half_of_the_days_limits() -> None:
    limits, rules = AskLimits(OWN, copies=2), AskRules(by_person=4, to_address=3)
    by_one = [find(limits, f"a{n}@example.org", "ann@example.org", rules=rules) for n in range(3)]
    assert by_one == ["", "", MANY_BY_ONE]
    to_one = [find(limits, "cy@example.org", f"{n}@example.org", rules=rules) for n in "pqr"]
    assert to_one == ["", "", MANY_TO_ONE]


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.view.tickets = {TICKET: SeenTicket("premier@example.com", (), "redisco", "open", "Slow")}
    return made


@pytest.mark.parametrize(
    ("who", "status"),
    [("premier", 202), ("agent", 202), ("redisco", 403), ("free", 404)],
)
async def test_who_may_ask(bench: Bench, who: str, status: int) -> None:
    answer = await call(
        bench, "POST", f"/v1/tickets/{TICKET}/ask", {"email": " Cy@example.org "}, f"demo-{who}"
    )
    assert answer.status_code == status
    asked = bench.log.on("requests")
    assert [request.email for request in asked] == (["Cy@example.org"] if status == 202 else [])


async def test_why_somebody_is_not_asked_goes_into_the_log(bench: Bench) -> None:
    body = {"email": "agent@example.com"}
    assert (await call(bench, "POST", f"/v1/tickets/{TICKET}/ask", body)).status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.AskParticipant)
    assert request.not_asked == AT_WORK


@pytest.mark.parametrize("email", ["", "cy", "a@b@c", "cy@example.org\nBcc: x@example.org", 7])
async def test_what_is_no_address_is_refused(bench: Bench, email: Any) -> None:
    answer = await call(bench, "POST", f"/v1/tickets/{TICKET}/ask", {"email": email})
    is_problem(answer, 422, "invalid")


def token_for(bench: Bench, person: str, ticket: str = TICKET, days: int = 1) -> str:
    until = bench.door.clock.now() + timedelta(days=days)
    return links.sign(SECRET.encode(), links.TAKE_PART, ticket, person, until)


async def answer_by_link(bench: Bench, token: str, *, agree: bool) -> Any:
    body = {"agree": agree, "token": token}
    return await call(bench, "POST", f"/v1/tickets/{TICKET}/answer-ask", body, None)


@pytest.mark.parametrize("agree", [True, False])
async def test_the_link_of_the_mail_answers_for_whom_it_was_made(bench: Bench, agree: bool) -> None:
    answer = await answer_by_link(bench, token_for(bench, "free@example.com"), agree=agree)
    assert answer.status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.AnswerAsk)
    assert (request.actor.email, request.agree) == ("free@example.com", agree)
    assert "token" not in request.wire().decode()


async def test_without_an_account_one_can_say_no_but_not_yes(bench: Bench) -> None:
    token = token_for(bench, "stranger@example.org")
    is_problem(await answer_by_link(bench, token, agree=True), 422, "no-such-account")
    assert (await answer_by_link(bench, token, agree=False)).status_code == 202
    (request,) = bench.log.on("requests")
    assert (request.actor.email, request.agree) == ("stranger@example.org", False)


async def test_a_link_is_good_for_its_ticket_purpose_and_time(bench: Bench) -> None:
    until = bench.door.clock.now() + DAY
    for token in (
        "",
        token_for(bench, "free@example.com", OTHER),
        token_for(bench, "free@example.com", days=-1),
        links.sign(SECRET.encode(), links.CONFIRM_SENDER, TICKET, "free@example.com", until),
        links.sign(b"another secret", links.TAKE_PART, TICKET, "free@example.com", until),
    ):
        is_problem(await answer_by_link(bench, token, agree=False), 401, "unauthenticated")
    assert bench.log.on("requests") == []


async def test_whoever_is_signed_in_answers_for_themselves_alone(bench: Bench) -> None:
    body = {"agree": True, "token": token_for(bench, "free@example.com")}
    path = f"/v1/tickets/{TICKET}/answer-ask"
    assert (await call(bench, "POST", path, body, "demo-premier")).status_code == 202
    (request,) = bench.log.on("requests")
    assert request.actor.email == "premier@example.com"
