"""After an incident: who is asked, once, and in a way that moves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.intake.followers.follow import records_for, wellness
from services.notifier.notices import Notice, notices_for
from shared.events import SYSTEM, AddReply, Audience, Event, IncidentResolved
from shared.lifecycle import move_of_reply
from shared.topics import read
from shared.wire import Message
from tests.unit.notifier_courier.test_notices import HOUSE, Known, reply

AT = datetime(2026, 11, 22, 7, tzinfo=UTC)
LINKED = {"inc_1": ["tkt_a", "tkt_b"]}


async def look(incident: str) -> list[str]:
    return LINKED.get(incident, [])


def resolved(**more: Any) -> IncidentResolved:
    given = {
        "id": "fct_1",
        "key": "inc_1",
        "seq": 5,
        "at": AT,
        "by": "ops@example.com",
        "policy": {"default": 3},
        "title": "Routing",
    }
    return IncidentResolved(**{**given, "update": "u", "body": "Over.", "started_at": AT, **more})


async def asked(*facts: Event) -> list[AddReply]:
    messages = [
        Message("status", 0, number, fact.key, fact.wire(), {}, 0.0)
        for number, fact in enumerate(facts)
    ]
    events = [
        read(record.value) for record in await records_for(wellness(look), messages) if record.value
    ]
    return [event for event in events if isinstance(event, AddReply)]


async def test_every_linked_ticket_is_asked_under_an_id_of_its_own_that_does_not_change() -> None:
    first, again = await asked(resolved()), await asked(resolved())
    assert [question.key for question in first] == ["tkt_a", "tkt_b"]
    assert [question.id for question in first] == [question.id for question in again]
    assert len({question.id for question in first}) == 2
    assert "Routing" in first[0].body
    assert first[0].policy == {"default": 3}


async def test_a_draft_that_ended_asks_nobody() -> None:
    assert await asked(resolved(draft=True)) == []
    assert await asked(resolved(key="inc_2")) == []


async def test_it_moves_no_state_and_no_clock() -> None:
    (question, _) = await asked(resolved())
    assert question.automatic
    assert question.actor == SYSTEM
    assert question.audience is Audience.EVERYONE
    silent = move_of_reply(by_customer=False, audience=Audience.EVERYONE, automatic=True)
    assert silent is not move_of_reply(
        by_customer=False, audience=Audience.EVERYONE, automatic=False
    )


def test_it_is_mailed_but_other_machines_replies_are_not() -> None:
    ours = notices_for(reply("staff", SYSTEM.email, automatic=True), Known(), HOUSE)
    assert {one.to for one in ours if isinstance(one, Notice)} == {
        "ann@example.com",
        "ben@example.com",
    }
    out_of_office = notices_for(reply("staff", "agent@example.com", automatic=True), Known(), HOUSE)
    assert not [one for one in out_of_office if isinstance(one, Notice)]
