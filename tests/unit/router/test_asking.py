"""Asking people by mail to take part: nobody is put on a ticket, and no means no."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.router.ticket.domain import decide
from services.router.ticket.sharing import MOST_PARTICIPANTS
from shared.events import (
    Actor,
    AddReply,
    AnswerAsk,
    AskParticipant,
    MergeTicket,
    RemoveParticipant,
    Request,
    Role,
    Solve,
    Status,
    Via,
)
from shared.policy import AskRules
from tests.unit.router.building import AT, STAMP, Ticket, open_ticket, policy, request
from tests.unit.router.test_flow import outcome

FREE = "free@example.com"
ASK = request(AskParticipant, "premier", email="Free@Example.com")
YES = request(AnswerAsk, "free", agree=True)
NO = request(AnswerAsk, "free", agree=False)
OFF = request(RemoveParticipant, "premier", email=FREE)
LEAVE = request(RemoveParticipant, "free", email=FREE)
OVER = AT + policy().asks.good_for


def again(asked: Request, **changes: Any) -> Any:
    return asked.model_copy(update={"id": f"{asked.id}_again", **changes})


def ask_of(email: str, who: str = "premier", **fields: Any) -> Any:
    return request(AskParticipant, who, email=email, id=f"ask_{who}_{email}", **fields)


CASES: list[tuple[str, list[Request], Request, str]] = [
    # Who is asked.
    ("a stranger", [], ask_of("new@example.org"), "ParticipantAsked"),
    ("by staff", [], ask_of("new@example.org", "agent"), "ParticipantAsked"),
    ("by a stranger to the ticket", [], ask_of("new@example.org", "free"), "!no-such-ticket"),
    ("the requester", [], ask_of("PREMIER@example.com", "agent"), "!already-joined"),
    ("a participant", [ASK, YES], again(ASK), "!already-joined"),
    ("twice", [ASK], again(ASK), "!ask-pending"),
    ("again when the first is over", [ASK], again(ASK, at=OVER), "ParticipantAsked"),
    ("who said no", [ASK, NO], again(ASK), "!said-no-thanks"),
    (
        "who said no, much later, by staff",
        [ASK, NO],
        ask_of(FREE, "agent", at=OVER),
        "!said-no-thanks",
    ),
    ("who left", [ASK, YES, LEAVE], again(ASK), "!said-no-thanks"),
    ("who was taken off", [ASK, YES, OFF], again(ASK), "ParticipantAsked"),
    ("whom intake will not ask", [], ask_of("no-reply@example.org", not_asked="w"), "!not-asked"),
    # Who answers.
    ("yes", [ASK], YES, "ParticipantJoined"),
    ("no", [ASK], NO, "ParticipantDeclined"),
    ("yes after no", [ASK, NO], again(YES), "!not-asked-to-join"),
    ("yes of somebody nobody asked", [], YES, "!not-asked-to-join"),
    (
        "yes in the last moment",
        [ASK],
        again(YES, at=OVER - timedelta(seconds=1)),
        "ParticipantJoined",
    ),
    ("yes too late", [ASK], again(YES, at=OVER), "!ask-expired"),
    ("no, however late", [ASK], again(NO, at=OVER + timedelta(days=99)), "ParticipantDeclined"),
    ("yes to what was taken back", [ASK, OFF], YES, "!not-asked-to-join"),
    (
        "yes on a solved ticket",
        [ASK, request(Solve, "agent", resolution="x")],
        YES,
        "ParticipantJoined",
    ),
    (
        "yes on a closed ticket",
        [ASK, request(MergeTicket, "agent", into="tkt_b", into_status=Status.OPEN)],
        YES,
        "!not-asked-to-join",
    ),
    # Who goes.
    ("left", [ASK, YES], LEAVE, "ParticipantRemoved"),
    ("left twice", [ASK, YES, LEAVE], again(LEAVE), "!no-such-ticket"),
    (
        "taken off by staff",
        [ASK, YES],
        request(RemoveParticipant, "agent", email=FREE),
        "ParticipantRemoved",
    ),
    ("taken off who is not on it", [], OFF, "!not-on-it"),
    (
        "the requester",
        [],
        request(RemoveParticipant, "agent", email="premier@example.com"),
        "!not-allowed",
    ),
    (
        "an ask of one's own is taken back",
        [ASK, YES, ask_of("new@example.org", "free")],
        request(RemoveParticipant, "free", email="new@example.org"),
        "ParticipantRemoved",
    ),
    (
        "somebody else's ask",
        [ASK, YES, ask_of("new@example.org")],
        request(RemoveParticipant, "free", email="new@example.org"),
        "!not-allowed",
    ),
    (
        "left a closed ticket",
        [ASK, YES, request(MergeTicket, "agent", into="tkt_b", into_status=Status.OPEN)],
        LEAVE,
        "ParticipantRemoved",
    ),
]


@pytest.mark.parametrize(
    ("case", "before", "asked", "expected"), CASES, ids=[case for case, *_ in CASES]
)
def test_who_is_asked_answers_and_goes(
    case: str, before: list[Request], asked: Request, expected: str
) -> None:
    ticket = Ticket(open_ticket())
    for each in before:
        assert not outcome(ticket.take(each)).startswith("!")
    assert outcome(ticket.take(asked)) == expected


def test_nobody_sees_the_ticket_or_gets_its_mail_before_they_agree_and_after_they_left() -> None:
    ticket = Ticket(open_ticket())
    (asked,) = ticket.take(ASK)
    assert (asked.person, asked.by, asked.asks) == ("Free@Example.com", "premier@example.com", 1)
    assert (asked.expires_at, asked.subject) == (OVER, "The app is slow")

    def answer(n: int) -> tuple[str, ...]:
        said: Any = ticket.take(request(AddReply, "agent", body="Hello.", id=f"answer{n}"))[0]
        return tuple(said.participants)

    assert answer(1) == ("premier@example.com",)
    assert outcome(ticket.take(request(AddReply, "free", body="x", id="f1"))) == "!no-such-ticket"
    (joined,) = ticket.take(YES)
    assert (joined.participant, joined.asked_by) == (FREE, "premier@example.com")
    assert answer(2) == ("premier@example.com", FREE)
    assert outcome(ticket.take(request(AddReply, "free", body="x", id="f2"))) == "ReplyAdded"
    (left,) = ticket.take(LEAVE)
    assert (left.left, left.participants) == (True, ("premier@example.com",))
    assert answer(3) == ("premier@example.com",)
    assert outcome(ticket.take(request(AddReply, "free", body="x", id="f3"))) == "!no-such-ticket"


def test_to_say_no_takes_no_account() -> None:
    ticket = Ticket(open_ticket())
    ticket.take(ask_of("new@example.org"))
    nobody = Actor(email="new@example.org", roles=(), via=Via.WEB)
    no = AnswerAsk(id="no", key="tkt_a", at=AT, actor=nobody, policy=STAMP, agree=False)
    assert outcome(ticket.take(no)) == "ParticipantDeclined"


@pytest.mark.parametrize("change", [{"roles": (Role.AGENT,)}, {"provider": "redisco"}])
def test_who_sees_tickets_by_their_work_does_not_join(change: dict[str, Any]) -> None:
    ticket = Ticket(open_ticket())
    ticket.take(ASK)
    assert (
        outcome(ticket.take(again(YES, actor=YES.actor.model_copy(update=change))))
        == "!not-for-you"
    )


def test_asks_of_a_ticket_are_bounded_for_ever() -> None:
    ticket, most = Ticket(open_ticket()), policy().asks.on_ticket
    for n in range(most):
        # Whether they are taken back does not matter: each was a mail.
        assert outcome(ticket.take(ask_of(f"a{n}@example.org"))) == "ParticipantAsked"
        ticket.take(request(RemoveParticipant, "premier", email=f"a{n}@example.org", id=f"r{n}"))
    assert outcome(ticket.take(ask_of("more@example.org"))) == "!too-many-asks"
    assert outcome(ticket.take(ask_of("later@example.org", at=OVER))) == "!too-many-asks"


def test_a_ticket_that_nobody_confirmed_asks_nobody() -> None:
    ticket = Ticket(open_ticket(verified=False))
    assert outcome(ticket.take(ask_of("new@example.org", "agent"))) == "!not-confirmed"


def test_people_on_a_ticket_are_bounded() -> None:
    ticket = Ticket(open_ticket())
    assert ticket.row is not None
    many = tuple(f"a{n}@example.org" for n in range(MOST_PARTICIPANTS))
    ticket.row = ticket.row.copy_with({"participants": many})
    assert outcome(ticket.take(ask_of("more@example.org"))) == "!too-many-participants"


def test_the_policy_says_how_long_how_many_and_whether_the_subject_is_named() -> None:
    rules = AskRules(good_for=timedelta(days=2), names_subject=False, on_ticket=1)
    changed = policy().model_copy(update={"asks": rules})
    ticket = Ticket(open_ticket())
    (asked,) = decide(ticket.row, ASK, lambda stamp: changed)
    assert (asked.expires_at, asked.subject) == (AT + timedelta(days=2), "")  # type: ignore[attr-defined]


def test_closing_ends_what_is_asked_and_keeps_who_said_no() -> None:
    ticket = Ticket(open_ticket())
    for each in (ASK, NO, ask_of("new@example.org")):
        ticket.take(each)
    ticket.take(request(MergeTicket, "agent", into="tkt_b", into_status=Status.OPEN))
    assert ticket.row is not None
    assert (ticket.row.asked, ticket.row.declined) == ({}, (FREE,))
