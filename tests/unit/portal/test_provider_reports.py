"""A provider's reports: equal to a recount of the facts, and of its own tickets alone."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.portal.operations.provider_reports import (
    ProviderReport,
    add_stays,
    blank_for_provider,
    make_ticket_filter,
    provider_tables,
)
from services.portal.operations.reports import days_until
from services.portal.projector.tickets import project
from shared import events as e
from tests.support.facts import BEGAN, POLICY, Ticket

pytestmark = pytest.mark.costly

DAYS = days_until(BEGAN.date(), 7)
PEOPLE = {"rick@redisco.example": "redisco", "mia@mailgrid.example": "mailgrid"}
AT_PROVIDER = {provider: person for person, provider in PEOPLE.items()}


def folded(facts: list[Any]) -> dict[str, Any]:
    doc: dict[str, Any] | None = None
    for fact in facts:
        doc = project(doc, fact)
    assert doc is not None
    return doc


def report_for(provider: str, told: list[list[Any]]) -> ProviderReport:
    report = blank_for_provider(DAYS)
    for facts in told:
        doc = folded(facts)
        add_stays(report, provider, doc, lambda who: PEOPLE.get(who) == provider)
    return report


def rated(ticket: Ticket, score: int) -> list[Any]:
    return ticket._add(
        f"rate {score}",
        e.TicketRated(
            at=ticket._later(),
            by=ticket.requester,
            policy=POLICY,
            score=score,
            comment="Between us.",
            provider=ticket.provider,
        ),
    )


def leaves(ticket: Ticket, by: str, to: str | None = None) -> list[Any]:
    return [fact.model_copy(update={"by": by}) for fact in ticket.assigned(to)]


def stories(count: int) -> list[list[Any]]:
    """The facts of tickets that went to one provider, to the other, to one after the other, or to
    none; answered or not, solved, come back, handed and taken back, rated.
    """
    chance = random.Random(5)
    told = []
    for number in range(count):
        at = BEGAN - timedelta(minutes=chance.randrange(10 * 24 * 60))
        ticket = Ticket(f"provided {number}", at=at)
        facts = ticket.opened(priority=chance.choice(list(e.Priority)))
        for provider in chance.sample(["redisco", "mailgrid"], chance.randrange(3)):
            ticket.at += timedelta(minutes=chance.randrange(600))
            facts += ticket.assigned(provider)
            if chance.random() < 0.7:
                ticket.at += timedelta(minutes=chance.randrange(300))
                facts += ticket.replied(f"p {number}", AT_PROVIDER[provider], "provider")
            facts += ticket.replied(f"s {number} {provider}", "agent@example.com", "staff")
            if chance.random() < 0.4:
                facts += ticket.solved()
                if chance.random() < 0.5:
                    facts += ticket.replied(f"c {number} {provider}", ticket.requester, "customer")
                else:
                    facts += rated(ticket, chance.randrange(1, 6))
                    break
            if chance.random() < 0.6:
                ticket.at += timedelta(minutes=chance.randrange(600))
                who = chance.choice([AT_PROVIDER[provider], "agent@example.com", "system"])
                facts += leaves(ticket, who)
        told.append(facts)
    return told


def recount(provider: str, told: list[list[Any]]) -> dict[str, Any]:
    """The same numbers from the facts alone, each by the plainest way."""
    found = dict.fromkeys(("came", "solved", "answered", "resolved", "own", "others", "rated"), 0)
    for facts in told:
        has_it, came, answered = False, BEGAN, False
        solved: datetime | None = None
        for fact in facts:
            if fact.type == "TicketAssigned":
                if has_it and fact.provider != provider:
                    found["own" if fact.by == AT_PROVIDER[provider] else "others"] += _in(fact.at)
                    _close(found, came, solved)
                has_it = fact.provider == provider
                if has_it:
                    came, answered, solved = fact.at, False, None
                    found["came"] += _in(came)
            elif not has_it:
                continue
            elif fact.type == "ReplyAdded" and fact.side == "provider" and not answered:
                answered = True
                found["answered"] += _in(came)
            elif fact.type == "ReplyAdded" and fact.side == "customer":
                solved = None
            elif fact.type == "TicketSolved":
                solved = fact.at
            elif fact.type == "TicketRated":
                found["rated"] += _in(fact.at)
        if has_it:
            _close(found, came, solved)
    return found


def _close(found: dict[str, int], came: datetime, solved: datetime | None) -> None:
    if solved is not None:
        found["solved"] += _in(solved)
        found["resolved"] += _in(came)


def _in(at: datetime) -> bool:
    return at.date() in DAYS


def test_a_report_is_equal_to_a_recount_of_the_facts() -> None:
    told = stories(400)
    for provider in AT_PROVIDER:
        report = report_for(provider, told)
        assert recount(provider, told) == {
            "came": sum(report.assigned.values()),
            "solved": sum(report.solved.values()),
            "answered": sum(len(each) for each in report.first_answer.values()),
            "resolved": sum(len(each) for each in report.resolution.values()),
            "own": report.handed_back,
            "others": report.taken_back,
            "rated": sum(report.ratings.values()),
        }
        assert min(report.handed_back, report.taken_back, sum(report.ratings.values())) > 5
    assert report_for("redisco", told) != report_for("mailgrid", told)


def test_of_another_providers_work_nothing_is_counted() -> None:
    """Also where both had the same ticket: what came before, and after, is not theirs."""
    ticket = Ticket("of two")
    facts = [*ticket.opened(), *ticket.assigned("mailgrid")]
    facts += ticket.replied("Ours.", AT_PROVIDER["mailgrid"], "provider")
    facts += ticket.assigned("redisco")
    facts += [*ticket.solved(), *rated(ticket, 1)]
    mailgrid, redisco = (report_for(name, [facts]) for name in ("mailgrid", "redisco"))
    assert (sum(mailgrid.solved.values()), mailgrid.ratings, mailgrid.resolution) == (0, {}, {})
    assert (mailgrid.taken_back, redisco.taken_back) == (1, 0)
    assert (redisco.first_answer, redisco.ratings) == ({}, {1: 1})
    assert report_for("fixie", [facts]) == blank_for_provider(DAYS)


def test_an_older_tickets_document_has_no_stays() -> None:
    report = blank_for_provider(DAYS)
    add_stays(report, "redisco", {"provider": "redisco"}, lambda _: False)
    assert report == blank_for_provider(DAYS)


def test_what_counts_in_these_days_is_found_by_its_last_touch() -> None:
    """The filter leaves out only what the report would not count."""
    since = make_ticket_filter("redisco", DAYS)["stays"]["$elemMatch"]["touched"]["$gte"]
    for facts in stories(400):
        doc = folded(facts)
        stays = [each for each in doc.get("stays", ()) if each["provider"] == "redisco"]
        if all(stay["touched"] < since for stay in stays):
            report = blank_for_provider(DAYS)
            add_stays(report, "redisco", doc, lambda _: False)
            assert report == blank_for_provider(DAYS)


def test_each_table_has_a_head_for_each_column() -> None:
    tables = provider_tables(report_for("redisco", stories(60)))
    assert [table.key for table in tables] == [
        "volume",
        "first-answer",
        "resolution",
        "take-backs",
        "ratings",
    ]
    for table in tables:
        assert {len(line) for line in table.rows} == {len(table.head)}, table.key
    words = " ".join(table.says for table in tables)
    assert "Between us" not in words
    assert [day for day, _, _ in tables[0].rows] == [
        day.isoformat() for day in days_until(date(2026, 3, 3), 7)
    ]
