"""Facts in Kafka become the GET shape; counters equal a recount; paging is complete."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.portal.projector import shelving
from services.portal.projector.app import make_projector
from services.portal.projector.loop import recount
from shared.bus import Record
from shared.events import Priority
from shared.telemetry.logs import Note
from tests.integration.portal.conftest import World, projecting
from tests.support.facts import BEGAN, Ticket, page_facts

pytestmark = pytest.mark.integration


async def test_a_ticket_takes_the_shape_of_the_contract(world: World) -> None:
    ticket = Ticket("shape")
    await world.say(
        [
            *ticket.opened(priority=Priority.HIGH),
            *ticket.clock_started(),
            *ticket.assigned("redisco"),
        ]
    )
    await world.say(
        [
            *ticket.replied("We look.", "redisco@example.com", "provider"),
            *ticket.noted("ours"),
            *ticket.clock_met(),
        ]
    )
    seen = await world.until("rae", f"/v1/tickets/{ticket.id}", status="pending", seq=6)
    assert (seen["queue"], seen["provider"], seen["priority"], seen["body"]) == (
        "provider:redisco",
        "redisco",
        "high",
        "Since noon.",
    )
    assert [(reply["author"], reply["body"]) for reply in seen["replies"]] == [
        ("provider", "We look.")
    ], "a customer reads no address that is not of their own side"
    assert [(clock["name"], clock["state"]) for clock in seen["clocks"]] == [
        ("initial-response", "met")
    ]
    staff = (await world.get("agent", f"/v1/tickets/{ticket.id}")).json()
    assert [reply["audience"] for reply in staff["replies"]] == ["everyone", "staff"]
    assert staff["replies"][0]["author"] == "redisco@example.com"
    events = (await world.get("agent", f"/v1/tickets/{ticket.id}/events")).json()["items"]
    assert [event["type"] for event in events if event["topic"] == "tickets"] == [
        "TicketOpened",
        "PrioritySet",
        "TicketRouted",
        "TicketAssigned",
        "ReplyAdded",
        "NoteAdded",
    ]


async def test_repeats_and_what_came_second_change_nothing(world: World) -> None:
    ticket = Ticket("repeats")
    facts = [*ticket.opened(), *ticket.replied("first", "agent@example.com", "staff")]
    second = facts[-1].model_copy(update={"id": "fct_other", "body": "second"})
    await world.say([*facts, *facts, second])
    await world.say(ticket.solved())
    seen = await world.until("rae", f"/v1/tickets/{ticket.id}", status="solved")
    assert [reply["body"] for reply in seen["replies"]] == ["first"]


async def test_the_queue_pages_through_every_ticket_once_in_its_order(world: World) -> None:
    tickets = [Ticket(f"page {n}", at=BEGAN + timedelta(minutes=n % 7)) for n in range(60)]
    priorities = list(Priority)
    for n, ticket in enumerate(tickets):
        await world.say(
            ticket.opened(
                first=n % 3 == 0, priority=priorities[n % 4], queue="platform" if n % 2 else "csa"
            )
        )
    async with asyncio.timeout(30):
        while (await world.get("agent", "/v1/tickets")).json()["counts"]["total"] < 60:
            await asyncio.sleep(0.02)
    found: list[dict[str, Any]] = []
    path = "/v1/tickets?limit=7"
    async with world.client("agent") as client:
        while path:
            answer = await client.get(path)
            found += answer.json()["items"]
            path = answer.links.get("next", {}).get("url", "")
    assert len(found) == 60
    assert {item["id"] for item in found} == {ticket.id for ticket in tickets}
    place = [
        (
            not item["first"],
            priorities.index(Priority(item["priority"])),
            item["opened_at"],
            item["id"],
        )
        for item in found
    ]
    assert place == sorted(place)
    csa = (
        await world.get("agent", "/v1/tickets", queue="csa", priority="urgent", limit=200)
    ).json()["items"]
    assert {item["id"] for item in csa} == {
        ticket.id for n, ticket in enumerate(tickets) if n % 4 == 0
    }
    words = (await world.get("agent", "/v1/tickets", q="it DOW", limit=200)).json()["items"]
    assert len(words) == 60
    assert (await world.get("agent", "/v1/tickets", q="nowhere")).json()["items"] == []


async def test_counters_equal_a_recount_also_after_a_restart(world: World) -> None:
    tickets = [Ticket(f"counted {n}") for n in range(40)]
    for n, ticket in enumerate(tickets):
        await world.say(ticket.opened(queue="provider:redisco" if n % 4 == 0 else "platform"))
    async with projecting(world.settings):
        for n, ticket in enumerate(tickets):
            await world.say(ticket.solved() if n % 3 == 0 else ticket.reviewed(Priority.HIGH))
        for ticket in tickets:
            await world.until("agent", f"/v1/tickets/{ticket.id}", seq=4)
    counts = (await world.get("agent", "/v1/tickets")).json()["counts"]
    assert counts["statuses"] == {"solved": 14, "new": 26}
    assert counts["queues"] == {"platform": 20, "provider:redisco": 6}
    kept = {doc["_id"]: doc["n"] for doc in await world.store["counts"].find({"n": {"$ne": 0}})}
    assert kept == {counted.id: n for counted, n in (await recount(world.store, range(2))).items()}
    shelves = {doc["_id"]: doc["n"] for doc in await world.store["shelves"].find({"n": {"$ne": 0}})}
    assert shelves == await shelving.recount(world.store)
    assert (shelves["needs-us||"], shelves["providers|provider:redisco|-"]) == (20, 6)
    home = (await world.get("agent", "/v1/tickets", home="providers")).json()
    assert (len(home["items"]), home["counts"]["providers"], home["counts"]["mine"]) == (6, 6, 0)
    assert (await world.get("redisco", "/v1/tickets", home="providers")).status_code == 422
    mine = (await world.get("redisco", "/v1/tickets")).json()["counts"]
    assert (mine["total"], mine["live"], mine["queues"]) == (10, 6, {"provider:redisco": 6})


@pytest.mark.long
async def test_another_projector_stands_by_and_takes_over(world: World) -> None:
    before, after = Ticket("before"), Ticket("after")
    await world.say(before.opened())
    await world.until("agent", f"/v1/tickets/{before.id}", seq=3)
    other, producer = make_projector(world.settings)
    running = asyncio.create_task(other.run())
    try:
        async with asyncio.timeout(60):
            while not isinstance(await other.unready(), Note):
                await asyncio.sleep(0.02)
            # as if its holder had gone without a word, and for good
            world.is_last_projector.set()
            await world.store["leases"].update({"_id": "views"}, {"$set": {"owner": "gone"}})
            while await other.unready() is not None:
                await asyncio.sleep(0.02)
        await world.say(after.opened())
        await world.until("agent", f"/v1/tickets/{after.id}", seq=3)
    finally:
        other.stop()
        await running
        await producer.stop()


async def test_views_that_are_dropped_are_made_anew_though_nothing_comes(world: World) -> None:
    ticket = Ticket("dropped")
    await world.say(ticket.opened())
    await world.until("agent", f"/v1/tickets/{ticket.id}", seq=3)
    for name in ("tickets", "timeline", "positions", "leases"):
        await world.store[name].drop()
    await world.until("agent", f"/v1/tickets/{ticket.id}", seq=3)


async def test_pages_their_attempts_and_certificate(world: World) -> None:
    ticket = Ticket("paged")
    facts = page_facts(ticket.id)
    await world.say([*ticket.opened(), *facts])
    page = facts[0].page
    shown = await world.until("ops", f"/v1/pages/{page}", state="acknowledged")
    assert shown["ticket_id"] == ticket.id
    assert [(sent["to"], sent["channel"], sent["outcome"]) for sent in shown["attempts"]] == [
        ("primary", "webhook", "accepted")
    ]
    assert shown["dedup_key"] == f"{page}.s0"
    assert (await world.get("ops", "/v1/pages")).json()["items"][0]["id"] == page
    certificate = (await world.get("ops", f"/v1/pages/{page}/certificate")).json()
    assert (certificate["verdict"], len(certificate["receipts"])) == ("exactly-one", 1)
    acked = (await world.get("agent", "/v1/requests/req_ackabcdef")).json()
    assert acked["state"] == "done"
    for path in ("/v1/pages", f"/v1/pages/{page}", f"/v1/pages/{page}/certificate"):
        assert (await world.get("rae", path)).status_code == 404
        assert (await world.get("agent", path)).status_code == 404


async def test_the_list_of_pages_is_read_to_its_end_cursor_by_cursor(world: World) -> None:
    tickets = [Ticket(f"paged {n}") for n in range(3)]
    pages = [page_facts(ticket.id, f"lane_{n}") for n, ticket in enumerate(tickets)]
    for ticket, facts in zip(tickets, pages, strict=True):
        await world.say([*ticket.opened(), *facts])
    for facts in pages:
        await world.until("ops", f"/v1/pages/{facts[0].page}", state="acknowledged")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await world.get("ops", "/v1/pages", limit="1", **cursor)
        (shown,) = answer.json()["items"]
        seen.append(shown["id"])
        assert ("next" in answer.links) == bool(answer.json()["next"])
        if not answer.json()["next"]:
            break
        cursor = {"cursor": answer.json()["next"]}
    assert sorted(seen) == sorted(facts[0].page for facts in pages)
    assert (await world.get("ops", "/v1/pages", cursor="bm90LW91cnM")).status_code == 422


async def test_what_is_no_event_becomes_a_dead_letter_and_delays_nobody(world: World) -> None:
    await world.producer.send(Record("clocks", "tkt_poison", b"\xff not json"))
    ticket = Ticket("beside poison")
    await world.say(ticket.opened())
    await world.until("rae", f"/v1/tickets/{ticket.id}", status="new")
    async with asyncio.timeout(30):
        while not (letters := await world.store["dead_letters"].find({})):
            await asyncio.sleep(0.02)
    assert [(letter["topic"], letter["worker"]) for letter in letters] == [
        ("clocks", "portal.projector")
    ]


async def test_views_that_were_dropped_under_it_are_built_again(world: World) -> None:
    before, after = Ticket("before the loss"), Ticket("after it")
    await world.say(
        [
            *before.opened(),
            *before.replied("kept in the log", "agent@example.com", "staff"),
            *before.clock_started(),
        ]
    )
    was = await world.until("rae", f"/v1/tickets/{before.id}", seq=4)
    await world.store.drop()
    assert (await world.get("rae", f"/v1/tickets/{before.id}")).status_code == 404
    await world.say(after.opened())
    await world.until("rae", f"/v1/tickets/{after.id}", status="new")
    again = await world.until("rae", f"/v1/tickets/{before.id}", seq=4)
    assert {**again, "time_with": None} == {**was, "time_with": None}, (
        "but for the time that went by meanwhile"
    )
    counts = (await world.get("agent", "/v1/tickets")).json()["counts"]
    assert (counts["total"], counts["statuses"]) == (2, {"new": 1, "pending": 1})
