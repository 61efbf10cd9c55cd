"""Urgent → phone through the whole stack, idle, beside something heavy, and idle again, in one run
on one machine.

Measured from the client's request to the far end's receipt; the ordinary tickets' confirmation mail
likewise. What is heavy is given: ten thousand tickets in ten minutes, or news for a hundred
thousand subscribers.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from shared.bus import Producer
from shared.errors import Unavailable
from shared.events import DirectoryRecorded
from shared.people.subscriptions import KIND, Subscription, subscription_id
from shared.storage.store import Store
from shared.wire import record_for
from tests.bench.table import Figure, at_share
from tests.chaos.load import Customer
from tests.chaos.storm import Sent, enrol, submit
from tests.support.stack import Stack

PREFIX, DATABASE = "signalbox-", "signalbox"
DOMAIN = "many.example"
SETTLE_S = 120.0


@dataclass
class Phase:
    """What was sent in one stretch, and the machine's load when it ended."""

    name: str
    urgent: Sent = field(default_factory=Sent)
    ordinary: Sent = field(default_factory=Sent)
    load: float = 0.0
    rang: dict[str, float] = field(default_factory=dict)
    mailed: dict[str, float] = field(default_factory=dict)

    def figures(self, goal: float) -> Iterator[Figure]:
        """`goal`: seconds to the phone that 99 of 100 urgents may take."""
        rang, mailed = list(self.rang.values()), list(self.mailed.values())
        yield Figure(
            f"{self.name} (load {self.load:.1f}): urgents that did not ring of {len(self.urgent.at)}",
            len(self.urgent.at) - len(rang),
            "tickets",
            0,
        )
        yield Figure(f"{self.name}: urgent to phone, p50", 1000 * at_share(rang, 0.5), "ms")
        yield Figure(
            f"{self.name}: urgent to phone, p99", 1000 * at_share(rang, 0.99), "ms", 1000 * goal
        )
        yield Figure(
            f"{self.name}: tickets without a mail of {len(self.ordinary.at)}",
            len(self.ordinary.at) - len(mailed),
            "tickets",
            0,
        )
        yield Figure(f"{self.name}: ticket to its mail, p50", 1000 * at_share(mailed, 0.5), "ms")
        yield Figure(f"{self.name}: ticket to its mail, p99", 1000 * at_share(mailed, 0.99), "ms")


class Clients:
    """Customers of a running stack. Each urgent comes from another customer: no two share a lane,
    so each is owed a page.
    """

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self.stack, self._session = stack, session
        self._premier: list[Customer] = []
        self._premium: list[Customer] = []

    async def enrol(self, urgents: int) -> None:
        self._premier = await enrol(self._session, self.stack, urgents)
        self._premium = await enrol(self._session, self.stack, 60, plan="premium")

    async def during(
        self,
        phase: Phase,
        *,
        urgents: float,
        ordinary: float,
        seconds: float,
        until: asyncio.Event | None = None,
    ) -> Phase:
        """Tickets at these rates a second, for so long, or `until` something has happened; then
        what became of them.
        """
        after = await self._last_receipt()
        over = time.monotonic() + seconds
        await asyncio.gather(
            self._send(phase.urgent, urgents, over, until, urgent=True),
            self._send(phase.ordinary, ordinary, over, until, urgent=False),
        )
        phase.load = os.getloadavg()[0]
        phase.rang = await self._received("page", phase.urgent, after)
        phase.mailed = await self._received("mail", phase.ordinary, after)
        return phase

    async def _send(
        self, sent: Sent, rate: float, over: float, until: asyncio.Event | None, *, urgent: bool
    ) -> None:
        running, began, number = set[asyncio.Task[Any]](), time.monotonic(), 0
        while rate and time.monotonic() < over and not (until and until.is_set()):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            number += 1
            if urgent:
                work = submit(
                    self._session,
                    self.stack,
                    self._premier.pop(),
                    f"Checkout is down {number}",
                    sent,
                )
            else:
                work = self._ask(self._premium[number % len(self._premium)], number, sent)
            running.add(task := asyncio.create_task(work))
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def _ask(self, customer: Customer, number: int, sent: Sent) -> None:
        body = {
            "subject": f"Trouble number {number}",
            "body": "The dyno crashes at boot with R14. " * 12,
            "app": customer.app,
        }
        headers, began = (
            {"Authorization": f"Bearer {customer.token}", "Idempotency-Key": secrets.token_hex(8)},
            time.time(),
        )
        async with self._session.post(
            f"{self.stack.intake}/v1/tickets", json=body, headers=headers
        ) as answer:
            if answer.status == 202:
                sent.at[(await answer.json())["ticket_id"]] = began
            else:
                sent.refused.append(f"{answer.status} {(await answer.text())[:200]}")

    async def _received(self, kind: str, sent: Sent, after: int) -> dict[str, float]:
        """Ticket → seconds from the request to its first receipt. Asked for by ticket where other
        mail comes by the ten thousand.
        """
        assert not sent.refused, sent.refused[:3]
        found: dict[str, float] = {}
        end = time.monotonic() + SETTLE_S
        while len(found) < len(sent.at) and time.monotonic() < end:
            for ticket, began in sent.at.items():
                if ticket not in found and (
                    came := await self._receipts(kind=kind, ticket=ticket, after=after)
                ):
                    found[ticket] = datetime.fromisoformat(came[0]["at"]).timestamp() - began
        return found

    async def _receipts(self, **asked: str | int) -> list[dict[str, Any]]:
        async with self._session.get(f"{self.stack.sink}/demo/outbox", params=asked) as answer:
            return list(await answer.json())

    async def _last_receipt(self) -> int:
        """The number of what was received last: of a page to a person who is none, sent by us, and
        read back.
        """
        body = {"ticket_id": f"mark-{secrets.token_hex(4)}", "subject": "a mark"}
        async with self._session.post(f"{self.stack.sink}/pager/mark", json=body) as answer:
            assert answer.status == 200
        return int((await self._receipts(kind="page", ticket=body["ticket_id"]))[0]["n"])


async def subscribe(stack: Stack, count: int) -> None:
    """So many have confirmed an hour ago: put on the directory topic straight, and waited for until
    the views have them.
    """
    producer, at = (
        Producer(stack.kafka, PREFIX, "bench", timeout=60),
        datetime.now(UTC) - timedelta(hours=1),
    )
    try:
        for begin in range(0, count, 5000):
            records = []
            for number in range(begin, min(begin + 5000, count)):
                target = f"subscriber{number}@{DOMAIN}"
                key, document = (
                    subscription_id(target),
                    Subscription(kind="email", target=target, confirmed_at=at).kept(),
                )
                event = DirectoryRecorded(
                    id=f"dir_{key}",
                    key=f"{KIND}:{key}",
                    at=at,
                    kind=KIND,
                    doc_id=key,
                    document=document,
                )
                records.append(record_for("directory", event, "intake"))
            await producer.send_many(records)
    finally:
        await producer.stop()
    store = Store(stack.mongodb, DATABASE)
    try:
        async with asyncio.timeout(600):
            while await store["directory"].count({"kind": KIND}) < count:
                await asyncio.sleep(0.5)
    finally:
        store.close()


async def everybody_told(stack: Stack, over: asyncio.Event, within: float) -> tuple[float, int]:
    """Sets `over` when the fan-out is over and its mail is sent, or the time is up: the seconds
    since now, and how many got one.
    """
    store, began = Store(stack.mongodb, DATABASE), time.monotonic()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not await _is_told(store):
                    await asyncio.sleep(0.5)
        return time.monotonic() - began, await store["outbox"].count(
            {"destination": "bulk", "phase": "delivered"}
        )
    finally:
        over.set()
        store.close()


async def _is_told(store: Store) -> bool:
    with suppress(Unavailable):
        begun, busy = (
            await store["fanouts"].find_one({}),
            await store["fanouts"].find_one({"open": True}),
        )
        return (
            bool(begun)
            and not busy
            and not await store["outbox"].find_one({"destination": "bulk", "open": True})
        )
    return False


async def news(session: aiohttp.ClientSession, stack: Stack) -> None:
    """An incident that everybody who subscribed is told of."""
    body = {
        "title": "Routing fails",
        "body": "We are looking.",
        "components": ["routing"],
        "impact": {"production": "yellow", "development": "green"},
    }
    async with session.post(
        f"{stack.intake}/v1/incidents", json=body, headers={"Authorization": "Bearer demo-ops"}
    ) as answer:
        assert answer.status == 202, await answer.text()


def spent(stack: Stack) -> dict[str, float]:
    """Seconds of processor time so far, by program; those that run under a pid of their own."""
    found = {}
    for name, entry in stack.processes().items():
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{entry['pid']}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def memory(stack: Stack, *names: str) -> dict[str, float]:
    """MiB resident now, by program."""
    return {name: _resident_mb(stack.pid(name)) for name in names}


def grown(before: dict[str, float], after: dict[str, float], what: str) -> Sequence[Figure]:
    return [
        Figure(f"memory of {name} {what} (before {before[name]:.0f})", after[name], "MiB")
        for name in before
    ]


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
