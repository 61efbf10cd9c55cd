"""In which lists of the desk a ticket stands, after each thing that can happen to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.portal.desk.homes import (
    DeskSelection,
    DeskTab,
    choose_landing,
    homes_of,
    shelf_for,
    shelves_of,
)
from services.portal.projector.tickets import project
from shared import events as e
from shared.events import Actor, Role
from tests.support.facts import POLICY, Ticket, stamped

ADA = "agent@example.com"


def nothing(ticket: Ticket) -> list[Any]:
    return []


def after(ticket: Ticket, happens: Callable[[Ticket], list[Any]] = nothing) -> dict[str, Any]:
    doc = None
    opened = ticket.opened()
    for fact in (*opened, *happens(ticket)):
        doc = project(doc, fact)
    assert doc is not None
    return doc


def added(ticket: Ticket, fact: e.TicketFact) -> list[Any]:
    return list(stamped([fact], ticket.id, next(ticket._seq)))


def about(ticket: Ticket) -> dict[str, Any]:
    return {"at": ticket._later(), "by": ADA, "policy": POLICY}


def appealed(t: Ticket) -> list[Any]:
    fact = e.PriorityAppealed(
        **about(t), information="x", priority=e.Priority.LOW, changed_by="system"
    )
    return added(t, fact)


def insisted(t: Ticket) -> list[Any]:
    fact = e.ScopeDecided(
        **about(t),
        scope=e.Scope.NOT_COVERED,
        rule="insisted",
        reason="",
        subject="s",
        requester="rae@example.com",
        information="It is.",
    )
    return added(t, fact)


def answered(t: Ticket) -> list[Any]:
    return t.replied("x", ADA, "staff")


STORIES: dict[str, tuple[Callable[[Ticket], list[Any]], set[DeskTab]]] = {
    "opened": (nothing, {DeskTab.NEEDS_US}),
    "with a promise": (lambda t: t.clock_started(), {DeskTab.NEEDS_US, DeskTab.DUE}),
    "answered": (lambda t: [*t.clock_started(), *answered(t), *t.clock_met()], {DeskTab.WAITING}),
    "asked again": (
        lambda t: [*answered(t), *t.replied("y", "rae@example.com", "customer")],
        {DeskTab.NEEDS_US},
    ),
    "with a provider": (lambda t: t.assigned("redisco"), {DeskTab.PROVIDERS}),
    "a provider answered": (
        lambda t: [*t.assigned("redisco"), *t.replied("x", "r@example.com", "provider")],
        {DeskTab.PROVIDERS},
    ),
    "appealed": (appealed, {DeskTab.NEEDS_US, DeskTab.APPEALS}),
    "answered, and appealed": (
        lambda t: [*answered(t), *appealed(t)],
        {DeskTab.WAITING, DeskTab.APPEALS},
    ),
    "the customer insists": (insisted, {DeskTab.NEEDS_US, DeskTab.APPEALS}),
    "a person has looked": (lambda t: [*insisted(t), *answered(t)], {DeskTab.WAITING}),
    "a provider is suggested": (
        lambda t: t.suggested("redisco"),
        {DeskTab.NEEDS_US, DeskTab.SUGGESTIONS},
    ),
    "architects are suggested": (
        lambda t: t.queue_suggested(),
        {DeskTab.NEEDS_US, DeskTab.SUGGESTIONS},
    ),
    "solved": (lambda t: [*insisted(t), *appealed(t), *t.solved()], set()),
}


@pytest.mark.parametrize("story", STORIES)
def test_which_homes_a_ticket_stands_in(story: str) -> None:
    happens, homes = STORIES[story]
    ticket = Ticket(story)
    assert set(homes_of(after(ticket, happens))) == homes


def test_an_owned_ticket_is_mine_and_in_no_list_of_what_nobody_has() -> None:
    ticket = Ticket("one")
    free = after(ticket)
    assert DeskSelection(DeskTab.NEEDS_US, "platform", "-").name in free["shelves"]
    taken = e.OwnerChanged(**about(ticket), owner=ADA, how="taken", priority=e.Priority.NORMAL)
    doc = project(free, added(ticket, taken)[0])
    assert doc is not None
    mine = Actor(email="Agent@example.com", roles=(Role.AGENT,))
    for shelf in (
        shelf_for(mine, DeskTab.MINE),
        shelf_for(mine, DeskTab.MINE, "platform"),
        shelf_for(mine, DeskTab.NEEDS_US, owner="mine"),
        shelf_for(mine, DeskTab.NEEDS_US, "platform", ADA),
        shelf_for(mine, DeskTab.NEEDS_US, "platform"),
    ):
        assert shelf.name in doc["shelves"], shelf
    assert shelf_for(mine, DeskTab.NEEDS_US, owner="nobody").name not in doc["shelves"]
    assert shelves_of({**doc, "status": "solved"}) == []


def test_a_note_that_names_me_stands_under_asks_for_you_until_i_write() -> None:
    ticket, abel = Ticket("one"), "agent2@example.com"
    mine = shelf_for(Actor(email=abel, roles=(Role.AGENT,)), DeskTab.MENTIONED, owner="nobody").name
    doc: dict[str, Any] | None = after(ticket)

    def wrote(by: str, *mentions: str) -> list[str]:
        nonlocal doc
        (note,) = ticket.noted("x")
        note = note.model_copy(update={"author": by, "mentions": mentions})
        doc = project(doc, note)
        assert doc is not None
        return list(doc["shelves"])

    assert mine not in wrote(ADA)
    assert mine in wrote(ADA, abel)
    assert mine in wrote("third@example.com", ADA)
    assert mine not in wrote(abel, abel)
    assert mine in wrote(ADA, abel)
    doc = project(doc, ticket.replied("y", abel, "staff")[0])
    assert doc is not None
    assert mine not in doc["shelves"]


def test_what_needs_us_stands_before_what_waits() -> None:
    ticket, other = Ticket("one"), Ticket("two")
    waits = after(ticket, answered)
    needs = after(other)
    assert needs["desk_key"] < waits["desk_key"]


@pytest.mark.parametrize(
    ("roles", "appeals", "lands"),
    [
        ((Role.AGENT,), 3, (DeskTab.NEEDS_US, "")),
        ((Role.AGENT, Role.REVIEWER), 3, (DeskTab.APPEALS, "")),
        ((Role.AGENT, Role.REVIEWER), 0, (DeskTab.NEEDS_US, "")),
        ((Role.CSA,), 3, (DeskTab.NEEDS_US, "csa")),
        ((Role.ADMIN,), 3, (DeskTab.NEEDS_US, "")),
    ],
)
def test_everybody_lands_where_their_work_is(
    roles: tuple[Role, ...], appeals: int, lands: tuple[DeskTab, str]
) -> None:
    actor = Actor(email=ADA, roles=roles)
    assert choose_landing(actor, {DeskTab.APPEALS: appeals}) == lands
