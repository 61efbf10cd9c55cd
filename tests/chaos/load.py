"""Traffic as impatient clients make it: tickets, urgents and replies, each repeated under its key
until it is answered.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PROVIDERS = ("redisco", "mailgrid", "logdrain")


@dataclass(frozen=True)
class Customer:
    email: str
    token: str
    app: str


@dataclass
class Accepted:
    """A ticket that was answered 202: what it must have led to."""

    ticket: str
    key: str
    urgent: bool
    provider: str | None
    customer: Customer
    replies: list[str] = field(default_factory=list)


@dataclass
class Traffic:
    """Everything that was accepted, and how often clients had to ask again."""

    portal: str
    intake: str
    admin: str = "demo-admin"
    accepted: dict[str, Accepted] = field(default_factory=dict)
    repeats: int = 0
    refused: list[str] = field(default_factory=list)

    async def enrol(self, session: aiohttp.ClientSession, plan: str, count: int) -> list[Customer]:
        """New customers, each with an app of its own: no two share a lane, so each urgent ticket is
        owed a page.
        """
        made = []
        for _ in range(count):
            name = f"{plan}{secrets.token_hex(5)}"
            customer = Customer(f"{name}@example.com", secrets.token_urlsafe(16), f"{name}-app")
            app = {
                "name": customer.app,
                "owner": customer.email,
                "collaborators": [],
                "stage": "production",
                "addons": [*PROVIDERS],
            }
            token = hashlib.sha256(customer.token.encode()).hexdigest()
            for path, document in (
                (
                    f"accounts/{customer.email}",
                    {"email": customer.email, "name": name, "plan": plan, "roles": ["requester"]},
                ),
                (f"tokens/{token}", {"email": customer.email, "name": "chaos"}),
                (f"apps/{customer.app}", app),
            ):
                await self._until_taken(
                    session,
                    "PUT",
                    f"{self.intake}/v1/directory/{path}",
                    document,
                    self.admin,
                    secrets.token_hex(8),
                )
            made.append(customer)
        return made

    async def submit(
        self,
        session: aiohttp.ClientSession,
        customer: Customer,
        number: int,
        *,
        urgent: bool,
        again: bool,
    ) -> Accepted:
        """One ticket; `again`: the client repeats it on purpose after the answer, as after a lost
        one.
        """
        provider = None if urgent else random.choice((None, None, *PROVIDERS))
        body = {
            "subject": f"Trouble number {number}",
            "body": f"It began at {time.time():.0f}. " + "x" * 400,
            "app": customer.app,
        }
        body |= {"priority": "urgent"} if urgent else {}
        body |= {"addon": provider} if provider else {}
        key = secrets.token_hex(12)
        for _ in range(2 if again else 1):
            answer = await self._until_taken(
                session, "POST", f"{self.intake}/v1/tickets", body, customer.token, key
            )
            found = self.accepted.setdefault(
                answer["ticket_id"], Accepted(answer["ticket_id"], key, urgent, provider, customer)
            )
            if found.key != key:
                self.refused.append(f"{key} was given the ticket of {found.key}")
        return found

    async def reply(self, session: aiohttp.ClientSession, to: Accepted, number: int) -> None:
        key = secrets.token_hex(12)
        url = f"{self.intake}/v1/tickets/{to.ticket}/replies"
        answer = await self._until_taken(
            session, "POST", url, {"body": f"More about it, {number}."}, to.customer.token, key
        )
        to.replies.append(answer["request_id"])

    async def _until_taken(
        self, session: aiohttp.ClientSession, method: str, url: str, body: Any, token: str, key: str
    ) -> dict[str, Any]:
        """Ask until there is a 2xx, with the same key; anything but an outage is a finding."""
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        for pause in (0.1, 0.2, 0.4, 0.8, *(1.0,) * 90):
            try:
                async with session.request(method, url, json=body, headers=headers) as answer:
                    if answer.status < 300:
                        return dict(await answer.json()) if answer.status != 204 else {}
                    if answer.status not in (502, 503, 429):
                        self.refused.append(
                            f"{method} {url}: {answer.status} {(await answer.text())[:300]}"
                        )
                        return {"ticket_id": key, "request_id": key}
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                pass
            self.repeats += 1
            await asyncio.sleep(pause)
        raise AssertionError(f"{method} {url} was not taken within 90 s")


async def drive(traffic: Traffic, *, busy: float, sparse: float, rate: float, urgents: int) -> None:
    """`busy` seconds at `rate`/s, then `sparse` seconds at 2/s; `urgents` urgent tickets spread
    evenly over both.
    """
    timeout = aiohttp.ClientTimeout(total=8)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=aiohttp.TCPConnector(limit=64)
    ) as session:
        plain = await traffic.enrol(session, "premium", 5)
        premier = await traffic.enrol(session, "premier", urgents)
        due = [at * (busy + sparse) / max(1, urgents) for at in range(urgents)]
        began, number, running = time.monotonic(), 0, set[asyncio.Task[Any]]()
        while (elapsed := time.monotonic() - began) < busy + sparse:
            number += 1
            if due and elapsed >= due[0]:
                due.pop(0)
                work = traffic.submit(
                    session, premier.pop(), number, urgent=True, again=random.random() < 0.2
                )
            elif number % 5 == 0 and traffic.accepted:
                work = traffic.reply(
                    session, random.choice(list(traffic.accepted.values())), number
                )
            else:
                work = traffic.submit(
                    session, random.choice(plain), number, urgent=False, again=random.random() < 0.2
                )
            task = asyncio.create_task(work)
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(1 / (rate if elapsed < busy else 2))
        await asyncio.gather(*running)
