"""J5: primary silent, then the secondary, then all of it again, then the lead, and never nobody;
who cannot be reached is passed over.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.posting import MailDesk, Post, reply_to
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def premier(desk: Desk) -> Person:
    return desk.new_customer("premier")


@pytest.fixture
def publish(desk: Desk) -> Iterator[Callable[[Change], None]]:
    """Publishes a changed on-call document; the one before is back in force afterwards."""
    before = desk.admin.get("/v1/policies/on-call")["document"]

    def put(document: dict[str, Any]) -> None:
        answer = desk.admin.call("PUT", "/v1/policies/on-call", document)
        assert answer.status_code == 200, answer.text
        version = answer.json()["version"]
        eventually(
            lambda: desk.admin.get("/v1/policies/on-call")["version"] >= version,
            what="the policy in force",
        )

    def changed(change: Change) -> None:
        document = copy.deepcopy(before)
        change(document)
        put(document)

    yield changed
    put(before)


def opens_urgent(premier: Person, subject: str = "Everything is down") -> str:
    return premier.submits(subject, app=f"{premier.name}-app", priority="urgent")


def press_acknowledge(desk: Desk, page: str) -> None:
    """The button of the page, pressed by the primary."""
    with desk.browser() as browser:
        browser.headers["Origin"] = desk.stack.portal
        browser.post("/login", data={"email": "primary@example.com", "password": "demo"})
        shown = browser.get(f"/pages/{page}").text
        form = re.search(r'action="([^"]+/acknowledge)"[^>]*><input[^>]* value="([^"]+)"', shown)
        assert form, shown
        answer = browser.post(form[1], data={"idempotency_key": form[2]})
        assert answer.status_code == 303, answer.text


def page_of(desk: Desk, ticket: str, **wanted: Any) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        pages = [
            page for page in desk.primary.get("/v1/pages")["items"] if page["ticket_id"] == ticket
        ]
        return next(
            (page for page in pages if {name: page[name] for name in wanted} == wanted), None
        )

    return dict(eventually(found, what=f"a page of {ticket} with {wanted}"))


def keys_of(far_end: FarEnd, ticket: str) -> list[tuple[str, str]]:
    """Who was paged in which round and step, in order."""
    bodies = [json.loads(item["body"]) for item in far_end.about(ticket, "page")]
    return [
        (body["to"], f"r{body['round']}s{body['step']}")
        for body in bodies
        if body["type"] == "page"
    ]


def test_silence_goes_from_one_to_the_next_and_round_again_to_the_lead(
    desk: Desk, far_end: FarEnd, clock: ClockHand, premier: Person
) -> None:
    ticket = opens_urgent(premier)
    course = [
        ("primary", "r0s1"),
        ("secondary", "r0s2"),
        ("primary", "r1s1"),
        ("secondary", "r1s2"),
        ("lead", "r1s3"),
    ]
    for paged in range(1, len(course) + 1):
        eventually(
            lambda n=paged: keys_of(far_end, ticket) == course[:n],
            what=f"{course[paged - 1]} paged",
        )
        clock.advance(minutes=5, seconds=1)
    assert keys_of(far_end, ticket) == course, "the lead is not paged again at once"
    clock.advance(minutes=10)
    again = eventually(
        lambda: [who for who, _ in keys_of(far_end, ticket)][len(course) :],
        what="the lead paged again after 15 minutes",
    )
    assert again == ["lead"], "never empty: the lead again and again"
    page = page_of(desk, ticket, state="open")
    desk.lead.asks(f"/v1/pages/{page['id']}/acknowledge")
    page_of(desk, ticket, state="acknowledged", acknowledged_by="lead@example.com")
    clock.advance(minutes=30)
    other = opens_urgent(desk.new_customer("premier"), "A sign that time has passed")
    far_end.gets(other, "page", to="primary")
    assert len(keys_of(far_end, ticket)) == len(course) + 1, "an acknowledgement stops all of it"
    ids = [item["headers"]["webhook-id"] for item in far_end.about(ticket, "page")]
    assert len(ids) == len(set(ids)), "each step has a key of its own, each once"


def test_who_has_no_verified_way_is_passed_over_at_once_and_that_is_recorded(
    desk: Desk, far_end: FarEnd, premier: Person, publish: Callable[[Change], None]
) -> None:
    def unverify(document: dict[str, Any]) -> None:
        for method in document["people"]["primary"]["methods"]:
            method["verified"] = False

    publish(unverify)
    ticket = opens_urgent(premier)
    far_end.gets(ticket, "page", to="secondary")
    assert keys_of(far_end, ticket) == [("secondary", "r0s2")]
    page = page_of(desk, ticket, state="open", reached_nobody=True)
    assert page["reason"] == "primary has no verified contact method"
    desk.secondary.asks(f"/v1/pages/{page['id']}/acknowledge")


def test_nobody_on_call_and_no_way_to_the_secondary_still_wakes_the_lead_at_once(
    desk: Desk,
    far_end: FarEnd,
    clock: ClockHand,
    premier: Person,
    publish: Callable[[Change], None],
) -> None:
    def empty(document: dict[str, Any]) -> None:
        schedule = document["schedules"]["support-primary"]
        rotation = schedule.pop("rotation")
        minute = [{"opens": "00:00", "closes": "00:01"}]
        weekday = (
            (clock.now().astimezone(ZoneInfo(schedule["zone"])) - timedelta(days=2))
            .strftime("%a")
            .lower()
        )
        schedule["layers"] = [
            {"name": "one minute a week", "rotation": rotation, "week": {weekday: minute}}
        ]
        document["people"]["secondary"]["methods"] = []

    publish(empty)
    ticket = opens_urgent(premier)
    far_end.gets(ticket, "page", to="lead")
    assert keys_of(far_end, ticket) == [("lead", "r1s3")]
    said = page_of(desk, ticket, state="open")
    reasons = [fact["reason"] for fact in _told(desk, ticket, "PageReachedNobody")]
    assert (
        reasons
        == ["nobody is on call for support-primary", "secondary has no verified contact method"] * 2
    )
    desk.lead.asks(f"/v1/pages/{said['id']}/acknowledge")


def _told(desk: Desk, ticket: str, kind: str) -> list[dict[str, Any]]:
    items = desk.agent.get(f"/v1/tickets/{ticket}/events")["items"]
    return [item.get("data", item) for item in items if item["type"] == kind]


@pytest.mark.parametrize(
    ("night", "hours"), [("2027-03-14", 23), ("2027-11-07", 25)], ids=["spring", "autumn"]
)
def test_the_night_the_clocks_change_has_exactly_one_person_in_every_minute(
    desk: Desk, publish: Callable[[Change], None], night: str, hours: int
) -> None:
    """Hand-overs at 02:30 local time: an hour that is skipped in spring, and comes twice in autumn."""

    def daily(document: dict[str, Any]) -> None:
        schedule = document["schedules"]["support-primary"]
        schedule["rotation"] = {
            "people": ["primary", "secondary"],
            "starts_at": "2025-01-06T02:30:00-05:00",
            "every": "1d",
        }

    publish(daily)
    zone = ZoneInfo("America/New_York")
    begins = datetime.fromisoformat(night).replace(tzinfo=zone).astimezone(UTC)
    ends = (datetime.fromisoformat(night) + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
    assert ends - begins == timedelta(hours=hours)

    def planned() -> list[dict[str, Any]]:
        items = desk.agent.get(
            "/v1/on-call/shifts", since=begins.isoformat(), until=ends.isoformat()
        )["items"]
        found = next(item for item in items if item["schedule"] == "support-primary")["shifts"]
        assert {shift["person"] for shift in found} == {"primary", "secondary"}
        return list(found)

    shifts = eventually(planned, what="the new rota in the view")
    edges = [datetime.fromisoformat(shift[name]) for shift in shifts for name in ("since", "until")]
    assert edges[0] == begins and edges[-1] == ends
    assert all(
        earlier == later for earlier, later in zip(edges[1:-1:2], edges[2::2], strict=True)
    ), "no gap, no overlap"
    assert len(shifts) == 2, (
        "one hand-over in the night, though the wall shows its time twice or never"
    )
    (handover,) = {edge for edge in edges if begins < edge < ends}
    for minutes in (-1, 0, 1, 59, 60, 61):
        at = handover + timedelta(minutes=minutes)
        (row,) = [
            row
            for row in desk.agent.get("/v1/on-call", at=at.isoformat())["items"]
            if row["schedule"] == "support-primary"
        ]
        assert row["person"] == shifts[0 if minutes < 0 else 1]["person"]


def test_answering_the_mail_acknowledges_and_a_machines_answer_does_not(
    desk: Desk,
    far_end: FarEnd,
    clock: ClockHand,
    premier: Person,
    publish: Callable[[Change], None],
) -> None:
    mailbox, subject = "primary@example.com", f"Everything is down {secrets.token_hex(4)}"

    def by_mail(document: dict[str, Any]) -> None:
        document["people"]["primary"]["methods"] = [
            {"name": "mail", "channel": "email", "address": mailbox, "verified": True}
        ]

    publish(by_mail)
    ticket = opens_urgent(premier, subject)

    def came() -> Any:
        return [mail for mail in far_end.got("mail", to=mailbox) if subject in mail["subject"]]

    (mail,) = eventually(came, what="the page by mail")
    mails, post = MailDesk(desk.agent), Post(desk.stack)
    thread = {"In-Reply-To": mail["headers"]["Message-ID"]}
    away, forged, answered = (f"{word} {secrets.token_hex(4)}" for word in ("Away", "Forged", "Re"))
    post.writes(
        mailbox,
        away,
        "I am away.",
        to=reply_to(mail),
        headers={**thread, "Auto-Submitted": "auto-replied"},
    )
    post.forges(mailbox, forged, "ack", to="pager@signalbox.example", headers=thread)
    assert mails.settles(away, "quarantined")["cause"] == "automatic"
    assert mails.settles(forged, "quarantined")["cause"] == "unverified-acknowledgement"
    page = page_of(desk, ticket, state="open")

    post.writes(
        mailbox,
        answered,
        "On it.\n\n> RESOLVE\n> Everything is down",
        to=reply_to(mail),
        headers=thread,
    )
    page_of(desk, ticket, state="acknowledged", acknowledged_by=mailbox, acknowledged_via="email")
    assert mails.settles(answered, "threaded")["page_id"] == page["id"]
    certificate = desk.primary.get(f"/v1/pages/{page['id']}/certificate")
    assert [(ack["by"], ack["via"]) for ack in certificate["acknowledgements"]] == [
        (mailbox, "email")
    ]
    clock.advance(minutes=6)
    other = opens_urgent(
        desk.new_customer("premier"), f"A sign that time has passed {secrets.token_hex(4)}"
    )
    page_of(desk, other, state="open")
    assert keys_of(far_end, ticket) == [], "nobody else is woken"


def test_what_was_acknowledged_and_forgotten_opens_again_and_work_on_the_ticket_puts_that_off(
    desk: Desk,
    far_end: FarEnd,
    clock: ClockHand,
    premier: Person,
    publish: Callable[[Change], None],
) -> None:
    publish(lambda document: document["escalation"]["support"].update(ack_timeout="30m"))
    ticket = opens_urgent(premier)
    page = page_of(desk, ticket, state="open")
    press_acknowledge(desk, page["id"])
    first = page_of(desk, ticket, state="acknowledged")["reopens_at"]
    clock.advance(minutes=20)
    desk.agent.replies(ticket, "We look into it.")

    def put_off() -> Any:
        found = page_of(desk, ticket, state="acknowledged")["reopens_at"]
        return found if found > first else None

    second = eventually(put_off, what="the reopening put off")
    clock.advance(minutes=31)
    far_end.gets(ticket, "page", to="secondary", within=20)
    again = page_of(desk, ticket, state="open")
    assert [one["at"] >= second for one in again["reopenings"]] == [True], (
        "once, and not at the time of before"
    )
    press_acknowledge(desk, page["id"])
    page_of(desk, ticket, state="acknowledged")
    desk.agent.acts(ticket, "solve", resolution="It works again.")
    page_of(desk, ticket, state="resolved")


def test_a_shift_that_is_asked_for_and_accepted_pages_the_colleague(
    desk: Desk,
    far_end: FarEnd,
    clock: ClockHand,
    premier: Person,
    publish: Callable[[Change], None],
) -> None:
    def shared(document: dict[str, Any]) -> None:
        schedule = document["schedules"]["support-primary"]
        rotation = schedule.pop("rotation")
        backup = {"name": "backup", "rotation": {**rotation, "people": ["lead"]}}
        schedule["layers"] = [backup, {"name": "main", "rotation": rotation}]

    publish(shared)
    begin = clock.now() + timedelta(hours=1)
    times = {"since": begin.isoformat(), "until": (begin + timedelta(hours=1)).isoformat()}
    word, asks = f"The dentist {secrets.token_hex(4)}", "/v1/on-call/support-primary/asks"
    asked = desk.primary.call("POST", asks, {**times, "word": word})
    assert asked.status_code == 200, asked.text

    def told(who: str, text: str) -> Any:
        mails = far_end.got("mail", to=f"{who}@example.com")
        return [mail for mail in mails if text in mail["body"]]

    eventually(lambda: told("lead", word), what="the lead reads of it")
    before = opens_urgent(premier)
    far_end.gets(before, "page", to="primary")
    page = page_of(desk, before, state="open")
    desk.primary.asks(f"/v1/pages/{page['id']}/acknowledge")

    accept = f"{asks}/{asked.json()['ask']}/accept"
    assert desk.agent.call("POST", accept).status_code == 403
    assert desk.secondary.call("POST", accept).status_code == 403, "they take no turns in it"
    accepted = desk.lead.call("POST", accept)
    assert accepted.status_code == 200, accepted.text
    eventually(lambda: told("primary", "takes your shift"), what="primary reads who takes it")
    (ask,) = desk.agent.get("/v1/on-call/asks")["items"]
    assert (ask["state"], ask["ended_by"], ask["steps"]) == ("accepted", "lead", [])
    newest = desk.admin.get("/v1/policies/on-call/versions")["items"][0]
    assert newest["by"] == "lead@example.com"

    clock.set(begin + timedelta(minutes=1))
    ticket = opens_urgent(desk.new_customer("premier"))
    far_end.gets(ticket, "page", to="lead")
    assert keys_of(far_end, ticket) == [("lead", "r0s1")]
    desk.lead.asks(f"/v1/pages/{page_of(desk, ticket, state='open')['id']}/acknowledge")
