"""Mails that people send and that once made no ticket, or did not reopen one: each with what must
come of it; and for each kind, every mail of it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.reading.machines.automatic import STRONG, WEAK
from services.intake.mail.reading.message import read_message
from shared.events import (
    AddReply,
    Cause,
    DirectoryRecorded,
    Event,
    MailDuplicate,
    MailQuarantined,
    MailThreaded,
    MailTicketed,
    OpenTicket,
    Priority,
)
from shared.people.subscriptions import Stop, stop_id
from shared.topics import URGENT
from tests.support.examples import examples
from tests.support.mails import envelope, mail
from tests.support.sorting import NAMES, PREMIER, PREMIUM, TICKET, Office
from tests.unit.intake.building import NOW, Bench

CASES = Path(__file__).parent / "cases"


def case(name: str, to: str = NAMES.support) -> bytes:
    raw = (CASES / f"{name}.eml").read_bytes()
    return raw.replace(b"<the Reply-To of our last mail on a SOLVED ticket>", to.encode())


def only(kind: type[Event], events: list[Event]) -> Any:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def request_in(events: list[Event]) -> OpenTicket | AddReply | None:
    return next((each for each in events if isinstance(each, OpenTicket | AddReply)), None)


@pytest.mark.parametrize("name", ["01-subject-tag-H12", "01c-subject-PROD"])
async def test_a_word_in_brackets_is_plain_text(name: str) -> None:
    ticket = only(OpenTicket, await Office().gets(case(name)))
    assert (ticket.app, ticket.verified) == (None, True)


async def test_a_line_that_begins_with_app_is_plain_text() -> None:
    raw = mail("App: crashes since noon\n", {"From": PREMIUM})
    assert only(OpenTicket, await Office().gets(raw)).app is None


async def test_an_app_of_theirs_is_named_by_word_or_line() -> None:
    for subject, body in (
        ("[premium-production] slow", "x"),
        ("slow", "App: premium-production\n"),
        ("[PROD] [premium-production] slow", "App: crashes\n"),
    ):
        raw = mail(body, {"From": PREMIUM, "Subject": subject, "Message-ID": f"<{body}@a>"})
        assert only(OpenTicket, await Office().gets(raw)).app == "premium-production"


async def test_an_emergency_pages_whatever_stands_in_brackets() -> None:
    office = Office()
    raw = case("01f-premier-urgent")
    ticket = only(OpenTicket, await office.gets(raw, mail_from=PREMIER))
    assert (ticket.priority, ticket.pages, ticket.verified) == (Priority.URGENT, True, True)


async def test_an_emergency_is_never_one_mail_too_many_and_copies_urgent_for_the_pager() -> None:
    office = Office()
    office.tallies.most_tickets = 1
    calm = mail("Hello.\n", {"From": PREMIER, "Message-ID": "<calm-0@a>"})
    await office.gets(calm, mail_from=PREMIER)
    for n in range(3):
        urgent = mail("Priority: urgent\n", {"From": PREMIER, "Message-ID": f"<urgent-{n}@a>"})
        assert only(OpenTicket, await office.gets(urgent, mail_from=PREMIER)).pages
    other = mail("Hello.\n", {"From": PREMIER, "Message-ID": "<calm-1@a>"})
    kept = only(MailQuarantined, await office.gets(other, mail_from=PREMIER))
    assert kept.why is Cause.TOO_MANY
    assert URGENT.name == "urgent"


@pytest.mark.parametrize(
    ("known", "vouched", "replies"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"status": "closed"}, True, False),
        ({"requester": PREMIER, "participants": (PREMIER,)}, True, False),
        (None, True, False),
    ],
    ids=["theirs", "nobody vouches", "closed", "somebody else's", "unknown"],
)
async def test_a_ticket_id_in_the_subject(
    known: dict[str, Any] | None, vouched: bool, replies: bool
) -> None:
    office = Office()
    if known is not None:
        office.knows(**{"status": "pending", **known})
    events = await office.gets(case("01e-subject-names-ticket"), vouched=vouched)
    request = request_in(events)
    if replies:
        assert isinstance(request, AddReply)
        assert (request.key, request.automatic) == (TICKET, False)
    else:
        assert isinstance(request, OpenTicket)
        assert (request.key != TICKET, request.verified) == (True, vouched)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("02-reply-with-x-auto-response-suppress", "Thread test"),
        ("02b-reply-on-ticket-named-out-of-office", "Out of office replies bounce"),
    ],
)
async def test_weak_marks_and_the_tickets_own_subject_keep_nothing_closed(
    name: str, subject: str
) -> None:
    office = Office()
    to = office.knows(subject)
    reply = only(AddReply, await office.gets(case(name, to), to=to))
    assert (reply.key, reply.automatic, reply.doubtful) == (TICKET, False, False)


@pytest.mark.parametrize("vouched", [True, False])
async def test_a_message_of_ours_about_a_ticket_that_is_not_there(vouched: bool) -> None:
    answers = {"From": PREMIUM, "In-Reply-To": f"<{TICKET}@{NAMES.message_domain}>"}
    events = await Office().gets(mail("And now?\n", answers), vouched=vouched)
    if vouched:
        assert only(OpenTicket, events).verified, "a ticket of their own"
    else:
        assert only(MailQuarantined, events).why is Cause.UNVERIFIED_REPLY


async def test_an_autoresponder_that_only_its_subject_gives_away() -> None:
    office = Office()
    to = office.knows()
    events = await office.gets(case("18-abwesend", to), to=to)
    reply = only(AddReply, events)
    assert (reply.key, reply.automatic, reply.doubtful) == (TICKET, True, True)
    assert "Abwesend:" in reply.automatic_because
    assert only(MailThreaded, events).because == reply.automatic_because


async def test_a_persons_first_mail_through_a_list() -> None:
    events = await Office().gets(case("16-google-group-new-mail"))
    ticket = only(OpenTicket, events)
    assert ticket.verified
    assert "List-Id" in ticket.no_receipt, "a ticket, but no machine answers a list"


BEHIND = {
    "From": "'Pia Premium' via Team <team@example.com>",
    "Reply-To": "Pia Premium <premium@example.com>",
    "X-Original-Sender": "premium@example.com",
    "List-Id": "<team.example.com>",
    "List-Post": "<mailto:team@example.com>",
    "Mailing-list": "list team@example.com; contact team+owners@example.com",
    "Precedence": "list",
}


@pytest.mark.parametrize("named", ["X-Original-Sender", "Reply-To"])
async def test_a_list_that_writes_under_its_own_name_is_no_proof(named: str) -> None:
    other = {"X-Original-Sender": "Reply-To", "Reply-To": "X-Original-Sender"}[named]
    headers = {name: value for name, value in BEHIND.items() if name != other}
    events = await Office().gets(mail("Help!\n", headers), mail_from="team+bnc@example.com")
    ticket = only(OpenTicket, events)
    assert (ticket.actor.email, ticket.verified, ticket.pages) == (PREMIUM, False, False)


async def test_an_unknown_author_behind_a_list_is_told_and_the_list_is_not() -> None:
    stranger = {**BEHIND, "Reply-To": "new@else.example", "X-Original-Sender": "new@else.example"}
    kept = only(MailQuarantined, await Office().gets(mail("Help!\n", stranger)))
    assert (kept.why, kept.sender, kept.answerable) == (
        Cause.UNKNOWN_SENDER,
        "new@else.example",
        True,
    )
    assert (kept.vouched, kept.subject) == (False, ""), "nobody vouches: nothing of the mail"
    nameless = {k: v for k, v in BEHIND.items() if k not in ("Reply-To", "X-Original-Sender")}
    kept = only(MailQuarantined, await Office().gets(mail("Help!\n", nameless)))
    assert "mailing list" in kept.unanswerable


async def test_whoever_is_vouched_for_hears_which_mail_it_was() -> None:
    raw = mail(
        "Hello.\n", {"From": "new@example.com", "Subject": "My dyno password: hunter2hunter2"}
    )
    kept = only(MailQuarantined, await Office().gets(raw, mail_from="new@example.com"))
    assert kept.vouched
    assert kept.subject.startswith("My dyno password: ")
    assert "hunter2" not in kept.subject
    assert kept.received_at == NOW
    again = only(
        MailQuarantined, await Office().gets(raw, mail_from="new@example.com", vouched=False)
    )
    assert (again.vouched, again.subject) == (False, "")


async def test_an_answering_machine_without_any_mark_is_not_answered_for_ever() -> None:
    office = Office()
    for n in range(30):
        headers = {"From": "robot@example.com", "Message-ID": f"<r{n}@example.com>"}
        await office.gets(mail("Thank you.\n", headers), mail_from="robot@example.com")
    kept = [fact for fact in office.said if isinstance(fact, MailQuarantined)]
    assert [fact.answerable for fact in kept] == [True] * 20 + [False] * 10
    assert "loop" in kept[-1].unanswerable
    headers = {"From": "robot@example.com", "Message-ID": "<later@example.com>"}
    late = await office.gets(
        mail("Thank you.\n", headers), mail_from="robot@example.com", later=timedelta(days=2)
    )
    assert only(MailQuarantined, late).answerable


WEAK_MARKS: tuple[tuple[str, str], ...] = (
    ("X-Auto-Response-Suppress", "All"),
    ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ("List-Unsubscribe", "<https://example.com/u>"),
    ("List-Id", "<ops.example.com>"),
    ("List-Post", "<mailto:ops@example.com>"),
    ("Precedence", "bulk"),
    ("Precedence", "list"),
    ("Precedence", "junk"),
    ("Auto-Submitted", "no"),
    ("Auto-Submitted", "perhaps"),
    ("X-Loop", "pia@example.com"),
    ("X-MS-Exchange-Inbox-Rules-Loop", "pia@example.com"),
    ("X-MS-Exchange-Generated-Message-Source", "Mailbox Rules Agent"),
    ("X-Autogenerated", "Forward"),
    ("Feedback-ID", "1:2:3"),
    ("X-Mailer", "PHPMailer"),
    ("X-Failed-Recipients", "bob@example.com"),
    ("Return-Path", "<>"),
)

UNLIKE = frozenset({"id", "digest", "mail", "key", "no_receipt"})
"""What differs between two mails by their bytes alone, and the automatic answer."""


async def decision(
    headers: list[tuple[str, str]], *, answers: bool, urgent: bool, null: bool, vouched: bool
) -> Any:
    office, about = Office(), {"From": PREMIER if urgent else PREMIUM, "Subject": "Re: Thread test"}
    to = office.knows()
    raw = mail(
        "Priority: urgent\nIt fails.\n" if urgent else "It fails.\n",
        about,
        extra=[f"{name}: {value}".encode() for name, value in headers],
    )
    events = await office.gets(
        raw,
        mail_from="" if null else about["From"],
        to=to if answers else NAMES.support,
        vouched=vouched,
    )
    request = request_in(events)
    if request is None:
        kept = only(MailQuarantined, events)
        return kept.why, kept.ticket_id
    return type(request), {
        name: value for name, value in request.model_dump().items() if name not in UNLIKE
    }


@given(
    marks=st.lists(st.sampled_from(WEAK_MARKS), max_size=6),
    answers=st.booleans(),
    urgent=st.booleans(),
    null=st.booleans(),
    vouched=st.booleans(),
)
@settings(max_examples=examples(150), deadline=None)
async def test_weak_marks_in_any_combination_change_nothing_but_the_automatic_answer(
    marks: list[tuple[str, str]], answers: bool, urgent: bool, null: bool, vouched: bool
) -> None:
    more = {"answers": answers, "urgent": urgent, "vouched": vouched}
    plain = await decision([], null=False, **more)
    assert await decision(marks, null=null, **more) == plain


@given(mark=st.sampled_from(WEAK_MARKS), subject=st.text(max_size=80), body=st.text(max_size=200))
@settings(max_examples=examples(150), deadline=None)
async def test_a_registered_sender_who_is_vouched_for_always_gets_a_ticket(
    mark: tuple[str, str], subject: str, body: str
) -> None:
    words = " ".join(subject.split()).encode("utf-8", "replace")
    raw = mail(
        body.encode("utf-8", "replace"),
        {"From": PREMIUM, "Subject": words, mark[0]: mark[1]},
    )
    assert request_in(await Office().gets(raw)) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Auto-Submitted": "auto-generated; type=x"},
        {"X-Autoreply": "yes"},
        {"Precedence": "auto_reply"},
    ],
)
async def test_strong_marks_keep_a_ticket_as_it_is(headers: dict[str, str]) -> None:
    office = Office()
    to = office.knows()
    raw = mail("I am away.\n", {"From": PREMIUM, "Subject": "Re: Thread test", **headers})
    reply = only(AddReply, await office.gets(raw, to=to))
    assert (reply.automatic, reply.doubtful) == (True, False)
    assert reply.automatic_because


def test_every_weak_rule_is_weak_and_every_strong_one_strong() -> None:
    for name, value in WEAK_MARKS:
        found = read_message(mail("x\n", {name: value}), envelope()).automatic
        assert found is None or not found.certain, name
    assert not set(STRONG) & set(WEAK)


PATHS = {
    "straight": (),
    "by a gateway": (b"Received: from gw.example.com by mx.example.com; Mon, 30 Nov 2026",),
    "by a list": (
        b"Received: from lists.example.com by mx.example.com; Mon, 30 Nov 2026",
        b"List-Id: <ops.example.com>",
        b"Precedence: list",
    ),
}


@pytest.mark.parametrize("second", ["by a gateway", "by a list"])
async def test_one_mail_by_two_paths_is_one_ticket(second: str) -> None:
    office = Office()
    first = await office.gets(mail("It fails.\n", {"From": PREMIUM}))
    text = "It fails.\n"
    if second == "by a list":
        text += "\n-- \nYou received this message because you are subscribed to the group.\n"
    subject = "[ops] Help" if second == "by a list" else "Help"
    copy = mail(text, {"From": PREMIUM, "Subject": subject}, extra=PATHS[second])
    told = await office.gets(copy)
    assert request_in(told) is None
    assert only(MailTicketed, told).ticket_id == only(OpenTicket, first).key


async def test_another_process_makes_the_same_request_of_the_same_letter() -> None:
    one, other = Office(), Office()
    first = only(OpenTicket, await one.gets(mail("It fails.\n", {"From": PREMIUM})))
    copy = mail("It fails.\n", {"From": PREMIUM}, extra=PATHS["by a gateway"])
    second = only(OpenTicket, await other.gets(copy))
    assert (first.key, first.id) == (second.key, second.id)
    assert first.mail != second.mail


async def test_a_reply_by_two_paths_is_one_reply() -> None:
    office = Office()
    to = office.knows()
    about = {"From": PREMIUM, "In-Reply-To": f"<{TICKET}@{NAMES.message_domain}>"}
    first = only(AddReply, await office.gets(mail("No.\n", about), to=to))
    copy = mail("No.\n", about, extra=PATHS["by a list"])
    told = await office.gets(copy, vouched=False)
    assert request_in(told) is None, "the list broke the signature; its letter was taken"
    assert only(MailThreaded, told).request_id == first.id


@pytest.mark.parametrize(
    "other",
    [
        {"body": "It fails again.\n"},
        {"headers": {"Subject": "Other"}},
        {"headers": {"Date": "Tue, 3 Mar 2026 16:04:05 +0000"}},
        {"headers": {"From": PREMIER}},
    ],
    ids=["text", "subject", "date", "author"],
)
async def test_two_mails_that_share_a_message_id_are_two(other: dict[str, Any]) -> None:
    office = Office()
    first = only(OpenTicket, await office.gets(mail("It fails.\n", {"From": PREMIUM})))
    headers = {"From": PREMIUM, **other.get("headers", {})}
    second = only(OpenTicket, await office.gets(mail(other.get("body", "It fails.\n"), headers)))
    assert first.key != second.key


async def test_a_delivery_done_again_after_a_crash_is_no_copy_of_itself() -> None:
    """The log may not have heard of it: it says the same again."""
    office = Office()
    raw = mail("It fails.\n", {"From": PREMIUM})
    first = await office.gets(raw, delivery="dlv_1")
    again = await office.gets(raw, delivery="dlv_1")
    assert [event.id for event in again] == [event.id for event in first]
    assert request_in(again) == request_in(first)


async def test_mails_without_a_message_id_are_their_bytes() -> None:
    office = Office()
    keys = set()
    for n in range(2):
        raw = mail("It fails.\n", {"From": PREMIUM, "Message-ID": None}, extra=[b"X-N: %d" % n])
        keys.add(only(OpenTicket, await office.gets(raw)).key)
    assert len(keys) == 2


async def test_the_same_bytes_are_a_duplicate_still() -> None:
    office = Office()
    raw = mail("It fails.\n", {"From": PREMIUM})
    await office.gets(raw)
    office.said.append(office.said[0])
    assert only(MailDuplicate, await office.gets(raw))


async def test_a_copy_nobody_vouches_for_does_not_stand_in_the_way_of_the_true_one() -> None:
    office = Office()
    urgent = {"From": PREMIER}
    forged = await office.gets(mail("Priority: urgent\n", urgent), vouched=False)
    copy = mail("Priority: urgent\n", urgent, extra=PATHS["by a gateway"])
    true = await office.gets(copy, mail_from=PREMIER)
    first, second = only(OpenTicket, forged), only(OpenTicket, true)
    assert (first.key, first.pages, second.pages) == (second.key, False, True)
    assert first.id != second.id, "another request: the router takes it as the confirmation"


def stopped(office: Office, why: str = "bounced") -> None:
    stop = Stop(email=PREMIUM, why=why, said="5.1.1", notice="ntc_1", at=NOW)  # type: ignore[arg-type]
    office.bench.log.holds("subscriptions", stop_id(PREMIUM), stop.kept())


LIFTS: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("a vouched-for mail", {}, {}, True),
    ("with weak marks", {"headers": {"Precedence": "list"}}, {}, True),
    ("nobody vouches", {}, {"vouched": False}, False),
    ("written before the stop", {}, {"later": timedelta(seconds=-1)}, False),
    ("a machine's", {"headers": {"Auto-Submitted": "auto-replied"}}, {}, False),
    ("after a complaint", {"why": "complained"}, {}, False),
    ("somebody else's", {"headers": {"From": PREMIER}}, {}, False),
]


@pytest.mark.parametrize(
    ("about", "more", "lifts"), [row[1:] for row in LIFTS], ids=[row[0] for row in LIFTS]
)
async def test_what_lifts_a_stop(about: dict[str, Any], more: dict[str, Any], lifts: bool) -> None:
    office = Office(Bench())
    stopped(office, about.get("why", "bounced"))
    raw = mail("Hello.\n", {"From": PREMIUM, **about.get("headers", {})})
    events = await office.gets(raw, **{"later": timedelta(seconds=1), **more})
    records = [event for event in events if isinstance(event, DirectoryRecorded)]
    assert [(each.doc_id, each.document) for each in records] == (
        [(stop_id(PREMIUM), None)] if lifts else []
    )
