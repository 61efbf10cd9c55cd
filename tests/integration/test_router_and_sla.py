"""Router and sla on a real Kafka: requests in, facts out, clocks started, breached by a clock that
the test moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.directory import policies
from services.router import handlers as router
from services.sla import handlers as sla
from shared.bus import Admin, Producer, Reader
from shared.clock import SteeredClock
from shared.events import (
    AddReply,
    Event,
    OpenIncident,
    PolicyPublished,
    Priority,
    Request,
    ResolveIncident,
    ReviewPriority,
    ScheduleMaintenance,
    Solve,
    UpdateIncident,
)
from shared.policy import DESK
from shared.policy.book import PolicyBook
from shared.spine.replica import Replica
from shared.spine.runtime import Spine
from shared.topics import CLOCKS, DEAD_LETTERS, POLICIES, REQUESTS, STATUS, TICKETS, read
from shared.wire import Record, record_for
from tests.unit.router.building import STAMP, open_ticket, request

pytestmark = pytest.mark.integration

PARTITIONS = 3


class Log:
    """A Kafka of the test's own (by prefix): write requests, wait for what the workers say."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap, self.prefix, self.folder = bootstrap, prefix, folder
        self.clock = SteeredClock(folder / "clock")
        self.producer = Producer(bootstrap, prefix, "test")
        self._workers: dict[str, tuple[Any, asyncio.Task[int], contextlib.AsyncExitStack]] = {}

    async def start(self, *names: str) -> None:
        for name in names:
            book, stack = PolicyBook(), contextlib.AsyncExitStack()
            replica = Replica(
                POLICIES.name,
                self.bootstrap,
                self.prefix,
                on_change=lambda m, book=book: book.take(m.key, m.value),
            )  # type: ignore[misc]
            await stack.enter_async_context(replica)
            work: Any = {"router": router.work, "sla": sla.work}[name](book.of)
            spine = Spine(work, bootstrap=self.bootstrap, prefix=self.prefix, clock=self.clock)
            self._workers[name] = spine, asyncio.create_task(spine.run()), stack

    async def stop(self, *names: str) -> None:
        for name in names or list(self._workers):
            spine, task, stack = self._workers.pop(name)
            spine.stop()
            assert await asyncio.wait_for(task, 30) == 0
            await stack.aclose()

    def advance(self, **span: float) -> None:
        (self.folder / "clock").write_text(str(timedelta(**span).total_seconds()))

    async def publish_policy(self, version: int = 1, **more: Any) -> None:
        published = PolicyPublished(
            id=f"pol_{version}",
            key=DESK,
            at=datetime.now(UTC),
            version=version,
            document={**policies()[DESK], **more},
        )
        await self.producer.send(record_for(POLICIES.name, published, "intake"))

    async def ask(self, *requests: Request) -> None:
        await self.producer.send_many(
            [record_for(REQUESTS.name, each, "intake") for each in requests]
        )

    async def wait(
        self, topic: str, done: Callable[[list[Any]], object], within: float = 40.0
    ) -> list[Any]:
        """Every event of the topic, as soon as `done` says so of them."""
        reader = Reader(self.bootstrap, self.prefix)
        await reader.start()
        events: list[Event] = []
        try:
            async with asyncio.timeout(within):
                async for messages in reader.tail(
                    {(topic, partition): 0 for partition in range(PARTITIONS)}
                ):
                    events += [
                        event
                        for m in messages
                        if (event := read(m.value, m.headers.get("ce_type")))
                    ]
                    if done(events):
                        break
        except TimeoutError:
            raise AssertionError(
                f"not within {within} s on {topic}: {[event.type for event in events]}"
            ) from None
        finally:
            await reader.stop()
        return events


@pytest.fixture
async def log(kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[Log]:
    made = Log(kafka_bootstrap, f"desk-{secrets.token_hex(4)}-", tmp_path)
    async with Admin(made.bootstrap, made.prefix) as admin:
        for topic in (REQUESTS, TICKETS, STATUS, CLOCKS, POLICIES, DEAD_LETTERS):
            await admin.create_topic(topic.name, PARTITIONS)
        for worker in ("router", "sla"):
            await admin.create_topic(
                f"{worker}-state", PARTITIONS, config={"cleanup.policy": "compact"}
            )
        try:
            yield made
        finally:
            await made.stop()
            await made.producer.stop()
            await admin.delete_all()


def now() -> datetime:
    return datetime.now(UTC)


def types(events: list[Any], key: str = "tkt_a") -> list[str]:
    return [event.type for event in events if event.key == key]


def has(*wanted: str) -> Callable[[list[Any]], bool]:
    return lambda events: set(wanted) <= set(types(events))


async def test_a_ticket_is_opened_placed_and_timed_and_the_promise_breaks_when_nobody_answers(
    log: Log,
) -> None:
    await log.publish_policy()
    await log.start("router", "sla")
    opened_at = now()
    await log.ask(open_ticket(priority=Priority.URGENT, addon="redisco", at=opened_at))
    facts = await log.wait(TICKETS.name, has("TicketAssigned"))
    assert types(facts) == ["TicketOpened", "PrioritySet", "TicketRouted", "TicketAssigned"]
    assert [fact.seq for fact in facts] == [1, 2, 3, 4]
    assert facts[1].pages
    started, providers = await log.wait(CLOCKS.name, lambda events: len(events) == 2)
    assert (started.clock, providers.clock, providers.provider) == (
        "initial-response",
        "provider-answer",
        "redisco",
    )
    assert (started.started_at, started.due_at) == (opened_at, opened_at + timedelta(minutes=30))

    log.advance(minutes=16)
    await log.wait(CLOCKS.name, has("ClockWarned"))
    log.advance(minutes=30, seconds=5)
    clocks = [
        fact
        for fact in await log.wait(CLOCKS.name, has("ClockBreached"))
        if fact.clock == "initial-response"
    ]
    assert types(clocks) == ["ClockStarted", "ClockWarned", "ClockBreached"], (
        "warnings that a jump passed are not given after the deadline"
    )
    assert clocks[-1].due_at == started.due_at
    assert timedelta(0) <= clocks[-1].detected_at - clocks[-1].due_at < timedelta(seconds=10)

    await log.ask(request(AddReply, "agent", body="On it.", at=now() + timedelta(minutes=31)))
    clocks = await log.wait(CLOCKS.name, has("ClockMet"))
    assert clocks[-1].late


async def test_sla_stopped_over_a_deadline_says_the_breach_with_the_true_deadline_on_return(
    log: Log,
) -> None:
    await log.publish_policy()
    await log.start("router", "sla")
    at = now()
    await log.ask(
        *(
            open_ticket(priority=Priority.URGENT, key=key, at=at)
            for key in ("tkt_a", "tkt_b", "tkt_c")
        )
    )
    await log.wait(CLOCKS.name, lambda events: len(events) == 3)
    await log.stop("sla")
    answered = request(AddReply, "agent", key="tkt_b", body="Hello.", at=at + timedelta(minutes=2))
    await log.ask(
        answered,
        request(
            ReviewPriority,
            "reviewer",
            key="tkt_c",
            priority=Priority.HIGH,
            reason="Works again.",
            at=at,
        ),
    )
    await log.wait(
        TICKETS.name,
        lambda events: {"ReplyAdded", "PriorityReviewed"} <= {event.type for event in events},
    )
    log.advance(minutes=50)
    await log.start("sla")
    clocks = await log.wait(CLOCKS.name, lambda events: len(events) >= 6)
    assert types(clocks, "tkt_a") == ["ClockStarted", "ClockBreached"]
    assert types(clocks, "tkt_b") == ["ClockStarted", "ClockMet"], (
        "the answer that was waiting is read before any timer fires"
    )
    assert types(clocks, "tkt_c") == ["ClockStarted", "ClockRetargeted"]
    breach = next(event for event in clocks if event.type == "ClockBreached")
    assert breach.due_at == at + timedelta(minutes=30)
    assert breach.detected_at - breach.due_at >= timedelta(minutes=19)


async def test_a_silent_provider_breaches_and_a_solved_ticket_runs_out_of_time(log: Log) -> None:
    await log.publish_policy()
    await log.start("router", "sla")
    at = now()
    await log.ask(open_ticket(addon="redisco", at=at), open_ticket(key="tkt_b", at=at))
    await log.ask(request(Solve, "agent", key="tkt_b", resolution="Done.", at=at))
    await log.wait(CLOCKS.name, lambda events: len(events) == 5)
    log.advance(days=8)
    clocks = await log.wait(
        CLOCKS.name,
        lambda events: {"ClockBreached", "ClockRanOut"} <= {event.type for event in events},
    )
    silent = next(
        event
        for event in clocks
        if event.type == "ClockBreached" and event.clock == "provider-answer"
    )
    assert (silent.key, silent.provider) == ("tkt_a", "redisco")
    assert types(clocks, "tkt_b") == ["ClockStarted", "ClockMet", "ClockStarted", "ClockRanOut"]
    assert clocks[-1].detected_at - at < timedelta(days=8, seconds=30)


async def test_requests_that_overtake_their_ticket_wait_and_without_one_are_refused_after_a_minute(
    log: Log,
) -> None:
    await log.publish_policy()
    await log.start("router")
    early = request(AddReply, "premier", body="Also this.", at=now())
    lost = request(AddReply, "premier", key="tkt_never", body="Hello?", at=now())
    await log.ask(early, lost)
    await log.wait(TICKETS.name, lambda events: len(events) == 2)
    await log.ask(open_ticket(at=now()))
    facts = await log.wait(TICKETS.name, has("ReplyAdded"))
    assert types(facts) == [
        "RequestParked",
        "TicketOpened",
        "PrioritySet",
        "TicketRouted",
        "ReplyAdded",
    ]
    assert next(fact for fact in facts if fact.type == "ReplyAdded").cause == early.id
    log.advance(seconds=61)
    facts = await log.wait(
        TICKETS.name, lambda events: "RequestRefused" in types(events, "tkt_never")
    )
    refused = next(fact for fact in facts if fact.type == "RequestRefused")
    assert (refused.code, refused.cause, refused.seq) == ("no-such-ticket", lost.id, 2)


async def test_work_waits_for_its_policy_version_and_rubbish_becomes_a_dead_letter(
    log: Log,
) -> None:
    await log.start("router")
    rubbish = Record(REQUESTS.name, "tkt_rubbish", b'{"type":"OpenTicket"}')
    stampless = open_ticket(key="tkt_stampless", at=now()).model_copy(update={"policy": {}})
    astray = record_for(REQUESTS.name, open_ticket(key="tkt_other", at=now()), "intake")._replace(
        key="tkt_astray"
    )
    await log.producer.send_many([rubbish, astray, record_for(REQUESTS.name, stampless, "intake")])
    letters = await log.wait(DEAD_LETTERS.name, lambda events: len(events) == 3)
    reasons = {letter.key: letter.reason for letter in letters}
    assert "does not parse" in reasons["tkt_rubbish"]
    assert "no version" in reasons["tkt_stampless"]
    assert "the record's key" in reasons["tkt_astray"]

    await log.ask(open_ticket(at=now()))
    with pytest.raises(AssertionError, match="not within"):
        await log.wait(TICKETS.name, bool, within=1.0)
    await log.publish_policy()
    facts = await log.wait(TICKETS.name, has("TicketRouted"))
    assert all(fact.policy == STAMP for fact in facts)


async def test_a_restart_repeats_nothing(log: Log) -> None:
    await log.publish_policy()
    await log.start("router")
    asked = [open_ticket(key=f"tkt_{i}", at=now()) for i in range(20)]
    await log.ask(*asked)
    await log.wait(TICKETS.name, lambda events: len(events) == 60)
    await log.stop("router")
    replies = [request(AddReply, "agent", key=each.key, body="Hello.", at=now()) for each in asked]
    await log.ask(*asked, *replies)
    await log.start("router")
    facts = await log.wait(TICKETS.name, lambda events: len(events) >= 80)
    assert len(facts) == 80
    assert {fact.seq for fact in facts if fact.type == "ReplyAdded"} == {4}


@pytest.mark.parametrize("service", ["router", "sla"])
async def test_the_process_starts_and_ends_on_sigterm(log: Log, service: str) -> None:
    await log.publish_policy()
    await log.ask(open_ticket(at=now()))
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": log.bootstrap,
        "SIGNALBOX_TOPIC_PREFIX": log.prefix,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}", env=environment
    )
    try:
        if service == "router":
            await log.wait(TICKETS.name, has("TicketRouted"))
        else:
            await log.start("router")
            await log.wait(CLOCKS.name, has("ClockStarted"))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_incidents_beside_tickets_outlive_the_router_and_a_maintenance_begins_though_it_was_away(
    log: Log,
) -> None:
    await log.publish_policy()
    await log.start("router")
    at = now()
    window = {"starts_at": at + timedelta(hours=30), "ends_at": at + timedelta(hours=31)}
    await log.ask(
        request(OpenIncident, "ops", key="inc_a", at=at, title="Outage", body="We are looking."),
        request(
            ScheduleMaintenance, "ops", key="mnt_a", at=at, title="New hosts", body="b", **window
        ),
        open_ticket(at=at),
    )
    await log.wait(
        STATUS.name, lambda events: {event.key for event in events} == {"inc_a", "mnt_a"}
    )
    await log.wait(TICKETS.name, has("TicketRouted"))
    await log.stop("router")

    log.advance(hours=30, minutes=30)
    await log.start("router")
    await log.wait(STATUS.name, lambda events: "MaintenanceStarted" in types(events, "mnt_a"))
    await log.ask(
        request(UpdateIncident, "ops", key="inc_a", body="Better."),
        request(ResolveIncident, "ops", key="inc_a", body="Restored."),
    )
    await log.ask(request(AddReply, "agent", body="We see it."))
    log.advance(hours=31, minutes=1)
    facts = await log.wait(STATUS.name, lambda events: len(events) == 6)
    assert types(facts, "inc_a") == ["IncidentOpened", "IncidentUpdated", "IncidentResolved"]
    assert types(facts, "mnt_a") == [
        "MaintenanceScheduled",
        "MaintenanceStarted",
        "MaintenanceEnded",
    ]
    assert [fact.seq for fact in facts if fact.key == "mnt_a"] == [1, 2, 3]
    assert (
        next(fact.at for fact in facts if fact.type == "MaintenanceStarted") == window["starts_at"]
    ), "as announced, however late"
    assert "ReplyAdded" in types(await log.wait(TICKETS.name, has("ReplyAdded")))


async def test_no_record_of_policies_stops_the_clocks(log: Log) -> None:
    """Hostile records before and behind the good one; and a ticket that an old release stamped with
    a target nobody can reach is promised what the version before says.
    """
    for hostile in (b"\xff", b"[]", b'{"type":"PolicyPublished"}', b"null"):
        await log.producer.send(Record(POLICIES.name, DESK, hostile, []))
    await log.publish_policy()
    far = [{**target, "within": "9999999d"} for target in policies()[DESK]["targets"]]
    await log.publish_policy(2, targets=far)
    await log.start("router", "sla")
    opened = open_ticket()
    await log.ask(opened.model_copy(update={"policy": {**STAMP, DESK: 2}}))
    (started, *_) = await log.wait(
        CLOCKS.name, lambda events: any(event.type == "ClockStarted" for event in events)
    )
    assert started.due_at - started.started_at < timedelta(days=9)
