"""An intake process of its own: real Kafka, real MongoDB, the demo's people."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.demo.seed import seed
from shared.bus import Admin, Reader
from shared.events import Event
from shared.topics import DIRECTORY, POLICIES, REQUESTS, STATUS, URGENT, read

TOPICS = (REQUESTS, URGENT, STATUS, DIRECTORY, POLICIES)


@dataclass
class Intake:
    """One installation: its topics, its folder, and the process while it runs."""

    bootstrap: str
    prefix: str
    mongodb: str
    database: str
    folder: Path
    port: int = 0
    process: asyncio.subprocess.Process | None = None
    env: dict[str, str] = field(default_factory=dict)

    async def starts(self, ready: bool = True, **changes: str) -> None:
        """Start the process and wait until it is ready, or only until it answers."""
        self.port = free_port()
        self.env = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "MONGODB_URI": self.mongodb,
            "SIGNALBOX_TOPIC_PREFIX": self.prefix,
            "SIGNALBOX_MONGODB_DATABASE": self.database,
            "SIGNALBOX_DATA_DIR": str(self.folder),
            "SIGNALBOX_SECRET": "a secret of sixteen",
            "SIGNALBOX_INTAKE_PORT": str(self.port),
            "SIGNALBOX_VIEW_BUDGET": "2",
            "SIGNALBOX_DRAIN": "0",  # no balancer has to notice
            "SIGNALBOX_DEMO": "1",  # its people's tokens are worth nothing otherwise
            **changes,
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.intake", "api", env=self.env
        )
        async with asyncio.timeout(90), self.client() as client:
            while not await self._answers(client, "/readyz" if ready else "/livez"):
                await asyncio.sleep(0.05)

    async def stops(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 30)
        self.process = None
        return code

    def client(self, who: str = "premier") -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer demo-{who}"},
            timeout=15,
        )

    async def post(
        self, path: str, body: dict[str, Any], who: str = "premier", key: str | None = None
    ) -> httpx.Response:
        async with self.client(who) as client:
            return await client.post(
                path, json=body, headers={"Idempotency-Key": key} if key else {}
            )

    async def log_of(self, topic: str) -> list[Event]:
        """Everything on a topic, as it stands."""
        reader = Reader(self.bootstrap, self.prefix)
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

    async def _answers(self, client: httpx.AsyncClient, path: str) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, "intake ended"
        try:
            return (await client.get(path)).status_code == 200
        except httpx.TransportError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def intake(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Intake]:
    """Topics and demo data are there; the process is not started yet."""
    name = f"test-intake-{secrets.token_hex(4)}"
    made = Intake(kafka_bootstrap, f"{name}-", mongodb_uri, name, tmp_path)
    async with Admin(kafka_bootstrap, made.prefix) as admin:
        for topic in TOPICS:
            await admin.create_topic(topic.name, 8)
        await seed(kafka_bootstrap, made.prefix)
        try:
            yield made
        finally:
            if made.process is not None:
                await made.stops()
            await admin.delete_all()
