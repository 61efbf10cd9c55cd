"""J12: we are the ones down. Kafka, then MongoDB, stands still in a real stack, and people go on
submitting.

R6 with its numbers; short here, 120 real seconds at 30/s under SIGNALBOX_CHAOS=long. The stack is
its own: others need theirs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from shared.bus import Reader
from shared.events import Event
from shared.topics import read
from tests.support.desk import Desk, FarEnd, Person
from tests.support.posting import MailDesk, Post
from tests.support.stack import Stack, running
from tests.support.waiting import eventually, stretched

pytestmark = pytest.mark.e2e

LONG = os.environ.get("SIGNALBOX_CHAOS") == "long"
AWAY_S, RATE = (120.0, 30.0) if LONG else (15.0, 8.0)
PREFIX = "signalbox-"


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    with running() as up:
        yield up


@contextmanager
def standing_still(stack: Stack, name: str) -> Iterator[None]:
    """The program's process gets no time: nothing answers, nothing is refused."""
    pid = stack.pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@dataclass
class Load:
    """Conversations at a steady rate: a ticket, then replies to it, one after another; every answer
    with its time.
    """

    people: list[Person]
    seconds: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    promised: dict[str, list[str]] = field(default_factory=dict)
    pacing: threading.Event = field(default_factory=threading.Event)

    def run(self, until: float, rate: float) -> None:
        with ThreadPoolExecutor(len(self.people)) as pool:
            for done in [
                pool.submit(self._converse, person, until, len(self.people) / rate)
                for person in self.people
            ]:
                done.result()

    def _converse(self, person: Person, until: float, every: float) -> None:
        ticket, due = "", time.monotonic()
        while due < until:
            self.pacing.wait(max(0.0, due - time.monotonic()))
            path, body = (
                (f"/v1/tickets/{ticket}/replies", {"body": "More."})
                if ticket
                else ("/v1/tickets", {"subject": "S", "body": "B"})
            )
            begun = time.monotonic()
            answer = person.call("POST", path, body)
            self.seconds.append(time.monotonic() - begun)
            said = answer.json()
            self.answers[f"{answer.status_code} {said.get('accepted', said.get('type'))}"] += 1
            if answer.status_code == 202:
                ticket = said["ticket_id"]
                self.promised.setdefault(ticket, []).append(said["request_id"])
            due += every

    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98]


def log_of(stack: Stack, topic: str) -> list[Event]:
    async def all_of_it() -> list[Event]:
        reader = Reader(stack.kafka, PREFIX)
        await reader.start()
        try:
            starts = {(topic, partition): 0 for partition in range(await reader.partitions(topic))}
            found = [
                message async for messages in reader.read_to_end(starts) for message in messages
            ]
        finally:
            await reader.stop()
        return [
            event
            for message in found
            if (event := read(message.value, message.headers.get("ce_type"))) is not None
        ]

    return asyncio.run(all_of_it())


def ready(stack: Stack) -> dict[str, Any]:
    answer = httpx.get(f"{stack.intake}/readyz", timeout=10)
    return {"status_code": answer.status_code, **answer.json()}


@pytest.mark.timeout(900)
def test_kafka_away(own: Stack) -> None:
    desk, far_end = Desk(own), FarEnd(own.sink)
    one, other, by_mail = (desk.new_customer("premier") for _ in range(3))
    people = [desk.new_customer("enterprise") for _ in range(8)]
    urgent = {"priority": "urgent", "app": f"{one.name}-app"}
    load = Load(people)
    with standing_still(own, "kafka"):
        began = time.monotonic()
        running_load = threading.Thread(target=load.run, args=(began + AWAY_S, RATE))
        running_load.start()
        eventually(
            lambda: ready(own)["troubles"]["kafka"] != "ok",
            within=30,
            what="intake says that Kafka is away",
        )
        first, second = one.submits("All is down", **urgent), one.submits("Still down", **urgent)
        third = other.submits("Down as well", priority="urgent", app=f"{other.name}-app")
        Post(own).writes(
            by_mail.email,
            "All is down here, too",
            f"App: {by_mail.name}-app\nPriority: urgent\n\nNothing answers.",
        )
        said = one.asks("/v1/tickets", {"subject": "What is up?", "body": "?"})
        assert said["accepted"] == "spooled"
        assert "on one machine's disk, not yet replicated" in said["warnings"][-1]
        own.clock.advance(seconds=120)
        eventually(lambda: far_end.got("page", to="ops"), within=20, what="ops paged directly")
        for ticket in (first, third):
            assert [page["to"] for page in far_end.gets(ticket, "page", within=20)] == ["primary"]
        mailed = eventually(
            lambda: [page for page in bodies(far_end) if page["requester"] == by_mail.email],
            within=20,
            what="mail pages",
        )
        assert [page["to"] for page in mailed] == ["primary"]
        found = ready(own)
        assert (found["status_code"], found["status"]) == (200, "degraded")
        running_load.join()
    back = time.monotonic()
    eventually(
        lambda: ready(own)["troubles"]["kafka"] == "ok",
        within=60,
        every=0.2,
        what="the spool drained",
    )
    drained = time.monotonic() - back
    count = sum(load.answers.values())
    said_of_it = f"{dict(load.answers)}, p99 {load.p99():.2f} s, drained in {drained:.1f} s"
    print(f"\nR6: {count} submissions in {AWAY_S:g} s without Kafka: {said_of_it}")
    assert set(load.answers) <= {"202 spooled", "202 logged"}
    assert load.answers["202 spooled"] > count / 2
    assert load.p99() <= (2.5 if LONG else stretched(2.5))
    assert drained <= 60

    in_log: dict[str, list[str]] = {}
    for event in log_of(own, "requests"):
        known = in_log.setdefault(event.key, [])
        if event.id not in known:
            known.append(event.id)
    assert {ticket: in_log.get(ticket) for ticket in load.promised} == load.promised

    one.ticket(second, priority="urgent")
    fourth = MailDesk(desk.agent).settles("All is down here, too", "ticketed", within=60)[
        "ticket_id"
    ]
    assert fourth == mailed[0]["ticket_id"]
    pages = eventually(
        lambda: pages_of(desk.lead, {first, third, fourth}),
        within=120,
        what="the pager has taken the pages over",
    )
    for page in pages.values():
        verdict = desk.lead.get(f"/v1/pages/{page['id']}/certificate")
        assert verdict["verdict"] == "exactly-one", verdict
    facts = eventually(
        lambda: [fact for fact in log_of(own, "pages") if getattr(fact, "ticket_id", "") == second],
        within=30,
    )
    assert [fact.type for fact in facts] == ["PageJoined"]
    sent = Counter((page["dedup_key"], page["type"]) for page in bodies(far_end))
    assert set(sent.values()) == {1}, sent
    eventually(
        lambda: [
            page
            for page in bodies(far_end)
            if page["to"] == "ops" and page["type"] == "page.stand-down"
        ],
        within=60,
    )
    desk.primary.asks(f"/v1/pages/{pages[first]['id']}/acknowledge", {})
    eventually(
        lambda: desk.lead.get(f"/v1/pages/{pages[first]['id']}")["state"] == "acknowledged",
        within=30,
    )


def bodies(far_end: FarEnd) -> list[dict[str, Any]]:
    return [json.loads(page["body"]) for page in far_end.got("page")]


def pages_of(person: Person, tickets: set[str]) -> dict[str, dict[str, Any]] | None:
    found = {
        page["ticket_id"]: page
        for page in person.get("/v1/pages")["items"]
        if page["ticket_id"] in tickets and page["attempts"]
    }
    return found if set(found) == tickets else None


@pytest.mark.long
@pytest.mark.timeout(420)
def test_mongodb_away(own: Stack) -> None:
    desk, far_end = Desk(own), FarEnd(own.sink)
    customer = desk.new_customer("premier")
    browser = desk.browser()
    browser.timeout = httpx.Timeout(30)
    signed_in = browser.post(
        "/login",
        data={"email": "premier@example.com", "password": "demo"},
        headers={"Origin": own.portal},
    )
    assert signed_in.status_code == 303, signed_in.text
    assert 'select id="app"' in browser.get("/tickets/new").text
    with standing_still(own, "mongod"):
        ticket = customer.submits("All is down", priority="urgent", app=f"{customer.name}-app")
        assert [page["to"] for page in far_end.gets(ticket, "page", within=20)] == ["primary"]
        form = browser.get("/tickets/new")
        assert form.status_code == 200, form.text
        assert re.search(r'<input id="app" name="app"', form.text)
        taken = browser.post(
            "/tickets",
            data={"subject": "By form", "body": "It is down.", "app": "premier-staging"},
            headers={"Origin": own.portal},
        )
        assert taken.status_code == 303, taken.text
        received = browser.get(taken.headers["location"])
        assert received.status_code == 202, received.text
        assert "safely recorded" in received.text
        by_form = re.findall(r"tkt_[a-z2-7]{26}", taken.headers["location"])[0]
        up = customer.call("POST", "/v1/attachments?name=log.txt", content=b"H12")
        assert up.status_code == 201, up.text
    eventually(
        lambda: customer.call("GET", f"/v1/tickets/{ticket}").status_code == 200,
        within=150,
        what="the views are back",
    )
    eventually(
        lambda: desk.premier.call("GET", f"/v1/tickets/{by_form}").status_code == 200, within=60
    )
    attachment = up.json()["id"]
    customer.asks(
        f"/v1/tickets/{ticket}/replies", {"body": "The log.", "attachments": [attachment]}
    )
    got = eventually(
        lambda: (
            answer
            if (answer := customer.call("GET", f"/v1/attachments/{attachment}")).status_code == 200
            else None
        ),
        within=30,
    )
    assert got.content == b"H12"
