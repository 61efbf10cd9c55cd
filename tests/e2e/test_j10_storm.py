"""J10: machines that answer machines, our own mail coming back, a forger's thousand mails: a finite
number of mails goes out.
"""

from __future__ import annotations

import hashlib
import secrets
import smtplib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.posting import (
    OURS,
    SUPPORT,
    MailDesk,
    Post,
    bounced,
    reply_to,
    report,
    written,
)
from tests.support.stack import Stack
from tests.support.waiting import eventually


@pytest.fixture
def post(stack: Stack) -> Post:
    return Post(stack)


@pytest.fixture
def mails(desk: Desk) -> MailDesk:
    return MailDesk(desk.agent)


@pytest.fixture
def line(stack: Stack) -> Iterator[smtplib.SMTP]:
    """One connection, for many mails."""
    host, _, port = stack.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=60) as client:
        yield client


def subject(words: str) -> str:
    return f"{words} {secrets.token_hex(4)}"


def sent_to(far_end: FarEnd, address: str) -> list[dict[str, Any]]:
    return far_end.got("mail", to=address)


def answered(desk: Desk, far_end: FarEnd, customer: Person) -> tuple[str, dict[str, Any]]:
    ticket = customer.submits(subject("A question"))
    customer.ticket(ticket, queue="platform")
    desk.agent.replies(ticket, "Have you tried it again?")
    customer.ticket(ticket, status="pending")
    return ticket, far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]


def test_an_autoresponder_at_each_end(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    """Every mail of ours is answered by a machine, whose answers are recorded, answered by nobody
    and move nothing.
    """
    customer = desk.new_customer("premium")
    ticket, mail = answered(desk, far_end, customer)
    desk.agent.acts(ticket, "solve", resolution="It works again.")
    customer.ticket(ticket, status="solved")
    far_end.gets(ticket, "mail", to=customer.email, count=3)
    about = subject("Out of office: Re:")
    for n in range(5):
        answering = sent_to(far_end, customer.email)[-1]
        headers = {
            "Auto-Submitted": "auto-replied",
            "In-Reply-To": answering["headers"]["Message-ID"],
        }
        post.writes(
            customer.email,
            f"{about} {n}",
            "I am away until Monday.",
            to=reply_to(mail),
            headers=headers,
        )
        assert mails.settles(f"{about} {n}", "threaded")["automatic_reply"] is True
    seen = customer.ticket(ticket, status="solved")
    assert [reply["via"] for reply in seen["replies"]][1:] == ["email"] * 5
    new = subject("Autoreply to nothing")
    post.writes(customer.email, new, "I am away.", headers={"Auto-Submitted": "auto-replied"})
    assert mails.settles(new, "quarantined")["cause"] == "automatic"
    assert len(sent_to(far_end, customer.email)) == 3, (
        "received, answered, solved, and nothing since"
    )


def left_out(customer: Person) -> list[str]:
    """Why mails to them were not sent."""
    items = customer.get(f"/v1/people/{customer.email}/notices")["items"]
    return [item["because"] for item in items if item["outcome"] == "suppressed"]


def test_a_bounce_stops_mail_and_a_forged_one_does_not(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    """Everything in a report can be made up by whoever takes part in the ticket, but for the
    address it has to go to.
    """
    customer = desk.new_customer("free")
    ticket = customer.submits(subject("Bounces"))
    (mail,) = far_end.gets(ticket, "mail", to=customer.email)
    ours, about, forged = (
        mail["headers"]["Message-ID"],
        subject("Undelivered Mail Returned to Sender"),
        subject("Undelivered, they say"),
    )
    post.sends(bounced(forged, customer.email, ours), "", f"bot@{OURS}")
    message = mails.settles(forged, "quarantined")
    assert (message["cause"], message["bounced"]["notice_id"]) == (
        "bounce",
        ours.strip("<>").partition("@")[0],
    )
    assert message["bounced"]["proven"] is False
    desk.agent.replies(ticket, "Have you tried it again?")
    assert len(far_end.gets(ticket, "mail", to=customer.email, count=2)) == 2, "mail goes on"

    post.sends(bounced(about, customer.email, ours), "", mail["headers"]["Return-Path"].strip("<>"))
    message = mails.settles(about, "quarantined")
    assert (message["cause"], message["answer"]) == (
        "bounce",
        "not answered: a bounce is never answered",
    )
    assert (message["mail_from"], message["bounced"]["proven"]) == ("", True)
    (failed,) = message["bounced"]["recipients"]
    assert (failed["address"], failed["permanent"], failed["status"]) == (
        customer.email,
        True,
        "5.1.1",
    )
    assert not sent_to(far_end, "mailer-daemon@mx.example.com")
    desk.agent.replies(ticket, "And now?")
    (why,) = eventually(lambda: left_out(customer), within=20, what="the mail that is left out")
    assert "bounced for good" in why
    assert len(sent_to(far_end, customer.email)) == 2


def test_a_complaint_stops_mail(desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd) -> None:
    customer, about = desk.new_customer("free"), subject("complaint about message")
    ticket = customer.submits(subject("Spam?"))
    (mail,) = far_end.gets(ticket, "mail", to=customer.email)
    said = [
        "Feedback-Type: abuse",
        "User-Agent: SomeFBL/1.0",
        "Version: 1",
        f"Original-Mail-From: {mail['headers']['Return-Path']}",
    ]
    post.sends(
        report("feedback-report", about, said, mail["headers"]["Message-ID"]),
        "fbl@mailbox.example",
        f"bot@{OURS}",
    )
    message = mails.settles(about, "quarantined")
    assert (message["cause"], message["bounced"]["complaint"], message["bounced"]["proven"]) == (
        "bounce",
        "abuse",
        True,
    )
    desk.agent.replies(ticket, "Have you tried it again?")
    (why,) = eventually(lambda: left_out(customer), within=20, what="the mail that is left out")
    assert "complained" in why


def test_our_own_notice_comes_back_and_our_address_in_copy(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer = desk.new_customer("free")
    _, mail = answered(desk, far_end, customer)
    back = subject("back")
    headers = {"Message-ID": mail["headers"]["Message-ID"], "X-Loop": f"bot@{OURS}"}
    post.writes(f"bot@{OURS}", back, "There is a new reply.", headers=headers)
    assert mails.settles(back, "quarantined")["cause"] == "loop"
    forwarded = subject("Fwd")
    post.writes(
        customer.email,
        forwarded,
        "See below.",
        headers={"Message-ID": mail["headers"]["Message-ID"]},
    )
    assert mails.settles(forwarded, "quarantined")["cause"] == "loop"
    copied = subject("in copy")
    post.writes(
        customer.email,
        copied,
        headers={"To": "friend@elsewhere.example", "Cc": f"{SUPPORT}, bot@{OURS}"},
    )
    mails.settles(copied, "ticketed")
    assert not sent_to(far_end, f"bot@{OURS}")
    assert not sent_to(far_end, "friend@elsewhere.example")


@pytest.mark.long
def test_five_hundred_mails_of_one_sender(
    desk: Desk, stack: Stack, line: smtplib.SMTP, mails: MailDesk, far_end: FarEnd
) -> None:
    host, _, port = stack.smtp.rpartition(":")
    address = host, int(port)
    customer, about = desk.new_customer("free"), subject("again")
    other, calm = desk.new_customer("free"), subject("calm")
    before = mails.counts()["received"]
    for n in range(500):
        if n and n % 100 == 0:  # so many on one connection
            line.quit()
            line.connect(*address)
        line.sendmail(customer.email, [SUPPORT], written(customer.email, f"{about} {n}", "Hello?"))
    line.sendmail(other.email, [SUPPORT], written(other.email, calm, "Only one of me."))
    mails.settles(calm, "ticketed", within=60)
    mails.is_balanced(within=90, received=before + 501)
    assert len(customer.listed()) == 20, "so many an hour"
    counted = desk.agent.get("/v1/mail", cause="too-many", limit=200)
    assert counted["counts"]["causes"]["too-many"] >= 480
    eventually(
        lambda: len(sent_to(far_end, customer.email)) == 21,
        within=30,
        what="20 confirmations and one word about the rest",
    )
    assert [m["subject"] for m in sent_to(far_end, customer.email)].count(
        "Your mail to support was kept, but is no ticket yet"
    ) == 1


@pytest.mark.long
def test_a_thousand_mails_that_name_a_victim(
    desk: Desk, stack: Stack, mails: MailDesk, far_end: FarEnd
) -> None:
    """A registered one, and one who never heard of us: at most one mail each, with none of the
    forger's words.
    """
    victim, bystander = (
        desk.new_customer("premier"),
        f"victim{secrets.token_hex(4)}@elsewhere.example",
    )
    host, _, port = stack.smtp.rpartition(":")
    before = mails.counts()["received"]
    for named in (victim.email, bystander):
        for _ in range(5):
            with smtplib.SMTP(host, int(port), timeout=60) as line:
                for n in range(100):
                    raw = written(
                        named, f"CHEAP PILLS {n}", "Priority: urgent\n\nBUY NOW at evil.example"
                    )
                    line.sendmail("forger@evil.example", [SUPPORT], raw)
    mails.is_balanced(within=120, received=before + 1000)
    for named in (victim.email, bystander):
        eventually(
            lambda named=named: len(sent_to(far_end, named)) == 1,
            within=20,
            what=f"one mail to {named}",
        )  # type: ignore[misc]
        (mail,) = sent_to(far_end, named)
        assert "PILLS" not in mail["subject"] + mail["body"]
        assert "evil.example" not in mail["body"]
    assert not [page for page in far_end.got("page") if "PILLS" in page["subject"]], (
        "unverified mail wakes nobody"
    )
    left_out = desk.agent.get("/v1/mail", cause="too-many", limit=1)["items"]
    assert desk.agent.get(f"/v1/mail/{left_out[0]['id']}")["answer"].startswith("not answered: ")


BROKEN: dict[str, tuple[bytes, str]] = {
    "no From": (b"To: support@signalbox.example\r\nSubject: {s}\r\n\r\nHello", "no-sender"),
    "no header at all": (b"\r\nHello {s}", "no-sender"),
    "no Message-ID": (
        b"From: {f}\r\nTo: support@signalbox.example\r\nSubject: {s}\r\n\r\nHello",
        "",
    ),
    "two From": (b"From: {f}, other@example.com\r\nSubject: {s}\r\n\r\nHello", "no-sender"),
    "broken MIME": (
        b'From: {f}\r\nSubject: {s}\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: multipart/x\r\n\r\n',
        "",
    ),
    "eight bits where none may be": (
        b"From: {f}\r\nSubject: {s} \xff\xfe\r\n\r\n\xff\xfe\x00\x01",
        "",
    ),
    "a line of a megabyte": (b"From: {f}\r\nSubject: {s}\r\n\r\n" + b"x" * 900_000, ""),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_mail_becomes_a_ticket_or_has_a_named_cause(
    what: str, desk: Desk, stack: Stack, mails: MailDesk
) -> None:
    customer = desk.new_customer("free")
    template, cause = BROKEN[what]
    raw = template.replace(b"{f}", customer.email.encode()).replace(
        b"{s}", secrets.token_hex(4).encode()
    )
    host, _, port = stack.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=30) as line:
        line.sendmail(customer.email, [SUPPORT], raw)
    digest = hashlib.sha256(
        raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    ).hexdigest()  # as smtplib sends it

    def known() -> Any:
        answer = desk.agent.call("GET", f"/v1/mail/{digest}")
        return answer.status_code == 200 and answer.json()["state"] != "received" and answer.json()

    settled = eventually(known, what="settled", within=30)
    assert (settled["state"], settled["cause"]) == (
        ("quarantined", cause) if cause else ("ticketed", None)
    )
    mails.is_balanced()


def test_thirty_megabytes_are_refused_and_the_listener_goes_on(
    desk: Desk, stack: Stack, post: Post, mails: MailDesk
) -> None:
    customer = desk.new_customer("free")
    host, _, port = stack.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=60) as line:
        raw = written(customer.email, "large", "x" * 70 + "\n") + (b"x" * 70 + b"\r\n") * 430_000
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            line.sendmail(customer.email, [SUPPORT], raw)
        assert refused.value.smtp_code == 552
    about = subject("after the large one")
    post.writes(customer.email, about)
    mails.settles(about, "ticketed")


def test_the_listener_tells_nobody_who_exists_and_relays_nothing(stack: Stack) -> None:
    host, _, port = stack.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as line:
        line.ehlo("x.example")
        answers = {line.verify(who) for who in (SUPPORT, "nobody-at-all@signalbox.example", "root")}
        assert len({code for code, _ in answers}) == 1
        assert line.docmd("EXPN", "staff")[0] == 502
        line.mail("a@x.example")
        assert line.rcpt("friend@elsewhere.example")[0] == 550
        assert line.rcpt("agent@signalbox.example")[0] == 550
        assert line.rcpt(SUPPORT)[0] == 250
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.recv(200)
        raw.sendall(b"\xff\xfe garbage\r\n" * 3 + b"QUIT\r\n")
        assert raw.recv(2000)


def test_nothing_is_left_uncounted(mails: MailDesk) -> None:
    counts = mails.is_balanced(within=60)
    assert sum(counts["causes"].values()) == counts["quarantined"]
