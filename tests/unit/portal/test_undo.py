"""Taking back what was done to many tickets: what the router decides, taken back, leaves the ticket
as it was; and what happened since is left alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake.forms import TICKET_ACTIONS, fill
from services.portal.desk.bulk import BulkResult
from services.portal.desk.undo import (
    UNDO_FOR,
    describe_undone,
    is_too_late,
    make_undo_steps,
    requests_in,
)
from services.portal.tickets.forms import action_document
from shared.events import (
    AddReply,
    AssignTicket,
    HandOverTicket,
    ReleaseTicket,
    Reopen,
    Request,
    ReviewPriority,
    Solve,
    TagTicket,
    TakeTicket,
)
from tests.unit.router.building import AT, Ticket, open_ticket, request

ADA, ABEL = "agent@example.com", "agent2@example.com"
TO_ABEL = request(HandOverTicket, "agent", to=ABEL, to_name="Abel Agent")
TO_ARCHITECTS = request(AssignTicket, "agent", id="to architects", queue="csa")
TO_PLATFORM = request(AssignTicket, "agent", id="to platform", queue="platform")
TO_REDISCO = request(AssignTicket, "agent", id="to redisco", provider="redisco")
TAKE = request(TakeTicket, "agent")
BY_ABEL = request(TakeTicket, "agent2", id="by abel")
TAG = request(TagTicket, "agent", add=("wave", "h12"))
LOWER = request(ReviewPriority, "agent", priority="low", reason="Not that bad.")
SOLVE = request(Solve, "agent", resolution="Restarted.")
ONE, TWO, THREE = (f"tkt_{letter * 26}" for letter in "abc")


def entries(facts: list[Any], ticket: str = ONE) -> list[dict[str, Any]]:
    """As the timeline holds them."""
    return [
        {"ticket": ticket, "type": fact.type, "data": fact.model_dump(mode="json")}
        for fact in facts
    ]


def take_back(ticket: Ticket, facts: list[Any], who: str = "agent") -> list[str]:
    """What the router says to each step, by way of intake's forms: types of facts, or the reason of
    a refusal.
    """
    said: list[str] = []
    for place, step in enumerate(make_undo_steps(entries(facts))):
        kind, form = TICKET_ACTIONS[step.action]
        filled = fill(form, step.document)
        fields = {name: getattr(filled, name) for name in type(filled).model_fields}
        asked = request(kind, who, id=f"undo {facts[0].cause} {place}", **fields)
        for fact in ticket.take(asked):
            said.append(fact.reason if fact.type == "RequestRefused" else fact.type)
    return said


def state(ticket: Ticket) -> dict[str, Any]:
    assert ticket.row is not None
    kept = ("status", "queue", "provider", "priority", "owner", "tags")
    return {name: getattr(ticket.row, name) for name in kept}


DONE: list[tuple[str, list[Request], Request]] = [
    ("taken", [], TAKE),
    ("handed over from nobody", [], TO_ABEL),
    ("handed over from a colleague", [TAKE], TO_ABEL),
    ("to the architects", [], TO_ARCHITECTS),
    ("to the architects, from its owner", [BY_ABEL], TO_ARCHITECTS),
    ("from the architects", [TO_ARCHITECTS, BY_ABEL], TO_PLATFORM),
    ("from a provider", [TO_REDISCO], TO_PLATFORM),
    ("from a provider, its owner stays", [BY_ABEL, TO_REDISCO], TO_PLATFORM),
    ("tagged", [], TAG),
    ("tagged, one was there", [request(TagTicket, "agent2", add=("h12",))], TAG),
    ("priority", [], LOWER),
]


@pytest.mark.parametrize(("story", "before", "done"), DONE, ids=[each[0] for each in DONE])
def test_what_is_taken_back_leaves_the_ticket_as_it_was(
    story: str, before: list[Request], done: Request
) -> None:
    ticket = Ticket(open_ticket(kind="question"))
    for asked in before:
        ticket.take(asked)
    was = state(ticket)
    facts = ticket.take(done)
    assert state(ticket) != was
    take_back(ticket, facts)
    assert state(ticket) == was


def test_what_was_solved_is_open_again() -> None:
    ticket = Ticket(open_ticket())
    assert take_back(ticket, ticket.take(SOLVE)) == ["TicketReopened"]
    assert str(state(ticket)["status"]) == "open"


SINCE: list[tuple[str, Request, list[Request], list[str]]] = [
    ("a colleague has it", TAKE, [TO_ABEL], ["Abel Agent has it now."]),
    ("nobody has it", TO_ABEL, [request(ReleaseTicket, "agent2")], ["Nobody has it now."]),
    (
        "it is elsewhere",
        TO_ARCHITECTS,
        [TO_PLATFORM],
        ["It is in the queue platform now."],
    ),
    ("somebody took it there", TO_ARCHITECTS, [BY_ABEL], ["Abel Agent has it now."]),
    (
        "another priority",
        LOWER,
        [request(ReviewPriority, "agent2", priority="high", reason="It is.")],
        ["Its priority is high now."],
    ),
    (
        "reopened",
        SOLVE,
        [request(AddReply, "premier", body="Not at all.")],
        ["It was reopened meanwhile and is open now."],
    ),
    (
        "solved once more",
        SOLVE,
        [
            request(Reopen, "agent2"),
            request(Solve, "agent2", id="2", at=AT + timedelta(minutes=1), resolution="Now."),
        ],
        ["It was reopened meanwhile and is solved now."],
    ),
]


@pytest.mark.parametrize(("story", "done", "since", "said"), SINCE, ids=[each[0] for each in SINCE])
def test_a_ticket_that_moved_on_is_left_alone(
    story: str, done: Request, since: list[Request], said: list[str]
) -> None:
    ticket = Ticket(open_ticket(kind="question"))
    facts = ticket.take(done)
    for asked in since:
        assert [fact.type for fact in ticket.take(asked)] != ["RequestRefused"]
    now = state(ticket)
    assert take_back(ticket, facts) == said
    assert state(ticket) == now


def test_what_does_not_matter_stops_nothing() -> None:
    ticket = Ticket(open_ticket(kind="question"))
    facts = ticket.take(TAKE)
    ticket.take(request(AddReply, "premier", body="Any news?"))
    assert take_back(ticket, facts) == ["OwnerChanged"]


def test_taken_back_twice_is_taken_back_once() -> None:
    ticket = Ticket(open_ticket())
    facts = ticket.take(TO_ABEL)
    assert take_back(ticket, facts) == ["OwnerChanged"]
    assert take_back(ticket, facts) == [], "the same requests again"


def test_what_changed_nothing_needs_no_step() -> None:
    ticket = Ticket(open_ticket())
    ticket.take(TAG)
    assert make_undo_steps(entries(ticket.take(request(TagTicket, "agent2", add=("wave",))))) == []
    assert make_undo_steps(entries(ticket.take(TO_REDISCO))) == [], (
        "not one of the actions for many"
    )


def test_only_requests_with_a_ticket_are_read() -> None:
    fields = {"undo-req_a": ONE, "undo-req_b": "../x", "back": "/queue", f"pick-{TWO}": "yes"}
    assert requests_in(fields) == {"req_a": ONE}


def test_it_can_be_taken_back_for_a_while() -> None:
    at = AT.isoformat()
    assert not is_too_late(at, AT + UNDO_FOR)
    assert is_too_late(at, AT + UNDO_FOR + timedelta(seconds=1))


def test_what_cannot_be_taken_back_is_said_and_named() -> None:
    solved = Ticket(open_ticket()).take(SOLVE)
    facts = [*entries(solved, ONE), *entries(solved, TWO)]
    became = [BulkResult(ONE, "done"), BulkResult(TWO, "refused", "Abel Agent has it now.")]
    assert describe_undone(became, facts, [ONE, TWO, THREE]) == (
        "1 undone, 1 left alone: Abel Agent has it now (bbbbbbbb). "
        "Mail about it has left and cannot be called back (aaaaaaaa). "
        "They wait for us now, whoever's turn it was (aaaaaaaa)."
    )
    tagged = entries(Ticket(open_ticket()).take(TAG))
    assert describe_undone([BulkResult(ONE, "done")], tagged, []) == "1 undone."


def test_a_priority_is_set_for_many_with_its_reason() -> None:
    fields = {"priority": "low", "reason": "Not that bad."}
    assert action_document("review", fields) == {"priority": "low", "reason": "Not that bad."}
