"""Who is meant by an address or a name, who is not, and what is theirs in the log."""

from __future__ import annotations

import base64
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.erase.checks import in_the_way
from cli.erase.erasing import erase_event, erase_value
from cli.erase.person import ERASED, PersonToErase, pseudonym_of
from cli.erase.records import left_of
from cli.erase.traces import Traces

ANN = PersonToErase(
    address="ann.archer@shop.example",
    pseudonym="erased-0123456789",
    names=frozenset({"Ann Archer", "Ann"}),
    tickets=frozenset({"tkt_ann"}),
)
AT = "2026-03-03T15:00:00Z"


def test_a_pseudonym_is_always_the_same_and_needs_the_secret() -> None:
    first = pseudonym_of(" Ann.Archer@Shop.example", "a secret")
    assert first == pseudonym_of("ann.archer@shop.example", "a secret")
    assert first != pseudonym_of("ann.archer@shop.example", "another")
    assert first != pseudonym_of("bob@shop.example", "a secret")


@pytest.mark.parametrize(
    "text",
    [
        "<ANN.Archer@shop.example>",
        "mailto:ann.archer@shop.example.",
        "to=ann.archer%40shop.example&x=1",
        "Ann  Archer",
        "ANN ARCHER's",
        "bounce+ann.archer=shop.example@lists.example",
        "(ann.archer@shop.example)",
        "ann.archer@shop.example, bob@shop.example",
    ],
)
def test_they_are_replaced_however_they_are_written(text: str) -> None:
    left = ANN.replaced(text)
    assert ANN.is_named(text)
    assert not ANN.is_named(left)
    assert "archer" not in left.lower()
    assert "erased-0123456789" in left


@pytest.mark.parametrize(
    "text",
    [
        "joann.archer@shop.example",
        "ann.archer@shop.example.org",
        "Joann Archer",
        "Annapolis",
        "Ann",
        "archer",
    ],
)
def test_others_are_let_alone(text: str) -> None:
    """A first name alone may be anybody's."""
    assert ANN.replaced(text) == text


@given(
    st.text(),
    st.text(),
    st.sampled_from([ANN.address, ANN.address.upper(), "Ann Archer", quote(ANN.address, safe="")]),
)
def test_between_spaces_nothing_survives(before: str, after: str, planted: str) -> None:
    left = ANN.replaced(f"{before} {planted} {after}")
    assert ANN.pseudonym in left
    assert not ANN.is_named(left)


def actor(email: str, name: str = "Ann Archer") -> dict[str, object]:
    return {"email": email, "name": name, "roles": ["requester"], "provider": None, "via": "web"}


def reply(author: str, key: str, body: str = "words") -> dict[str, object]:
    return {
        "type": "AddReply",
        "id": "req_1",
        "key": key,
        "at": AT,
        "actor": actor(author),
        "policy": {},
        "body": body,
        "quoted": "quoted",
    }


def test_a_reply_of_theirs_and_one_to_them() -> None:
    theirs, to_them = (
        erase_event(reply(ANN.address, "tkt_bob"), ANN),
        erase_event(reply("bob@shop.example", "tkt_ann", "Dear Ann Archer"), ANN),
    )
    assert (theirs.document["body"], theirs.texts) == (ERASED, True)
    assert theirs.document["actor"]["name"] == "erased-0123456789"
    assert (to_them.document["body"], to_them.document["quoted"]) == (
        "Dear erased-0123456789",
        ERASED,
    ), "what it quotes is theirs"


def test_what_is_theirs_is_learned_from_the_log() -> None:
    traces = Traces("Ann.Archer@shop.example", "erased-0123456789")
    opened = {
        "type": "OpenTicket",
        "key": "tkt_1",
        "actor": actor("ann.archer@shop.example", "Annie A."),
        "attachments": ["att_1"],
    }
    received = {
        "type": "MailReceived",
        "key": "m1",
        "sender": "ANN.archer@shop.example",
        "sender_name": "A. Archer",
        "blob": "b1",
    }
    quoting = {
        "type": "MailThreaded",
        "key": "m2",
        "ticket_id": "tkt_1",
        "sender": "agent@example.com",
    }
    for event in (
        opened,
        received,
        {"type": "OpenTicket", "key": "tkt_2", "actor": actor("bob@shop.example", "Bob B.")},
    ):
        traces.heard(event)
    for mail in (received, quoting):
        traces.joined(mail)
    for mail in (
        received,
        {"type": "MailReceived", "key": "m2", "sender": "agent@example.com", "blob": "b2"},
        {**received, "key": "m3", "blob": "b3"},
    ):
        traces.sent(mail)
    found = traces.person()
    assert (found.names, found.tickets, found.attachments) == (
        {"Annie A.", "A. Archer"},
        {"tkt_1"},
        {"att_1"},
    )
    assert (found.mails, found.blobs) == ({"m1", "m2"}, {"b1", "b2"})


def directory(kind: str, doc_id: str, document: dict[str, object]) -> dict[str, object]:
    return {
        "type": "DirectoryRecorded",
        "id": "d",
        "key": f"{kind}:{doc_id}",
        "at": AT,
        "kind": kind,
        "doc_id": doc_id,
        "document": document,
    }


def test_their_documents_go_and_others_lose_their_name() -> None:
    for kind, doc_id, document in (
        ("accounts", ANN.address, {"email": ANN.address, "name": "Ann Archer"}),
        ("credentials", ANN.address, {"password_hash": "x"}),
        ("tokens", "0af1", {"email": ANN.address, "name": "laptop"}),
        ("subscriptions", "sub_1", {"target": ANN.address}),
    ):
        left = left_of(
            "directory",
            f"{kind}:{doc_id}".encode(),
            orjson.dumps(directory(kind, doc_id, dict(document))),
            (),
            ANN,
        )
        event = orjson.loads(left.value or b"")
        assert event["document"] is None
        assert (left.key or b"").decode() == event["key"]
        assert not ANN.is_named((left.key or b"").decode())
    app = erase_event(
        directory(
            "apps",
            "shop",
            {"name": "shop", "owner": ANN.address, "collaborators": ["bob@shop.example"]},
        ),
        ANN,
    )
    assert app.document["document"] == {
        "name": "shop",
        "owner": ANN.stand_in,
        "collaborators": ["bob@shop.example"],
    }


def test_their_telephone_number_leaves_old_versions_of_the_on_call_document() -> None:
    people = {
        "ann": {
            "email": ANN.address,
            "methods": [{"name": "phone", "channel": "sms", "address": "+441632960000"}],
        }
    }
    event = {
        "type": "PolicyPublished",
        "id": "p",
        "key": "on-call",
        "at": AT,
        "version": 1,
        "document": {"people": people},
        "note": "",
    }
    left, texts = erase_event(event, ANN)
    assert texts
    assert left["document"]["people"]["ann"] == {
        "email": ANN.stand_in,
        "methods": [{"name": "phone", "channel": "sms", "address": ANN.stand_in}],
    }
    assert people["ann"]["methods"][0]["address"] == "+441632960000", (
        "what was handed in stays as it was"
    )


def test_what_they_wrote_where_they_asked_for_cover_leaves_and_that_they_asked_stays() -> None:
    ask = {"id": "ask_1", "by": "ann", "word": "I am at the dentist's.", "since": AT, "until": AT}
    other = {**ask, "by": "bob", "word": "Ann Archer will do it."}
    event = {
        "type": "PolicyPublished",
        "id": "p",
        "key": "on-call",
        "at": AT,
        "version": 2,
        "document": {
            "people": {"ann": {"email": ANN.address}, "bob": {"email": "bob@shop.example"}},
            "schedules": {"first": {"asks": [ask, other]}},
        },
        "note": "",
    }
    left, texts = erase_event(event, ANN)
    assert texts
    assert left["document"]["schedules"]["first"]["asks"] == [
        {**ask, "word": ERASED},
        {**other, "word": f"{ANN.pseudonym} will do it."},
    ]
    assert erase_event(left, ANN).document == left


def test_a_dead_letter_is_looked_into() -> None:
    for raw, gone in (
        (orjson.dumps(reply(ANN.address, "tkt_bob", "secret words")), b"secret words"),
        (b"{ broken Ann Archer", b"broken"),
    ):
        letter = {
            "type": "DeadLetter",
            "id": "dl",
            "key": "k",
            "at": AT,
            "raw": base64.b64encode(raw).decode(),
            "reason": "secret words",
            "headers": {},
        }
        left = orjson.loads(erase_value(orjson.dumps(letter), ANN).value)
        assert gone not in base64.b64decode(left["raw"])
        assert left["reason"] == ERASED
    kept = {
        "type": "DeadLetter",
        "id": "dl",
        "key": "k",
        "at": AT,
        "raw": base64.b64encode(b"{ broken").decode(),
        "reason": "why",
        "headers": {},
    }
    assert erase_event(kept, ANN) == (kept, False)


def test_who_cannot_be_erased_yet() -> None:
    admin = {"email": ANN.address, "roles": ["requester", "admin"]}
    on_call = {
        "people": {
            "ann": {"email": "Ann.Archer@shop.example"},
            "bob": {"email": "bob@shop.example"},
        }
    }
    provider = {
        "slug": "redisco",
        "agent_email": ANN.address,
        "support_email": "help@redisco.example",
    }
    reasons = in_the_way(
        ANN, {f"accounts:{ANN.address}": admin, "providers:redisco": provider}, on_call
    )
    assert [
        word
        for word, reason in zip(("on-call", "last admin", "agent_email"), reasons, strict=True)
        if word in reason
    ] == ["on-call", "last admin", "agent_email"]
    second = {"email": "bob@shop.example", "roles": ["admin"]}
    assert (
        in_the_way(
            ANN,
            {f"accounts:{ANN.address}": admin, "accounts:bob@shop.example": second},
            {"people": {}},
        )
        == []
    )
    assert in_the_way(ANN, {}, None) == []


@pytest.mark.parametrize(
    ("whose", "tickets", "files"),
    [("ann.archer@shop.example", {"tkt_1"}, {"att_1"}), ("agent@shop.example", set(), set())],
)
def test_what_staff_open_for_somebody_is_that_persons(
    whose: str, tickets: set[str], files: set[str]
) -> None:
    traces = Traces(whose, "erased-0123456789")
    asked = {"requester": "ann.archer@shop.example", "attachments": ["att_1"], "key": "tkt_1"}
    agent = actor("agent@shop.example", "Agnes Agent")
    traces.heard({"type": "OpenTicket", **asked, "actor": agent})
    by = {"by": "agent@shop.example", "author": "agent@shop.example"}
    traces.heard({"type": "TicketOpened", **asked, **by})
    person = traces.person()
    assert (person.tickets, person.attachments) == (tickets, files)


@pytest.mark.parametrize(
    ("whose", "name", "agent", "texts"),
    [
        ("ann.archer@shop.example", "erased-0123456789", "Agnes", True),
        ("agent@shop.example", "Ann", "erased-0123456789", False),
    ],
)
def test_of_a_ticket_that_staff_opened_only_what_is_theirs_goes(
    whose: str, name: str, agent: str, texts: bool
) -> None:
    asked = {
        "type": "OpenTicket",
        "id": "req_1",
        "key": "tkt_1",
        "at": AT,
        "actor": actor("agent@shop.example", "Agnes"),
        "requester": "ann.archer@shop.example",
        "admission": {"plan": "free", "requester_name": "Ann"},
        "subject": "Down",
        "body": "She called.",
    }
    gone = erase_event(asked, PersonToErase(address=whose, pseudonym="erased-0123456789"))
    left = gone.document
    assert (left["admission"]["requester_name"], left["actor"]["name"]) == (name, agent)
    assert (gone.texts, left["body"] == ERASED) == (texts, texts)
