"""Role × object: what a list finds, what a get answers and what the stream sends agree with
`shared.access` in every cell.
"""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.desk.listing import (
    ListQuery,
    after_cursor,
    filter_for,
    next_cursor,
    order_for,
    visible_to,
)
from services.portal.projector.batch import EventMessage, Fold
from services.portal.projector.tickets import project
from services.portal.sign_in.session import is_foreign
from services.portal.tickets import documents as shapes
from services.portal.tickets.queries import find_ticket_standing
from services.portal.web.stream import may_receive
from shared.access import Standing
from shared.errors import Refused
from shared.events import Actor, Audience, Role
from shared.topics import topic_of
from shared.wire import Message
from tests.support.facts import BEGAN, Ticket, page_facts

ACTORS = {
    "requester": Actor(email="Rae@example.com"),
    "participant": Actor(email="pat@example.com"),
    "stranger": Actor(email="stranger@example.com"),
    "one whose address looks like a participant's": Actor(email="kim@example.com"),
    "agent": Actor(email="agent@example.com", roles=(Role.AGENT,)),
    "ops": Actor(email="ops@example.com", roles=(Role.OPS,)),
    "redisco": Actor(email="r@redisco.example", roles=(Role.PROVIDER,), provider="redisco"),
    "mailgrid": Actor(email="m@mailgrid.example", roles=(Role.PROVIDER,), provider="mailgrid"),
    "other provider's user who takes part": Actor(
        email="rae@example.com", roles=(Role.PROVIDER,), provider="mailgrid"
    ),
}
SEES = {
    "requester": Standing.CUSTOMER,
    "participant": Standing.CUSTOMER,
    "agent": Standing.STAFF,
    "ops": Standing.STAFF,
    "redisco": Standing.PROVIDER,
    "other provider's user who takes part": Standing.CUSTOMER,
}


def the_ticket() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One ticket that Redisco has, its timeline, and a page."""
    ticket = Ticket("one")
    ticket.participants = ("rae@example.com", "Pat@example.com", "\u212aim@example.com")
    facts = [
        *ticket.opened(queue="provider:redisco"),
        *ticket.assigned("redisco"),
        *ticket.noted("note for staff"),
    ]
    for audience in Audience:
        facts += ticket.replied(f"for {audience}", "agent@example.com", "staff", audience)
    facts += [*ticket.clock_started(), *page_facts(ticket.id)]
    fold = Fold({}, 0)
    changes = fold.take(
        EventMessage(Message(topic_of(fact), 0, 0, fact.key, fact.wire(), {}, 0.0), fact)
        for fact in facts
    )
    doc = fold.docs["tickets", ticket.id]
    assert doc is not None
    return doc, list(changes.inserted["timeline"].values())


def matches(doc: dict[str, Any], where: dict[str, Any]) -> bool:
    if "$or" in where:
        return any(matches(doc, branch) for branch in where["$or"])
    return all(
        value in doc[field] if isinstance(doc[field], list) else doc[field] == value
        for field, value in where.items()
    )


@pytest.mark.parametrize("name", ACTORS)
def test_get_list_and_stream_agree(name: str) -> None:
    actor, wanted = ACTORS[name], SEES.get(name)
    doc, timeline = the_ticket()
    assert find_ticket_standing(actor, doc) is wanted
    assert matches(doc, visible_to(actor)) is (wanted is not None)
    sent = [fact for fact in timeline if may_receive(actor, fact)]
    texts = {fact["data"]["body"] for fact in sent if fact["type"] in ("ReplyAdded", "NoteAdded")}
    assert (
        texts
        == {
            None: set(),
            Standing.CUSTOMER: {"for everyone"},
            Standing.PROVIDER: {"for everyone", "for provider"},
            Standing.STAFF: {"for everyone", "for provider", "for staff", "note for staff"},
        }[wanted]
    )
    assert any(fact["topic"] == "pages" for fact in sent) is (name == "ops")
    if wanted is not None:
        shown = shapes.ticket(
            doc,
            [fact for fact in timeline if fact["type"] in ("ReplyAdded", "NoteAdded")],
            wanted,
            [],
            BEGAN,
        )
        assert {reply["body"] for reply in shown["replies"]} == texts


def test_what_only_staff_may_know_is_left_out() -> None:
    _, timeline = the_ticket()
    assigned = next(fact for fact in timeline if fact["type"] == "TicketAssigned")
    assert "participants" not in shapes.entry(assigned, Standing.PROVIDER)["data"]
    assert "participants" in shapes.entry(assigned, Standing.STAFF)["data"]
    routed = next(fact for fact in timeline if fact["type"] == "TicketRouted")
    assert shapes.decision(routed, Standing.CUSTOMER)["trail"] == []
    assert shapes.decision(routed, Standing.STAFF)["trail"]


def test_a_ticket_that_is_not_opened_is_nobodys() -> None:
    ticket = Ticket("one")
    ticket.opened()
    doc = project(None, ticket.clock_started()[0])
    assert doc is not None
    assert [find_ticket_standing(actor, doc) for actor in ACTORS.values()] == [None] * len(ACTORS)


def test_every_filter_asks_for_what_the_actor_may_see() -> None:
    for actor in ACTORS.values():
        where = filter_for(
            actor, ListQuery(queue="platform", status="live", q="a word", provider="redisco")
        )
        assert not visible_to(actor) or visible_to(actor) in where["$and"]


@pytest.mark.parametrize(
    "asked", [ListQuery(status="nope"), ListQuery(priority="x"), ListQuery(status='{"$ne": 1}')]
)
def test_a_value_there_is_not_is_refused(asked: ListQuery) -> None:
    with pytest.raises(Refused):
        filter_for(ACTORS["agent"], asked)


@pytest.mark.parametrize("q", ["!!!", "\0", "\U000d8c34>\x01"])
def test_a_search_without_a_word_finds_nothing(q: str) -> None:
    """MongoDB refuses NUL in a regular expression: schemathesis found this."""
    assert {"words": {"$in": []}} in filter_for(ACTORS["agent"], ListQuery(q=q))["$and"]


@pytest.mark.parametrize(
    "cursor", ["x", "!!!", "WzFd", next_cursor("other", "x"), "eyIkZ3QiOiAiIn0"]
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Refused):
        after_cursor("order_key", 1, cursor)


def test_a_cursor_goes_on_after_its_item() -> None:
    assert after_cursor("order_key", 1, next_cursor("order_key", "k")) == {
        "order_key": {"$gt": "k"}
    }
    assert after_cursor("updated_key", -1, next_cursor("updated_key", "k")) == {
        "updated_key": {"$lt": "k"}
    }
    assert order_for(ACTORS["requester"], ListQuery()) == ("updated_key", -1)
    with pytest.raises(Refused):
        order_for(ACTORS["agent"], ListQuery(order="words"))


@pytest.mark.parametrize(
    ("method", "headers", "foreign"),
    [
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"sec-fetch-site": "cross-site"}, True),
        ("DELETE", {"sec-fetch-site": "same-site"}, True),
        ("POST", {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}, False),
        ("POST", {"origin": "http://evil.example", "host": "127.0.0.1:8000"}, True),
        ("POST", {"origin": "null", "host": "127.0.0.1:8000"}, True),
        ("POST", {"host": "127.0.0.1:8000"}, False),
        (
            "POST",
            {"origin": "http://evil.example", "host": "h", "authorization": "Bearer x"},
            False,
        ),
    ],
)
def test_what_another_site_sends(method: str, headers: dict[str, str], foreign: bool) -> None:
    assert is_foreign(method, headers) is foreign


@pytest.mark.parametrize(
    ("kind", "data", "for_staff"),
    [
        ("IncidentOpened", {}, True),
        ("IncidentUpdated", {"internal": True}, False),
        ("IncidentUpdated", {"draft": True}, False),
        ("IncidentDrafted", {}, False),
        ("IncidentResolved", {"draft": True}, False),
        ("AlertRaised", {}, False),
        ("AlertCleared", {}, False),
        ("StatusRequestRefused", {}, False),
    ],
)
def test_what_ops_prepare_of_an_incident_is_streamed_to_ops_alone(
    kind: str, data: dict[str, Any], for_staff: bool
) -> None:
    fact = {"topic": "status", "type": kind, "data": data}
    seen = {name for name, actor in ACTORS.items() if may_receive(actor, fact) is not None}
    assert seen == ({"ops", "agent"} if for_staff else {"ops"})


@pytest.mark.parametrize(
    ("kind", "data", "for_them"),
    [
        ("IncidentOpened", {"provider": "redisco"}, True),
        ("IncidentOpened", {"provider": "mailgrid"}, False),
        ("IncidentOpened", {"provider": None}, False),
        ("IncidentUpdated", {"provider": "redisco", "internal": True}, False),
        ("IncidentDrafted", {"provider": "redisco", "draft": True}, False),
    ],
)
def test_a_provider_hears_of_its_own_incidents(
    kind: str, data: dict[str, Any], for_them: bool
) -> None:
    fact = {"topic": "status", "type": kind, "data": data}
    assert may_receive(ACTORS["redisco"], fact) is (Standing.PROVIDER if for_them else None)
