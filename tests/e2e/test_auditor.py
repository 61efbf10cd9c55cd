"""R18: eight effects are taken out of a copy of a real log, and the auditor names each, and nothing
else, within a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.auditor.audit import TOPICS
from shared.bus import Admin, Producer, Reader
from shared.ids import lane_of
from shared.wire import Message, Record
from tests.bench.table import Figure
from tests.chaos.goals import SLACK, shown
from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
AHEAD_H = 3
"""The audit looks at the copy three hours later: whatever was promised to these tickets is due by
then.
"""


class Outside:
    """What the auditor talks to: a far end's receipts, a door for alerts, a dead-man's address."""

    def __init__(self) -> None:
        self.receipts: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.beats = 0


@contextmanager
def outside() -> Iterator[tuple[Outside, str]]:
    world = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            world.beats += self.path == "/alive"
            self._say(200, json.dumps(world.receipts).encode())

        def do_POST(self) -> None:
            world.alerts.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self._say(202, b"{}")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield world, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def opened_and_answered(desk: Desk, far_end: FarEnd) -> tuple[Person, str, str]:
    """An urgent ticket with everything done that was promised: the customer, the ticket, its page."""
    customer = desk.new_customer("premier")
    ticket = customer.submits("Everything is down", app=f"{customer.name}-app", priority="urgent")
    (sent,) = far_end.gets(ticket, "page", to="primary")
    page = str(json.loads(sent["body"])["page_id"])
    desk.primary.outcome(desk.primary.asks(f"/v1/pages/{page}/acknowledge")["request_id"])
    desk.agent.outcome(desk.agent.replies(ticket, "We are looking.")["request_id"])
    customer.outcome(customer.replies(ticket, "Thank you.")["request_id"])
    far_end.gets(ticket, "mail", to=customer.email, count=2)
    return customer, ticket, page


async def read(kafka: str, prefix: str) -> list[Message]:
    reader = Reader(kafka, prefix)
    await reader.start()
    try:
        places = [
            (topic, partition)
            for topic in TOPICS
            for partition in range(await reader.partitions(topic))
        ]
        return [
            message
            async for batch in reader.read_to_end(dict.fromkeys(places, 0))
            for message in batch
        ]
    finally:
        await reader.stop()


async def write(kafka: str, prefix: str, messages: list[Message]) -> None:
    async with Admin(kafka, prefix) as admin:
        for topic in TOPICS:
            await admin.create_topic(topic, 2)
    producer = Producer(kafka, prefix, "test")
    try:
        await producer.send_many(
            [Record(m.topic, m.key, m.value, list(m.headers.items())) for m in messages]
        )
    finally:
        await producer.stop()


async def remove(kafka: str, prefix: str) -> None:
    async with Admin(kafka, prefix) as admin:
        await admin.delete_all()


def body(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.value)
    return found


Cut = Callable[[Message, str, str], bool]

PLANTED: dict[str, tuple[Cut, set[str]]] = {
    "never routed": (
        lambda m, ticket, page: m.topic == "tickets" and m.key == ticket,
        {"accepted-without-routed"},
    ),
    "a reply swallowed": (
        lambda m, ticket, page: (
            m.key == ticket and body(m)["type"] == "ReplyAdded" and body(m)["side"] == "customer"
        ),
        {"accepted-without-routed"},
    ),
    "never paged": (
        lambda m, ticket, page: m.topic == "pages" and m.key == lane_of(page),
        {"urgent-without-receipt"},
    ),
    "paged without a receipt": (
        lambda m, ticket, page: (
            m.key == lane_of(page) and body(m)["type"] in ("PageAccepted", "PageAcknowledged")
        ),
        {"urgent-without-receipt", "due-and-not-fired"},
    ),
    "a step that never began": (
        lambda m, ticket, page: m.key == lane_of(page) and body(m)["type"] == "PageAcknowledged",
        {"due-and-not-fired"},
    ),
    "a clock that never rang": (
        lambda m, ticket, page: m.key == ticket and body(m)["type"] == "ClockMet",
        {"due-and-not-fired"},
    ),
    "a mail never sent": (
        lambda m, ticket, page: (
            m.topic == "notices"
            and body(m).get("ticket_id") == ticket
            and body(m)["type"] != "NoticeOwed"
        ),
        {"owed-and-not-sent"},
    ),
    "a receipt out of thin air": (lambda m, ticket, page: False, {"receipt-not-at-far-end"}),
}


@contextmanager
def auditing(desk: Desk, prefix: str, url: str, folder: Path) -> Iterator[str]:
    """The auditor's process on the copy, its clock ahead of the stack's; gives its address."""
    kafka, hand = desk.stack.kafka, ClockHand(folder / "clock", desk.stack.clock.offset)
    hand.advance(hours=AHEAD_H)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        port = taken.server_port
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")
    } | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SIGNALBOX_TOPIC_PREFIX": prefix,
        "SIGNALBOX_DATA_DIR": str(folder),
        "SIGNALBOX_SETTLE": "1",
        "SIGNALBOX_CLOCK_FILE": str(hand.path),
        "SIGNALBOX_METRICS_PORT": str(port),
        "SIGNALBOX_INTAKE_URL": url,
        "SIGNALBOX_AUDITOR_TOKEN": "a-token",
        "SIGNALBOX_RECEIPTS_URL": f"{url}/receipts",
        "SIGNALBOX_DEADMAN_URL": f"{url}/alive",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.auditor"], cwd=ROOT, env=env)
    try:
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def findings(address: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = httpx.get(f"{address}/findings", timeout=5).json()
    except httpx.TransportError as error:
        raise AssertionError("not up yet") from error
    return found


@pytest.mark.e2e
def test_each_of_eight_planted_losses_is_named(desk: Desk, far_end: FarEnd, tmp_path: Path) -> None:
    stories = {name: opened_and_answered(desk, far_end) for name in PLANTED}
    keys = {key for _, ticket, page in stories.values() for key in (ticket, page, lane_of(page))}
    kafka, prefix = desk.stack.kafka, f"audit{secrets.token_hex(3)}-"

    def concerned() -> list[Message]:
        log = asyncio.run(read(kafka, "signalbox-"))
        mine = [
            m
            for m in log
            if m.key in keys or (m.topic == "notices" and body(m).get("ticket_id") in keys)
        ]
        owed = {m.key for m in mine if body(m)["type"] == "NoticeOwed"}
        assert owed <= {
            m.key for m in mine if body(m)["type"] in ("NoticeDelivered", "NoticeSuppressed")
        }, "mail is on its way"
        return mine

    whole = eventually(concerned, within=30, every=0.5)
    cut = [
        m
        for m in whole
        if not any(cuts(m, *stories[name][1:]) for name, (cuts, _) in PLANTED.items())
    ]
    assert len(cut) < len(whole)
    thin_air = stories["a receipt out of thin air"][1]

    with outside() as (world, url):
        world.receipts = [one for one in far_end.got("page") if one["ticket_id"] != thin_air]
        try:
            asyncio.run(write(kafka, prefix, cut))
            with auditing(desk, prefix, url, tmp_path) as address:

                def named() -> set[tuple[str, str]]:
                    about = {
                        key: name
                        for name, (_, ticket, page) in stories.items()
                        for key in (ticket, page)
                    }
                    return {
                        (about[one["about"]], one["kind"]) for one in findings(address)["findings"]
                    }

                wanted = {(name, kind) for name, (_, kinds) in PLANTED.items() for kind in kinds}

                def exactly() -> bool:
                    found = named()
                    assert found == wanted, (
                        f"too many: {sorted(found - wanted)}, too few: {sorted(wanted - found)}"
                    )
                    return True

                began = time.monotonic()
                eventually(exactly, within=60, what="each planted loss, and nothing else")
                shown(
                    Figure("R18 planted losses named, and nothing else", len(PLANTED), "losses"),
                    Figure(
                        "R18 from the auditor's start until all are named",
                        time.monotonic() - began,
                        "s",
                        60 * SLACK,
                    ),
                )
                eventually(
                    lambda: (
                        {alert["groupKey"] for alert in world.alerts}
                        == {f"auditor:{kind}" for _, kind in wanted}
                    ),
                    what="alerts",
                )
                assert {alert["status"] for alert in world.alerts} == {"firing"}
                eventually(lambda: world.beats, within=40, what="the dead-man's address asked")

                asyncio.run(write(kafka, prefix, [m for m in whole if m not in cut]))
                eventually(
                    lambda: (
                        {kind for _, kind in named()}
                        <= {"receipt-not-at-far-end", "due-and-not-fired"}
                    ),
                    within=30,
                    what="mended",
                )
        finally:
            asyncio.run(remove(kafka, prefix))
