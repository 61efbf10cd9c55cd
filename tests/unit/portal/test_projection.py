"""Facts into documents: a table of what each fact changes, repeats, and what arrives before its
ticket.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.portal.projector.loop import describe_loss
from services.portal.projector.pages import (
    PAGE_VIEW,
    find_request_outcome,
    project_notice,
    project_page,
)
from services.portal.projector.tickets import TICKET_VIEW, bucket, project
from shared import events as e
from shared.topics import CLOCKS, PAGES, TICKETS
from tests.support.facts import BEGAN, POLICY, Ticket, page_facts, stamped

SHOWS_NOTHING = {
    "RequestRefused",
    "RequestParked",
    "PageRequestRefused",
    "ContactCheckStarted",
    "ContactChecked",
}


def after(*facts: Any) -> dict[str, Any]:
    doc = None
    for fact in facts:
        doc = project(doc, fact)
    assert doc is not None
    return doc


def test_every_fact_of_a_ticket_has_its_place_in_the_view() -> None:
    assert {kind.__name__ for kind in (*TICKETS.events, *CLOCKS.events)} - SHOWS_NOTHING == {
        kind.__name__ for kind in TICKET_VIEW
    }
    assert {kind.__name__ for kind in PAGES.events} - SHOWS_NOTHING == {
        kind.__name__ for kind in PAGE_VIEW
    }


CHANGES: dict[str, tuple[Callable[[Ticket], list[Any]], dict[str, Any]]] = {
    "opened": (
        lambda t: [],
        {
            "status": "new",
            "queue": "platform",
            "priority": "normal",
            "provider": None,
            "participants": [],
        },
    ),
    "assigned": (
        lambda t: t.assigned("redisco"),
        {"queue": "provider:redisco", "provider": "redisco", "status": "new"},
    ),
    "handed back": (
        lambda t: [*t.assigned("redisco"), *t.assigned(None)],
        {"queue": "platform", "provider": None},
    ),
    "suggested": (
        lambda t: t.suggested("redisco"),
        {"suggestion": {"provider": "redisco", "because": ["its name"], "confidence": None}},
    ),
    "a queue suggested": (
        lambda t: t.queue_suggested(),
        {
            "queue": "platform",
            "queue_suggestion": {
                "queue": "csa",
                "because": ["asks for advice: how many"],
                "confidence": 0.5,
            },
        },
    ),
    "a queue dismissed": (
        lambda t: [*t.queue_suggested(), *t.queue_dismissed()],
        {"queue_suggestion": None},
    ),
    "assigned meanwhile": (
        lambda t: [*t.queue_suggested(), *t.assigned("redisco")],
        {"queue_suggestion": None},
    ),
    "confirmed": (
        lambda t: [*t.suggested("redisco"), *t.assigned("redisco")],
        {"suggestion": None},
    ),
    "answered": (
        lambda t: t.replied("x", "agent@example.com", "staff"),
        {"status": "pending", "reply_count": 1},
    ),
    "asked again": (lambda t: t.replied("x", "rae@example.com", "customer"), {"status": "open"}),
    "noted": (lambda t: t.noted("x"), {"status": "open", "reply_count": 0}),
    "reviewed": (
        lambda t: t.reviewed(e.Priority.HIGH),
        {"priority": "high", "requested_priority": "normal"},
    ),
    "solved": (lambda t: t.solved(), {"status": "solved"}),
    "refused": (lambda t: t.refused(), {"status": "new", "seq": 4}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_fact_changes(name: str) -> None:
    happens, wanted = CHANGES[name]
    ticket = Ticket("one")
    doc = after(*ticket.opened(), *happens(ticket))
    assert {field: doc[field] for field in wanted} == wanted


def test_a_doubtful_reply_is_flagged_until_somebody_answers_or_reopens() -> None:
    ticket = Ticket("one")
    opened = ticket.opened()
    (away,) = ticket.replied("x", "ann@example.com", "customer")
    doubt = {"automatic": True, "automatic_because": "its subject", "doubtful": True}
    away = away.model_copy(update=doubt)
    flagged = after(*opened, away)
    assert flagged["doubtful_reply"]["because"] == "its subject"
    (machine,) = ticket.replied("x", "ann@example.com", "customer")
    still = project(flagged, machine.model_copy(update={"automatic": True}))
    assert still["doubtful_reply"] == flagged["doubtful_reply"]
    (answer,) = ticket.replied("x", "agent@example.com", "staff")
    assert project(still, answer)["doubtful_reply"] is None


def test_a_fact_seen_before_changes_nothing() -> None:
    ticket = Ticket("one")
    facts = [*ticket.opened(), *ticket.solved()]
    doc = after(*facts)
    for fact in facts:
        assert project(doc, fact) is doc
    assert project(doc, facts[-1].model_copy(update={"id": "fct_other"})) is doc


def test_a_document_is_never_changed_in_place() -> None:
    ticket = Ticket("one")
    doc = after(*ticket.opened(), *ticket.clock_started())
    frozen = repr(doc)
    happens = (
        ticket.assigned("redisco"),
        ticket.clock_met(),
        ticket.replied("x", "a@example.com", "staff"),
        ticket.suggested("redisco"),
    )
    for facts in happens:
        project(doc, facts[0])
    assert repr(doc) == frozen


def test_clock_facts_may_come_before_their_ticket() -> None:
    ticket = Ticket("one")
    opened, started = ticket.opened(), ticket.clock_started()
    early = after(*started)
    assert bucket(early) is None
    assert after(*started, *opened) == after(*opened, *started)
    later = [fact.model_copy(update={"at": fact.at + timedelta(minutes=1)}) for fact in started]
    assert after(*later, *opened) == after(*opened, *later), (
        "a rebuild reads them in another order, and makes the same view"
    )


def test_the_running_clock_gives_the_deadline_and_a_met_one_none() -> None:
    ticket = Ticket("one")
    doc = after(*ticket.opened(), *ticket.clock_started(timedelta(hours=4)))
    assert doc["due_at"] == "2026-03-03T19:00:00.000000Z"
    assert (
        after(*[*Ticket("one").opened(), *Ticket("one").clock_started()])["clocks"][0]["state"]
        == "running"
    )
    assert (
        project(doc, ticket.clock_breached(BEGAN + timedelta(hours=4))[0])["clocks"][0]["state"]
        == "breached"
    )  # type: ignore[index]
    met = project(doc, Ticket("one").clock_met()[0].model_copy(update={"seq": 2}))
    assert met is not None
    assert (met["due_at"], met["clocks"][0]["state"]) == (None, "met")


def test_the_queue_goes_by_customer_then_priority_then_deadline_then_age() -> None:
    def key(
        name: str,
        *,
        first: bool = False,
        priority: e.Priority = e.Priority.NORMAL,
        within: int | None = 8,
        late: int = 0,
    ) -> str:
        ticket = Ticket(name, at=BEGAN + timedelta(minutes=late))
        started = ticket.clock_started(timedelta(hours=within)) if within else []
        return str(after(*ticket.opened(first=first, priority=priority), *started)["order_key"])

    wanted = [
        key("a", first=True, priority=e.Priority.URGENT),
        key("b", first=True, priority=e.Priority.LOW),
        key("c", priority=e.Priority.URGENT),
        key("d", priority=e.Priority.HIGH),
        key("e", within=2),
        key("f", within=3),
        key("g", within=3, late=1),
        key("h", within=None),
        key("i", within=None, late=1),
    ]
    assert wanted == sorted(wanted)
    solved = Ticket("z")
    assert after(*solved.opened(first=True), *solved.solved())["order_key"] > wanted[-1]


def test_a_page_from_opened_to_acknowledged() -> None:
    doc = None
    states = []
    for fact in page_facts("tkt_1"):
        doc = project_page(doc, fact)
        assert doc is not None
        states.append((doc["state"], [attempt["outcome"] for attempt in doc["attempts"]]))
    assert states == [
        ("open", []),
        ("open", []),
        ("open", ["pending"]),
        ("open", ["accepted"]),
        ("acknowledged", ["accepted"]),
    ]
    assert doc is not None
    assert (doc["ticket_id"], doc["acknowledged_by"], doc["next_at"]) == (
        "tkt_1",
        "primary@example.com",
        None,
    )


def test_a_tombstone_is_no_page() -> None:
    (fact,) = stamped(
        [e.PageCancelled(at=BEGAN, page="", obligation="obl_1", by="x", reason="downgraded")],
        "lane_x",
    )
    assert project_page(None, fact) is None


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ((e.NoticeOwed, {"template": "t", "destination": "d"}), "owed"),
        ((e.NoticeAttempted, {"tries": 1}), "owed"),
        ((e.NoticeDelivered, {"tries": 1}), "delivered"),
        ((e.NoticeFailed, {"tries": 2, "reason": "r", "retry_at": BEGAN}), "retrying"),
        ((e.NoticeFailed, {"tries": 9, "reason": "r"}), "failed"),
        ((e.NoticeSuppressed, {"template": "t", "reason": "own address"}), "suppressed"),
    ],
)
def test_the_state_of_a_notice(
    fields: tuple[type[e.NoticeFact], dict[str, Any]], state: str
) -> None:
    kind, rest = fields
    (fact,) = stamped([kind(at=BEGAN, notice_kind="mail", to="rae@example.com", **rest)], "ntc_1")
    doc = project_notice(None, fact)
    assert doc is not None
    assert doc["state"] == state
    assert project_notice(doc, fact) is doc


def test_what_a_fact_says_of_its_request() -> None:
    ticket = Ticket("one")
    assert find_request_outcome(ticket.opened()[0]) == {"state": "done"}
    assert find_request_outcome(ticket.refused("nope")[0]) == {
        "state": "refused",
        "code": "nope",
        "reason": "It is not.",
    }
    assert (
        find_request_outcome(
            e.RequestParked(at=BEGAN, by="x", policy=POLICY, request={}, until=BEGAN)
        )
        is None
    )


@pytest.mark.parametrize(
    ("lost_at", "at", "said"),
    [
        ({}, {}, None),
        ({("tickets", 0): 5}, {("tickets", 0): 5, ("pages", 0): 1}, None),
        ({("tickets", 0): 5}, {}, "5 records to go"),
        ({("tickets", 0): 1005, ("pages", 1): 2}, {("tickets", 0): 7}, "1,000 records to go"),
    ],
)
def test_views_that_were_dropped_are_named_until_they_stand_where_they_stood(
    lost_at: dict[tuple[str, int], int], at: dict[tuple[str, int], int], said: str | None
) -> None:
    found = describe_loss(lost_at, at)
    assert found is None if said is None else found is not None and found.endswith(said)
