"""Front and pager on a real Kafka, with a phone that keeps what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from services.notifier.app import pager_with
from services.notifier.front.loop import Front
from services.notifier.settings import PagerSettings
from shared.bus import Admin, Producer, Reader
from shared.certificate import Verdict, certificate
from shared.channels.webhook import signing_key
from shared.clock import SteeredClock
from shared.errors import Unavailable
from shared.events import (
    Acknowledge,
    Actor,
    Admission,
    Event,
    OpenTicket,
    PageAccepted,
    PageAcknowledged,
    PageAttempted,
    PageCancelled,
    PageFact,
    PageFailed,
    PageOpened,
    PageReachedNobody,
    Plan,
    PolicyPublished,
    Priority,
    PriorityReviewed,
    PrioritySet,
    Role,
)
from shared.ids import obligation_id, page_id
from shared.spine.runtime import Spine
from shared.topics import read
from shared.wire import Record, record_for

pytestmark = pytest.mark.integration

PARTITIONS = 4
SECRET = "a secret of the tests"
TOPICS = (
    "urgent",
    "tickets",
    "requests",
    "status",
    "page-inbox",
    "pages",
    "pager-state",
    "dead-letters",
    "policies",
)
PRIMARY = Actor(email="primary@example.com", roles=(Role.ON_CALL,))


async def until(
    condition: Callable[[], Any | Awaitable[Any]], what: str, within: float = 40.0
) -> Any:
    """The first truthy answer of `condition`; a Kafka that is too busy to answer is asked again."""
    found: Any = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not found:
                with contextlib.suppress(Unavailable):
                    found = condition()
                    found = await found if isinstance(found, Awaitable) else found
                await asyncio.sleep(0.005)
    assert found, f"{what}: not within {within} s"
    return found


class Phone:
    """`got`: (person, headers, body) of every request, kept before it is answered. `answer`: what
    to say, None hangs.
    """

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], str]] = []
        self.answer: int | None = 200
        self.at: list[datetime] = []

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(
            (
                request.match_info["person"],
                {k.lower(): v for k, v in request.headers.items()},
                await request.text(),
            )
        )
        self.at.append(datetime.now(UTC))
        if self.answer is None:
            await asyncio.sleep(3600)
        return web.Response(status=self.answer or 500, text="ok")

    def keys(self, person: str) -> list[str]:
        return [headers["webhook-id"] for who, headers, _ in self.got if who == person]


class World:
    """Topics of its own, a phone, a clock the test moves; front and pager come and go."""

    def __init__(
        self, bootstrap: str, prefix: str, data: Path, port: int, phone: Phone, producer: Producer
    ) -> None:
        self.phone, self.producer, self._port = phone, producer, port
        self._bootstrap, self._prefix, self._hand = bootstrap, prefix, data / "clock"
        self._hand.write_text("0")
        self.settings = PagerSettings(
            kafka_bootstrap_servers=bootstrap,
            topic_prefix=prefix,
            data_dir=data,
            secret=SECRET,
            clock_file=self._hand,
            allow_private_webhooks=True,
            portal_url="http://portal.example",
        )
        self.clock = SteeredClock(self._hand)

    def move(self, **span: float) -> None:
        self._hand.write_text(str(timedelta(**span).total_seconds()))

    async def publishes(self, topic: str, event: Event) -> None:
        await self.producer.send(record_for(topic, event, "test"))

    async def publishes_raw(self, key: str, value: bytes) -> None:
        await self.producer.send(Record("policies", key, value, []))

    async def publishes_policy(
        self, send_timeout: str = "2s", version: int = 1, **more: Any
    ) -> None:
        people = {
            name: {
                "email": f"{name}@example.com",
                "methods": [
                    {
                        "name": "phone",
                        "channel": "webhook",
                        "address": f"http://127.0.0.1:{self._port}/pager/{name}",
                        "verified": True,
                    }
                ],
            }
            for name in ("primary", "secondary")
        }
        steps = [{"person": "primary", "wait": "5m"}]
        document = {
            "people": people,
            "schedules": {},
            "escalation": {"support": {"steps": steps, "repeat": 0, "fallback": "secondary"}},
            "send_timeout": send_timeout,
            **more,
        }
        await self.publishes(
            "policies",
            PolicyPublished(
                id=f"pol_{version}",
                key="on-call",
                at=datetime.now(UTC),
                version=version,
                document=document,
            ),
        )

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    @property
    def prefix(self) -> str:
        return self._prefix

    async def letters(self) -> list[Any]:
        reader, found = Reader(self._bootstrap, self._prefix), []
        await reader.start()
        try:
            places = {("dead-letters", p): 0 for p in range(PARTITIONS)}
            async for messages in reader.read_to_end(places):
                found += messages
        finally:
            await reader.stop()
        return found

    async def facts(self, kind: type[PageFact] = PageFact) -> list[Any]:
        reader, found = Reader(self._bootstrap, self._prefix), []
        await reader.start()
        try:
            async for messages in reader.read_to_end({("pages", p): 0 for p in range(PARTITIONS)}):
                found += [
                    read(message.value, message.headers.get("ce_type")) for message in messages
                ]
        finally:
            await reader.stop()
        return [fact for fact in found if isinstance(fact, kind)]

    @contextlib.asynccontextmanager
    async def front(self) -> AsyncIterator[None]:
        front = Front(self.settings, self.clock)
        running = asyncio.create_task(front.run())
        try:
            yield
        finally:
            front.stop()
            assert await running == 0

    @contextlib.asynccontextmanager
    async def pager(self) -> AsyncIterator[Spine[Any]]:
        async with pager_with(self.settings, self.clock) as (pager, _):
            spine = Spine(
                pager.work(), bootstrap=self._bootstrap, prefix=self._prefix, clock=self.clock
            )
            running = asyncio.create_task(spine.run())
            try:
                yield spine
            finally:
                spine.stop()
                assert await running == 0


@pytest.fixture
async def world(kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[World]:
    prefix = f"pager-{secrets.token_hex(4)}-"
    phone, app = Phone(), web.Application()
    app.router.add_post("/pager/{person}", phone.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    producer = Producer(kafka_bootstrap, prefix, "test")
    async with Admin(kafka_bootstrap, prefix) as admin:
        for topic in TOPICS:
            await admin.create_topic(topic, PARTITIONS)
        try:
            yield World(kafka_bootstrap, prefix, tmp_path, port, phone, producer)
        finally:
            await producer.stop()
            await admin.delete_all()
            await runner.cleanup()


def urgent(ticket: str = "tkt_1", lane: str = "lane_a") -> OpenTicket:
    return OpenTicket(
        id=f"req_{ticket}",
        key=ticket,
        at=datetime.now(UTC),
        actor=Actor(email="premier@example.com"),
        policy={},
        subject="Down",
        body="b",
        app="shop",
        priority=Priority.URGENT,
        admission=Admission(plan=Plan.PREMIER),
        lane=lane,
        pages=True,
    )


def as_the_router_says(ticket: OpenTicket) -> PrioritySet:
    return PrioritySet(
        id=f"fct_{ticket.key}",
        key=ticket.key,
        at=ticket.at,
        seq=2,
        cause=ticket.id,
        by=ticket.actor.email,
        policy={},
        pages=True,
        requested=Priority.URGENT,
        priority=Priority.URGENT,
        plan=Plan.PREMIER,
        opened_at=ticket.at,
        lane=ticket.lane,
        obligation=obligation_id(ticket.key, ticket.id),
        subject=ticket.subject,
        requester=ticket.actor.email,
    )


def lowered(ticket: OpenTicket) -> PriorityReviewed:
    return PriorityReviewed(
        id=f"fct_low_{ticket.key}",
        key=ticket.key,
        at=ticket.at,
        seq=3,
        cause="req_low",
        by="reviewer@example.com",
        policy={},
        previous=Priority.URGENT,
        priority=Priority.HIGH,
        reason="staging only",
        plan=Plan.PREMIER,
        lane=ticket.lane,
        cancels=(obligation_id(ticket.key, ticket.id),),
    )


def page_for(ticket: OpenTicket) -> str:
    return page_id(ticket.lane, obligation_id(ticket.key, ticket.id))


async def test_both_roads_of_an_urgent_make_one_signed_page_and_its_certificate_says_so(
    world: World,
) -> None:
    ticket = urgent()
    await world.publishes_policy()
    await world.publishes("tickets", as_the_router_says(ticket))
    await world.publishes("urgent", ticket)
    await world.publishes("urgent", ticket)
    async with world.front(), world.pager():
        await until(lambda: world.facts(PageAccepted), "a receipt")
        await world.publishes(
            "requests",
            Acknowledge(
                id="req_ack", key=page_for(ticket), at=datetime.now(UTC), actor=PRIMARY, policy={}
            ),
        )
        await until(lambda: world.facts(PageAcknowledged), "an acknowledgement")
    assert world.phone.keys("primary") == [f"{page_for(ticket)}.s1"]
    _, headers, body = world.phone.got[0]
    payload = Webhook(signing_key(SECRET.encode(), "primary")).verify(body, headers)
    assert payload["ticket_id"] == "tkt_1" and payload["subject"] == "Down"
    assert payload["ack_url"].startswith(
        f"http://portal.example/pages/{page_for(ticket)}/ack?token="
    )
    assert len(await world.facts(PageOpened)) == 1
    facts = await world.facts()
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
    assert certificate(facts).verdict is Verdict.EXACTLY_ONE


async def test_nobody_answers_until_the_clock_has_moved_then_the_next_is_paged(
    world: World,
) -> None:
    await world.publishes_policy()
    await world.publishes("urgent", urgent())
    async with world.front(), world.pager():
        await until(lambda: world.phone.keys("primary"), "the primary paged")
        assert world.phone.keys("secondary") == []
        world.move(minutes=5, seconds=1)
        await until(lambda: world.phone.keys("secondary"), "the secondary paged")


async def test_a_downgrade_cancels_and_tells_the_person_paged(world: World) -> None:
    ticket = urgent()
    await world.publishes_policy()
    await world.publishes("urgent", ticket)
    async with world.front(), world.pager():
        await until(lambda: world.facts(PageAccepted), "a receipt")
        await world.publishes("tickets", lowered(ticket))
        await until(lambda: len(world.phone.got) == 2, "a stand-down")
        await until(lambda: world.facts(PageCancelled), "the cancellation")
    assert world.phone.keys("primary") == [
        f"{page_for(ticket)}.s1",
        f"{page_for(ticket)}.s1.stand-down",
    ]


async def test_a_pager_that_ends_in_the_middle_of_a_send_repeats_it_with_the_same_key_and_says_so(
    world: World,
) -> None:
    world.phone.answer = None
    await world.publishes_policy(send_timeout="60s")
    await world.publishes("urgent", urgent())
    async with world.front():
        async with world.pager():
            await until(lambda: world.phone.got, "the first send")
        world.phone.answer = 200
        async with world.pager():
            await until(lambda: world.facts(PageAccepted), "a receipt")
    assert len(world.phone.got) == 2 and len(set(world.phone.keys("primary"))) == 1
    assert [fact.unknown for fact in await world.facts(PageFailed)] == [True]
    assert certificate(await world.facts()).verdict is Verdict.UNKNOWN


async def test_a_phone_that_is_broken_for_a_moment_is_tried_again(world: World) -> None:
    world.phone.answer = 503
    await world.publishes_policy()
    await world.publishes("urgent", urgent())
    async with world.front(), world.pager():
        await until(lambda: world.phone.got, "the first send")
        world.phone.answer = 200
        await until(lambda: world.facts(PageAccepted), "a receipt")
    assert len(set(world.phone.keys("primary"))) == 1
    assert [fact.tries for fact in await world.facts(PageAttempted)] == [1, 2]


async def test_without_a_policy_pages_wait_and_are_not_lost(world: World) -> None:
    await world.publishes("urgent", urgent())
    async with world.front(), world.pager() as spine:
        await until(spine.unready, "a sentence that says it waits")
        await world.publishes_policy()
        await until(lambda: world.phone.keys("primary"), "the page")


async def test_private_addresses_are_not_paged_unless_allowed(world: World) -> None:
    world.settings = world.settings.model_copy(update={"allow_private_webhooks": False})
    await world.publishes_policy()
    await world.publishes("urgent", urgent())
    async with world.front(), world.pager():
        failed = await until(lambda: world.facts(PageFailed), "a refusal")
    assert "not a public address" in failed[0].reason
    assert world.phone.got == []


async def test_no_record_of_policies_stops_the_pages(world: World) -> None:
    """Bytes, other shapes, times with a zone (they raised in the lane), a rota beyond all years:
    each is skipped, and the document before stays in force.
    """
    await world.publishes_policy()
    aware = {"opens": "09:00+01:00", "closes": "17:00+01:00"}
    turn = {"people": ["primary"], "starts_at": "2025-01-06T09:00:00Z"}
    layers = [{"name": "l", "rotation": turn, "week": {day: [aware] for day in ("mon", "sun")}}]
    bad = {"zone": "UTC", "layers": layers}
    for version, schedule in enumerate((bad, {"zone": "UTC", "rotation": {}}), 2):
        steps = [{"schedule": "bad", "wait": "5m"}]
        escalation = {"support": {"steps": steps, "fallback": "secondary"}}
        schedules = {"bad": schedule}
        await world.publishes_policy(version=version, schedules=schedules, escalation=escalation)
    for hostile in (b"\xff", b"[]", b"{}", b'{"type":"PolicyPublished"}', b'"x"', b"null"):
        await world.publishes_raw("on-call", hostile)
    async with world.front(), world.pager():
        await world.publishes("urgent", urgent())
        await until(lambda: world.phone.keys("primary"), "the primary paged")


async def test_a_parked_lane_is_paged_once_the_document_is_mended(world: World) -> None:
    """A lane that was parked before, by a release that took anything: its letter stands in the log,
    its key in the rows. The next version of the document sends its page.
    """
    await world.publishes_policy()
    async with pager_with(world.settings, world.clock) as (pager, _):

        def breaks(*_: object) -> Any:
            raise TypeError("can't compare offset-naive and offset-aware times")

        work = replace(pager.work(), decide=breaks)
        spine = Spine(work, bootstrap=world.bootstrap, prefix=world.prefix, clock=world.clock)
        running = asyncio.create_task(spine.run())
        async with world.front():
            await world.publishes("urgent", urgent())
            await until(world.letters, "the lane parked")
        spine.stop()
        assert await running == 0
    assert world.phone.got == []
    async with world.pager():
        await until(lambda: world.phone.keys("primary"), "paged after a start")


async def test_a_mended_document_is_enough(world: World) -> None:
    await world.publishes_policy()
    async with pager_with(world.settings, world.clock) as (pager, rulebook):
        decide = pager.work().decide

        def breaks(lane: Any, event: Any, now: datetime) -> Any:
            if rulebook.changes() < 2:
                raise TypeError("can't compare offset-naive and offset-aware times")
            return decide(lane, event, now)

        work = replace(pager.work(), decide=breaks)
        spine = Spine(work, bootstrap=world.bootstrap, prefix=world.prefix, clock=world.clock)
        running = asyncio.create_task(spine.run())
        async with world.front():
            await world.publishes("urgent", urgent())
            await until(world.letters, "the lane parked")
            assert world.phone.got == []
            await world.publishes_policy(version=2)
            await until(lambda: world.phone.keys("primary"), "paged once it is mended")
        spine.stop()
        assert await running == 0
    assert len(world.phone.got) == 1


async def test_an_urgent_before_any_document_reaches_nobody_until_there_is_one(
    world: World,
) -> None:
    ticket = urgent()
    await world.publishes("urgent", ticket)
    async with world.front(), world.pager() as spine:
        await until(lambda: world.facts(PageReachedNobody), "a record that nobody is woken")
        assert await spine.unready() is None
        await world.publishes_policy()
        await until(lambda: world.facts(PageAccepted), "a receipt")
    assert world.phone.keys("primary") == [f"{page_for(ticket)}.s1"]
    assert len(await world.facts(PageReachedNobody)) == 1
