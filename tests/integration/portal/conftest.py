"""A log of its own, a projector and a web process reading it, and the people who ask."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher

from services.portal.app import make_app
from services.portal.projector.app import make_projector
from services.portal.settings import PortalSettings
from shared.bus import Admin, Producer, record_for
from shared.errors import Unavailable
from shared.events import DirectoryRecorded, Event
from shared.people.identity import token_id
from shared.storage.store import Store
from shared.topics import PUBLIC, topic_of

PASSWORD = "correct horse"
PEOPLE: dict[str, dict[str, Any]] = {
    "rae": {"roles": ["requester"]},
    "kim": {"roles": ["requester"]},
    "stranger": {"roles": ["requester"]},
    "agent": {"roles": ["agent"]},
    "ops": {"roles": ["ops"]},
    "redisco": {"roles": ["provider"], "provider": "redisco"},
    "mailgrid": {"roles": ["provider"], "provider": "mailgrid"},
}


@dataclass
class World:
    """`say` events into the log; `client(who)` asks the portal as somebody."""

    settings: PortalSettings
    base: str
    producer: Producer
    store: Store
    is_last_projector: asyncio.Event
    """Once set, the projector is not started again when it ends."""

    async def say(self, events: Iterable[Event]) -> None:
        await self.producer.send_many(
            [record_for(topic_of(event), event, "test") for event in events]
        )

    def client(self, who: str | None, **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer token-{who}"} if who else {}
        return httpx.AsyncClient(base_url=self.base, headers=headers, timeout=15, **options)

    async def get(self, who: str | None, path: str, **params: Any) -> httpx.Response:
        async with self.client(who) as client:
            return await client.get(path, params=params)

    async def until(self, who: str, path: str, **wanted: Any) -> dict[str, Any]:
        """The document at `path` once it has the wanted members."""
        async with asyncio.timeout(30):
            while True:
                answer = await self.get(who, path)
                if answer.status_code == 200 and all(
                    answer.json().get(name) == value for name, value in wanted.items()
                ):
                    return dict(answer.json())
                await asyncio.sleep(0.02)


@pytest.fixture
async def world(kafka_bootstrap: str, mongodb_uri: str) -> AsyncIterator[World]:
    name = f"portal-test-{secrets.token_hex(4)}"
    settings = PortalSettings(
        kafka_bootstrap_servers=kafka_bootstrap,
        mongodb_uri=mongodb_uri,
        mongodb_database=name,
        topic_prefix=f"{name}-",
        secret="a secret of this test",
        portal_port=0,
        intake_url="http://127.0.0.1:9",
    )
    async with contextlib.AsyncExitStack() as stack:
        admin = await stack.enter_async_context(Admin(kafka_bootstrap, settings.topic_prefix))
        for topic in PUBLIC:
            await admin.create_topic(topic.name, 2)
        stack.push_async_callback(admin.delete_all)
        store = Store(mongodb_uri, name)
        stack.push_async_callback(store.drop)
        producer = Producer(kafka_bootstrap, settings.topic_prefix, "test")
        stack.push_async_callback(producer.stop)
        await producer.send_many([record_for("directory", event, "test") for event in people()])
        last = await stack.enter_async_context(projecting(settings))
        base = await stack.enter_async_context(serving(settings))
        world = World(settings, base, producer, store, last)
        await world.until("agent", "/v1/tickets")
        yield world


def people() -> list[DirectoryRecorded]:
    """Accounts, tokens `token-<name>` and passwords."""
    hashed = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    found = []
    for name, account in PEOPLE.items():
        email = f"{name}@example.com"
        documents = {
            ("accounts", email): {
                "email": email,
                "name": name.title(),
                "plan": "premium",
                **account,
            },
            ("tokens", token_id(f"token-{name}")): {"email": email, "name": "test"},
            ("credentials", email): {"password_hash": hashed},
        }
        found += [
            DirectoryRecorded(
                id=f"{kind}{doc_id}",
                key=f"{kind}:{doc_id}",
                at=datetime.now(UTC),
                kind=kind,
                doc_id=doc_id,
                document=doc,
            )  # type: ignore[arg-type]
            for (kind, doc_id), doc in documents.items()
        ]
    return found


@contextlib.asynccontextmanager
async def projecting(settings: PortalSettings) -> AsyncIterator[asyncio.Event]:
    """The projector at work; started again where Kafka did not answer it, as `up` does, until the
    event it gives is set.
    """
    stopping, last = asyncio.Event(), asyncio.Event()

    async def project() -> None:
        while not (stopping.is_set() or last.is_set()):
            projector, producer = make_projector(settings)
            running = asyncio.create_task(projector.run())
            told = asyncio.create_task(stopping.wait())
            await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            projector.stop()
            with contextlib.suppress(Unavailable):
                await running
            await producer.stop()

    projecting = asyncio.create_task(project())
    try:
        yield last
    finally:
        stopping.set()
        await projecting


@contextlib.asynccontextmanager
async def serving(settings: PortalSettings) -> AsyncIterator[str]:
    config = uvicorn.Config(
        make_app(settings), port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not running.done(), "the portal ended while starting"
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
