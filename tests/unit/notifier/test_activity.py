"""What puts off the reopening of a page that was acknowledged, from the ticket's fact to the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifier.front.rules import HANDLERS
from services.notifier.pager.handling import BEGINS_ANEW
from shared.events import (
    AckAsked,
    ActivitySeen,
    Audience,
    NoteAdded,
    PageAttended,
    Priority,
    ReplyAdded,
    TicketAssigned,
    Via,
)
from tests.unit.notifier.lane_words import LANE, Pager, obligation, page_of, policy, wanted

NOW = datetime(2025, 3, 3, 3, tzinfo=UTC)


def seen(activity: str, number: int = 1, ticket: str = "tkt_1") -> ActivitySeen:
    return ActivitySeen(
        id=f"act_{number}",
        key=LANE,
        at=NOW,
        ticket_id=ticket,
        obligations=(obligation(ticket),),
        by="agent@example.com",
        activity=activity,
    )


@pytest.fixture
def pager() -> Pager:
    """Acknowledged 20 minutes ago; half an hour is given."""
    made = Pager(policy(ack_timeout="30m"))
    made.takes(wanted())
    made.answers("accepted")
    made.asks(AckAsked)
    made.moves(minutes=20)
    return made


@pytest.mark.parametrize("activity", sorted(BEGINS_ANEW))
def test_work_on_the_ticket_begins_the_time_anew(pager: Pager, activity: str) -> None:
    assert pager.takes(seen(activity)) == ["PageAttended"]
    assert pager.moves(minutes=29) == []
    assert pager.moves(minutes=2)[0] == "PageReopened", "but it does not end it"
    (attended,) = pager.facts(PageAttended)
    assert (attended.by, attended.page) == ("agent@example.com", page_of())


@pytest.mark.parametrize("activity", ["rated", "read", ""])
def test_what_is_no_work_changes_nothing(pager: Pager, activity: str) -> None:
    assert pager.takes(seen(activity)) == []
    assert pager.moves(minutes=11)[0] == "PageReopened"


def test_it_acknowledges_nothing() -> None:
    pager = Pager(policy(ack_timeout="30m"))
    pager.takes(wanted())
    assert pager.takes(seen("answer")) == []
    assert pager.moves(minutes=5)[0] == "PageEscalated", "an open page goes on"


def test_other_tickets_and_pages_that_never_reopen_are_left_alone(pager: Pager) -> None:
    assert pager.takes(seen("answer", ticket="tkt_9")) == []
    forever = Pager()
    forever.takes(wanted())
    forever.asks(AckAsked)
    assert forever.takes(seen("answer")) == []


def test_work_on_any_ticket_of_the_page_counts(pager: Pager) -> None:
    other = Pager(policy(ack_timeout="30m"))
    other.takes(wanted())
    other.takes(wanted("tkt_2"))
    other.asks(AckAsked)
    assert other.takes(seen("note", ticket="tkt_2")) == ["PageAttended"]


ABOUT: dict[str, Any] = {
    "id": "fct_1",
    "key": "tkt_1",
    "seq": 9,
    "cause": "req_1",
    "at": NOW,
    "by": "agent@example.com",
    "policy": {},
}
OWED: dict[str, Any] = {"lane": LANE, "obligations": (obligation(),)}
TOLD: dict[str, Any] = {"author": "agent@example.com", "via": Via.WEB, "body": "b"}
PEOPLE: dict[str, Any] = {"subject": "s", "requester": "r@example.com", "priority": Priority.URGENT}
REPLY = ReplyAdded(
    **ABOUT, **TOLD, **PEOPLE, side="staff", audience=Audience.EVERYONE, status="pending", **OWED
)
NOTE = NoteAdded(**ABOUT, **TOLD, **OWED)
GIVEN = TicketAssigned(**ABOUT, **PEOPLE, queue="provider:redisco", provider="redisco", **OWED)
TAKEN = TicketAssigned(**ABOUT, **PEOPLE, queue="platform", provider=None, **OWED)


@pytest.mark.parametrize(
    ("fact", "word"), [(REPLY, "answer"), (NOTE, "note"), (GIVEN, "hand-over"), (TAKEN, "take")]
)
def test_the_front_tells_the_lane(fact: Any, word: str) -> None:
    (event,) = HANDLERS["tickets"][type(fact)](fact)
    assert isinstance(event, ActivitySeen)
    assert (event.key, event.activity, event.by) == (LANE, word, "agent@example.com")
    assert word in BEGINS_ANEW
    assert list(HANDLERS["tickets"][type(fact)](fact.model_copy(update={"obligations": ()}))) == []
