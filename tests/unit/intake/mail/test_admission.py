"""What becomes of a message: one row a case, and every cause is reached by some row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.mail.admission import RULES, Answer, Case, Named, Open, Outcome, Quarantine, Reply, Sender, Tally, decide
from services.intake.mail.answering import EXPLANATIONS
from services.intake.mail.page_answers import PageNamed
from services.intake.mail.reading.shape import Address, Authentication, Automatic, Bounce, Envelope, Reading, Unreadable
from shared.access import Standing
from shared.events import Actor, Cause

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
ANN = "ann@example.com"
READ = Reading(sender=Address(address=ANN), subject="Help", text="It fails.", reply="It fails.", digest="a" * 64, size=9)
ENVELOPE = Envelope(mail_from=ANN, rcpt_to=("support@signalbox.example",), peer="192.0.2.1", received_at=AT)
VOUCHED = Authentication(dmarc="pass", spf="pass", aligned=True)
REGISTERED = Sender(ANN, Actor(email=ANN), registered=True)
STRANGER = Sender(ANN, None)
MINE = Named("tkt_1", by_token=True, genuine=True, known=True, standing=Standing.CUSTOMER)
PAGED = PageNamed("lane_a.x", "primary", ANN, by_token=True, genuine=True)
PAGED_BY_REFERENCE = replace(PAGED, by_token=False, genuine=False)
ACKNOWLEDGED = Answer("lane_a.x", "primary", ANN, "acknowledge")
RESOLVE = READ.model_copy(update={"reply": "\n Resolved.\n\nIt was the cache."})
BY_REFERENCE = replace(MINE, by_token=False, genuine=False)


def machine(kind: Any = "auto-replied", certain: bool = True) -> Reading:
    return READ.model_copy(update={"automatic": Automatic(kind=kind, reason="a header", certain=certain)})


def case(reading: Reading = READ, sender: Sender = REGISTERED, authentication: Authentication = VOUCHED, **more: Any) -> Case:
    return Case(reading=reading, envelope=ENVELOPE, authentication=authentication, sender=sender, **more)


NOBODY = Authentication(dmarc="none")
CODE = READ.model_copy(update={"verification_code": True})
BOUNCE = READ.model_copy(update={"bounce": Bounce(standard=True)})
NO_FROM = READ.model_copy(update={"sender": None})
FULL = Tally(tickets=20, replies=60)

ROWS: list[tuple[str, Case, Outcome | Cause]] = [
    ("a customer who is vouched for", case(), Open(verified=True)),
    ("a customer nobody vouches for", case(authentication=NOBODY), Open(verified=False)),
    ("a stranger", case(sender=STRANGER), Cause.UNKNOWN_SENDER),
    ("a provider's designated address is no account", case(sender=Sender(ANN, Actor(email=ANN, provider="redisco"))), Cause.UNKNOWN_SENDER),
    ("an app of somebody else", case(app_refused=True), Cause.NOT_A_COLLABORATOR),
    ("a stranger who names an app learns nothing of it", case(sender=STRANGER, app_refused=True), Cause.UNKNOWN_SENDER),
    ("too many tickets", case(tally=FULL), Cause.TOO_MANY),
    ("unreadable", case(Reading(unreadable=Unreadable.CRASHED), Sender("", None)), Cause.UNREADABLE),
    ("too large", case(Reading(unreadable=Unreadable.TOO_LARGE), Sender("", None)), Cause.TOO_LARGE),
    ("no From", case(NO_FROM, Sender("", None)), Cause.NO_SENDER),
    ("an answer to a page, at the address made for them", case(page=PAGED, authentication=NOBODY), ACKNOWLEDGED),
    ("from a mailbox that is no account's", case(sender=STRANGER, page=PAGED, authentication=NOBODY), ACKNOWLEDGED),
    ("by reference, where the domain vouches", case(page=PAGED_BY_REFERENCE), ACKNOWLEDGED),
    ("a word alone asks for more", case(RESOLVE, page=PAGED), replace(ACKNOWLEDGED, asked="resolve")),
    ("by reference, and nobody vouches", case(page=PAGED_BY_REFERENCE, authentication=NOBODY), Cause.UNVERIFIED_ACKNOWLEDGEMENT),
    ("from nobody's mailbox", case(page=replace(PAGED, person="", genuine=False)), Cause.UNVERIFIED_ACKNOWLEDGEMENT),
    ("at a colleague's address for the page", case(page=replace(PAGED, genuine=False)), Cause.WRONG_REPLY_TOKEN),
    ("no page that is known", case(page=replace(PAGED, page="")), Cause.UNKNOWN_PAGE),
    ("an out-of-office to a page", case(machine(), page=PAGED), Cause.AUTOMATIC),
    ("one that only its subject gives away, to a page", case(machine(certain=False), page=PAGED), Cause.AUTOMATIC),
    ("a list answers a page", case(machine("list"), page=PAGED), Cause.AUTOMATIC),
    ("a bounce of a page", case(BOUNCE, page=PAGED), Cause.BOUNCE),
    ("our own Message-ID", case(is_loop=True), Cause.LOOP),
    ("our own address", case(sender=Sender(ANN, None, is_ours=True)), Cause.LOOP),
    ("a loop by its headers", case(machine("loop")), Cause.LOOP),
    ("a delivery report", case(BOUNCE, STRANGER), Cause.BOUNCE),
    ("a bounce in words only", case(machine("bounce"), STRANGER), Cause.BOUNCE),
    ("a machine's new mail", case(machine()), Cause.AUTOMATIC),
    ("only the subject says it is a machine's", case(machine(certain=False)), Open(verified=True)),
    ("a site's code", case(CODE, STRANGER), Cause.VERIFICATION_CODE),
    ("a site's code at somebody's reply address", case(CODE, STRANGER, named=replace(MINE, genuine=False)), Cause.VERIFICATION_CODE),
    ("a customer writes of a code", case(CODE), Open(verified=True)),
    ("a forger writes of a code", case(CODE, authentication=NOBODY), Cause.VERIFICATION_CODE),
    ("a reply to the address made for them", case(named=MINE, authentication=NOBODY), Reply("tkt_1", automatic=False)),
    ("the same while the view is away", case(named=replace(MINE, known=False, standing=None)), Reply("tkt_1", automatic=False)),
    ("they take part no more", case(named=replace(MINE, standing=None)), Cause.NOT_A_PARTICIPANT),
    ("somebody else's reply address", case(named=replace(MINE, genuine=False)), Cause.WRONG_REPLY_TOKEN),
    ("also where the domain vouches and they take part", case(named=replace(MINE, genuine=False)), Cause.WRONG_REPLY_TOKEN),
    ("an out-of-office to the address made for them", case(machine(), named=MINE), Reply("tkt_1", automatic=True)),
    ("one that only its subject gives away", case(machine(certain=False), named=MINE), Reply("tkt_1", automatic=True)),
    ("a person's mail by way of a list", case(machine("list"), named=MINE), Reply("tkt_1", automatic=False)),
    ("a reply by reference", case(named=BY_REFERENCE), Reply("tkt_1", automatic=False)),
    ("a forged From with a real In-Reply-To", case(named=BY_REFERENCE, authentication=NOBODY), Cause.UNVERIFIED_REPLY),
    ("a reply by reference of somebody else", case(named=replace(BY_REFERENCE, standing=None)), Cause.NOT_A_PARTICIPANT),
    ("a reply by reference of a stranger", case(sender=STRANGER, named=replace(BY_REFERENCE, standing=None)), Cause.NOT_A_PARTICIPANT),
    ("too many replies", case(named=MINE, tally=FULL), Cause.TOO_MANY),
    ("a bounce to a reply address", case(BOUNCE, named=MINE), Cause.BOUNCE),
    ("our own mail at a reply address", case(is_loop=True, named=MINE), Cause.LOOP),
]


@pytest.mark.parametrize(("given", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_admission(given: Case, wanted: Outcome | Cause) -> None:
    found = decide(given)
    assert (found.cause if isinstance(found, Quarantine) else found) == wanted


def test_every_cause_is_reached_and_explained() -> None:
    reached = {found.cause for row in ROWS if isinstance(found := decide(row[1]), Quarantine)}
    assert reached == set(Cause) - {Cause.REFUSED}, "what the router refuses is told by refusals.py"
    assert set(EXPLANATIONS) == set(Cause)


def test_every_message_has_an_outcome() -> None:
    assert RULES[-1](case(NO_FROM, Sender("", None))) is not None


RELEASED: list[tuple[str, Case, Outcome | Cause]] = [
    ("a machine's mail that was a person's after all", case(machine()), Open(verified=True)),
    ("too many", case(tally=FULL), Open(verified=True)),
    ("a reply nobody vouched for", case(named=BY_REFERENCE, authentication=NOBODY), Reply("tkt_1", automatic=False)),
    ("somebody else's reply address, but they take part", case(named=replace(MINE, genuine=False)), Reply("tkt_1", automatic=False)),
    ("an answer to a page that nobody vouched for", case(page=PAGED_BY_REFERENCE, authentication=NOBODY), ACKNOWLEDGED),
    ("still an out-of-office", case(machine(), page=PAGED), Cause.AUTOMATIC),
    ("still nobody's mailbox", case(page=replace(PAGED, person="", genuine=False)), Cause.UNVERIFIED_ACKNOWLEDGEMENT),
    ("still not registered", case(sender=STRANGER), Cause.UNKNOWN_SENDER),
    ("still no access to the app", case(app_refused=True), Cause.NOT_A_COLLABORATOR),
    ("still no participant", case(named=replace(BY_REFERENCE, standing=None)), Cause.NOT_A_PARTICIPANT),
    ("still unreadable", case(Reading(unreadable=Unreadable.CRASHED), Sender("", None)), Cause.UNREADABLE),
    ("still from nobody", case(NO_FROM, Sender("", None)), Cause.NO_SENDER),
]


@pytest.mark.parametrize(("given", "wanted"), [row[1:] for row in RELEASED], ids=[row[0] for row in RELEASED])
def test_staff_vouch_for_the_sender_and_for_nothing_else(given: Case, wanted: Outcome | Cause) -> None:
    found = decide(replace(given, released=True))
    assert (found.cause if isinstance(found, Quarantine) else found) == wanted


ANSWERED: list[tuple[str, Case, str]] = [
    ("a stranger", case(sender=STRANGER, authentication=NOBODY), ""),
    ("a collaborator of nothing", case(app_refused=True), ""),
    ("too many, vouched for", case(tally=FULL), ""),
    ("too many, in somebody's name", case(tally=FULL, authentication=NOBODY), "nobody vouches"),
    ("the From domain disowns it", case(sender=STRANGER, authentication=Authentication(dmarc="fail")), "disowns"),
    ("a machine", case(machine(certain=False), STRANGER), "loop"),
    ("a machine, certainly", case(machine()), "loop"),
    ("a bounce", case(BOUNCE), "bounce"),
    ("our own", case(is_loop=True), "our own"),
    ("a site's code", case(CODE, STRANGER), "staff"),
    ("nobody", case(NO_FROM, Sender("", None)), "nobody to answer"),
]


@pytest.mark.parametrize(("given", "why_not"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED])
def test_who_is_told(given: Case, why_not: str) -> None:
    found = decide(given)
    assert isinstance(found, Quarantine)
    assert why_not in found.unanswerable
    assert bool(found.unanswerable) == bool(why_not)


@pytest.mark.parametrize("local", ["mailer-daemon", "no-reply", "noreply", "postmaster", "bounce-1", "bounces+x", "do-not-reply"])
def test_nobody_reads_some_addresses(local: str) -> None:
    address = f"{local}@example.com"
    reading = READ.model_copy(update={"sender": Address(address=address)})
    found = decide(case(reading, Sender(address, None), NOBODY))
    assert isinstance(found, Quarantine)
    assert found.unanswerable == "nobody reads that address"


def test_the_null_sender_is_not_answered() -> None:
    found = decide(replace(case(sender=STRANGER), envelope=ENVELOPE.model_copy(update={"mail_from": ""})))
    assert isinstance(found, Quarantine)
    assert "null sender" in found.unanswerable
