"""J9: a link, a colleague who confirms, and nothing more than that ticket."""

from __future__ import annotations

from datetime import datetime

from tests.support.desk import Desk, FarEnd, Person
from tests.support.posting import MailDesk, Post
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

NOTE = "A staff note about the contract"


def shared(desk: Desk) -> tuple[Person, str, str]:
    """The requester, the ticket, and the link's token."""
    owner = desk.new_customer("premium")
    ticket = owner.submits("Deploys hang", app=f"{owner.name}-app")
    owner.ticket(ticket, queue="platform")
    said = owner.acts(ticket, "share")
    assert said["url"].startswith(f"{desk.stack.portal}/share/{ticket}.")
    assert owner.outcome(said["request_id"])["state"] == "done"
    return owner, ticket, said["url"].rpartition("/")[2]


def asked_at(person: Person, ticket: str) -> datetime:
    """The time intake writes on a request of now."""
    return datetime.fromisoformat(
        person.outcome(person.replies(ticket, "Any news?")["request_id"])["at"]
    )


def gone(person: Person, ticket: str, token: str) -> bool:
    became = person.outcome(person.acts(ticket, "join", share_token=token)["request_id"])
    return (became["state"], became["code"]) == ("refused", "share-gone")


def test_a_colleague_joins_and_gets_what_comes_later_and_no_more(
    desk: Desk, far_end: FarEnd
) -> None:
    owner, ticket, token = shared(desk)
    colleague = desk.new_customer("free")
    other = owner.submits("Another matter", app=f"{owner.name}-app")
    owner.ticket(other, queue="platform")
    assert colleague.cannot_see(ticket)
    colleague.acts(ticket, "join", share_token=token)
    eventually(lambda: not colleague.cannot_see(ticket), what="the colleague is on it")
    assert owner.ticket(ticket)["participants"] == [colleague.email]
    joined = [
        entry
        for entry in owner.get(f"/v1/tickets/{ticket}/events")["items"]
        if entry["type"] == "ParticipantJoined"
    ]
    assert [(entry["by"], entry["data"]["participant"]) for entry in joined] == [
        (colleague.email, colleague.email)
    ]
    assert joined[0]["at"]
    eventually(
        lambda: [m for m in far_end.about(ticket, "mail", to=owner.email) if "joined" in m["body"]],
        what="the owner is told",
    )

    desk.agent.replies(ticket, NOTE, audience="staff")
    desk.agent.replies(ticket, "We restarted the builder.")
    owner.ticket(ticket, status="pending")
    far_end.gets(ticket, "mail", to=colleague.email)
    said = colleague.replies(ticket, "It works for me now.")
    assert colleague.outcome(said["request_id"])["state"] == "done"
    owner.ticket(ticket, status="open")
    far_end.gets(
        ticket, "mail", to=owner.email, count=4
    )  # received, joined, the answer, the colleague's

    for path in ("", "/events", "/explain", "/clocks"):
        assert NOTE not in str(colleague.get(f"/v1/tickets/{ticket}{path}"))
        assert colleague.call("GET", f"/v1/tickets/{other}{path}").status_code == 404
    assert [item["id"] for item in colleague.listed()] == [ticket]
    answer = colleague.call(
        "POST", "/v1/tickets", {"subject": "x", "body": "y", "app": f"{owner.name}-app"}
    )
    assert answer.json()["type"].rpartition("/")[2] == "not-a-collaborator", (
        "no access to the app follows"
    )
    became = colleague.outcome(colleague.acts(ticket, "access", granted=True)["request_id"])
    assert became["code"] == "not-allowed", "only the requester lets staff in"


def test_ended_expired_and_forged_links_are_gone(desk: Desk, clock: ClockHand) -> None:
    owner, ticket, token = shared(desk)
    stranger = desk.new_customer("free")
    answer = stranger.call("POST", f"/v1/tickets/{ticket}/join", {"share_token": token[:-2] + "xx"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (410, "share-gone")
    assert stranger.cannot_see(ticket)

    ended = owner.acts(ticket, "unshare")
    assert owner.outcome(ended["request_id"])["state"] == "done"
    assert gone(stranger, ticket, token)

    again = owner.acts(ticket, "share")["url"].rpartition("/")[2]
    moved = clock.advance(days=30, minutes=1)
    eventually(
        lambda: asked_at(owner, ticket) >= moved, what="intake sees that the clock has moved"
    )
    assert gone(stranger, ticket, again)
    assert stranger.cannot_see(ticket)


def test_by_the_page_looking_adds_nobody_and_a_visitor_logs_in_first(desk: Desk) -> None:
    owner, ticket, token = shared(desk)
    with desk.browser() as visitor:
        asked = visitor.get(f"/share/{token}")
        assert (asked.status_code, asked.headers["location"]) == (
            303,
            f"/login?next=%2Fshare%2F{token}",
        )
        back = visitor.post(
            "/login",
            data={"email": "stranger@example.com", "password": "demo", "next": f"/share/{token}"},
        )
        assert (back.status_code, back.headers["location"]) == (303, f"/share/{token}")
        page = visitor.get(f"/share/{token}")
        assert page.status_code == 200 and "stranger@example.com" in page.text
        assert "Deploys hang" not in page.text
        assert desk.stranger.cannot_see(ticket), "looking joins nobody: mail scanners look too"
        assert owner.ticket(ticket)["participants"] == []

        joined = visitor.post(f"/share/{token}")
        assert joined.status_code == 303 and joined.headers["location"].startswith(
            f"/tickets/{ticket}"
        )
        assert "Deploys hang" in visitor.get(joined.headers["location"]).text
        assert owner.ticket(ticket)["participants"] == ["stranger@example.com"]
        again = visitor.post(f"/share/{token}")
        assert (again.status_code, again.headers["location"]) == (303, f"/tickets/{ticket}")

        ended = owner.acts(ticket, "unshare")
        owner.outcome(ended["request_id"])
        assert visitor.get(f"/share/{token}").status_code == 410, "nobody is invited by it"
        assert visitor.get("/share/abcdef").status_code == 410
        late = visitor.post(f"/share/{token}")
        assert late.status_code == 410 and "no longer good" in late.text
        assert not desk.stranger.cannot_see(ticket), "who joined stays"


def test_who_is_asked_sees_nothing_before_they_agree_and_nothing_after_they_left(
    desk: Desk, far_end: FarEnd
) -> None:
    owner, colleague = desk.new_customer("premium"), desk.new_customer("free")
    ticket = owner.submits("Deploys hang", "Words for nobody else.", app=f"{owner.name}-app")
    owner.ticket(ticket, queue="platform")
    asked = owner.acts(ticket, "ask", email=colleague.email)
    assert owner.outcome(asked["request_id"])["state"] == "done"
    (mail,) = far_end.gets(ticket, "mail", to=colleague.email)
    assert "Deploys hang" in mail["body"]
    assert "Words for nobody else" not in mail["body"]
    assert colleague.cannot_see(ticket)

    # The link of the mail answers, with nobody signed in.
    link = mail["body"].partition("Take part: ")[2].split()[0]
    page = desk.browser()
    page.headers["Origin"] = desk.stack.portal
    assert "Words" not in page.get(link).text
    assert colleague.cannot_see(ticket), "reading the page answers nothing"
    assert page.post(link, data={"answer": "yes"}).status_code == 200
    eventually(lambda: not colleague.cannot_see(ticket), what="the colleague is on it")
    owner.ticket(ticket, participants=[colleague.email])
    desk.agent.replies(ticket, "We restarted the builder.")
    far_end.gets(ticket, "mail", to=colleague.email, count=2)

    # Who left is not asked again.
    left = colleague.acts(ticket, "remove", email=colleague.email)
    assert colleague.outcome(left["request_id"])["state"] == "done"
    eventually(lambda: colleague.cannot_see(ticket), what="the colleague sees it no more")
    for path in ("/events", "/explain", "/clocks"):
        assert colleague.call("GET", f"/v1/tickets/{ticket}{path}").status_code == 404
    again = owner.outcome(owner.acts(ticket, "ask", email=colleague.email)["request_id"])
    assert (again["state"], again["code"]) == ("refused", "said-no-thanks")


def test_who_was_in_copy_of_a_mail_is_offered_to_be_asked(desk: Desk, far_end: FarEnd) -> None:
    owner, colleague = desk.new_customer("premium"), desk.new_customer("free")
    about = f"Deploys hang {owner.name}"
    Post(desk.stack).writes(owner.email, about, headers={"Cc": colleague.email})
    ticket = MailDesk(desk.agent).settles(about, "ticketed")["ticket_id"]
    owner.ticket(ticket)
    assert colleague.cannot_see(ticket), "to be in copy lets nobody see it"

    def offers(person: Person) -> bool:
        page = person.call("GET", f"/tickets/{ticket}")
        return f"Ask {colleague.email} to take part" in page.text

    eventually(lambda: offers(owner), what="the writer is offered to ask who was in copy")
    assert offers(desk.agent)
    asked = owner.acts(ticket, "ask", email=colleague.email)
    assert owner.outcome(asked["request_id"])["state"] == "done"
    far_end.gets(ticket, "mail", to=colleague.email)
    eventually(lambda: not offers(owner), what="who is asked is offered no more")
