"""One ticket goes on in another: what ends, what the other says, and who learns of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake.followers.on_merge import NOTES, on_merged
from services.router.ticket.domain import DECIDE
from shared.events import (
    Actor,
    AddReply,
    CloseTicket,
    MergeTicket,
    NoteMerge,
    Priority,
    Request,
    Solve,
    Status,
    TicketMerged,
    Via,
)
from tests.unit.router.building import AT, Ticket, actor, open_ticket, policy_of, request

ME, OTHER = "premier@example.com", "free@example.com"
MERGE = request(
    MergeTicket, "agent", into="tkt_b", into_status=Status.OPEN, into_people=(ME,), id="merge"
)
ANSWER = request(AddReply, "agent", body="Try again.", id="answer")
SOLVE = request(Solve, "agent", resolution="Done.", id="solve")
CLOSE = request(CloseTicket, "agent", ended=AT + timedelta(days=9), id="close")


def but(**changes: Any) -> Request:
    changed: Request = MERGE.model_copy(update=changes)
    return changed


ENDS: list[tuple[str, list[Request], Request, str]] = [
    ("new", [], MERGE, "shared waits"),
    ("open", [request(AddReply, "agent", audience="staff", body="x")], MERGE, "shared waits"),
    ("it waits for the customer", [ANSWER], MERGE, "shared"),
    ("solved", [SOLVE], MERGE, "shared"),
    ("closed", [SOLVE, CLOSE], MERGE, "!not-in-this-state"),
    ("twice", [MERGE], but(id="again"), "!not-in-this-state"),
    ("into itself", [], but(into="tkt_a"), "!merge-into-itself"),
    ("into none", [], but(into_status=None), "!no-such-ticket"),
    ("into one that is new", [], but(into_status=Status.NEW), "shared waits"),
    ("into one that is pending", [], but(into_status=Status.PENDING), "shared waits"),
    ("into one that is solved", [], but(into_status=Status.SOLVED), "!not-live"),
    ("into one that is closed", [], but(into_status=Status.CLOSED), "!not-live"),
    ("into another person's", [], but(into_people=(OTHER,)), ""),
    ("into one they take part in", [], but(into_people=(OTHER, ME)), "shared waits"),
    ("addresses are folded", [], but(into_people=("Premier@Example.com",)), "shared waits"),
    ("by its customer", [], but(actor=actor("premier")), "!not-allowed"),
    ("by somebody else", [], but(actor=actor("free")), "!no-such-ticket"),
]


@pytest.mark.parametrize(("story", "before", "merge", "said"), ENDS, ids=[s for s, *_ in ENDS])
def test_how_a_ticket_ends(story: str, before: list[Request], merge: Request, said: str) -> None:
    ticket = Ticket(open_ticket())
    for each in before:
        assert ticket.take(each)
    first, *rest = ticket.take(merge)
    if said.startswith("!"):
        assert (f"!{first.code}", rest) == (said, [])
        return
    assert isinstance(first, TicketMerged)
    assert (first.into, first.by) == ("tkt_b", "agent@example.com")
    assert "shared" * first.is_shared + " waits" * first.waits == said
    assert [fact.type for fact in rest] == ["TicketClosed"]
    assert ticket.row is not None and ticket.row.status is Status.CLOSED
    assert ticket.take(merge) == [], "the same request again decides nothing"


def test_nobody_learns_of_it_whose_mail_was_not_confirmed() -> None:
    first, *_ = Ticket(open_ticket(verified=False)).take(MERGE)
    assert (first.is_shared, first.waits) == (False, False)


def test_its_pages_and_the_access_to_the_app_end() -> None:
    urgent = {"access_granted": True}
    ticket = Ticket(open_ticket(priority=Priority.URGENT, urgent=urgent))
    assert ticket.row is not None
    owed = ticket.row.obligations
    first, access, closed = ticket.take(MERGE)
    assert owed and first.obligations == owed and ticket.row.obligations == ()
    assert (access.type, closed.type, ticket.row.access) == ("AccessEnded", "TicketClosed", False)


NOTED: list[tuple[str, list[Request], bool, str, list[str]]] = [
    ("new", [], True, "new", ["MergeNoted"]),
    ("new, nobody waits", [], False, "open", ["MergeNoted"]),
    ("waited for its customer", [ANSWER], True, "open", ["MergeNoted"]),
    ("waits for its customer still", [ANSWER], False, "pending", ["MergeNoted"]),
    ("solved meanwhile", [SOLVE], True, "open", ["TicketReopened", "MergeNoted"]),
    ("solved, nobody waits", [SOLVE], False, "solved", ["MergeNoted"]),
    ("closed meanwhile", [SOLVE, CLOSE], True, "closed", ["MergeNoted"]),
]


@pytest.mark.parametrize(
    ("story", "before", "waits", "then", "kinds"), NOTED, ids=[s for s, *_ in NOTED]
)
def test_what_the_other_ticket_says(
    story: str, before: list[Request], waits: bool, then: str, kinds: list[str]
) -> None:
    ticket = Ticket(open_ticket())
    for each in before:
        ticket.take(each)
    note = request(NoteMerge, "agent", merged="tkt_b", waits=waits, id="note")
    facts = ticket.take(note)
    assert [fact.type for fact in facts] == kinds
    noted = facts[-1]
    assert (noted.merged, noted.status, ticket.row and ticket.row.status) == ("tkt_b", then, then)
    assert noted.waits is (waits and then != "closed")
    assert ticket.take(note) == []


def test_the_fact_of_the_one_asks_the_other_once() -> None:
    one, other = Ticket(open_ticket()), Ticket(open_ticket(key="tkt_b"))
    merged, *_ = one.take(MERGE)
    asked, again = on_merged(merged), NOTES[TicketMerged](merged)
    assert asked == again and type(asked) in DECIDE
    assert (asked.key, asked.merged, asked.waits) == ("tkt_b", "tkt_a", True)
    assert asked.actor == Actor(email="agent@example.com", roles=(), via=Via.SYSTEM)
    assert NoteMerge.read(asked.wire()) == asked
    (noted,) = other.take(asked)
    assert (noted.by, noted.merged) == ("agent@example.com", "tkt_a")
    assert other.take(asked) == []
    assert policy_of(asked.policy)
