"""The tables agree: what the workers take and make is what shared/topics.py says they do."""

from __future__ import annotations

from typing import Any

import pytest

from services.router import handlers as router
from services.router.incident.row import EVOLVE as STATUS_EVOLVE
from services.router.incident.row import IncidentState, StatusRow
from services.router.ticket.row import EVOLVE as TICKET_EVOLVE
from services.router.ticket.row import TicketRow
from services.sla import domain as sla_domain
from services.sla import handlers as sla
from shared.errors import Poisonous, Unavailable
from shared.events import (
    Acknowledge,
    EscalatePage,
    Heartbeat,
    NotePage,
    PolicyPublished,
    ReassignPage,
    RedeliverNotice,
    ResolvePage,
    RestoreAlerts,
    SilenceAlerts,
    Status,
    TestNotice,
    TestPage,
    VerifyContact,
)
from shared.policy import DESK
from shared.policy.book import PolicyBook
from shared.spine.work import Work
from shared.topics import CLOCKS, REQUESTS, STATUS, TICKETS, Topic
from shared.wire import Message, Record, record_for
from tests.unit.router.building import AT, open_ticket, policies, policy, request


def message(record: Record) -> Message:
    return Message(record.topic, 0, 0, record.key, record.value or b"", dict(record.headers), 0.0)


def test_the_router_takes_every_request_but_those_on_pages() -> None:
    """And those on notices and on the silence of alerts, which is the pager's; a heartbeat is
    nobody's to decide on.
    """
    others = {
        Acknowledge,
        ResolvePage,
        EscalatePage,
        NotePage,
        ReassignPage,
        VerifyContact,
        RedeliverNotice,
        TestNotice,
        TestPage,
        Heartbeat,
        SilenceAlerts,
        RestoreAlerts,
    }
    assert set(REQUESTS.events) - others == router.HANDLERS


def test_rows_know_every_fact_of_their_topic() -> None:
    assert set(TICKET_EVOLVE) == {kind.__name__ for kind in TICKETS.events}
    assert set(STATUS_EVOLVE) == set(STATUS.events)
    assert set(sla_domain.EVOLVE) == {kind.__name__ for kind in CLOCKS.events}
    assert set(TICKETS.events) >= sla.HANDLERS


def test_the_workers_stand_where_the_table_puts_them() -> None:
    works: tuple[tuple[Work[Any], Topic, tuple[Topic, ...]], ...] = (
        (router.work(PolicyBook().of), REQUESTS, (TICKETS, STATUS)),
        (sla.work(PolicyBook().of), TICKETS, (CLOCKS,)),
    )
    for work, source, targets in works:
        assert (work.input, work.outputs) == (source.name, tuple(target.name for target in targets))
        assert {target.author for target in targets} == {work.name}
        assert work.name in source.readers


def test_a_row_in_bytes_is_of_its_own_class() -> None:
    ticket = TicketRow(subject='"aggregate":"incident"', requester="ann@example.com")
    assert router.parse_row(ticket.to_bytes()) == ticket, "words in quotes are escaped"
    assert router.parse_row(b'{"seq": 3, "status": "new", "requester": "a"}') == TicketRow(
        seq=3, status=Status.NEW, requester="a"
    )
    incident = StatusRow(title="Widespread Application Outage", state=IncidentState.OPEN)
    assert router.parse_row(incident.to_bytes()) == incident


def test_what_is_parsed() -> None:
    opening = record_for(REQUESTS.name, open_ticket(), "intake")
    assert router.parse(message(opening)) == open_ticket()
    assert (
        router.parse(
            message(record_for(REQUESTS.name, request(Acknowledge, "primary", key="l.p"), "intake"))
        )
        is None
    )
    with pytest.raises(Poisonous, match="key"):
        router.parse(message(opening._replace(key="another")))
    assert sla.parse(message(record_for(TICKETS.name, open_ticket(), "router"))) is None, (
        "passed over by its header alone"
    )


def test_the_book_of_policies() -> None:
    book = PolicyBook()
    with pytest.raises(Unavailable, match="not read yet"):
        book.of({DESK: 1})
    with pytest.raises(Poisonous):
        book.of({})
    first = PolicyPublished(key=DESK, at=AT, version=1, document=policies()[DESK])
    for published in (
        first,
        first.model_copy(update={"document": {**first.document, "escalation": "another"}}),
        first.model_copy(update={"version": 2, "document": {"of": "tomorrow"}}),
    ):
        book.take(DESK, published.wire())
    book.take("on-call", b"not looked at")
    book.take(DESK, b"")
    assert book.of({DESK: 1, "on-call": 7}) == policy(), "the first of a version counts"
    assert book.of({DESK: 2}) == policy(), "one that no decision can use is read as the one before"
    assert "version 2 cannot be used" in (book.trouble() or "")
    with pytest.raises(Unavailable, match="not read yet"):
        book.of({DESK: 3})
