"""J7, the answer by e-mail: a provider's user, or whoever reads its designated address, answers the
mail about the ticket (seed 003).
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.posting import MailDesk, Post, reply_to
from tests.support.stack import Stack
from tests.support.waiting import eventually

AGENTS = "agents@redisco.example.com"


@pytest.fixture
def post(stack: Stack) -> Post:
    return Post(stack)


@pytest.fixture
def mails(desk: Desk) -> MailDesk:
    return MailDesk(desk.agent)


def assigned(desk: Desk, far_end: FarEnd) -> tuple[Person, str, dict[str, Any]]:
    """A customer, the ticket that the provider has, and the mail at its designated address."""
    customer = desk.new_customer("enterprise")
    ticket = customer.submits(
        "Redis refuses connections",
        app=f"{customer.name}-app",
        addon="redisco",
        body="ECONNREFUSED since noon.",
    )
    customer.ticket(ticket, queue="provider:redisco")
    (mail,) = far_end.gets(ticket, "mail", to=AGENTS)
    return customer, ticket, mail


def clocks_of(customer: Person, ticket: str) -> dict[str, str]:
    """Name → state."""
    return {clock["name"]: clock["state"] for clock in customer.ticket(ticket)["clocks"]}


@pytest.mark.parametrize(
    "sender", [AGENTS, "redisco@example.com"], ids=["designated address", "one of its users"]
)
def test_the_provider_answers_by_mail(
    sender: str, desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, ticket, mail = assigned(desk, far_end)
    about, words = (
        f"Re: {mail['subject']} {secrets.token_hex(3)}",
        f"We raised your limit {secrets.token_hex(3)}.",
    )
    quoted = "On Tue, 3 Mar 2026 at 10:00, Signalbox Support <bot@notifications.signalbox.example> wrote:\n> ECONNREFUSED since noon."
    body = f"{words}\n\n{quoted}\n"
    post.writes(sender, about, body, to=reply_to(mail), envelope="someone@redisco.example.com")
    assert mails.settles(about, "threaded")["ticket_id"] == ticket
    (reply,) = customer.ticket(ticket, status="pending")["replies"]
    assert (reply["body"].strip(), reply["via"], reply["side"], reply["audience"]) == (
        words,
        "email",
        "provider",
        "everyone",
    )
    told = far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]
    assert words in told["body"]
    eventually(
        lambda: clocks_of(customer, ticket)["initial-response"] == "met",
        what="the provider's answer is the first answer",
    )


def test_the_customer_answers_and_an_out_of_office_of_the_provider_moves_nothing(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, ticket, mail = assigned(desk, far_end)
    solved = desk.redisco.acts(ticket, "solve", resolution="Limit raised.")
    assert desk.redisco.outcome(solved["request_id"])["state"] == "done"
    away = f"Automatic reply {secrets.token_hex(3)}"
    post.writes(
        AGENTS,
        away,
        "We are closed today.",
        to=reply_to(mail),
        headers={"Auto-Submitted": "auto-replied"},
    )
    assert mails.settles(away, "threaded")["automatic_reply"] is True
    customer.ticket(ticket, status="solved")
    notice = far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]
    again = f"Re: {secrets.token_hex(3)}"
    post.writes(customer.email, again, "It fails again.", to=reply_to(notice))
    mails.settles(again, "threaded")
    seen = customer.ticket(ticket, status="open")
    assert seen["provider"] == "redisco", "it goes back to the provider"
    eventually(
        lambda: any(
            '"ticket.reopened"' in hook["body"]
            for hook in far_end.about(ticket, "webhook", to="redisco")
        ),
        what="they hear of it",
    )


def test_a_provider_that_has_it_no_more_is_told_so(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, ticket, mail = assigned(desk, far_end)
    desk.agent.acts(ticket, "take-back", reason="We do it ourselves.")
    desk.agent.ticket(ticket, queue="platform", provider=None)
    about = f"too late {secrets.token_hex(3)}"
    post.writes(AGENTS, about, "A secret of ours.", to=reply_to(mail))
    assert mails.settles(about, "quarantined")["cause"] == "not-a-participant"
    assert customer.ticket(ticket)["replies"] == []


def test_another_provider_with_the_same_address_is_refused(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, ticket, mail = assigned(desk, far_end)
    about = f"not ours {secrets.token_hex(3)}"
    post.writes("agents@mailgrid.example.com", about, "Let us help.", to=reply_to(mail))
    assert mails.settles(about, "quarantined")["cause"] == "wrong-reply-token"
    assert customer.ticket(ticket)["replies"] == []
