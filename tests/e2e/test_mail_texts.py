"""What a mail says arrives everywhere: in the API, the search, the routing, the provider's mail and
webhook; and what a reply folds is lost nowhere.
"""

from __future__ import annotations

import json
import secrets

import pytest

from tests.support.desk import Desk, FarEnd
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


def test_a_forwarded_mail_is_a_whole_ticket_and_a_reply_keeps_what_it_folds(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, word = desk.new_customer("enterprise"), f"zz{secrets.token_hex(6)}"
    about = f"Fwd: cache {word[:8]}"
    forwarded = (
        f"App: {customer.name}-app\n\nFYI\n\n---------- Forwarded message ---------\n"
        "From: Monitoring <m@example.com>\nDate: Mon, 30 Nov 2026 04:05\nSubject: cache\nTo: eve\n\n"
        f"The app answers H12 since 14:05 UTC, Redisco refuses connections: {word}."
    )
    post.writes(customer.email, about, forwarded)
    ticket = mails.settles(about, "ticketed")["ticket_id"]
    assert customer.ticket(ticket)["body"].splitlines() == forwarded.splitlines()
    found = eventually(lambda: customer.listed(q=word), what="found by its last word")
    assert [each["id"] for each in found] == [ticket]
    seen = desk.agent.ticket(ticket)
    if seen["provider"] != "redisco":
        assert seen["suggestion"]["provider"] == "redisco", "what is forwarded counts for routing"
        desk.agent.acts(ticket, "assign", provider="redisco")
    (mail,) = far_end.gets(ticket, "mail", to=AGENTS)
    (hook,) = far_end.gets(ticket, "webhook", to="redisco")
    assert word in mail["body"] and "Forwarded message" in mail["body"]
    assigned = json.loads(hook["body"])["data"]["ticket"]
    assert assigned["body"].splitlines() == forwarded.splitlines()

    desk.agent.replies(ticket, "Which region is it?")
    notice = far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]
    quoted = (
        "пн, 30 нояб. 2026 г. в 15:36, Signalbox Support <\n"
        "bot@notifications.signalbox.example>:\n\n> Which region is it?"
    )
    answer = f"Europe. It says:\n\n> select 1;\n> \x1b[31mH12\x1b[0m {word}x"
    again = f"Re: {word}"
    post.writes(
        customer.email,
        again,
        f"{answer}\n\n{quoted}",
        to=reply_to(notice),
        headers={"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "8bit"},
    )
    mails.settles(again, "threaded")
    reply = eventually(
        lambda: (said := customer.ticket(ticket)["replies"])[-1]["via"] == "email" and said[-1],
        what="the reply is shown",
    )
    assert reply["body"] == answer.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert reply["quoted"] == quoted
    told = eventually(
        lambda: [
            body["data"]["reply"]
            for hook in far_end.about(ticket, "webhook", to="redisco")
            if (body := json.loads(hook["body"]))["type"] == "ticket.replied"
            and f"{word}x" in hook["body"]
        ],
        what="the provider is told",
    )
    assert told[0]["quoted"] == quoted
