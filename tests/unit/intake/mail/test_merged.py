"""A mail that answers a ticket which was merged into another: where it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.intake.mail.admission.case import MailContext, MailIdentity
from services.intake.mail.admission.evidence import NamedTicket
from services.intake.mail.reading.models import Address, Authentication, Envelope, MailContent
from services.intake.mail.tallies import SenderUsageCounter
from services.intake.world.portal_view import SeenTicket
from shared.access import Standing
from tests.unit.intake.building import NOW, Bench, KnownTickets

ME, FRIEND, AGENT = "premier@example.com", "free@example.com", "agent@example.com"
FIRST, SECOND, THIRD = (f"tkt_{letter * 26}" for letter in "abc")
NAMES = MailIdentity(
    "support@signalbox.example", frozenset(), "notifications.signalbox.example", "bot@x.example"
)
CLOSED = SeenTicket(ME, (), None, "closed", "Slow", SECOND)
LIVE = SeenTicket(ME, (), None, "open", "Slow again")


async def named(tickets: dict[str, SeenTicket], sender: str) -> NamedTicket | None:
    """What a mail of `sender` is about that answers mail about FIRST."""
    view = KnownTickets()
    view.tickets = tickets
    reference: Any = Bench().reference
    cases = MailContext(reference, dict, view, None, None, NAMES, SenderUsageCounter())
    reading = MailContent(
        sender=Address(address=sender),
        to=(Address(address=NAMES.support),),
        subject=f"Re: Slow [{FIRST}]",
        in_reply_to=(f"<{FIRST}@{NAMES.message_domain}>",),
        digest="a" * 64,
        size=9,
    )
    case, _ = await cases.of(
        reading, Envelope(mail_from=sender, received_at=NOW), Authentication(), NOW
    )
    return case.named


STORIES: list[tuple[str, str, dict[str, SeenTicket], str, str]] = [
    ("it goes on", ME, {FIRST: CLOSED, SECOND: LIVE}, SECOND, "open"),
    (
        "twice",
        ME,
        {FIRST: CLOSED, SECOND: replace(CLOSED, goes_on_in=THIRD), THIRD: LIVE},
        THIRD,
        "open",
    ),
    ("they are not on that one", FRIEND, {FIRST: CLOSED, SECOND: LIVE}, FIRST, "closed"),
    (
        "they are on that one alone",
        FRIEND,
        {FIRST: CLOSED, SECOND: replace(LIVE, participants=(FRIEND,))},
        FIRST,
        "closed",
    ),
    (
        "their own, and the other is another person's",
        ME,
        {FIRST: CLOSED, SECOND: replace(LIVE, requester=FRIEND)},
        FIRST,
        "closed",
    ),
    ("staff write where they wrote", AGENT, {FIRST: CLOSED, SECOND: LIVE}, FIRST, "closed"),
    ("the other is not in the view", ME, {FIRST: CLOSED}, FIRST, "closed"),
    ("it was not merged", ME, {FIRST: replace(CLOSED, goes_on_in=None)}, FIRST, "closed"),
    (
        "a circle ends",
        ME,
        {FIRST: CLOSED, SECOND: replace(CLOSED, goes_on_in=FIRST)},
        SECOND,
        "closed",
    ),
]


@pytest.mark.parametrize(
    ("story", "sender", "tickets", "ticket", "status"), STORIES, ids=[s for s, *_ in STORIES]
)
async def test_where_an_answer_is_for(
    story: str, sender: str, tickets: dict[str, SeenTicket], ticket: str, status: str
) -> None:
    found = await named(tickets, sender)
    assert found is not None
    assert (found.ticket_id, found.status) == (ticket, status)
    expected = Standing.STAFF if sender == AGENT else None
    if sender == ME:
        expected = Standing.CUSTOMER
    assert found.standing is expected
