"""Steady traffic beside a fault, and when each thing about a ticket was seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import httpx

from shared.bus import Reader
from shared.errors import Unavailable
from tests.chaos.load import Accepted, Customer

PATIENCE_S = 15.0
"""A client gives up an answer after so long, and asks again under the same key."""
GIVE_UP_S = 90.0


@dataclass
class Sending:
    """One submission. Times are seconds since 1970; `answered` is 0 where nobody ever did.
    `failures`: what its tries before the answer met.
    """

    sent: float
    customer: Customer
    urgent: bool
    answered: float = 0.0
    ticket: str = ""
    failures: list[str] = field(default_factory=list)


@dataclass
class Traffic:
    """What was sent, and what the judge must know of it (`accepted`)."""

    intake: str
    sendings: list[Sending] = field(default_factory=list)
    accepted: dict[str, Accepted] = field(default_factory=dict)

    async def flow(
        self,
        stop: asyncio.Event,
        plain: Sequence[Customer],
        premier: Sequence[Customer],
        rate: float,
        every: float,
    ) -> None:
        """Tickets at `rate`/s of `plain`, and an urgent one of each of `premier` every so many
        seconds, until `stop`; returns when all are answered or given up.
        """
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            running, left, next_urgent = set[asyncio.Task[None]](), list(premier), time.monotonic()
            while not stop.is_set():
                sendings = [Sending(time.time(), random.choice(plain), False)]
                if left and time.monotonic() >= next_urgent:
                    next_urgent += every
                    sendings.append(Sending(time.time(), left.pop(), True))
                for sending in sendings:
                    self.sendings.append(sending)
                    running.add(asyncio.create_task(self._submit(session, sending)))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1 / rate)
            await asyncio.gather(*running)

    async def _submit(self, session: aiohttp.ClientSession, sending: Sending) -> None:
        key, customer = secrets.token_hex(12), sending.customer
        body: dict[str, Any] = {
            "subject": f"Trouble {key}",
            "body": "The dynos crash. " + "x" * 300,
            "app": customer.app,
        }
        body |= {"priority": "urgent"} if sending.urgent else {}
        headers = {"Authorization": f"Bearer {customer.token}", "Idempotency-Key": key}
        while time.time() - sending.sent < GIVE_UP_S:
            try:
                async with session.post(
                    f"{self.intake}/v1/tickets", json=body, headers=headers
                ) as answer:
                    if answer.status == 202:
                        sending.ticket = (await answer.json())["ticket_id"]
                        sending.answered = time.time()
                        self.accepted[sending.ticket] = Accepted(
                            sending.ticket, key, sending.urgent, None, customer
                        )
                        return
                    sending.failures.append(f"{answer.status} {(await answer.text())[:200]}")
            except (aiohttp.ClientError, TimeoutError) as error:
                sending.failures.append(repr(error))
            await asyncio.sleep(0.3)


class Watcher:
    """Follows the topic `tickets` from outside: when was the first fact of a ticket to be read, and
    of which partition. It reads with our own client, so its times are bounds from above.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self.seen: dict[str, tuple[float, int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watcher:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.5)

    async def _follow(self) -> None:
        starts: dict[tuple[str, int], int] = {}
        while True:
            reader = Reader(self._kafka, "signalbox-", client_id="cluster-watcher")
            try:
                await reader.start()
                if not starts:
                    count = await reader.partitions("tickets")
                    starts = await reader.ends(("tickets", p) for p in range(count))
                async for messages in reader.tail(starts):
                    for message in messages:
                        self.seen.setdefault(message.key, (time.time(), message.partition))
                        starts["tickets", message.partition] = message.offset + 1
            except Unavailable:
                await asyncio.sleep(0.2)
            finally:
                await reader.stop()


class FarEnd:
    """When pages and mails arrived at the demo's far end, which knows nothing of Kafka."""

    def __init__(self, sink: str) -> None:
        self._sink = sink

    def receipts(self) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._sink}/demo/outbox", timeout=30)
        return list(answer.json())

    def first(self, kind: str) -> dict[str, float]:
        """Ticket → when the first of this kind about it arrived, in seconds since 1970."""
        found: dict[str, float] = {}
        for item in self.receipts():
            if item["kind"] == kind:
                at = datetime.fromisoformat(item["at"]).timestamp()
                found[item["ticket_id"]] = min(at, found.get(item["ticket_id"], at))
        return found
