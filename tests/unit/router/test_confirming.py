"""Tickets that came by mail from a sender nobody vouches for, until the sender confirms."""

from __future__ import annotations

from typing import Any

from services.intake.mail.admission.refusals import on_refused
from services.notifier.front.rules import HANDLERS
from services.router.ticket.domain import CAME_BEFORE
from shared.events import ConfirmSender, PageWanted, Priority, ReviewPriority, Solve, Status
from shared.ids import obligation_id
from tests.unit.router.building import Ticket, open_ticket, request


def unverified(**fields: Any) -> Ticket:
    return Ticket(open_ticket(priority=Priority.URGENT, verified=False, **fields))


def kinds(facts: list[Any]) -> list[str]:
    return [fact.type for fact in facts]


def test_it_is_urgent_and_wakes_nobody_until_it_is_confirmed() -> None:
    ticket = unverified()
    opened, priority = ticket.log[:2]
    assert not opened.verified  # type: ignore[attr-defined]
    assert (priority.priority, priority.pages, priority.obligation) == (
        Priority.URGENT,
        False,
        None,
    )  # type: ignore[attr-defined]
    (confirmed,) = ticket.take(request(ConfirmSender, "premier"))
    assert (confirmed.type, confirmed.pages) == ("SenderConfirmed", True)
    assert ticket.row is not None
    assert ticket.row.obligations == (confirmed.obligation,)
    assert ticket.row.verified
    (wanted,) = HANDLERS["tickets"][type(confirmed)](confirmed)
    assert isinstance(wanted, PageWanted)
    assert (wanted.key, wanted.obligation) == (confirmed.lane, confirmed.obligation)


def test_what_would_not_have_paged_does_not_page_when_confirmed() -> None:
    ticket = unverified(who="enterprise")
    (confirmed,) = ticket.take(request(ConfirmSender, "enterprise"))
    assert (confirmed.pages, confirmed.obligation) == (False, None)
    assert list(HANDLERS["tickets"][type(confirmed)](confirmed)) == []


def test_staff_raised_it_meanwhile_so_the_confirmation_pages_no_second_time() -> None:
    ticket = unverified()
    ticket.take(request(ReviewPriority, "reviewer", priority=Priority.HIGH, reason="r"))
    ticket.take(request(ReviewPriority, "agent", priority=Priority.URGENT, reason="r"))
    (confirmed,) = ticket.take(request(ConfirmSender, "premier"))
    assert not confirmed.pages


def test_the_same_mail_by_a_path_that_vouches_for_its_sender_confirms_and_pages_once() -> None:
    first = open_ticket(priority=Priority.URGENT, verified=False, mail="m1")
    ticket = Ticket(first)
    copy = first.model_copy(
        update={"id": "req_copy", "verified": True, "pages": True, "mail": "m2"}
    )
    (confirmed,) = ticket.take(copy)
    assert (confirmed.type, confirmed.pages) == ("SenderConfirmed", True)
    assert confirmed.obligation == obligation_id(copy.key, copy.id), "what the urgent copy pages by"
    assert ticket.row is not None
    assert ticket.row.verified


def test_a_copy_nobody_vouches_for_changes_nothing_and_loses_no_mail() -> None:
    first = open_ticket(mail="m1")
    ticket = Ticket(first)
    (answer,) = ticket.take(
        first.model_copy(update={"id": "req_copy", "verified": False, "mail": "m2"})
    )
    assert (answer.type, answer.code) == ("RequestRefused", CAME_BEFORE)
    assert on_refused(answer) is None, "the message stays with the ticket"
    (refused,) = ticket.take(first.model_copy(update={"id": "req_other", "mail": ""}))
    assert refused.code == "idempotency-key-reused"


def test_only_the_sender_confirms_and_only_once_and_while_it_is_open() -> None:
    ticket = unverified()
    assert ticket.take(request(ConfirmSender, "agent"))[0].code == "not-allowed"
    assert ticket.take(request(ConfirmSender, "stranger"))[0].code == "no-such-ticket"
    assert kinds(ticket.take(request(ConfirmSender, "premier", id="c1"))) == ["SenderConfirmed"]
    assert ticket.take(request(ConfirmSender, "premier", id="c2"))[0].code == "already-confirmed"
    over = unverified()
    over.take(request(Solve, "agent", resolution="done"))
    assert over.row is not None
    assert over.row.status is Status.SOLVED
    assert over.take(request(ConfirmSender, "premier"))[0].code == "not-in-this-state"


def test_nothing_is_passed_on_to_a_provider_by_itself() -> None:
    chosen = open_ticket(addon="redisco", verified=False)
    facts = Ticket(chosen).log
    assert kinds(facts) == ["TicketOpened", "PrioritySet", "TicketRouted", "ProviderSuggested"]
    assert (facts[2].queue, facts[3].provider) == ("platform", "redisco")  # type: ignore[attr-defined]
    assert "TicketAssigned" in kinds(Ticket(open_ticket(addon="redisco")).log)
