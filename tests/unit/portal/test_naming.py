"""Whom a customer sees named, and what they learn of pages for their ticket."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from services.portal.projector.batch import EventMessage, Fold
from services.portal.tickets import documents as shapes
from services.portal.tickets.naming import for_customer, name_person
from services.portal.tickets.paging import describe_paging
from services.portal.web.stream import is_told, may_receive
from shared.access import Standing
from shared.events import Actor
from shared.wire import Message
from tests.support.drawing import NOW, draw_part
from tests.support.showcase import showcase

PEOPLE = frozenset({"rae@example.com"})


@pytest.mark.parametrize(
    ("email", "side", "shown"),
    [
        ("Rae@Example.com", "", "Rae@Example.com"),
        ("agent@example.com", "", "support"),
        ("agent@example.com", "staff", "support"),
        ("amy@redisco.example", "provider", "provider"),
        ("system", "", "system"),
        (None, "", None),
    ],
)
def test_only_the_customers_own_side_is_named_by_address(
    email: str | None, side: str, shown: str | None
) -> None:
    assert name_person(email, PEOPLE, side) == shown


def read(log: Any) -> Fold:
    fold = Fold({}, 0)
    fold.take(
        EventMessage(
            Message(topic, 0, n, fact.key, orjson.dumps(fact.model_dump(mode="json")), {}, 0.0),
            fact,
        )
        for n, (topic, fact) in enumerate(log)
    )
    return fold


ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def test_nothing_a_customer_gets_of_any_ticket_holds_an_address_of_ours() -> None:
    """Over every fact of the showcase: the ticket, its timeline, its stream."""
    fold = read(showcase(NOW))
    facts = list(fold.changes.inserted["timeline"].values())
    tickets = fold.changes.replaced["tickets"]
    looked = 0
    for id_, doc in tickets.items():
        if doc is None or not doc["opened_key"]:
            continue
        own = [fact for fact in facts if fact["ticket"] == id_ and fact["topic"] != "pages"]
        said = [fact for fact in own if fact["type"] in ("TicketOpened", "ReplyAdded", "NoteAdded")]
        pages = [p for p in fold.changes.replaced["pages"].values() if p and id_ in p["ticket_ids"]]
        shown: list[Any] = [shapes.ticket(doc, said, Standing.CUSTOMER, pages, NOW)]
        actor = Actor(email=doc["requester"])
        shown += [
            shapes.entry(fact, Standing.CUSTOMER, doc["people"])
            for fact in own
            if may_receive(actor, fact)
        ]
        for one in shown:
            text = orjson.dumps({**one, "body": "", "urgent": None, "times": []}).decode()
            text = re.sub(r'"(body|quoted)":"(?:[^"\\\\]|\\\\.)*"', "", text)
            found = {name.lower() for name in ADDRESS.findall(text)}
            assert found <= set(doc["people"]), (one.get("type"), found)
            looked += 1
    assert looked > 50


def page(state: str, **more: Any) -> dict[str, Any]:
    return {"state": state, "opened_at": "05:14", "acknowledged_at": None, **more}


TICKET = {
    "status": "new",
    "opened_at": "05:13",
    "clocks": [{"name": "initial-response", "state": "running", "due_at": "05:44"}],
}


@pytest.mark.parametrize(
    ("pages", "change", "told"),
    [
        ([], {}, None),
        ([page("open")], {}, ("paged", "05:14", None, "05:44")),
        ([page("silenced")], {}, ("paged", "05:14", None, "05:44")),
        (
            [page("acknowledged", acknowledged_at="05:21")],
            {},
            ("handled", "05:14", "05:21", "05:44"),
        ),
        ([page("resolved")], {}, None),
        ([page("open")], {"status": "solved"}, None),
        ([page("open")], {"opened_at": "05:15"}, ("paged", "05:15", None, "05:44")),
        ([page("open")], {"clocks": []}, ("paged", "05:14", None, None)),
    ],
)
def test_what_a_customer_learns_of_a_page(
    pages: list[dict[str, Any]], change: dict[str, Any], told: tuple[Any, ...] | None
) -> None:
    found = describe_paging({**TICKET, **change}, pages)
    assert (tuple(found.values()) if found else None) == told


def test_the_customers_page_stirs_when_somebody_acknowledges_and_gets_nothing_of_the_fact() -> None:
    fold = read(showcase(NOW))
    facts = [f for f in fold.changes.inserted["timeline"].values() if f["topic"] == "pages"]
    (opened,) = [
        f
        for f in facts
        if f["type"] == "PageOpened" and f["data"]["requester"] == "premier@example.com"
    ][:1]
    customer, other = Actor(email="Premier@example.com"), Actor(email="free@example.com")
    assert is_told(customer, opened)
    assert not is_told(other, opened)
    assert may_receive(customer, opened) is None
    assert not any(is_told(customer, f) for f in facts if f["type"] == "PageAttempted")


@pytest.mark.parametrize(
    ("since", "said", "unsaid"),
    [
        (None, "An engineer is being called.", "has it"),
        ("2026-11-30T05:21:00Z", "An engineer has it.", "called"),
    ],
)
def test_the_words_on_the_ticket(since: str | None, said: str, unsaid: str) -> None:
    found = {
        "state": "handled" if since else "paged",
        "paged_at": "2026-11-30T05:14:00Z",
        "handled_since": since,
        "answer_by": "2026-11-30T05:44:00Z",
    }
    text = draw_part("{{ w.paging(found) }}", found=found)
    assert said in text
    assert unsaid not in text
    assert "First answer by" in text


JOINED = {"participant": "cy@example.org", "asked_by": "agent@example.com"}
LEFT_SINCE = [
    ("ParticipantAsked", "agent@example.com", {"person": "cy@example.org"}, "support"),
    ("ParticipantDeclined", "cy@example.org", {"person": "cy@example.org"}, "cy@example.org"),
    ("ParticipantRemoved", "cy@example.org", {"person": "cy@example.org"}, "cy@example.org"),
    ("ParticipantJoined", "cy@example.org", JOINED, "cy@example.org"),
    (
        "ReplyAdded",
        "cy@example.org",
        {"author": "cy@example.org", "side": "customer"},
        "cy@example.org",
    ),
    (
        "ReplyAdded",
        "agent@example.com",
        {"author": "agent@example.com", "side": "staff"},
        "support",
    ),
]


@pytest.mark.parametrize(("kind", "by", "data", "shown"), LEFT_SINCE)
def test_who_was_asked_or_has_left_stays_named(
    kind: str, by: str, data: dict[str, Any], shown: str
) -> None:
    entry = for_customer({"type": kind, "by": by, "data": data}, PEOPLE, data)
    assert entry["by"] == shown
    theirs = {name: value for name, value in entry["data"].items() if name != "side"}
    mine = theirs.pop("asked_by", "support")
    assert mine == "support", "of ours nobody is named"
    assert set(theirs.values()) == {data.get("person") or data.get("participant") or shown}
