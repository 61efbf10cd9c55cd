"""A mail that opens a ticket is taken whole; a reply without what quotes us, which is kept beside it."""

from __future__ import annotations

import base64
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.admission.requests import (
    MOST_QUOTED,
    MOST_TEXT,
    WHOLE_TEXT,
    KeptFile,
    extract_texts,
    make_reply_request,
    whole_text,
)
from services.intake.mail.masked import is_plain
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import MailContent
from shared.events import Actor, Role
from tests.support.attributions import BLOCKS, LABELS, SENTENCES
from tests.support.examples import examples
from tests.support.mails import RECEIVED_AT, envelope, mail, written
from tests.support.waiting import stretched

RAE = Actor(email="rae@example.com", name="Rae", roles=(Role.REQUESTER,))
AGENT = Actor(email="agent@example.com", name="Ada", roles=(Role.AGENT,))
REDISCO = Actor(email="r@redisco.example", name="R", roles=(Role.PROVIDER,), provider="redisco")
QUOTED = "On Mon, 30 Nov 2026 at 15:36, X <support@signalbox.example> wrote:\n> Which app is it?"


def lines_of(text: str) -> Counter[str]:
    return Counter(line.rstrip() for line in text.split("\n") if line.strip())


@pytest.mark.parametrize("name", ["case-03-forwarded-as-new", "case-03c-new-mail-lists-headers"])
def test_the_whole_of_a_new_mail_is_the_tickets_text(name: str) -> None:
    raw = written(name)
    said = extract_texts(read_message(raw, envelope()), [], new=True)
    body = raw.partition(b"\r\n\r\n")[2].decode().replace("\r\n", "\n")
    assert (said.text, said.quoted) == (body.strip("\n"), "")


HEADS = [
    "---------- Forwarded message ---------",
    "Begin forwarded message:",
    "-----Original Message-----",
    "________________________________",
    *(SENTENCES[name].format(who="Support", at="support@signalbox.example") for name in SENTENCES),
    *(SENTENCES[name].format(who="Bob", at="bob@x.example") for name in SENTENCES),
    *(
        BLOCKS[client].format(
            *LABELS[language], who="Support", at="support@signalbox.example", rule="_" * 32
        )
        for client in BLOCKS
        for language in LABELS
    ),
]
LINES = st.one_of(
    st.sampled_from(["", "FYI", "> select 1;", "> > x", "H12 since 14:05", "-- ", "Pia", "App: x"]),
    st.sampled_from(HEADS),
)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(LINES, min_size=1, max_size=12).map("\n".join))
def test_no_line_of_a_new_mail_is_lost(text: str) -> None:
    raw = mail(
        base64.encodebytes(text.encode()),
        {"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "base64"},
    )
    said = extract_texts(read_message(raw, envelope()), [], new=True)
    assert lines_of(said.text) == lines_of(text) or not text.strip()
    assert said.quoted == ""


def test_a_reply_keeps_what_is_folded() -> None:
    said = extract_texts(read_message(mail(f"shop\n\n{QUOTED}"), envelope()), [], new=False)
    assert (said.text, said.quoted) == ("shop", QUOTED)
    request = make_reply_request(
        said, "tkt_1", RAE, "d", RECEIVED_AT, {}, automatic=False, letter="d"
    )
    assert (request.body, request.quoted) == ("shop", QUOTED)


@pytest.mark.parametrize("actor", [AGENT, REDISCO], ids=["staff", "provider"])
def test_what_staff_and_providers_quote_stays_in_the_mail(actor: Actor) -> None:
    raw = mail(f"shop\n\n{QUOTED}")
    reading = read_message(raw, envelope())
    said = extract_texts(reading, [], new=False)
    request = make_reply_request(
        said, "tkt_1", actor, "d", RECEIVED_AT, {}, automatic=False, letter="d"
    )
    assert (request.body, request.quoted) == ("shop", "")
    assert not is_plain(raw, reading, request), "what is in no event is looked through for secrets"
    customers = make_reply_request(
        said, "tkt_1", RAE, "d", RECEIVED_AT, {}, automatic=False, letter="d"
    )
    assert is_plain(raw, reading, customers)


LONG = "H12 since noon\n" * 9_000


@pytest.mark.parametrize(
    ("reading", "actor", "new", "content"),
    [
        (MailContent(text="x", reply="x"), RAE, True, None),
        (MailContent(text=LONG, reply="x", quoted="y"), RAE, True, LONG),
        (MailContent(text=LONG, reply="x", quoted=LONG), RAE, False, LONG),
        (MailContent(text=LONG, reply="x", quoted=LONG), AGENT, False, None),
        (MailContent(text=LONG * 2, reply=LONG, quoted=LONG), REDISCO, False, LONG),
    ],
    ids=["short", "new", "a reply that quotes much", "staff quote much", "a provider's long reply"],
)
def test_what_a_ticket_cannot_hold_is_a_file(
    reading: MailContent, actor: Actor, new: bool, content: str | None
) -> None:
    found = whole_text(reading, actor, new=new)
    assert (found and found.content.decode()) == content
    assert found is None or (found.filename, found.size) == (WHOLE_TEXT, len(found.content))


def test_a_text_that_is_too_long_says_where_the_rest_is() -> None:
    reading = MailContent(text=LONG, reply=LONG, quoted=LONG)
    said = extract_texts(reading, [KeptFile(WHOLE_TEXT, "att_1")], new=True, rest_in_file=True)
    assert len(said.text) <= MOST_TEXT and said.text.endswith(f"is in the file {WHOLE_TEXT}.)")
    alone = extract_texts(reading, [], new=False)
    assert "in the mail itself" in alone.text[-100:] and len(alone.quoted) == MOST_QUOTED


@pytest.mark.parametrize("new", [True, False], ids=["a new mail", "a reply"])
def test_no_more_of_a_mail_is_searched_than_is_taken(new: bool) -> None:
    """A mail may have megabytes of names of secrets; a ticket takes the first 100,000 characters."""
    reading = read_message(mail("shop"), envelope())
    whole = "secret=" * 200_000
    long = reading.model_copy(update={"text": whole, "reply": whole, "quoted": whole})
    begun = time.process_time()
    said = extract_texts(long, [], new=new)
    assert time.process_time() - begun < stretched(2)
    assert len(said.text) <= MOST_TEXT and "(This mail goes on." in said.text[-100:]
    assert len(said.quoted) == (0 if new else MOST_QUOTED)


def test_a_secret_at_the_end_of_what_is_taken_is_masked_whole() -> None:
    reading = read_message(mail("shop"), envelope())
    begins = "x " * ((MOST_TEXT - 220) // 2)
    long = f"{begins}password: hunter2-hunter2\n" + "y " * 90_000
    said = extract_texts(reading.model_copy(update={"text": long}), [], new=True)
    assert "password: " in said.text and "hunter2" not in said.text
