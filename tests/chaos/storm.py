"""Customers by the hundred on a running stack, and the urgent tickets they send: what R3 and R8 are
measured with.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from tests.chaos.load import Customer
from tests.support.desk import FarEnd
from tests.support.stack import Stack

_AT_ONCE = 60
"""Customers in one request: three documents each, 200 are the most."""


@dataclass
class Sent:
    """Ticket id → the client's clock (seconds since 1970) when it was sent; `refused`: answers that
    were no 202.
    """

    at: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


async def enrol(
    session: aiohttp.ClientSession, stack: Stack, count: int, plan: str = "premier"
) -> list[Customer]:
    """New customers, each with a production app of its own: no two share a lane."""
    made = []
    for begin in range(0, count, _AT_ONCE):
        documents: list[dict[str, Any]] = []
        for _ in range(min(_AT_ONCE, count - begin)):
            name = f"{plan}{secrets.token_hex(5)}"
            customer = Customer(f"{name}@example.com", secrets.token_urlsafe(16), f"{name}-app")
            token = hashlib.sha256(customer.token.encode()).hexdigest()
            app = {
                "name": customer.app,
                "owner": customer.email,
                "collaborators": [],
                "stage": "production",
                "addons": [],
            }
            account = {"email": customer.email, "name": name, "plan": plan, "roles": ["requester"]}
            documents += [
                {"kind": "accounts", "id": customer.email, "document": account},
                {
                    "kind": "tokens",
                    "id": token,
                    "document": {"email": customer.email, "name": "storm"},
                },
                {"kind": "apps", "id": customer.app, "document": app},
            ]
            made.append(customer)
        await _publish(session, f"{stack.intake}/v1/directory", {"documents": documents})
    return made


async def _publish(session: aiohttp.ClientSession, url: str, body: Any) -> None:
    """As the administrator. What was not taken in time is sent again under its key, for a minute."""
    headers = {"Authorization": "Bearer demo-admin", "Idempotency-Key": secrets.token_urlsafe(12)}
    async with asyncio.timeout(60):
        while True:
            async with session.post(url, json=body, headers=headers) as answer:
                if answer.status != 503:
                    assert answer.status < 300, await answer.text()
                    return
            await asyncio.sleep(1)


async def submit(
    session: aiohttp.ClientSession, stack: Stack, customer: Customer, subject: str, sent: Sent
) -> dict[str, Any]:
    """One urgent ticket; the answer."""
    body = {
        "subject": subject,
        "body": "Nothing answers any more.",
        "app": customer.app,
        "priority": "urgent",
    }
    headers = {"Authorization": f"Bearer {customer.token}"}
    began = time.time()
    async with session.post(f"{stack.intake}/v1/tickets", json=body, headers=headers) as answer:
        if answer.status != 202:
            sent.refused.append(f"{answer.status} {(await answer.text())[:200]}")
            return {}
        found = dict(await answer.json())
        sent.at[found["ticket_id"]] = began
        return found


async def at_a_pace(
    session: aiohttp.ClientSession,
    stack: Stack,
    customers: Sequence[Customer],
    subject: str,
    rate: float,
    into: Sent | None = None,
) -> Sent:
    """One urgent ticket of each, `rate` a second; what was sent goes `into` this."""
    sent, running = Sent() if into is None else into, set[asyncio.Task[Any]]()
    began = time.monotonic()
    for number, customer in enumerate(customers):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        running.add(
            asyncio.create_task(submit(session, stack, customer, f"{subject} {number}", sent))
        )
    await asyncio.gather(*running)
    return sent


def pages_in(stack: Stack) -> list[dict[str, Any]]:
    """Every page the far end was sent, stand-downs left out: `{page_id, ticket_id, dedup_key, at}`,
    `at` in seconds since 1970.
    """
    found = []
    for item in FarEnd(stack.sink).got("page"):
        body = json.loads(item["body"])
        if body["type"] == "page":
            at = datetime.fromisoformat(item["at"]).timestamp()
            found.append(
                {
                    "page_id": body["page_id"],
                    "ticket_id": body["ticket_id"],
                    "dedup_key": body["dedup_key"],
                    "at": at,
                }
            )
    return found


def latencies(stack: Stack, sent: Sent) -> dict[str, float]:
    """Ticket → seconds from sending it to the first ring, for those that rang."""
    first: dict[str, float] = {}
    for page in pages_in(stack):
        first[page["ticket_id"]] = min(page["at"], first.get(page["ticket_id"], page["at"]))
    return {ticket: first[ticket] - at for ticket, at in sent.at.items() if ticket in first}
