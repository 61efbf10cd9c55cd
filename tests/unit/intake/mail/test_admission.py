"""What becomes of a message: one row a case, and every cause is reached by some row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.mail.admission.admission import (
    RULES,
    NewTicket,
    Outcome,
    PageAnswer,
    Quarantine,
    TicketReply,
    decide,
)
from services.intake.mail.admission.answering import EXPLANATIONS
from services.intake.mail.admission.evidence import MailCase, NamedTicket, Sender, SenderUsage
from services.intake.mail.admission.page_answers import PageNamed
from services.intake.mail.reading.models import (
    Address,
    Authentication,
    Automatic,
    Bounce,
    Envelope,
    MailContent,
    Unreadable,
)
from shared.access import Standing
from shared.events import Actor, Cause

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
ANN = "ann@example.com"
READ = MailContent(
    sender=Address(address=ANN),
    subject="Help",
    text="It fails.",
    reply="It fails.",
    digest="a" * 64,
    size=9,
)
ENVELOPE = Envelope(
    mail_from=ANN, rcpt_to=("support@signalbox.example",), peer="192.0.2.1", received_at=AT
)
VOUCHED = Authentication(dmarc="pass", spf="pass", aligned=True)
REGISTERED = Sender(ANN, Actor(email=ANN), registered=True)
STRANGER = Sender(ANN, None)
MINE = NamedTicket("tkt_1", by_token=True, genuine=True, known=True, standing=Standing.CUSTOMER)
PAGED = PageNamed("lane_a.x", "primary", ANN, by_token=True, genuine=True)
PAGED_BY_REFERENCE = replace(PAGED, by_token=False, genuine=False)
ACKNOWLEDGED = PageAnswer("lane_a.x", "primary", ANN, "acknowledge")
RESOLVE = READ.model_copy(update={"reply": "\n Resolved.\n\nIt was the cache."})
BY_REFERENCE = replace(MINE, by_token=False, genuine=False)


def machine(kind: Any = "auto-replied", certain: bool = True) -> MailContent:
    return READ.model_copy(
        update={"automatic": Automatic(kind=kind, reason="a header", certain=certain)}
    )


def case(
    reading: MailContent = READ,
    sender: Sender = REGISTERED,
    authentication: Authentication = VOUCHED,
    **more: Any,
) -> MailCase:
    return MailCase(
        reading=reading, envelope=ENVELOPE, authentication=authentication, sender=sender, **more
    )


NOBODY = Authentication(dmarc="none")
BY_SUBJECT = replace(BY_REFERENCE, by_subject=True)
AWAY = READ.model_copy(update={"subject": "Abwesend: Re: Thread test"})
GUESSED_BOUNCE = READ.model_copy(update={"bounce": Bounce(standard=False)})
FROM_LIST = machine("list", certain=False).model_copy(update={"from_list": True})
NO_ANSWER = "its header says that no machine should answer it (a header)"
LOOKS_AWAY = 'its subject looks like an automatic answer\'s ("Abwesend:")'
CODE = READ.model_copy(update={"verification_code": True})
BOUNCE = READ.model_copy(update={"bounce": Bounce(standard=True)})
NO_FROM = READ.model_copy(update={"sender": None})
FULL = SenderUsage(tickets=20, replies=60)

ROWS: list[tuple[str, MailCase, Outcome | Cause]] = [
    ("a customer who is vouched for", case(), NewTicket(verified=True)),
    ("a customer nobody vouches for", case(authentication=NOBODY), NewTicket(verified=False)),
    ("a stranger", case(sender=STRANGER), Cause.UNKNOWN_SENDER),
    (
        "a provider's designated address is no account",
        case(sender=Sender(ANN, Actor(email=ANN, provider="redisco"))),
        Cause.UNKNOWN_SENDER,
    ),
    ("too many tickets", case(tally=FULL), Cause.TOO_MANY),
    (
        "unreadable",
        case(MailContent(unreadable=Unreadable.CRASHED), Sender("", None)),
        Cause.UNREADABLE,
    ),
    (
        "too large",
        case(MailContent(unreadable=Unreadable.TOO_LARGE), Sender("", None)),
        Cause.TOO_LARGE,
    ),
    ("no From", case(NO_FROM, Sender("", None)), Cause.NO_SENDER),
    (
        "an answer to a page, at the address made for them",
        case(page=PAGED, authentication=NOBODY),
        ACKNOWLEDGED,
    ),
    (
        "from a mailbox that is no account's",
        case(sender=STRANGER, page=PAGED, authentication=NOBODY),
        ACKNOWLEDGED,
    ),
    ("by reference, where the domain vouches", case(page=PAGED_BY_REFERENCE), ACKNOWLEDGED),
    (
        "a word alone asks for more",
        case(RESOLVE, page=PAGED),
        replace(ACKNOWLEDGED, asked="resolve"),
    ),
    (
        "by reference, and nobody vouches",
        case(page=PAGED_BY_REFERENCE, authentication=NOBODY),
        Cause.UNVERIFIED_ACKNOWLEDGEMENT,
    ),
    (
        "from nobody's mailbox",
        case(page=replace(PAGED, person="", genuine=False)),
        Cause.UNVERIFIED_ACKNOWLEDGEMENT,
    ),
    (
        "at a colleague's address for the page",
        case(page=replace(PAGED, genuine=False)),
        Cause.WRONG_REPLY_TOKEN,
    ),
    ("no page that is known", case(page=replace(PAGED, page="")), Cause.UNKNOWN_PAGE),
    ("an out-of-office to a page", case(machine(), page=PAGED), Cause.AUTOMATIC),
    ("one that only its subject gives away, to a page", case(AWAY, page=PAGED), Cause.AUTOMATIC),
    (
        "a weak mark on an answer to a page",
        case(machine("list", certain=False), page=PAGED),
        ACKNOWLEDGED,
    ),
    ("a bounce of a page", case(BOUNCE, page=PAGED), Cause.BOUNCE),
    ("our own Message-ID", case(is_loop=True), Cause.LOOP),
    ("our own address", case(sender=Sender(ANN, None, is_ours=True)), Cause.LOOP),
    ("a loop by its headers", case(machine("loop")), Cause.LOOP),
    ("a delivery report", case(BOUNCE, STRANGER), Cause.BOUNCE),
    ("a bounce in words only", case(machine("bounce"), STRANGER), Cause.BOUNCE),
    ("an autoresponder's new mail", case(machine()), Cause.AUTOMATIC),
    (
        "a machine's new mail in the name of a customer nobody vouches for",
        case(machine("auto-generated"), authentication=NOBODY),
        Cause.AUTOMATIC,
    ),
    (
        "what a customer's own machine generates",
        case(machine("auto-generated")),
        NewTicket(verified=True, no_receipt=NO_ANSWER),
    ),
    (
        "an emergency from an autoresponder",
        case(machine(), would_page=True),
        NewTicket(verified=True, no_receipt=NO_ANSWER),
    ),
    (
        "a machine's emergency that nobody vouches for",
        case(machine(), authentication=NOBODY, would_page=True),
        Cause.AUTOMATIC,
    ),
    (
        "a weak mark on a new mail",
        case(machine(certain=False)),
        NewTicket(verified=True, no_receipt=NO_ANSWER),
    ),
    (
        "a new mail whose subject looks like an autoresponder's",
        case(AWAY),
        NewTicket(verified=True, no_receipt=LOOKS_AWAY),
    ),
    (
        "a mailer's words from a customer who is vouched for",
        case(GUESSED_BOUNCE),
        NewTicket(verified=True),
    ),
    ("a mailer's words from anybody else", case(GUESSED_BOUNCE, STRANGER), Cause.BOUNCE),
    (
        "a mailer's words in a customer's name",
        case(GUESSED_BOUNCE, authentication=NOBODY),
        Cause.BOUNCE,
    ),
    ("a site's code", case(CODE, STRANGER), Cause.VERIFICATION_CODE),
    (
        "a site's code at somebody's reply address",
        case(CODE, STRANGER, named=replace(MINE, genuine=False)),
        Cause.VERIFICATION_CODE,
    ),
    ("a customer writes of a code", case(CODE), NewTicket(verified=True)),
    (
        "a customer nobody vouches for writes of a code",
        case(CODE, authentication=NOBODY),
        NewTicket(verified=False),
    ),
    (
        "a reply to the address made for them",
        case(named=MINE, authentication=NOBODY),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "the same while the view is away",
        case(named=replace(MINE, known=False, standing=None)),
        TicketReply("tkt_1", automatic=False),
    ),
    ("they take part no more", case(named=replace(MINE, standing=None)), NewTicket(verified=True)),
    (
        "a provider who has it no more",
        case(
            sender=Sender(ANN, Actor(email=ANN, provider="redisco")),
            named=replace(MINE, standing=None),
        ),
        Cause.NOT_A_PARTICIPANT,
    ),
    (
        "somebody else's reply address",
        case(named=replace(MINE, genuine=False), authentication=NOBODY),
        Cause.WRONG_REPLY_TOKEN,
    ),
    (
        "the same from a stranger whose domain vouches for them",
        case(sender=STRANGER, named=replace(MINE, genuine=False, standing=None)),
        Cause.WRONG_REPLY_TOKEN,
    ),
    (
        "from a customer who is vouched for and takes part",
        case(named=replace(MINE, genuine=False)),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "from a customer who is vouched for and does not take part",
        case(named=replace(MINE, genuine=False, standing=None)),
        NewTicket(verified=True),
    ),
    (
        "an out-of-office to the address made for them",
        case(machine(), named=MINE),
        TicketReply("tkt_1", automatic=True, because="a header"),
    ),
    (
        "one that only its subject gives away",
        case(AWAY, named=MINE),
        TicketReply(
            "tkt_1",
            automatic=True,
            because='its subject looks like an automatic answer\'s: "Abwesend:"',
            doubtful=True,
        ),
    ),
    (
        "a subject that is the ticket's own",
        case(
            READ.model_copy(update={"subject": "Re: Out of office replies bounce"}),
            named=replace(MINE, subject="Out of office replies bounce"),
        ),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "a weak mark on a reply",
        case(machine(certain=False), named=MINE),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "a reply on a closed ticket",
        case(named=replace(MINE, status="closed")),
        NewTicket(verified=True, follows="tkt_1"),
    ),
    (
        "an out-of-office on a closed ticket",
        case(machine(), named=replace(MINE, status="closed")),
        TicketReply("tkt_1", automatic=True, because="a header"),
    ),
    (
        "a provider's reply on a closed ticket",
        case(named=replace(MINE, status="closed", standing=Standing.PROVIDER)),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "a ticket of theirs in the subject",
        case(named=BY_SUBJECT),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "the same, and nobody vouches",
        case(named=BY_SUBJECT, authentication=NOBODY),
        NewTicket(verified=False),
    ),
    (
        "a closed ticket in the subject",
        case(named=replace(BY_SUBJECT, status="closed")),
        NewTicket(verified=True, follows="tkt_1"),
    ),
    (
        "a closed ticket in the subject, and nobody vouches",
        case(named=replace(BY_SUBJECT, status="closed"), authentication=NOBODY),
        NewTicket(verified=False),
    ),
    (
        "somebody else's closed ticket in the subject",
        case(named=replace(BY_SUBJECT, status="closed", standing=None)),
        NewTicket(verified=True),
    ),
    (
        "somebody else's ticket in the subject",
        case(named=replace(BY_SUBJECT, standing=None)),
        NewTicket(verified=True),
    ),
    (
        "staff write of a ticket: no public answer on it",
        case(named=replace(BY_SUBJECT, standing=Standing.STAFF)),
        NewTicket(verified=True),
    ),
    ("a reply by reference", case(named=BY_REFERENCE), TicketReply("tkt_1", automatic=False)),
    (
        "a forged From with a real In-Reply-To",
        case(named=BY_REFERENCE, authentication=NOBODY),
        Cause.UNVERIFIED_REPLY,
    ),
    (
        "a reply by reference of somebody else",
        case(named=replace(BY_REFERENCE, standing=None)),
        NewTicket(verified=True),
    ),
    (
        "a reply by reference of a stranger",
        case(sender=STRANGER, named=replace(BY_REFERENCE, standing=None)),
        Cause.NOT_A_PARTICIPANT,
    ),
    ("too many replies", case(named=MINE, tally=FULL), Cause.TOO_MANY),
    ("too many, and an emergency", case(tally=FULL, would_page=True), NewTicket(verified=True)),
    (
        "whom a list names as the author",
        case(sender=replace(REGISTERED, behind_list=True)),
        NewTicket(verified=False),
    ),
    ("a bounce to a reply address", case(BOUNCE, named=MINE), Cause.BOUNCE),
    ("our own mail at a reply address", case(is_loop=True, named=MINE), Cause.LOOP),
]


@pytest.mark.parametrize(
    ("given", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_admission(given: MailCase, wanted: Outcome | Cause) -> None:
    found = decide(given)
    assert (found.cause if isinstance(found, Quarantine) else found) == wanted


def test_every_cause_is_reached_and_explained() -> None:
    reached = {found.cause for row in ROWS if isinstance(found := decide(row[1]), Quarantine)}
    told_otherwise = {Cause.REFUSED, Cause.NOT_A_COLLABORATOR}
    assert reached == set(Cause) - told_otherwise, (
        "refusals.py tells what the router refuses; an app of somebody else is plain text"
    )
    assert set(EXPLANATIONS) == set(Cause)


def test_every_message_has_an_outcome() -> None:
    assert RULES[-1](case(NO_FROM, Sender("", None))) is not None


RELEASED: list[tuple[str, MailCase, Outcome | Cause]] = [
    (
        "a machine's mail that was a person's after all",
        case(machine()),
        NewTicket(verified=True, no_receipt=NO_ANSWER),
    ),
    ("too many", case(tally=FULL), NewTicket(verified=True)),
    (
        "a reply nobody vouched for",
        case(named=BY_REFERENCE, authentication=NOBODY),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "somebody else's reply address, but they take part",
        case(named=replace(MINE, genuine=False)),
        TicketReply("tkt_1", automatic=False),
    ),
    (
        "an answer to a page that nobody vouched for",
        case(page=PAGED_BY_REFERENCE, authentication=NOBODY),
        ACKNOWLEDGED,
    ),
    ("still an out-of-office", case(machine(), page=PAGED), Cause.AUTOMATIC),
    (
        "still nobody's mailbox",
        case(page=replace(PAGED, person="", genuine=False)),
        Cause.UNVERIFIED_ACKNOWLEDGEMENT,
    ),
    ("still not registered", case(sender=STRANGER), Cause.UNKNOWN_SENDER),
    (
        "still no participant, so a ticket of their own",
        case(named=replace(BY_REFERENCE, standing=None), authentication=NOBODY),
        NewTicket(verified=True),
    ),
    (
        "still unreadable",
        case(MailContent(unreadable=Unreadable.CRASHED), Sender("", None)),
        Cause.UNREADABLE,
    ),
    ("still from nobody", case(NO_FROM, Sender("", None)), Cause.NO_SENDER),
]


@pytest.mark.parametrize(
    ("given", "wanted"), [row[1:] for row in RELEASED], ids=[row[0] for row in RELEASED]
)
def test_staff_vouch_for_the_sender_and_for_nothing_else(
    given: MailCase, wanted: Outcome | Cause
) -> None:
    found = decide(replace(given, released=True))
    assert (found.cause if isinstance(found, Quarantine) else found) == wanted


ANSWERED: list[tuple[str, MailCase, str]] = [
    ("a stranger", case(sender=STRANGER, authentication=NOBODY), ""),
    ("too many, vouched for", case(tally=FULL), ""),
    ("too many, in somebody's name", case(tally=FULL, authentication=NOBODY), "nobody vouches"),
    (
        "the From domain disowns it",
        case(sender=STRANGER, authentication=Authentication(dmarc="fail")),
        "disowns",
    ),
    ("a weak mark", case(machine(certain=False), STRANGER), "loop"),
    ("a person by way of a list", case(machine("list", certain=False), STRANGER), ""),
    (
        "the list itself",
        case(FROM_LIST, STRANGER),
        "mailing list",
    ),
    (
        "a person behind a list, at their own address",
        case(FROM_LIST, replace(STRANGER, behind_list=True), Authentication(dmarc="fail")),
        "",
    ),
    ("a machine, certainly", case(machine()), "loop"),
    ("a bounce", case(BOUNCE), "bounce"),
    (
        "told so often that it may be a loop",
        case(sender=STRANGER, tally=SenderUsage(told=20)),
        "loop",
    ),
    ("our own", case(is_loop=True), "our own"),
    ("a site's code, who may be a person", case(CODE, STRANGER), ""),
    ("nobody", case(NO_FROM, Sender("", None)), "nobody to answer"),
]


@pytest.mark.parametrize(
    ("given", "why_not"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
def test_who_is_told(given: MailCase, why_not: str) -> None:
    found = decide(given)
    assert isinstance(found, Quarantine)
    assert why_not in found.unanswerable
    assert bool(found.unanswerable) == bool(why_not)


@pytest.mark.parametrize(
    "local",
    ["mailer-daemon", "no-reply", "noreply", "postmaster", "bounce-1", "bounces+x", "do-not-reply"],
)
def test_nobody_reads_some_addresses(local: str) -> None:
    address = f"{local}@example.com"
    reading = READ.model_copy(update={"sender": Address(address=address)})
    found = decide(case(reading, Sender(address, None), NOBODY))
    assert isinstance(found, Quarantine)
    assert found.unanswerable == "nobody reads that address"


def test_the_null_sender_is_not_answered() -> None:
    found = decide(
        replace(case(sender=STRANGER), envelope=ENVELOPE.model_copy(update={"mail_from": ""}))
    )
    assert isinstance(found, Quarantine)
    assert "null sender" in found.unanswerable
