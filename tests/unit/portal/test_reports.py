"""Reports, folded from the views, are what a recount of the facts says."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from services.portal.operations.reports import (
    TicketReport,
    add,
    begin_of,
    blank,
    days_until,
    is_kept,
    percentile,
    tables_of,
)
from services.portal.projector.tickets import project
from shared import events as e
from tests.support.facts import BEGAN, Ticket

AGENT, CUSTOMER = "agent@example.com", "rae@example.com"
DAYS = days_until(BEGAN.date(), 7)


def stories(count: int) -> list[list[Any]]:
    """The facts of `count` tickets of the last ten days: answered or not, in time or not, solved,
    come back, solved again.
    """
    chance = random.Random(16)
    told = []
    for number in range(count):
        at = BEGAN - timedelta(minutes=chance.randrange(10 * 24 * 60))
        plan = chance.choice((e.Plan.PREMIUM, e.Plan.FREE))
        ticket = Ticket(f"report {number}", at=at, plan=plan)
        facts = ticket.opened(priority=chance.choice(list(e.Priority)))
        facts += ticket.clock_started()
        if chance.random() < 0.7:
            ticket.at += timedelta(minutes=chance.randrange(300))
            facts += ticket.replied(f"a {number}", AGENT, "staff")
            facts += ticket.clock_met()
        elif chance.random() < 0.5:
            facts += ticket.clock_breached(at + timedelta(hours=4))
        for again in range(chance.randrange(3)):
            ticket.at += timedelta(minutes=chance.randrange(2000))
            facts += ticket.solved()
            if chance.random() < 0.5:
                facts += ticket.replied(f"c {number} {again}", CUSTOMER, "customer")
            else:
                break
        told.append(facts)
    return told


def folded(facts: list[Any]) -> dict[str, Any]:
    doc: dict[str, Any] | None = None
    for fact in facts:
        doc = project(doc, fact)
    assert doc is not None
    return doc


def report_of(told: list[list[Any]]) -> TicketReport:
    report = blank(DAYS)
    for facts in told:
        add(report, folded(facts))
    return report


def recount(told: list[list[Any]]) -> dict[str, Any]:
    """The same numbers from the facts alone, each by the plainest way."""
    found: dict[str, Any] = {"opened": 0, "solved": 0, "open at the end": 0, "reopened": 0}
    found |= {"answered": 0, "kept": 0, "broken": 0, "ended": 0}
    for facts in told:
        opened = facts[0].at.date()
        solved: date | None = None
        back = False
        for fact in facts:
            if fact.type == "TicketSolved":
                solved = fact.at.date()
            elif fact.type == "ReplyAdded" and fact.side == "customer" and solved:
                solved, back = None, True
        found["solved"] += solved in DAYS
        found["open at the end"] += solved is None or solved > DAYS[-1]
        if opened not in DAYS:
            continue
        types = [fact.type for fact in facts]
        found["opened"] += 1
        found["answered"] += "ClockMet" in types
        found["kept"] += "ClockMet" in types
        found["broken"] += "ClockBreached" in types
        found["ended"] += "TicketSolved" in types
        found["reopened"] += back
    return found


def test_a_report_is_equal_to_a_recount_of_the_facts() -> None:
    told = stories(300)
    report = report_of(told)
    assert recount(told) == {
        "opened": sum(report.opened.values()),
        "solved": sum(report.solved.values()),
        "open at the end": report.backlog[DAYS[-1]],
        "answered": sum(len(each) for each in report.first_answer.values()),
        "kept": sum(kept for kept, _ in report.promises.values()),
        "broken": sum(broken for _, broken in report.promises.values()),
        "ended": report.ended,
        "reopened": report.reopened,
    }
    assert report.reopened > 10, "the stories hold some of each"


@pytest.mark.parametrize(
    ("by", "after", "reopened", "ended"),
    [
        (AGENT, timedelta(minutes=9), 0, 0),
        (AGENT, timedelta(minutes=16), 1, 1),
        (CUSTOMER, timedelta(minutes=1), 1, 1),
    ],
    ids=["a slip", "thought over", "by somebody else"],
)
def test_solving_by_mistake_is_not_a_ticket_that_came_back(
    by: str, after: timedelta, reopened: int, ended: int
) -> None:
    ticket = Ticket("slip", at=BEGAN - timedelta(days=1))
    facts = [*ticket.opened(), *ticket.solved()]
    ticket.at += after
    report = report_of([[*facts, *ticket.reopened(by)]])
    assert (report.reopened, report.ended) == (reopened, ended)


def test_what_is_left_out_of_the_read_changes_nothing() -> None:
    """A ticket that is done and was not touched in these days counts nowhere."""
    ticket = Ticket("long ago", at=BEGAN - timedelta(days=40))
    doc = folded([*ticket.opened(), *ticket.solved()])
    report = blank(DAYS)
    add(report, doc)
    assert report == blank(DAYS)
    assert doc["updated_at"] < begin_of(DAYS).isoformat()


@pytest.mark.parametrize(
    ("values", "half", "nine"),
    [([], None, None), ([5.0], 5.0, 5.0), ([float(n) for n in range(10, 0, -1)], 5.0, 9.0)],
)
def test_percentiles(values: list[float], half: float | None, nine: float | None) -> None:
    assert (percentile(values, 0.5), percentile(values, 0.9)) == (half, nine)


@pytest.mark.parametrize(
    ("clock", "kept"),
    [
        ({"state": "running"}, None),
        ({"state": "stopped"}, None),
        ({"state": "met"}, True),
        ({"state": "met", "late": True}, False),
        ({"state": "breached", "breached_at": "2026-01-01T00:00:00Z"}, False),
        ({"state": "met", "breached_at": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_which_promise_was_kept(clock: dict[str, Any], kept: bool | None) -> None:
    assert is_kept(clock) is kept


def test_each_table_has_a_head_for_each_column() -> None:
    tables = tables_of(report_of(stories(40)))
    assert [table.key for table in tables] == [
        "volume",
        "backlog",
        "first-answer",
        "resolution",
        "promises",
        "reopened",
        "ratings",
    ]
    for table in tables:
        assert table.rows
        assert {len(line) for line in table.rows} == {len(table.head)}, table.key
    empty = tables_of(blank(DAYS))
    assert [table.key for table in empty if not table.rows] == ["promises"]
