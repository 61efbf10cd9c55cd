"""Front and pager as processes of their own, topics of their own, and a phone that misbehaves, or
kills the pager in mid send.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from aiohttp import web

from shared.bus import Admin, Producer, Reader
from shared.events import Actor, Admission, OpenTicket, PageFact, Plan, PolicyPublished, Priority
from shared.topics import TOPICS, read
from shared.wire import record_for

PARTITIONS = 8
NEEDED = (
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

Mode = Literal["ok", "refuse", "error", "hang", "slow"]


class Phone:
    """Two providers of the primary, `first` and `second`. `modes`: how each answers. What came:
    (ticket, provider, webhook-id, at).

    `on_ring` is called when a page has arrived and before it is answered: the moment between send
    and record.
    """

    def __init__(self) -> None:
        self.modes: dict[str, Mode] = defaultdict(lambda: "ok")
        self.rang: list[tuple[str, str, str, float]] = []
        self.on_ring: Callable[[str], None] = lambda _: None
        self.slow_s = 3.0

    async def take(self, request: web.Request) -> web.Response:
        provider, body = request.match_info["provider"], orjson.loads(await request.read())
        mode = self.modes[provider]
        if mode == "refuse":
            return web.Response(status=400, text="refused")
        if mode == "error":
            return web.Response(status=503, text="broken")
        if mode == "hang":
            await asyncio.sleep(3600)
        self.rang.append(
            (body["ticket_id"], provider, request.headers["webhook-id"], time.monotonic())
        )
        self.on_ring(body["ticket_id"])
        if mode == "slow":
            await asyncio.sleep(self.slow_s)
        return web.Response(text="taken")

    def first(self, ticket: str, provider: str) -> float | None:
        """When it first rang there."""
        return next(
            (at for about, where, _, at in self.rang if (about, where) == (ticket, provider)), None
        )

    def keys(self, ticket: str) -> list[str]:
        return [key for about, _, key, _ in self.rang if about == ticket]


class Rig:
    """`pager` is the process that lives now. One that ended is started again at once, as `signalbox
    up` does; `ended`: with which codes.
    """

    def __init__(
        self, bootstrap: str, prefix: str, phone: Phone, port: int, producer: Producer
    ) -> None:
        self.phone = phone
        self._bootstrap, self._prefix, self._port, self._producer = (
            bootstrap,
            prefix,
            port,
            producer,
        )
        self._version = 0
        self.front: asyncio.subprocess.Process | None = None
        self.pager: asyncio.subprocess.Process | None = None
        self.ended: list[int] = []

    async def publishes_policy(self, *, send_timeout: str = "10s") -> None:
        """The primary has two providers, and two hours to answer: longer than any run, so no step
        but the first has a key.
        """
        self._version += 1
        address = f"http://127.0.0.1:{self._port}/"
        methods = [
            {"name": name, "channel": "webhook", "address": address + name, "verified": True}
            for name in ("first", "second")
        ]
        fallback = {
            "name": "desk",
            "channel": "webhook",
            "address": f"{address}fallback",
            "verified": True,
        }
        people = {
            "primary": {"email": "p@example.com", "methods": methods},
            "lead": {"email": "l@example.com", "methods": [fallback]},
        }
        escalation = {
            "support": {
                "steps": [{"person": "primary", "wait": "2h"}],
                "repeat": 0,
                "fallback": "lead",
            }
        }
        document = {
            "people": people,
            "schedules": {},
            "escalation": escalation,
            "send_timeout": send_timeout,
        }
        event = PolicyPublished(
            id=f"pol_{self._version}",
            key="on-call",
            at=datetime.now(UTC),
            version=self._version,
            document=document,
        )
        await self._producer.send(record_for("policies", event, "test"))

    async def urgent(self) -> str:
        """A ticket in a lane of its own; its id."""
        name = secrets.token_hex(6)
        ticket = OpenTicket(
            id=f"req_{name}",
            key=f"tkt_{name}",
            at=datetime.now(UTC),
            actor=Actor(email="premier@example.com"),
            policy={},
            subject="Down",
            body="b",
            priority=Priority.URGENT,
            admission=Admission(plan=Plan.PREMIER),
            lane=f"lane_{name}",
            pages=True,
        )
        await self._producer.send(record_for("urgent", ticket, "test"))
        return ticket.key

    async def start_front(self) -> None:
        self.front = await self._start("front")

    async def keep_pager(self) -> None:
        """Until cancelled."""
        while True:
            self.pager = await self._start("pager")
            self.ended.append(await self.pager.wait())

    def kill_pager(self) -> None:
        """SIGKILL, at once."""
        assert self.pager is not None
        with contextlib.suppress(ProcessLookupError):
            self.pager.send_signal(signal.SIGKILL)

    async def stop(self) -> None:
        for process in (self.front, self.pager):
            if process is not None and process.returncode is None:
                process.terminate()
                await process.wait()

    async def facts(self) -> list[PageFact]:
        """Everything on `pages`, each lane in its order."""
        reader, found = Reader(self._bootstrap, self._prefix), []
        await reader.start()
        try:
            async for messages in reader.read_to_end({("pages", p): 0 for p in range(PARTITIONS)}):
                found += [
                    read(message.value, message.headers.get("ce_type")) for message in messages
                ]
        finally:
            await reader.stop()
        return [fact for fact in found if isinstance(fact, PageFact)]

    async def _start(self, name: str) -> asyncio.subprocess.Process:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")},
            "KAFKA_BOOTSTRAP_SERVERS": self._bootstrap,
            "SIGNALBOX_TOPIC_PREFIX": self._prefix,
            "SIGNALBOX_SECRET": "a secret of the tests",
            "SIGNALBOX_ALLOW_PRIVATE_WEBHOOKS": "1",
            "SIGNALBOX_LOG_LEVEL": "error",
            "SIGNALBOX_METRICS_PORT": "0",
            "SIGNALBOX_INSTANCE": f"{name}-0",
        }
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.notifier", name, env=environment
        )


async def until(look: Callable[[], Any], within: float, what: str) -> Any:
    """The first truthy answer; AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {within:g} s"
        await asyncio.sleep(0.005)
    return found


@contextlib.asynccontextmanager
async def rig_on(bootstrap: str) -> AsyncIterator[Rig]:
    """Front and pager run, one page has gone through; everything is removed in the end."""
    prefix, phone, app = f"pg-rig-{secrets.token_hex(4)}-", Phone(), web.Application()
    app.router.add_post("/{provider}", phone.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    producer = Producer(bootstrap, prefix, "test")
    async with Admin(bootstrap, prefix) as admin:
        for topic in NEEDED:
            await admin.create_topic(
                topic, PARTITIONS, config={"cleanup.policy": TOPICS[topic].cleanup}
            )
        rig, keeping = Rig(bootstrap, prefix, phone, runner.addresses[0][1], producer), None
        try:
            await rig.publishes_policy()
            await rig.start_front()
            keeping = asyncio.create_task(rig.keep_pager())
            warm = await rig.urgent()
            await until(lambda: phone.first(warm, "first"), 60, "the first page of all")
            yield rig
        finally:
            if keeping is not None:
                keeping.cancel()
            await rig.stop()
            await producer.stop()
            await admin.delete_all()
            await runner.cleanup()
