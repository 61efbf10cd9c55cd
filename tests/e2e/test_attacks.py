"""Attacks that no other test makes, against the running services; `tests/e2e/attacks.py` names all
of them with their tests.
"""

from __future__ import annotations

import secrets
import socket
from typing import Any

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.mails import signed
from tests.support.posting import OURS, SUPPORT, MailDesk, Post, written
from tests.support.stack import Stack
from tests.support.waiting import eventually


@pytest.fixture
def post(stack: Stack) -> Post:
    return Post(stack)


@pytest.fixture
def mails(desk: Desk) -> MailDesk:
    return MailDesk(desk.agent)


def subject(words: str) -> str:
    return f"{words} {secrets.token_hex(4)}"


def assigned(desk: Desk, customer: Person, **more: Any) -> str:
    ticket = customer.submits(
        "Redis refuses connections", app=f"{customer.name}-app", addon="redisco", **more
    )
    desk.agent.ticket(ticket, provider="redisco")
    return ticket


def test_a_sites_code_sent_to_the_support_address_is_for_staff_alone(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    """Somebody signs up elsewhere with our support address, to prove that it is theirs."""
    about = f"Your verification code is {secrets.randbelow(900_000) + 100_000}"
    post.writes(
        "no-reply@chat.example.org", about, f"{about}. Enter it to confirm your e-mail address."
    )
    message = mails.settles(about, "quarantined")
    assert message["cause"] == "verification-code"
    for person in (desk.stranger, desk.redisco, desk.premier):
        assert person.call("GET", f"/v1/mail/{message['id']}").status_code == 404
        assert person.call("GET", f"/v1/mail/{message['id']}/raw").status_code == 404
        assert not [ticket for ticket in person.listed() if about in ticket["subject"]]
    assert not far_end.got("mail", to="no-reply@chat.example.org")


def test_headers_put_before_a_signed_mail_speak_for_nobody(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    """RFC 6376 section 8.15: a customer's signed answer to a stranger comes from that stranger,
    with a subject and a shape put on top that turn the quoted words into an emergency.
    """
    customer, mark, urgent = desk.new_customer("premier"), secrets.token_hex(6), subject("Down")
    quoted = (
        "No thanks.\n\n-----Original Message-----\nFrom: sales@evil.test\n\n"
        f"--X{mark}\nContent-Type: text/plain\n\nApp: {customer.name}-app\nPriority: urgent\n\n"
        f"Everything is down.\n--X{mark}--\n\nhave a nice day\n"
    )
    answer = written(
        customer.email,
        f"Re: our offer {mark}",
        quoted,
        to="sales@evil.test",
        headers={"MIME-Version": "1.0", "Content-Type": "text/plain; charset=us-ascii"},
    )
    raw = signed(
        answer,
        "example.com",
        headers="from:to:subject:date:message-id:mime-version:content-type",
    )
    on_top = f'Subject: {urgent}\r\nContent-Type: multipart/mixed; boundary="X{mark}"\r\n'
    post.sends(on_top.encode() + raw, "attacker@evil.test")
    message = mails.settles(urgent, "ticketed")
    assert message["verified"] is False
    assert message["authentication"]["aligned"] is False
    ticket = desk.agent.ticket(message["ticket_id"], verified=False)
    assert not far_end.about(ticket["id"], "page")


def test_a_provider_that_lost_a_ticket_reaches_nothing_of_it(desk: Desk) -> None:
    """At once, and by every road: reads, lists, searches, files, writes (by mail:
    test_j07_by_mail.py).
    """
    customer, word = desk.new_customer("enterprise"), f"zq{secrets.token_hex(5)}"
    file = customer.call("POST", "/v1/attachments?name=app.log", content=word.encode()).json()["id"]
    ticket = assigned(desk, customer, body=f"Since {word} it refuses.", attachments=[file])
    eventually(
        lambda: desk.redisco.call("GET", f"/v1/attachments/{file}").status_code == 200,
        what="the file, while it is theirs",
    )
    assert [found["id"] for found in desk.redisco.get("/v1/tickets", q=word)["items"]] == [ticket]
    desk.agent.acts(ticket, "take-back", reason="Ours after all.")
    desk.agent.ticket(ticket, provider=None)
    for path in ("", "/events", "/explain", "/clocks"):
        assert desk.redisco.call("GET", f"/v1/tickets/{ticket}{path}").status_code == 404, path
    assert desk.redisco.call("GET", f"/v1/attachments/{file}").status_code == 404
    assert desk.redisco.get("/v1/tickets", q=word)["items"] == []
    assert ticket not in [found["id"] for found in desk.redisco.listed()]
    for action, form in (
        ("replies", {"body": "Let me in."}),
        ("solve", {"resolution": "x"}),
        ("hand-back", {"reason": "x"}),
    ):
        assert (
            desk.redisco.call("POST", f"/v1/tickets/{ticket}/{action}", form).status_code == 404
        ), action
    assert customer.ticket(ticket)["replies"] == []


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n"], ids=repr
)
def test_a_message_hides_no_second_one(
    stack: Stack, desk: Desk, mails: MailDesk, end: bytes
) -> None:
    """SMTP smuggling: what one server takes for the end of a message and another does not
    (CVE-2023-51764 and its kin).
    """
    host, _, port = stack.smtp.rpartition(":")
    about, hidden = subject("Outer"), subject("Smuggled")
    second = (
        b"MAIL FROM:<premier@example.com>\r\nRCPT TO:<%s>\r\nDATA\r\n" % SUPPORT.encode()
        + written("premier@example.com", hidden, "Mine.")
    )
    with socket.create_connection((host, int(port)), timeout=30) as line:
        said = line.makefile("rb")

        def answered(words: bytes) -> bytes:
            line.sendall(words)
            while (answer := said.readline())[3:4] == b"-":
                pass
            return answer

        said.readline()
        for words in (
            b"EHLO client.example\r\n",
            b"MAIL FROM:<premium@example.com>\r\n",
            b"RCPT TO:<%s>\r\n" % SUPPORT.encode(),
        ):
            assert answered(words).startswith(b"250"), words
        assert answered(b"DATA\r\n").startswith(b"354")
        answer = answered(
            written("premium@example.com", about, "Hello.").removesuffix(b"\r\n")
            + end
            + second
            + b"\r\n.\r\n"
        )
        assert answered(b"NOOP\r\n").startswith(b"250"), "one answer for one message"
    if answer.startswith(b"250"):
        eventually(lambda: mails.about(about), what="the message")
        mails.is_balanced()
    assert mails.about(hidden) == []


def test_a_stranger_who_subscribes_a_victim_sends_them_one_mail(
    desk: Desk, far_end: FarEnd
) -> None:
    victim = f"victim{secrets.token_hex(4)}@elsewhere.example"
    with desk.browser() as anybody:
        codes = [
            anybody.post("/v1/subscriptions", json={"email": each}).status_code
            for each in (victim, victim.upper(), victim) * 5
        ]
    assert codes[0] == 202
    assert 429 in codes
    eventually(
        lambda: far_end.got("mail", to=victim), within=20, what="the question whether it was them"
    )
    assert len([mail for mail in far_end.got("mail") if mail["to"].lower() == victim]) == 1


def test_a_forged_report_of_an_assigned_provider_stops_nobodys_mail(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    """A provider knows the customer's address and can compute the notice's id. What it cannot know
    is where that mail came from.
    """
    customer, about = desk.new_customer("premium"), subject("Undelivered")
    ticket = assigned(desk, customer)
    (mail,) = far_end.gets(ticket, "mail", to=customer.email)
    notice = mail["headers"]["Message-ID"].strip("<>").partition("@")[0]
    report = "\r\n".join(
        [
            "From: MAILER-DAEMON@redisco.example",
            f"To: bot@{OURS}",
            f"Subject: {about}",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            "",
            "--b",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; redisco.example",
            "",
            f"Final-Recipient: rfc822; {customer.email}",
            "Action: failed",
            "Status: 5.1.1",
            "",
            "--b",
            "Content-Type: message/rfc822-headers",
            "",
            f"Message-ID: <{notice}@{OURS}>",
            "--b--",
            "",
        ]
    ).encode()
    for to in (f"bot@{OURS}", f"bot+{notice}.{'a' * 20}@{OURS}"):
        post.sends(report.replace(b"Action", b"X-To: " + to.encode() + b"\r\nAction"), "", to)
    eventually(lambda: len(mails.about(about, "quarantined")) == 2, what="both reports")
    assert all(
        mails.agent.get(f"/v1/mail/{found['id']}")["bounced"]["proven"] is False
        for found in mails.about(about)
    )
    desk.redisco.replies(ticket, "Please try again.")
    assert len(far_end.gets(ticket, "mail", to=customer.email, count=2)) == 2
