"""How many tickets one intake process takes, beside a bare FastAPI endpoint that does nothing but
`send_and_wait`.

    KAFKA_BOOTSTRAP_SERVERS=… python -m tests.bench.intake [--requests N] [--clients N] [--json]

Both serve the same 1 KB body under the same uvicorn settings, one after the other, to the same
client on the same broker. Goal: at least 60 % of the bare one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import orjson

from deploy.demo.seed import seed
from shared.bus import Admin, client_options
from shared.topics import (
    CLOCKS,
    DIRECTORY,
    NOTICES,
    POLICIES,
    REQUESTS,
    STATUS,
    TICKETS,
    URGENT,
)
from tests.bench.table import Figure, at_share

BODY = orjson.dumps(
    {
        "subject": "Checkout answers 503 since the last deploy",
        "body": "Every second request to /checkout ends in H12 request timeout. " * 13,
        "app": "enterprise-production",
        "addon": "redisco",
        "priority": "high",
        "kind": "problem",
    }
)
GOAL = 60.0


async def load(port: int, requests: int, clients: int) -> tuple[float, list[float]]:
    """Requests per second and the seconds each took. Every answer must be a 202."""
    head = (
        "POST /v1/tickets HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer demo-enterprise\r\n"
        "Content-Length: %d\r\nIdempotency-Key: %s\r\n\r\n"
    )
    took: list[float] = []
    left = requests

    async def one() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left > 0:
            left -= 1
            begun = time.perf_counter()
            writer.write((head % (len(BODY), secrets.token_hex(12))).encode() + BODY)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b" 202 " in answer[:20], answer
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            took.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    return requests / (time.perf_counter() - begun), took


def cpu_seconds(pid: int) -> float:
    """What the process has used so far: steadier than the wall clock on a busy machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    command: list[str], env: dict[str, str], port: int, requests: int, clients: int
) -> tuple[float, float, list[float]]:
    """Start a server, warm it up, load it, end it: requests per second, its CPU microseconds for
    each, and how long they took.
    """
    server = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        await answers(port)
        await load(port, requests // 10, clients)
        used = cpu_seconds(server.pid)
        rate, took = await load(port, requests, clients)
        return rate, 1e6 * (cpu_seconds(server.pid) - used) / requests, took
    finally:
        server.send_signal(signal.SIGTERM)
        await asyncio.wait_for(server.wait(), 10)


async def answers(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                ready = b" 200 " in await reader.readline()
                writer.close()
                if ready:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.1)


def bare() -> None:
    """The yardstick: a FastAPI endpoint with a model, and aiokafka with the same guarantees
    (acks=all, idempotent).
    """
    import contextlib
    from collections.abc import AsyncIterator

    import uvicorn
    from aiokafka import AIOKafkaProducer
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Ticket(BaseModel):
        subject: str
        body: str
        app: str | None = None
        addon: str | None = None
        priority: str | None = None
        kind: str = "problem"

    topic = os.environ["SIGNALBOX_TOPIC_PREFIX"] + REQUESTS.name

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.producer = AIOKafkaProducer(
            **client_options(os.environ["KAFKA_BOOTSTRAP_SERVERS"]),
            acks="all",
            enable_idempotence=True,
        )
        await app.state.producer.start()
        yield
        await app.state.producer.stop()

    app = FastAPI(lifespan=lifespan)

    async def take(ticket: Ticket) -> dict[str, str]:
        key = secrets.token_hex(12)
        await app.state.producer.send_and_wait(
            topic, ticket.model_dump_json().encode(), key.encode()
        )
        return {"ticket_id": key}

    async def ready() -> str:
        return "ok"

    take.__annotations__["ticket"] = Ticket
    app.post("/v1/tickets", status_code=202)(take)
    app.get("/readyz")(ready)
    uvicorn.run(
        app,
        port=int(os.environ["SIGNALBOX_INTAKE_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run(requests: int, clients: int) -> list[Figure]:
    bootstrap, prefix = (
        os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        f"bench-intake-{secrets.token_hex(3)}-",
    )
    async with Admin(bootstrap, prefix) as admin:
        for topic in (REQUESTS, URGENT, TICKETS, CLOCKS, NOTICES, STATUS, DIRECTORY, POLICIES):
            await admin.create_topic(topic.name, 8)
        await seed(bootstrap, prefix)
        try:
            with tempfile.TemporaryDirectory() as folder:
                port = free_port()
                env = {
                    **os.environ,
                    "SIGNALBOX_TOPIC_PREFIX": prefix,
                    "SIGNALBOX_INTAKE_PORT": str(port),
                    "SIGNALBOX_DATA_DIR": folder,
                    "SIGNALBOX_SECRET": secrets.token_hex(16),
                    "SIGNALBOX_RATE_LIMIT": "1000000000/minute",
                    "PYTHONPATH": str(Path.cwd()),
                }
                plain = [sys.executable, "-m", "tests.bench.intake", "--bare"]
                yardstick, bare_cpu, bare_took = await measure(plain, env, port, requests, clients)
                ours, our_cpu, took = await measure(
                    [sys.executable, "-m", "services.intake", "api"], env, port, requests, clients
                )
        finally:
            await admin.delete_all()
    return [
        Figure("bare FastAPI + send_and_wait", yardstick, "tickets/s"),
        Figure("intake", ours, "tickets/s"),
        Figure("intake, share of the bare one", 100 * ours / yardstick, "%", GOAL, low=False),
        Figure(
            "intake, share of the bare one by CPU", 100 * bare_cpu / our_cpu, "%", GOAL, low=False
        ),
        Figure("bare, CPU", bare_cpu, "µs/ticket"),
        Figure("intake, CPU", our_cpu, "µs/ticket"),
        Figure("bare, p99", 1000 * at_share(bare_took, 0.99), "ms"),
        Figure(f"intake, p50 with {clients} clients", 1000 * at_share(took, 0.5), "ms"),
        Figure(f"intake, p99 with {clients} clients", 1000 * at_share(took, 0.99), "ms"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", action="store_true", help="serve the yardstick")
    chosen = parser.parse_args()
    if chosen.bare:
        bare()
        return 0
    figures = asyncio.run(run(chosen.requests, chosen.clients))
    for figure in figures:
        print(json.dumps(figure.__dict__) if chosen.json else figure)
    return 0 if all(figure.is_met is not False for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
