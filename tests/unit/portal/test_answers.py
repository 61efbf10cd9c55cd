"""What the portal shows of a month of tickets has the shapes that the reference of the API names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ValidationError

from services.portal.answers import on_call, tickets
from services.portal.answers.lists import TicketCounts, TicketListed
from services.portal.answers.operations import MailListed, MailShown
from services.portal.mail.reads import item_of, message_of
from services.portal.projector.batch import Fold, list_needed_docs, parse
from services.portal.tickets import documents as shapes
from shared.access import Standing, may_see_fact
from shared.certificate import certificate
from shared.events import Actor, Role, Via
from shared.wire import Message
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests
from tests.unit.portal.test_projection_mail import Views as MailViews
from tests.unit.portal.test_projection_mail import quarantined, received, ticketed

pytestmark = pytest.mark.costly

MANY = 250
"""Tickets: enough for every state a ticket may be in."""
NOW = BEGIN + LASTS + timedelta(minutes=1)
STAFF = Actor(email="a@example.com", name="A", roles=(Role.AGENT,), via=Via.WEB)


class Views:
    """The documents of the views, by collection and id, and the timeline in its order."""

    def __init__(self, month: list[Message]) -> None:
        events, poison = parse(month)
        assert not poison
        fold = Fold(dict.fromkeys(list_needed_docs(events)), 0)
        changes = fold.take(events)
        self.docs = {place: doc for place, doc in fold.docs.items() if doc is not None}
        self.timeline = sorted(changes.inserted["timeline"].values(), key=lambda one: one["order"])
        self.requests = {
            name: {"_id": name, **change, "facts": sorted(change.get("facts", ()))}
            for name, change in changes.settled.items()
        }

    def of(self, collection: str) -> list[dict[str, Any]]:
        return [doc for (kind, _), doc in self.docs.items() if kind == collection]


@pytest.fixture(scope="module")
def views() -> Views:
    return Views(decide_all(requests(MANY), BEGIN + LASTS).messages)


def check(shape: type[BaseModel], answer: Any) -> None:
    """As JSON, where nothing is coerced."""
    shape.model_validate_json(orjson.dumps(answer), strict=True)


def seen(views: Views) -> Iterator[tuple[dict[str, Any], Standing]]:
    for doc in views.of("tickets"):
        for who in Standing:
            if who is not Standing.PROVIDER or doc["provider"]:
                yield doc, who


def test_tickets(views: Views) -> None:
    facts: dict[str, list[dict[str, Any]]] = {}
    for fact in views.timeline:
        if fact["type"] in ("TicketOpened", "ReplyAdded", "NoteAdded"):
            facts.setdefault(fact["ticket"], []).append(fact)
    pages: dict[str, list[dict[str, Any]]] = {}
    for page in views.of("pages"):
        for ticket in page["ticket_ids"]:
            pages.setdefault(ticket, []).append(page)
    statuses: Counter[str] = Counter()
    for doc, who in seen(views):
        mine = pages.get(doc["_id"], []) if who is not Standing.PROVIDER else []
        shown = shapes.ticket(doc, facts[doc["_id"]], who, mine, NOW)
        check(tickets.TicketShown, {**shown, "mail_stopped": []})
        for clock in shapes.clocks(doc, who, full=True):
            check(tickets.ClockShown, clock)
        statuses[doc["status"]] += 1
    assert len(statuses) >= 4


def test_lists(views: Views) -> None:
    for doc in views.of("tickets"):
        for actor in (STAFF, STAFF.model_copy(update={"roles": ()})):
            check(TicketListed, shapes.to_list_row(doc, actor))
    groups = [{"_id": {"queue": "csa", "status": "new", "priority": "low"}, "n": 1}]
    check(TicketCounts, shapes.counts(groups))


def test_timelines_and_decisions(views: Views) -> None:
    kinds: Counter[str] = Counter()
    for fact in views.timeline:
        for who in Standing:
            if may_see_fact(who, fact["type"], fact.get("audience")):
                check(tickets.TimelineEntry, shapes.entry(fact, who))
                if fact["type"] in shapes.DECISIONS:
                    check(tickets.DecisionShown, shapes.decision(fact, who))
                kinds[fact["type"]] += 1
    assert len(kinds) > 20


def test_pages_and_certificates(views: Views) -> None:
    states: Counter[str] = Counter()
    for page in views.of("pages"):
        check(on_call.PageShown, shapes.page(page))
        facts = [fact for fact in views.timeline if fact.get("page") == page["_id"]]
        made = certificate(shapes.page_fact(fact) for fact in facts)
        check(on_call.PageCertificate, shapes.describe_certificate(page["_id"], made))
        states[page["state"]] += 1
    assert len(states) >= 2


def test_requests(views: Views) -> None:
    for request in views.requests.values():
        check(tickets.RequestOutcome, shapes.request(request))


def test_a_member_that_nobody_names_is_seen(views: Views) -> None:
    doc = views.of("tickets")[0]
    with pytest.raises(ValidationError):
        check(TicketListed, {**shapes.to_list_row(doc, STAFF), "planted": 1})
    with pytest.raises(ValidationError):
        check(TicketListed, {**shapes.to_list_row(doc, STAFF), "seq": "1"})


def test_mail() -> None:
    cases = ((received(),), (received(), ticketed()), (received(), quarantined()))
    for facts in cases:
        doc = MailViews().take(*facts).mail()
        check(MailListed, item_of(doc))
        check(MailShown, message_of(doc))
