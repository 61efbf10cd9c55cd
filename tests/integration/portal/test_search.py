"""`GET /v1/tickets?q=` on a real log and MongoDB: each search finds its ticket, by whoever may read
what it finds; indexes lead to what is rare.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest

from services.portal.desk.listing import ListQuery
from shared.events import Audience
from tests.integration.portal.conftest import World
from tests.integration.portal.test_indexes import AGENT, RARE, Views, views
from tests.support.facts import Ticket

pytestmark = pytest.mark.integration

__all__ = ["views"]

LATE = " ".join(f"w{n}" for n in range(120)) + " needlelast"


async def found(world: World, who: str, q: str) -> set[str]:
    answer = await world.get(who, "/v1/tickets", q=q)
    assert answer.status_code == 200, answer.text
    return {item["id"] for item in answer.json()["items"]}


async def test_each_search_finds_its_ticket(world: World) -> None:
    chinese, alpha, late, german = (Ticket(name) for name in ("zh", "alpha", "late", "de"))
    await world.say(
        [
            *chinese.opened("服务器故障", body="服务器从今天早上开始无法访问"),
            *alpha.opened("Search alpha", body="Our database answers ECONNREFUSED"),
            *alpha.replied(
                "Please check the flibbertigibbet setting", "agent@example.com", "staff"
            ),
            *alpha.noted("Looks like flapdoodle to me."),
            *late.opened("HTTPS webhook", body=LATE),
            *german.opened("Störung im Büro"),
            *german.solved(),
        ]
    )
    await world.until("agent", f"/v1/tickets/{german.id}", status="solved")
    for q, ticket in {
        "故障": chinese,
        "无法访问": chinese,
        "flibbertigibbet": alpha,
        "ECONNREFUSED": alpha,
        "econnref": alpha,
        "flapdoodle": alpha,
        "needlelast": late,
        "Storung": german,
        "Störung": german,
        german.id: german,
        german.id.rpartition("_")[2][:8]: german,
    }.items():
        assert await found(world, "agent", q) == {ticket.id}, q
    for who, q, seen in (
        ("rae", "flibbertigibbet", {alpha.id}),
        ("rae", "flapdoodle", set()),
        ("rae", "flapd", set()),
        ("stranger", "flibbertigibbet", set()),
        ("stranger", alpha.id, set()),
        ("redisco", "flibbertigibbet", set()),
    ):
        assert await found(world, who, q) == seen, (who, q)


async def test_a_provider_finds_what_it_may_read(world: World) -> None:
    ticket = Ticket("theirs")
    await world.say(
        [
            *ticket.opened("Cache", queue="provider:redisco"),
            *ticket.replied("only gobbledygook", "agent@example.com", "staff", Audience.PROVIDER),
            *ticket.replied("only mumbojumbo", "agent@example.com", "staff", Audience.STAFF),
            *ticket.replied("for all", "agent@example.com", "staff"),
        ]
    )
    await world.until("agent", f"/v1/tickets/{ticket.id}", seq=6)
    for q in ("gobbledygook", "gobbledy"):
        assert await found(world, "redisco", q) == {ticket.id}
        assert await found(world, "rae", q) == set()
    for who, seen in (("redisco", set()), ("rae", set()), ("agent", {ticket.id})):
        assert await found(world, who, "mumbojumbo") == seen


async def searched(world: World, who: str, q: str, **more: object) -> dict[str, Any]:
    answer = await world.get(who, "/v1/search", q=q, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_search_shows_where_it_was_said_to_whoever_may_read_it(world: World) -> None:
    chinese, alpha = Ticket("zh"), Ticket("alpha")
    log = "\n".join(f"line {n} of a log" for n in range(1_500))
    await world.store["attachments"].insert({"_id": "att_1", "name": "pgbouncer-Größe.ini"})
    opened = alpha.opened("Search alpha", body=f"{log} ECONNREFUSED <b> {log}")
    (reply,) = alpha.replied("Please check the flibbertigibbet.", "agent@example.com", "staff")
    facts = [
        *chinese.opened("服务器故障", body="服务器从今天早上开始无法访问"),
        *opened,
        reply.model_copy(update={"attachments": ("att_1",)}),
        *alpha.noted("Looks like flapdoodle to me."),
        *alpha.solved(),
    ]
    await world.say(facts)
    await world.until("agent", f"/v1/tickets/{alpha.id}", status="solved")
    for q, hit in {
        "flibbertigibbet": "flibbertigibbet",
        "econnrefused status:solved": "ECONNREFUSED",
        "无法访问": "无法访问",
    }.items():
        found = await searched(world, "agent", q)
        (item,) = found["items"]
        assert found["total"] == 1
        assert [text for text, is_hit in item["snippet"]["parts"] if is_hit] == [hit]
        assert sum(len(text) for text, _ in item["snippet"]["parts"]) < 250
    for who, seen in (("agent", 1), ("rae", 0), ("redisco", 0), ("stranger", 0)):
        assert (await searched(world, who, "flapdoodle"))["total"] == seen
        assert (await searched(world, who, "flapdoodel"))["total"] == seen  # a typing error
        assert (await searched(world, who, "flapdoodel"))["corrected"] == (
            "flapdoodle" if seen else None
        )
    for who, seen in (("agent", 1), ("rae", 1), ("stranger", 0)):
        assert (await searched(world, who, "grosse has:attachment"))["total"] == seen
        assert (await searched(world, who, alpha.id[4:12]))["total"] == seen
        assert (await searched(world, who, " ".join(alpha.id[4:12])))["total"] == seen
    rows = (await world.get("rae", "/search.csv", q="flibbertigibbet")).text.splitlines()
    assert len(rows) == 2 and alpha.id in rows[1]
    assert (
        len((await world.get("stranger", "/search.csv", q="flibbertigibbet")).text.splitlines())
        == 1
    )
    assert (await world.get("agent", "/v1/search", q="status:gone")).status_code == 422


async def test_a_search_by_date_goes_through_all(world: World) -> None:
    tickets = [Ticket(f"many {n}") for n in range(7)]
    await world.say([fact for ticket in tickets for fact in ticket.opened("gobbledygook")])
    for ticket in tickets:
        await world.until("agent", f"/v1/tickets/{ticket.id}", status="new")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        found = await searched(world, "agent", "gobbledygook", order="date", limit=3, **cursor)
        assert found["total"] == 7
        seen += [item["id"] for item in found["items"]]
        if found["next"] is None:
            break
        cursor = {"cursor": found["next"]}
    assert sorted(seen) == sorted(ticket.id for ticket in tickets)


async def test_a_page_finds_a_solved_ticket_by_its_id(world: World) -> None:
    ticket = Ticket("done")
    await world.say([*ticket.opened("Long ago"), *ticket.solved()])
    await world.until("agent", f"/v1/tickets/{ticket.id}", status="solved")
    answer = await world.get("agent", "/v1/tickets", q=ticket.id, status="live")
    assert [item["id"] for item in answer.json()["items"]] == [ticket.id]


async def test_a_rare_word_is_not_looked_for_among_all(views: Views) -> None:
    """`we look` is said on the few tickets that were answered; the index leads to them."""
    for q in ("look", "we look", "loo", "nothing at all like this"):
        for order in ("queue", "updated"):
            read = functools.partial(views.queries.tickets, AGENT, ListQuery(q=q, order=order))
            looked_at, answer = await views.looked_at(read)
            assert looked_at <= 2 * 2 * RARE, (q, order)
            assert len(answer["items"]) in (0, 2 * RARE), (q, order)
