"""What happens reaches whoever may see it, at once and nobody else; reading one's own writes;
sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from services.portal.app import make_app
from shared.events import Audience, DirectoryRecorded, Event
from tests.integration.portal.conftest import PASSWORD, World, serving
from tests.support.facts import Ticket, page_facts
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

NEVER = f"req_{'n' * 26}"


@contextlib.asynccontextmanager
async def listening(
    world: World, who: str, last: str | None = None
) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """What `who` is sent from now on, each with `id` and `event`."""
    found: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    opened = asyncio.Event()

    async def listen() -> None:
        headers = {"Last-Event-ID": last} if last else {}
        async with (
            world.client(who) as client,
            client.stream("GET", "/v1/stream", headers=headers) as stream,
        ):
            assert stream.status_code == 200
            fields: dict[str, Any] = {}
            async for line in stream.aiter_lines():
                opened.set()
                name, _, value = line.partition(": ")
                if name in ("id", "event"):
                    fields[f"sse_{name}"] = value
                elif name == "data":
                    found.put_nowait({**fields, **orjson.loads(value)})

    task = asyncio.create_task(listen())
    await opened.wait()
    try:
        yield found
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
            await task


async def next_of(stream: asyncio.Queue[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found = await stream.get()
            if all(found.get(name) == value for name, value in wanted.items()):
                return found


def drained(stream: asyncio.Queue[dict[str, Any]]) -> list[dict[str, Any]]:
    return [stream.get_nowait() for _ in range(stream.qsize())]


async def test_an_event_is_on_the_stream_within_a_second_and_the_view_holds_it(
    world: World,
) -> None:
    ticket = Ticket("streamed")
    async with listening(world, "agent") as stream:
        await world.say(Ticket("warm").opened())
        await next_of(stream, type="TicketRouted")
        began = time.monotonic()
        await world.say(ticket.opened())
        found = await next_of(stream, type="TicketOpened", ticket_id=ticket.id)
        took = time.monotonic() - began
        assert (await world.get("agent", f"/v1/tickets/{ticket.id}")).status_code == 200
    assert took < stretched(1)
    assert (found["sse_event"], found["queue"]) == ("ticket", "platform")


async def test_the_stream_shows_each_what_they_may_see(world: World) -> None:
    ticket, other = Ticket("theirs", "rae@example.com"), Ticket("another's", "kim@example.com")
    async with contextlib.AsyncExitStack() as stack:
        streams = {
            who: await stack.enter_async_context(listening(world, who))
            for who in ("rae", "kim", "redisco", "mailgrid", "agent", "ops", "stranger")
        }
        await world.say(
            [
                *ticket.opened(),
                *other.opened(),
                *ticket.assigned("redisco"),
                *ticket.noted("between us"),
            ]
        )
        await world.say(
            ticket.replied("to the provider", "agent@example.com", "staff", Audience.PROVIDER)
        )
        await world.say(page_facts(ticket.id))
        await world.say(
            [
                *ticket.replied("to all", "redisco@example.com", "provider"),
                *ticket.assigned(None),
                *ticket.solved(),
            ]
        )
        await next_of(streams["agent"], type="TicketSolved")
        for who, text in {"rae": "to all", "redisco": "to all"}.items():
            seen = drained(streams[who])
            assert text in str(seen)
            assert "between us" not in str(seen)
            assert {item["ticket_id"] for item in seen} == {ticket.id}
            assert ("to the provider" in str(seen)) is (who == "redisco")
        assert "TicketSolved" not in str(seen), (
            "after the ticket was taken away the provider hears nothing of it"
        )
        assert (await next_of(streams["kim"], type="TicketRouted"))["ticket_id"] == other.id
        assert drained(streams["kim"]) == []
        assert drained(streams["mailgrid"]) == drained(streams["stranger"]) == []
        await next_of(streams["ops"], type="PageAcknowledged")
        assert "PageOpened" not in str(drained(streams["agent"]))


async def test_a_reader_that_comes_back_gets_exactly_what_it_missed(world: World) -> None:
    ticket = Ticket("resumed")
    async with listening(world, "rae") as stream:
        await world.say(ticket.opened())
        last = await next_of(stream, type="TicketRouted")
    await world.say(ticket.assigned("redisco"))
    await world.say(ticket.replied("missed", "redisco@example.com", "provider"))
    await world.until("rae", f"/v1/tickets/{ticket.id}", seq=5)
    async with listening(world, "rae", last["sse_id"]) as stream:
        await world.say(ticket.solved())
        await next_of(stream, type="TicketAssigned")
        await next_of(stream, type="ReplyAdded")
        await next_of(stream, type="TicketSolved")
        assert drained(stream) == []
    await world.say(ticket.assigned(None))
    await world.until("rae", f"/v1/tickets/{ticket.id}", provider=None)
    async with listening(world, "redisco", last["sse_id"]) as stream:
        probe = Ticket("probe")
        await world.say(probe.opened(queue="provider:redisco"))
        first = await next_of(stream)
        assert first["ticket_id"] == probe.id, "what was its own is replayed to nobody who lost it"


async def test_after_waits_for_the_view_and_never_says_there_is_none(world: World) -> None:
    ticket = Ticket("after")
    path = f"/v1/tickets/{ticket.id}"
    early = asyncio.create_task(world.get("rae", path, after=ticket.request()))
    await asyncio.sleep(0.2)
    await world.say([*ticket.opened(), ticket.asked("open")])
    answer = await early
    async with asyncio.timeout(30):
        while (
            answer.status_code == 202
        ):  # not in the view within its two seconds, on a busy machine
            answer = await world.get("rae", path, after=ticket.request())
    assert answer.status_code == 200
    began = time.monotonic()
    never = await world.get("rae", path, after=NEVER)
    assert (never.status_code, never.json()["state"]) == (202, "pending")
    assert 1.9 < time.monotonic() - began < stretched(3)
    unknown = await world.get("rae", "/v1/tickets/tkt_unknown", after=NEVER)
    assert unknown.status_code == 202
    for doors in (
        "tickets/tkt_unknown",
        "pages/lane_unknown.x",
        "incidents/inc_unknown",
        "maintenances/mnt_unknown",
    ):
        assert (await world.get("rae", f"/v1/{doors}", after="soon")).status_code == 422, (
            "this is no request"
        )


async def test_what_became_of_a_request_is_told_once_the_request_is_there_too(
    world: World,
) -> None:
    # Two topics: the fact can be read before the request that caused it, which says what it was.
    ticket = Ticket("early")
    path, request = f"/v1/tickets/{ticket.id}", ticket.request("hello")
    await world.say(ticket.opened())
    await world.say(ticket.replied("hello", "rae@example.com", "customer"))
    await world.until("rae", path, seq=4)
    assert (await world.get("rae", path, after=request)).status_code == 202
    await world.say([ticket.asked("hello")])
    async with asyncio.timeout(30):
        while (await world.get("rae", path, after=request)).status_code != 200:
            continue
    told = await world.until("rae", f"/v1/requests/{request}", state="done")
    assert told["type"] == "AddReply"


async def test_a_request_tells_what_became_of_it_to_who_made_it(world: World) -> None:
    ticket = Ticket("asked")
    await world.say(
        [
            *ticket.opened(),
            ticket.asked("hello"),
            *ticket.replied("hello", "rae@example.com", "customer"),
        ]
    )
    done = await world.until("rae", f"/v1/requests/{ticket.request('hello')}", state="done")
    assert (done["ticket_id"], done["type"], len(done["facts"])) == (ticket.id, "AddReply", 1)
    await world.say([*ticket.refused("not-allowed"), ticket.asked("not-allowed")])
    refused = await world.until(
        "rae", f"/v1/requests/{ticket.request('not-allowed')}", state="refused"
    )
    assert (refused["code"], refused["reason"]) == ("not-allowed", "It is not.")
    assert (await world.get("kim", f"/v1/requests/{ticket.request('hello')}")).status_code == 404


async def test_what_may_not_be_seen_does_not_exist(world: World) -> None:
    ticket = Ticket("hidden")
    await world.say(
        [*ticket.opened("A secret word: xyzzy", queue="provider:redisco"), *ticket.clock_started()]
    )
    await world.until("redisco", f"/v1/tickets/{ticket.id}", provider="redisco")
    for who in ("kim", "stranger", "mailgrid"):
        for path in ("", "/events", "/explain", "/clocks"):
            answer = await world.get(who, f"/v1/tickets/{ticket.id}{path}")
            assert (answer.status_code, answer.headers["content-type"]) == (
                404,
                "application/problem+json",
            )
        listed = (await world.get(who, "/v1/tickets", q="xyzzy")).json()
        assert (listed["items"], listed["counts"]["total"]) == ([], 0)
    for who in ("rae", "redisco", "agent"):
        assert [
            item["id"] for item in (await world.get(who, "/v1/tickets", q="xyzzy")).json()["items"]
        ] == [ticket.id]
    for path in (
        "/v1/tickets",
        "/v1/stream",
        f"/v1/tickets/{ticket.id}",
        "/v1/pages",
        "/v1/on-call",
    ):
        assert (await world.get(None, path)).status_code == 401
    trail = (await world.get("rae", f"/v1/tickets/{ticket.id}/explain")).json()["decisions"]
    assert [
        bool(decision["trail"])
        for decision in trail
        if decision["type"] in ("PrioritySet", "TicketRouted")
    ] == [True, False]


async def test_a_session_signs_in_is_recognised_and_ends(world: World) -> None:
    ticket = Ticket("by cookie")
    await world.say(ticket.opened())
    await world.until("rae", f"/v1/tickets/{ticket.id}", status="new")
    app = make_app(world.settings)
    sessions = app.state.portal.sessions
    await app.state.portal.directory.start()
    await app.state.portal.directory.caught_up()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(app.state.portal.directory.stop)
        from starlette.requests import Request

        request = Request({"type": "http", "headers": [], "client": ("192.0.2.1", 1)})
        email = await sessions.check_password(request, "Rae@Example.com", PASSWORD)
        cookie, _ = await sessions.admit(request, email, by_password=True)
        jar = {"signalbox_session": cookie}
        async with world.client(None, cookies=jar) as browser:
            assert (await browser.get(f"/v1/tickets/{ticket.id}")).status_code == 200
            foreign = await browser.post(
                "/v1/tickets", json={}, headers={"Sec-Fetch-Site": "cross-site"}
            )
            assert (foreign.status_code, foreign.json()["type"]) == (
                403,
                "/problems/foreign-origin",
            )
            away = await browser.post(
                "/v1/tickets", json={}, headers={"Sec-Fetch-Site": "same-origin"}
            )
            assert (away.status_code, away.json()["type"], away.headers["retry-after"]) == (
                503,
                "/problems/intake-unavailable",
                "5",
            )
            await sessions.log_out(
                Request(
                    {
                        "type": "http",
                        "headers": [(b"cookie", f"signalbox_session={cookie}".encode())],
                    }
                )
            )
            assert (await browser.get(f"/v1/tickets/{ticket.id}")).status_code == 401


async def test_with_mongodb_away_the_answer_is_a_503_soon(world: World) -> None:
    away = world.settings.model_copy(
        update={"mongodb_uri": "mongodb://127.0.0.1:9/?replicaSet=rs0"}
    )
    async with serving(away) as base, httpx.AsyncClient(base_url=base, timeout=15) as client:
        headers = {"Authorization": "Bearer token-rae"}
        async with asyncio.timeout(30):
            while (
                await client.get("/v1/tickets", headers=headers)
            ).status_code == 401:  # the directory is being read
                await asyncio.sleep(0.05)
        began = time.monotonic()
        answer = await client.get("/v1/tickets", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/mongodb-unavailable")
        assert time.monotonic() - began < stretched(3)


async def test_a_feed_ends_at_once_with_what_it_was_opened_by(world: World) -> None:
    """A role taken away: the next event is not sent, whenever the next heartbeat would be."""
    email = "temp@example.com"

    def account(roles: list[str]) -> list[Event]:
        document = {"email": email, "name": "Temp", "roles": roles, "plan": "free"}
        return [recorded("accounts", email, document)]

    token = hashlib.sha256(b"token-temp").hexdigest()
    await world.say([*account(["agent"]), recorded("tokens", token, {"email": email})])
    async with asyncio.timeout(stretched(10)):
        while (await world.get("temp", "/v1/tickets")).status_code != 200:
            await asyncio.sleep(0.02)
    async with listening(world, "temp") as demoted, listening(world, "agent") as agent:
        await world.say(Ticket("before the demotion").opened())
        await next_of(demoted, type="TicketRouted")
        await next_of(agent, type="TicketRouted")
        await world.say(account([]))
        async with asyncio.timeout(stretched(10)):
            while (await world.get("temp", "/v1/tickets")).json().get("items"):
                await asyncio.sleep(0.02)
        drained(demoted)
        await world.say(Ticket("after the demotion").opened())
        await next_of(agent, type="TicketRouted")
        assert drained(demoted) == []
    assert world.settings.stream_heartbeat > 5, "no heartbeat took part in this"


def recorded(kind: str, doc_id: str, document: dict[str, Any]) -> Event:
    fields = {"id": f"{kind}-{doc_id}-{time.time_ns()}", "key": f"{kind}:{doc_id}"}
    return DirectoryRecorded.model_validate(
        {**fields, "at": datetime.now(UTC), "kind": kind, "doc_id": doc_id, "document": document}
    )
