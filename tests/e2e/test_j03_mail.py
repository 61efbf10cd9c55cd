"""J3: by e-mail, from somebody who cannot log in; and what a forger reaches with it: nothing."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.posting import (
    SUPPORT,
    MailDesk,
    Post,
    bounced,
    confirming_link,
    reply_to,
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


def subject(words: str = "Locked out") -> str:
    return f"{words} {secrets.token_hex(4)}"


def answers_to(far_end: FarEnd, address: str, template: str = "") -> list[dict[str, Any]]:
    return [mail for mail in far_end.got("mail", to=address) if template in mail["subject"]]


def test_a_registered_address_gets_a_ticket_and_one_acknowledgement(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, about = desk.new_customer("premium"), subject()
    raw = post.writes(
        customer.email,
        about,
        f"App: {customer.name}-app\n\nI cannot log in.\n\npassword: correct-horse-battery-staple",
    )
    message = mails.settles(about, "ticketed")
    ticket = customer.ticket(message["ticket_id"])
    assert (ticket["subject"], ticket["app"], ticket["requester"]) == (
        about,
        f"{customer.name}-app",
        customer.email,
    )
    assert "I cannot log in." in ticket["body"]
    assert "correct-horse" not in str(ticket), (
        "secrets are masked before anything leaves the request path"
    )
    assert (message["verified"], message["authentication"]["aligned"]) == (True, True)
    assert ticket["opened_at"] == message["received_at"].replace("+00:00", "Z")

    post.sends(raw, customer.email)  # the very same bytes once more
    eventually(lambda: mails.about(about)[0]["deliveries"] == 2, what="the repeat is heard")
    mails.is_balanced()
    assert mails.settles(about, "ticketed")["ticket_id"] == ticket["id"]
    assert [t["id"] for t in customer.listed()] == [ticket["id"]]
    (received,) = far_end.gets(ticket["id"], "mail", to=customer.email)
    assert received["subject"] == f"Received: {about}"
    assert received["headers"]["Auto-Submitted"] == "auto-replied"


def test_a_crash_after_250_loses_and_doubles_nothing(
    desk: Desk, stack: Stack, post: Post, mails: MailDesk
) -> None:
    customer, about = desk.new_customer("free"), subject("Crash")
    for n in range(8):
        post.writes(customer.email, f"{about} {n}")
    stack.wait_restarted("smtp", stack.kill("smtp"))
    for n in range(8):
        mails.settles(f"{about} {n}", "ticketed", within=40)
    mails.is_balanced(within=40)
    assert len(customer.listed()) == 8
    eventually(post.is_taken_in, within=40, what="the listener is back")


def test_an_unknown_sender_is_told_each_time_and_released_with_the_original_time(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    name = f"new{secrets.token_hex(4)}"
    stranger, about = f"{name}@example.com", subject("Hello from a stranger")
    post.writes(stranger, about, "I forgot under which address I am registered. BUY PILLS")
    message = mails.settles(about, "quarantined")
    assert (message["cause"], message["answer"]) == ("unknown-sender", "answered")
    (told,) = eventually(lambda: answers_to(far_end, stranger), what="one polite answer")
    assert "No account is registered" in told["body"]
    assert "PILLS" not in told["body"] + told["subject"]
    assert about in told["body"], "which mail it was: the sender is vouched for"
    post.forges(stranger, f"{about} forged")
    mails.settles(f"{about} forged", "quarantined")
    post.writes(stranger, f"{about} again")
    mails.settles(f"{about} again", "quarantined")
    eventually(lambda: len(answers_to(far_end, stranger)) == 2, what="told of the other one")
    assert f"{about} forged" not in str(answers_to(far_end, stranger))

    agent = desk.agent
    early = agent.call("POST", f"/v1/mail/{message['id']}/release", {})
    assert (early.status_code, early.json()["type"].rpartition("/")[2]) == (
        409,
        "still-quarantined",
    )
    forged = mails.settles(f"{about} forged", "quarantined")
    release = f"/v1/mail/{forged['id']}/release"
    assert agent.call("POST", release, {"account": "no-one@example.com"}).status_code == 422
    owner = desk.new_customer("free")
    attached = agent.call("POST", release, {"account": owner.email})
    assert attached.status_code == 202, attached.text
    assert owner.ticket(attached.json()["ticket_id"])["requester"] == owner.email
    assert desk.stranger.call("POST", f"/v1/mail/{message['id']}/release", {}).status_code == 404
    assert desk.stranger.call("GET", f"/v1/mail/{message['id']}").status_code == 404
    assert desk.stranger.call("GET", "/v1/mail").status_code == 404

    desk._put(
        f"accounts/{stranger}",
        {"email": stranger, "name": name, "plan": "free", "roles": ["requester"]},
    )
    released = eventually(
        lambda: (
            (answer := agent.call("POST", f"/v1/mail/{message['id']}/release", {})).status_code
            == 202
            and answer.json()
        ),
        what="released once the directory is read",
    )
    seen = mails.settles(about, "ticketed")
    ticket = agent.ticket(released["ticket_id"])
    assert (seen["ticket_id"], seen["released_by"]) == (ticket["id"], agent.email)
    assert ticket["opened_at"] == seen["received_at"] == message["received_at"], (
        "it keeps the time at which it came"
    )
    assert datetime.fromisoformat(ticket["opened_at"])
    mails.is_balanced()
    assert len(answers_to(far_end, stranger, "Your mail to support was kept")) == 2


def test_words_that_name_no_app_of_theirs_are_plain_text(
    desk: Desk, post: Post, mails: MailDesk
) -> None:
    """An app of somebody else, one that is not there, and no app at all: nobody can tell which."""
    owner, other = desk.new_customer("premium"), desk.new_customer("free")
    for word in (f"{owner.name}-app", "no-such-app-at-all", "PROD", "H12"):
        about = subject(f"[{word}] broken")
        post.writes(other.email, about, f"App: {word}\n\nIt fails.")
        ticket = other.ticket(mails.settles(about, "ticketed")["ticket_id"])
        assert (ticket["app"], ticket["subject"]) == (None, about)


def test_an_emergency_by_mail_pages_whatever_its_form(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, about = desk.new_customer("premier"), subject("[PROD] checkout answers H12")
    marks = {
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "All",
        "List-Id": "<ops.example.com>",
    }
    body = "Priority: urgent\nApp is down, everyone affected since 07:55 UTC."
    post.writes(customer.email, about, body, headers=marks)
    ticket = mails.settles(about, "ticketed")["ticket_id"]
    desk.agent.ticket(ticket, priority="urgent", verified=True)
    (page,) = far_end.gets(ticket, "page")
    assert page["to"] == "primary"


def test_a_persons_reply_opens_a_solved_ticket_and_an_autoresponders_does_not(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer = desk.new_customer("premium")
    ticket = customer.submits(subject("Out of office replies bounce"))
    customer.ticket(ticket, queue="platform")
    desk.agent.acts(ticket, "solve", resolution="Done.")
    title = customer.ticket(ticket, status="solved")["subject"]
    mail = far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]

    away = f"Abwesend: Re: {title}"
    post.writes(customer.email, away, "Ich bin bis Montag nicht da.", to=reply_to(mail))
    assert mails.settles(away, "threaded")["automatic_reply"] is True
    seen = eventually(
        lambda: (found := desk.agent.ticket(ticket, status="solved"))["replies"] and found,
        what="the reply on the ticket",
    )
    assert (seen["replies"][-1]["automatic"], seen["replies"][-1]["doubtful"]) == (True, True)
    assert "Abwesend" in seen["doubtful_reply"]["because"], "an agent is asked to look"
    assert title in desk.agent.call("GET", "/ops/attention").text
    assert "looks like an automatic answer" in desk.agent.call("GET", f"/tickets/{ticket}").text

    answer = f"Re: {title}"
    post.writes(
        customer.email,
        answer,
        "No, it is still broken.",
        to=reply_to(mail),
        headers={"X-Auto-Response-Suppress": "All"},
    )
    mails.settles(answer, "threaded")
    seen = desk.agent.ticket(ticket, status="open")
    assert seen["replies"][-1]["body"].strip() == "No, it is still broken."
    assert seen["doubtful_reply"] is None


def test_an_answer_to_a_stopped_address_says_so_until_its_owner_writes(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer = desk.new_customer("premium")
    ticket = customer.submits(subject("Stopped"))
    (mail,) = far_end.gets(ticket, "mail", to=customer.email)
    report = bounced(subject("Undelivered"), customer.email, mail["headers"]["Message-ID"])
    post.sends(report, "", mail["headers"]["Return-Path"].strip("<>"))

    def stops() -> Any:
        return desk.agent.ticket(ticket)["mail_stopped"]

    (stop,) = eventually(stops, within=30, what="the stop shows on the ticket")
    assert (stop["email"], stop["why"]) == (customer.email, "bounced")
    answer = desk.agent.call("POST", f"/v1/tickets/{ticket}/replies", {"body": "Try it again."})
    assert answer.status_code == 202
    assert [customer.email in warning for warning in answer.json()["warnings"]] == [True]
    page = desk.agent.call("GET", f"/tickets/{ticket}")
    assert f"{customer.email} gets no mail from us." in page.text

    about = subject("I am here")
    post.writes(customer.email, about)
    mails.settles(about, "ticketed")
    eventually(lambda: stops() == [], within=30, what="the stop is lifted")
    answer = desk.agent.call("POST", f"/v1/tickets/{ticket}/replies", {"body": "And now?"})
    assert answer.json()["warnings"] == []
    got = far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]
    assert "And now?" in got["body"]


def test_one_mail_by_two_paths_is_one_ticket(desk: Desk, post: Post, mails: MailDesk) -> None:
    customer, about = desk.new_customer("free"), subject("By two paths")
    raw = written(customer.email, about, "It fails.")
    post.sends(raw, customer.email)
    first = mails.settles(about, "ticketed")
    post.sends(b"Received: from gw.example.com by mx.example.com\r\n" + raw, customer.email)
    eventually(lambda: len(mails.about(about, "ticketed")) == 2, what="the copy is settled")
    assert {each["ticket_id"] for each in mails.about(about)} == {first["ticket_id"]}
    assert [each["id"] for each in customer.listed()] == [first["ticket_id"]]
    mails.is_balanced()


def test_an_unverified_mail_pages_nobody_until_its_sender_confirms(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, about = desk.new_customer("premier"), subject("FORGED WORDS")
    post.forges(
        customer.email, about, f"App: {customer.name}-app\nPriority: urgent\n\nEverything is down."
    )
    message = mails.settles(about, "ticketed")
    assert message["verified"] is False
    ticket = desk.agent.ticket(message["ticket_id"], priority="urgent", verified=False)
    (asked,) = far_end.gets(ticket["id"], "mail", to=customer.email)
    assert "FORGED" not in asked["subject"] + asked["body"]
    assert not far_end.about(ticket["id"], "page")

    link = confirming_link(asked)
    with desk.browser() as browser:
        shown = browser.get(link)
        assert shown.status_code == 200
        assert "Yes, I wrote it" in shown.text
        assert about not in shown.text
        assert desk.agent.ticket(ticket["id"])["verified"] is False, (
            "reading a link changes nothing"
        )
        assert (
            browser.post(
                link.replace("token=", "token=x"), headers={"Sec-Fetch-Site": "same-origin"}
            ).status_code
            == 403
        )
        done = browser.post(link, headers={"Sec-Fetch-Site": "same-origin"})
    assert "Confirmed." in done.text
    desk.agent.ticket(ticket["id"], verified=True)
    (page,) = far_end.gets(ticket["id"], "page")
    assert page["to"] == "primary"
    mails_now = far_end.gets(ticket["id"], "mail", to=customer.email, count=2)
    assert mails_now[-1]["subject"] == f"Received: {about}"


def replied(desk: Desk, far_end: FarEnd, customer: Person) -> tuple[str, dict[str, Any]]:
    """A ticket that an agent has answered, and the mail about it."""
    ticket = customer.submits(subject("A question"))
    customer.ticket(ticket, queue="platform")
    desk.agent.replies(ticket, "Have you tried it again?")
    customer.ticket(ticket, status="pending")
    return ticket, far_end.gets(ticket, "mail", to=customer.email, count=2)[-1]


def test_a_reply_by_mail_is_trimmed_and_threads(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer = desk.new_customer("premium")
    ticket, mail = replied(desk, far_end, customer)
    about = f"Re: {mail['subject']} {secrets.token_hex(3)}"
    quoted = "On Tue, 3 Mar 2026 at 10:00, Signalbox Support <bot@notifications.signalbox.example> wrote:\n> Have you tried it again?"
    body = f"Yes, twice.\n\n{quoted}\n"
    post.writes(
        customer.email, about, body, to=reply_to(mail), envelope="x@elsewhere.example"
    )  # no DMARC: the address is the proof
    assert mails.settles(about, "threaded")["ticket_id"] == ticket
    seen = customer.ticket(ticket, status="open")
    last = seen["replies"][-1]
    assert (last["body"].strip(), last["via"], last["author"]) == (
        "Yes, twice.",
        "email",
        customer.email,
    )
    facts = customer.get(f"/v1/tickets/{ticket}/events")["items"]
    (fact,) = [
        fact for fact in facts if fact["type"] == "ReplyAdded" and fact["data"]["via"] == "email"
    ]
    assert "Have you tried it again?" in fact["data"]["quoted"], "what it quotes is kept, folded"


def test_a_reply_by_reference_needs_a_sender_who_is_vouched_for(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer = desk.new_customer("premium")
    ticket, mail = replied(desk, far_end, customer)
    ours = mail["headers"]
    headers = {
        "In-Reply-To": ours["Message-ID"],
        "References": f"{ours['References']} {ours['Message-ID']}",  # RFC 5322 section 3.6.4
    }
    forged, genuine, foreign = subject("forged"), subject("genuine"), subject("foreign")
    post.forges(customer.email, forged, "Please close my account.", headers=headers)
    message = mails.settles(forged, "quarantined")
    assert (message["cause"], message["ticket_id"]) == ("unverified-reply", ticket)
    post.writes(desk.stranger.email, foreign, "Let me in.", headers=headers)
    own = mails.settles(foreign, "ticketed")["ticket_id"]
    assert own != ticket, "a ticket of their own"
    assert desk.stranger.cannot_see(ticket)
    seen = customer.ticket(ticket, status="pending")
    assert [reply["body"] for reply in seen["replies"]] == ["Have you tried it again?"], (
        "the ticket is as it was"
    )
    post.writes(customer.email, genuine, "It works now.", headers=headers)
    assert mails.settles(genuine, "threaded")["ticket_id"] == ticket
    customer.ticket(ticket, status="open")


def test_the_reply_address_of_one_is_no_good_to_another(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, other = desk.new_customer("premium"), desk.new_customer("premium")
    ticket, mail = replied(desk, far_end, customer)
    about, vouched, forged = subject("not mine"), subject("mine"), subject("made up")
    post.forges(other.email, about, "I am in.", to=reply_to(mail))
    assert mails.settles(about, "quarantined")["cause"] == "wrong-reply-token"
    made_up = f"support+{ticket}.{'a' * 20}@signalbox.example"
    post.forges(customer.email, forged, "Guessed.", to=made_up)
    assert mails.settles(forged, "quarantined")["cause"] == "wrong-reply-token"
    post.writes(other.email, vouched, "This came to me.", to=reply_to(mail))
    own = mails.settles(vouched, "ticketed")["ticket_id"]
    assert own != ticket, "who is vouched for gets a ticket of their own"
    assert len(customer.ticket(ticket, status="pending")["replies"]) == 1
    assert other.cannot_see(ticket)


def test_being_in_copy_gives_no_access(desk: Desk, post: Post, mails: MailDesk) -> None:
    customer, other, about = desk.new_customer("free"), desk.new_customer("free"), subject()
    post.writes(customer.email, about, headers={"Cc": other.email})
    ticket = mails.settles(about, "ticketed")["ticket_id"]
    assert customer.ticket(ticket)["participants"] == []
    assert other.cannot_see(ticket)


def test_a_reply_on_a_closed_ticket_opens_a_new_one(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd, stack: Stack
) -> None:
    customer = desk.new_customer("premium")
    ticket, mail = replied(desk, far_end, customer)
    desk.agent.acts(ticket, "solve", resolution="Done.")
    customer.ticket(ticket, status="solved")
    stack.clock.advance(days=8)
    customer.ticket(ticket, status="closed")
    about = subject("too late")
    post.writes(customer.email, about, "One more thing.", to=reply_to(mail))
    new = customer.ticket(mails.settles(about, "ticketed", within=30)["ticket_id"])
    assert (new["id"] != ticket, new["status"], new["follows"]) == (True, "new", ticket)
    customer.ticket(ticket, status="closed")
    mails.is_balanced()


def test_a_reply_on_a_merged_ticket_is_one_on_the_ticket_it_goes_on_in(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    customer, other = desk.new_customer("premium"), desk.new_customer("premium")
    ticket, mail = replied(desk, far_end, customer)
    goes_on = customer.submits("The same again", app=f"{customer.name}-app")
    customer.ticket(goes_on, status="new")
    desk.agent.acts(ticket, "merge", into=goes_on)
    customer.ticket(ticket, status="closed", merged_into=goes_on)
    about = subject("in the other")
    post.writes(customer.email, about, "One more thing.", to=reply_to(mail))
    assert mails.settles(about, "threaded")["ticket_id"] == goes_on
    customer.ticket(ticket, status="closed")

    # another person's ticket: nobody is told of it, and their mail begins one of their own
    foreign, answer = replied(desk, far_end, other)
    desk.agent.acts(foreign, "merge", into=goes_on)
    other.ticket(foreign, status="closed", merged_into=None)
    aside = subject("aside")
    post.writes(other.email, aside, "And mine?", to=reply_to(answer))
    assert mails.settles(aside, "ticketed")["ticket_id"] not in (foreign, goes_on)
    assert other.cannot_see(goes_on)
    mails.is_balanced()


def test_a_sites_code_at_a_reply_address_is_for_staff_alone(
    desk: Desk, post: Post, mails: MailDesk, far_end: FarEnd
) -> None:
    """Somebody signs up elsewhere with our address to read the code in their ticket."""
    customer = desk.new_customer("premium")
    ticket, mail = replied(desk, far_end, customer)
    about = f"Your verification code {secrets.randbelow(900000) + 100000}"
    body = "Your verification code is 482913. Enter it to confirm your e-mail address."
    post.writes("no-reply@chat.example.org", about, body, to=reply_to(mail))
    assert mails.settles(about, "quarantined")["cause"] in (
        "verification-code",
        "wrong-reply-token",
        "automatic",
    )
    assert "482913" not in str(customer.get(f"/v1/tickets/{ticket}/events"))


def test_a_gateway_hands_mail_in_by_http(desk: Desk, stack: Stack, mails: MailDesk) -> None:
    customer, about = desk.new_customer("free"), subject("by http")
    gateway, token = f"gw{secrets.token_hex(3)}@example.com", secrets.token_urlsafe(12)
    desk._put(
        f"accounts/{gateway}",
        {"email": gateway, "name": "MX", "plan": "free", "roles": ["gateway"]},
    )
    raw = written(customer.email, about, "Handed in.")

    def hand_in(bearer: str, kind: str = "message/rfc822", **query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": kind}
        return httpx.post(
            f"{stack.portal}/v1/mail", content=raw, headers=headers, params=query, timeout=10
        )

    desk._put(
        f"tokens/{hashlib.sha256(token.encode()).hexdigest()}", {"email": gateway, "name": "test"}
    )
    envelope = {"from": customer.email, "to": SUPPORT, "ip": "127.0.0.1", "helo": "mx.example.com"}
    assert hand_in("demo-premium", **envelope).status_code == 403
    assert hand_in("nobody", **envelope).status_code == 401
    assert hand_in(token, "application/json", **envelope).status_code == 415
    assert hand_in(token, **{**envelope, "ip": "1.2.3"}).status_code == 422
    taken = hand_in(token, **envelope)
    assert taken.status_code == 202, taken.text
    message = mails.settles(about, "ticketed")
    assert (message["id"], message["gateway"], message["verified"]) == (
        taken.json()["id"],
        gateway,
        True,
    )
    address = f"/v1/mail/{message['id']}/raw"
    kept = eventually(
        lambda: (found := desk.agent.call("GET", address)).status_code == 200 and found,
        what="the raw message is kept",
    )
    assert kept.content == raw
    assert kept.headers["content-disposition"].startswith("attachment")
    assert kept.headers["x-content-type-options"] == "nosniff"
    assert desk.stranger.call("GET", address).status_code == 404
    assert desk.person("premium").call("GET", "/v1/mail").status_code == 404
