"""Which news means what for pages, and that both roads of an urgent ticket meet in one event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notifier.front.loop import in_order, records_for
from services.notifier.front.rules import HANDLERS
from shared import topics
from shared.events import (
    AckAsked,
    Acknowledge,
    Actor,
    Admission,
    DeadLetter,
    DowngradeSeen,
    EscalateAsked,
    EscalatePage,
    Event,
    OpenTicket,
    PageWanted,
    Plan,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ResolveAsked,
    ResolvePage,
    Role,
    SolveSeen,
    TicketMerged,
    TicketSolved,
    Via,
)
from shared.ids import obligation_id, page_id
from shared.wire import Message, headers_for

NOW = datetime(2025, 3, 3, 3, tzinfo=UTC)
PREMIER = Actor(email="premier@example.com", via=Via.WEB)
PRIMARY = Actor(email="primary@example.com", roles=(Role.ON_CALL,), via=Via.WEB)
OWED = obligation_id("tkt_1", "req_1")
TICKET = OpenTicket(
    id="req_1",
    key="tkt_1",
    at=NOW,
    actor=PREMIER,
    policy={"default": 1},
    subject="Down",
    body="b",
    app="shop",
    priority=Priority.URGENT,
    admission=Admission(plan=Plan.PREMIER),
    lane="lane_a",
    pages=True,
)
FACT = {
    "key": "tkt_1",
    "at": NOW,
    "policy": {"default": 1},
    "lane": "lane_a",
    "subject": "Down",
    "requester": PREMIER.email,
}
SET = PrioritySet(
    **FACT,
    id="fct_1",
    seq=2,
    cause="req_1",
    by=PREMIER.email,
    requested=Priority.URGENT,
    priority=Priority.URGENT,
    plan=Plan.PREMIER,
    opened_at=NOW,
    pages=True,
    obligation=OWED,
)
REVIEWED = PriorityReviewed(
    **FACT,
    id="fct_2",
    seq=3,
    cause="req_2",
    by="reviewer@example.com",
    previous=Priority.URGENT,
    priority=Priority.HIGH,
    reason="staging only",
    plan=Plan.PREMIER,
)
SOLVED = TicketSolved(
    **FACT,
    id="fct_3",
    seq=4,
    cause="req_3",
    by="agent@example.com",
    resolution="done",
    side="staff",
)
PAGE = page_id("lane_a", OWED)


def message(topic: str, event: Event, offset: int = 0) -> Message:
    headers = headers_for(event, "test", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    return Message(topic, 0, offset, event.key, event.wire(), dict(headers), 0.0)


def news(topic: str, event: Event) -> list[Event]:
    found = records_for([message(topic, event)], NOW)
    assert all(record.headers[-1][0] == "traceparent" for record in found)
    assert all(record.key == "lane_a" for record in found)
    return [event for record in found if (event := topics.read(record.value or b""))]


def test_both_roads_of_an_urgent_ticket_make_one_event() -> None:
    (by_urgent,), (by_router,) = news("urgent", TICKET), news("tickets", SET)
    assert isinstance(by_urgent, PageWanted) and isinstance(by_router, PageWanted)
    assert by_urgent.id == by_router.id == by_urgent.obligation == by_router.obligation == OWED
    assert by_urgent.request_id == by_router.request_id == "req_1"


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        ("requests", TICKET),  # the router's business: the copy on `urgent` is ours
        ("urgent", TICKET.model_copy(update={"pages": False})),
        ("tickets", SET.model_copy(update={"pages": False, "obligation": None})),
        ("tickets", REVIEWED),
        ("tickets", SOLVED),
    ],
)
def test_what_wakes_nobody_makes_nothing(topic: str, event: Event) -> None:
    assert news(topic, event) == []


def test_a_downgrade_and_a_late_raise() -> None:
    lowered = REVIEWED.model_copy(update={"cancels": (OWED,)})
    raised = REVIEWED.model_copy(
        update={"id": "fct_4", "pages": True, "obligation": "obl_2", "priority": Priority.URGENT}
    )
    assert [
        (type(event), event.by)
        for event in news("tickets", lowered)
        if isinstance(event, DowngradeSeen)
    ] == [(DowngradeSeen, "reviewer@example.com")]
    (wanted,) = news("tickets", raised)
    assert (
        isinstance(wanted, PageWanted)
        and wanted.obligation == wanted.id == "obl_2"
        and wanted.request_id == "req_2"
    )


def test_a_solution_names_what_is_no_longer_owed() -> None:
    (seen,) = news("tickets", SOLVED.model_copy(update={"obligations": (OWED,)}))
    assert isinstance(seen, SolveSeen) and seen.obligations == (OWED,)


def test_a_merge_ends_the_pages_of_the_ticket_that_ends() -> None:
    about = {"id": "fct_5", "key": SOLVED.key, "at": NOW, "by": "agent@example.com", "policy": {}}
    merged = TicketMerged(
        **about,
        into="tkt_b",
        is_shared=True,
        waits=True,
        subject="Down",
        requester="ann@example.com",
        lane=SOLVED.lane,
    )
    assert news("tickets", merged) == []
    (seen,) = news("tickets", merged.model_copy(update={"obligations": (OWED,)}))
    assert isinstance(seen, SolveSeen) and (seen.key, seen.obligations) == (SOLVED.lane, (OWED,))
    assert "merged" in seen.reason


@pytest.mark.parametrize(
    ("actor", "via_link", "may", "via"),
    [(PRIMARY, False, True, "web"), (PREMIER, False, False, "web"), (PREMIER, True, True, "link")],
)
def test_who_may_acknowledge(actor: Actor, via_link: bool, may: bool, via: str) -> None:
    (asked,) = news(
        "requests",
        Acknowledge(id="req_9", key=PAGE, at=NOW, actor=actor, policy={}, via_link=via_link),
    )
    assert isinstance(asked, AckAsked)
    assert (asked.id, asked.page, asked.may, asked.via, asked.by) == (
        "req_9",
        PAGE,
        may,
        via,
        actor.email,
    )


@pytest.mark.parametrize(
    ("request_type", "asked_type"), [(ResolvePage, ResolveAsked), (EscalatePage, EscalateAsked)]
)
def test_who_may_resolve_and_escalate(request_type: type, asked_type: type) -> None:
    for actor, may in [(PRIMARY, True), (PREMIER, False)]:
        (asked,) = news(
            "requests", request_type(id="req_9", key=PAGE, at=NOW, actor=actor, policy={})
        )
        assert isinstance(asked, asked_type) and asked.may is may


@pytest.mark.parametrize("raw", [b"", b"{", b'{"type":"OpenTicket"}', b"\xff"])
def test_what_cannot_be_read_becomes_a_dead_letter_and_holds_up_nobody(raw: bytes) -> None:
    broken = Message("urgent", 3, 7, "tkt_0", raw, {}, 0.0)
    first, second = records_for([broken, message("urgent", TICKET)], NOW)
    assert (first.topic, second.topic) == ("dead-letters", "page-inbox")
    letter = DeadLetter.read(first.value or b"")
    assert (letter.topic, letter.partition, letter.offset, letter.key) == (
        "urgent",
        3,
        7,
        "tkt_0",
    ) and letter.reason


def test_a_page_without_a_lane_is_a_dead_letter() -> None:
    (record,) = records_for(
        [
            message(
                "requests", Acknowledge(id="r", key="nonsense", at=NOW, actor=PRIMARY, policy={})
            )
        ],
        NOW,
    )
    assert record.topic == "dead-letters"


def test_urgents_come_first_in_a_batch() -> None:
    batch = {("tickets", 0): [message("tickets", SET)], ("urgent", 4): [message("urgent", TICKET)]}
    assert [found.topic for found in in_order(batch)] == ["urgent", "tickets"]


def test_the_table_agrees_with_the_topics() -> None:
    for topic, handled in HANDLERS.items():
        assert "notifier.front" in topics.TOPICS[topic].readers
        assert set(handled) <= set(topics.TOPICS[topic].events)
