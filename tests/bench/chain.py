"""The whole chain on one machine: submit → provider's webhook, urgent → page, tickets/s until
visible, footprint.

Every latency is taken from just before the client's POST to the receipt's own time at the far end
(same clock).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx

from tests.bench.table import Figure, at_share
from tests.chaos.load import Customer, Traffic
from tests.support.desk import FarEnd
from tests.support.stack import Stack
from tests.support.waiting import eventually

BODY = "The dyno crashes at boot with R14. " * 25


async def latencies(stack: Stack, rate: float | None, count: int, *, urgent: bool) -> list[float]:
    """Seconds from POST to receipt for `count` tickets, one at a time (`rate` None) or at `rate`/s."""
    kind = "page" if urgent else "webhook"
    far_end, sent = FarEnd(stack.sink), dict[str, float]()
    async with aiohttp.ClientSession() as session:
        traffic = Traffic(stack.portal, stack.intake)
        customers = await traffic.enrol(session, "premier", count if urgent else 4)
        extra = {"priority": "urgent"} if urgent else {"addon": "redisco"}

        async def one(number: int) -> str:
            customer = customers[number % len(customers)]
            body = {"subject": f"Trouble {number}", "body": BODY, "app": customer.app, **extra}
            began = time.time()
            async with session.post(
                f"{stack.intake}/v1/tickets",
                json=body,
                headers={"Authorization": f"Bearer {customer.token}"},
            ) as answer:
                assert answer.status == 202, await answer.text()
                ticket = str((await answer.json())["ticket_id"])
            sent[ticket] = began
            return ticket

        if rate is None:
            for number in range(count):
                ticket = await one(number)
                await asyncio.to_thread(far_end.gets, ticket, kind)
        else:
            tasks, began = [], time.monotonic()
            for number in range(count):
                tasks.append(asyncio.create_task(one(number)))
                await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
            await asyncio.gather(*tasks)
    found = await asyncio.to_thread(
        eventually, lambda: _receipts(far_end, kind, sent), within=60, what=f"{count} receipts"
    )
    return [found[ticket] - began for ticket, began in sent.items()]


def _receipts(far_end: FarEnd, kind: str, sent: dict[str, float]) -> dict[str, float] | None:
    from datetime import datetime

    first: dict[str, float] = {}
    for item in far_end.got(kind):
        if item["ticket_id"] in sent:
            first.setdefault(item["ticket_id"], datetime.fromisoformat(item["at"]).timestamp())
    return first if len(first) == len(sent) else None


async def _submit_all(
    stack: Stack, customers: list[Customer], count: int, connections: int
) -> tuple[float, float]:
    """When the first was sent and when the last was accepted."""
    numbers, began = iter(range(count)), time.time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def client(which: int) -> None:
            customer = customers[which % len(customers)]
            for number in numbers:
                body = {
                    "subject": f"Question {number}",
                    "body": BODY,
                    "app": customer.app,
                    "kind": "question",
                }
                headers = {
                    "Authorization": f"Bearer {customer.token}",
                    "Idempotency-Key": secrets.token_hex(8),
                }
                async with session.post(
                    f"{stack.intake}/v1/tickets", json=body, headers=headers
                ) as answer:
                    assert answer.status == 202, await answer.text()
                    await answer.read()

        await asyncio.gather(*(client(which) for which in range(connections)))
    return began, time.time()


def throughput(stack: Stack, count: int = 10_000) -> Iterator[Figure]:
    """Tickets/s from the first POST until the last is in the view (the queue's own count says so)."""

    def total() -> int:
        staff = {"Authorization": "Bearer demo-agent"}
        answer = httpx.get(
            f"{stack.portal}/v1/tickets", params={"limit": 1}, headers=staff, timeout=20
        )
        return int(answer.json()["counts"]["total"])

    async def go() -> tuple[float, float]:
        async with aiohttp.ClientSession() as session:
            customers = await Traffic(stack.portal, stack.intake).enrol(session, "premium", 16)
        return await _submit_all(stack, customers, count, 32)

    before, pids, client = total(), _pids(stack), time.process_time()
    spent = {name: _cpu(pid) for name, pid in pids.items()}
    began, accepted = asyncio.run(go())
    client = time.process_time() - client
    eventually(
        lambda: total() >= before + count,
        within=120,
        every=0.1,
        what=f"{count} tickets in the view",
    )
    seen = time.time()
    yield Figure(
        "tickets/s accepted by intake while all else runs", count / (accepted - began), "/s"
    )
    yield Figure(
        "tickets/s through the chain until visible", count / (seen - began), "/s", 700, low=False
    )
    for name, pid in pids.items():
        yield Figure(
            f"CPU of {name} until then, for 1,000 tickets",
            1e6 * (_cpu(pid) - spent[name]) / count,
            "ms",
        )
    yield Figure("CPU of the client that submits, for 1,000 tickets", 1e6 * client / count, "ms")


def footprint(stack: Stack, seconds: float = 10) -> Iterator[Figure]:
    """Resident memory of all Python services, and their CPU while nothing happens."""
    pids = {
        name: pid for name, pid in _pids(stack).items() if name not in ("kafka", "mongod", "sink")
    }
    before, began = {name: _cpu(pid) for name, pid in pids.items()}, time.monotonic()
    time.sleep(seconds)
    spent, passed = (
        {name: _cpu(pid) - before[name] for name, pid in pids.items()},
        time.monotonic() - began,
    )
    for name, pid in pids.items():
        yield Figure(f"memory of {name}", _resident(pid), "MB")
    yield Figure("memory of all Python services", sum(map(_resident, pids.values())), "MB", 900)
    yield Figure(
        "idle CPU of all Python services", 100 * sum(spent.values()) / passed, "% of 1", 10
    )


def _pids(stack: Stack) -> dict[str, int]:
    return {name: entry["pid"] for name, entry in stack.processes().items()}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _resident(pid: int) -> float:
    line = next(
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


def latency_figures(stack: Stack) -> Iterator[Figure]:
    """p50 and p99 in ms, one at a time and at 50/s."""
    for urgent, name in ((False, "submit → webhook"), (True, "urgent → page")):
        asyncio.run(latencies(stack, None, 20, urgent=urgent))
        for rate, how in ((None, "one at a time"), (50.0, "at 50/s")):
            took = asyncio.run(latencies(stack, rate, 100 if rate is None else 500, urgent=urgent))
            goals = (20.0, 80.0) if rate else (None, None)
            yield Figure(f"{name}, {how}, p50", at_share(took, 0.5) * 1e3, "ms", goals[0])
            yield Figure(f"{name}, {how}, p99", at_share(took, 0.99) * 1e3, "ms", goals[1])
