"""Who has a ticket: what is decided after what, and which word refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from services.router.ticket import owning
from services.router.ticket.domain import decide
from shared.events import (
    SYSTEM,
    AddReply,
    AssignTicket,
    Audience,
    HandBack,
    HandOverTicket,
    ReleaseTicket,
    Request,
    Solve,
    TakeTicket,
)
from shared.policy import Ownership
from tests.unit.router.building import Ticket, open_ticket, policy, request

ADA, ABEL = "agent@example.com", "agent2@example.com"
TAKE = request(TakeTicket, "agent")
TO_ABEL = request(HandOverTicket, "agent", to=ABEL, to_name="Abel Agent", reason="You know it.")
RELEASE = request(ReleaseTicket, "agent")
TO_REDISCO = request(AssignTicket, "agent", id="to redisco", provider="redisco")
TO_ARCHITECTS = request(AssignTicket, "agent", id="to architects", queue="csa")
BACK = request(HandBack, "redisco", reason="Not ours.")


def outcome(facts: list[Any]) -> str:
    """The types of the facts with whose the ticket is, or `!` and the word of a refusal."""
    return " ".join(
        f"!{fact.code}"
        if fact.type == "RequestRefused"
        else f"{fact.how}:{fact.owner}"
        if fact.type == "OwnerChanged"
        else fact.type
        for fact in facts
    )


STORIES: list[tuple[str, list[tuple[Request, str]]]] = [
    ("taken, and given back", [(TAKE, f"taken:{ADA}"), (RELEASE, "released:None")]),
    ("nobody's cannot be released", [(RELEASE, "!no-owner")]),
    (
        "mine already",
        [(TAKE, f"taken:{ADA}"), (request(TakeTicket, "agent", id="2"), "!already-so")],
    ),
    (
        "two take it at once: the second is told",
        [(TAKE, f"taken:{ADA}"), (request(TakeTicket, "agent2"), "!has-owner")],
    ),
    (
        "taken from a colleague, whom one has seen",
        [(TAKE, f"taken:{ADA}"), (request(TakeTicket, "agent2", instead_of=ADA), f"taken:{ABEL}")],
    ),
    (
        "taken from somebody who is no longer the owner",
        [
            (TO_ABEL, f"handed-over:{ABEL}"),
            (request(TakeTicket, "reviewer", instead_of=ADA), "!has-owner"),
        ],
    ),
    ("handed over", [(TAKE, f"taken:{ADA}"), (TO_ABEL, f"handed-over:{ABEL}")]),
    (
        "to somebody who has it",
        [(TO_ABEL, f"handed-over:{ABEL}"), (TO_ABEL.model_copy(update={"id": "2"}), "!already-so")],
    ),
    (
        "to somebody outside",
        [(TO_ABEL.model_copy(update={"to_is_staff": False}), "!no-such-colleague")],
    ),
    ("the system has none", [(TAKE.model_copy(update={"actor": SYSTEM}), "!not-allowed")]),
    (
        "a provider's work is followed up by the owner",
        [(TAKE, f"taken:{ADA}"), (TO_REDISCO, "TicketAssigned"), (BACK, "TicketAssigned")],
    ),
    (
        "another team begins without an owner",
        [(TAKE, f"taken:{ADA}"), (TO_ARCHITECTS, "TicketAssigned moved:None")],
    ),
    (
        "from the architects to a provider, back to support: another team",
        [
            (TO_ARCHITECTS, "TicketAssigned"),
            (TAKE, f"taken:{ADA}"),
            (TO_REDISCO, "TicketAssigned"),
            (BACK, "TicketAssigned moved:None"),
        ],
    ),
    (
        "who solved it, keeps it",
        [
            (TAKE, f"taken:{ADA}"),
            (request(Solve, "agent", resolution="Done."), "TicketSolved"),
            (RELEASE, "!not-in-this-state"),
        ],
    ),
]


@pytest.mark.parametrize(("story", "steps"), STORIES, ids=[story for story, _ in STORIES])
def test_whose_it_is(story: str, steps: list[tuple[Request, str]]) -> None:
    ticket = Ticket(open_ticket(kind="question"))
    for asked, said in steps:
        assert outcome(ticket.take(asked)) == said
    last = [fact for fact in ticket.log if fact.type == "OwnerChanged"]
    assert ticket.row is not None
    assert ticket.row.owner == (last[-1].owner if last else None)  # type: ignore[attr-defined]


def test_a_change_says_who_had_it_before() -> None:
    ticket = Ticket(open_ticket())
    ticket.take(TAKE)
    (fact,) = ticket.take(TO_ABEL)
    assert (fact.previous, fact.owner_name, fact.reason) == (ADA, "Abel Agent", "You know it.")


@pytest.mark.parametrize(
    ("who", "fields", "owner"),
    [
        ("agent", {}, ADA),
        ("agent", {"audience": Audience.STAFF}, None),
        ("agent", {"automatic": True}, None),
        ("premier", {}, None),
    ],
)
@pytest.mark.parametrize("is_on", [True, False])
def test_an_answer_takes_the_ticket_only_where_the_policy_says_so(
    who: str, fields: dict[str, Any], owner: str | None, is_on: bool
) -> None:
    ticket = Ticket(open_ticket())
    rules = policy().model_copy(update={"ownership": Ownership(first_answer_takes=is_on)})
    facts = decide(ticket.row, request(AddReply, who, body="Hello.", **fields), lambda _: rules)
    owners = [fact.owner for fact in facts if fact.type == "OwnerChanged"]  # type: ignore[attr-defined]
    assert owners == ([owner] if is_on and owner else [])


def test_an_answer_leaves_a_ticket_with_its_owner() -> None:
    ticket = Ticket(open_ticket())
    ticket.take(TO_ABEL)
    rules = policy().model_copy(update={"ownership": Ownership(first_answer_takes=True)})
    assert ticket.row is not None
    asked = request(AddReply, "agent", body="Hello.")
    assert owning.take_by_reply(ticket.row, asked, lambda _: rules) == []


def reply(who: str, **fields: Any) -> Any:
    return request(AddReply, who, body="Hello.", **fields)


def test_who_wrote_without_having_seen_the_last_answer_is_told() -> None:
    ticket = Ticket(open_ticket())
    seen = len(ticket.log)
    assert outcome(ticket.take(reply("agent2", id="a", seen=seen))) == "ReplyAdded"
    assert outcome(ticket.take(reply("agent2", id="b", seen=seen))) == "ReplyAdded", "their own"
    assert outcome(ticket.take(reply("agent", id="c", seen=seen))) == "!answered-meanwhile"
    assert outcome(ticket.take(reply("agent", id="d"))) == "ReplyAdded", "nothing was said"
    assert outcome(ticket.take(reply("agent2", id="e", seen=seen))) == "!answered-meanwhile"
    assert outcome(ticket.take(reply("agent2", id="f", seen=len(ticket.log)))) == "ReplyAdded"


def test_a_note_or_a_machine_is_no_answer_but_solving_is() -> None:
    ticket = Ticket(open_ticket())
    seen = len(ticket.log)
    ticket.take(reply("agent2", audience=Audience.STAFF))
    ticket.take(reply("premier", automatic=True))
    assert outcome(ticket.take(reply("agent", id="a", seen=seen))) == "ReplyAdded"
    ticket.take(request(Solve, "agent2", resolution="Done."))
    assert outcome(ticket.take(reply("agent", id="b", seen=seen))) == "!answered-meanwhile"
