"""What accepting a ticket costs intake's application, as a ratio to a bare FastAPI endpoint: both
in this process, without HTTP, Kafka or disks.

    python -m tests.bench.accept [--record WHY]

Small chunks of both take turns, and the quickest chunk of each counts: what else the machine does
can only make a chunk slower. So the ratio is steadier than any figure in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp

from services.intake.app import build
from services.intake.http.door import Allowance, RequestGate
from services.intake.spool.spool import Accepted
from shared.clock import SystemClock
from shared.knowledge import Articles
from shared.wire import Record
from tests.bench.intake import BODY
from tests.bench.table import RECORD, Figure
from tests.unit.intake.building import SECRET, Bench

ROUNDS, CHUNK, WARM_UP = 60, 20, 100
NO_LIMIT = "1000000000/minute"

Publish = Callable[[Sequence[Record]], Awaitable[Accepted]]


class Ticket(BaseModel):
    subject: str
    body: str
    app: str | None = None
    addon: str | None = None
    priority: str | None = None
    kind: str = "problem"


def bare() -> ASGIApp:
    """The yardstick: a model read and written again."""
    app = FastAPI()

    async def take(ticket: Any) -> dict[str, str]:
        key = secrets.token_hex(12)
        ticket.model_dump_json().encode()
        return {"ticket_id": key}

    take.__annotations__["ticket"] = Ticket
    app.post("/v1/tickets", status_code=202)(take)
    return app


async def publish_nowhere(_: Sequence[Record]) -> Accepted:
    return "logged"


def intake(publish: Publish = publish_nowhere) -> ASGIApp:
    """Intake with the demo's directory and all articles."""
    bench = Bench(NO_LIMIT)
    works_with = replace(bench.intake, publish=publish, articles=Articles())
    no_limit = Allowance(NO_LIMIT)
    door = RequestGate(bench.reference, SystemClock(), SECRET, no_limit, None, no_limit)
    app: ASGIApp = build(works_with, door, {}, accounts=bench.accounts)
    return app


async def submit(app: ASGIApp) -> None:
    """One ticket under a key of its own; it must be taken."""
    headers = [
        (b"host", b"bench"),
        (b"content-type", b"application/json"),
        (b"authorization", b"Bearer demo-enterprise"),
        (b"content-length", b"%d" % len(BODY)),
        (b"idempotency-key", secrets.token_hex(12).encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/tickets",
        "raw_path": b"/v1/tickets",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    statuses = []

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    assert statuses == [202], statuses


async def measure(ours: ASGIApp, rounds: int = ROUNDS) -> tuple[float, float]:
    """CPU µs of one ticket: the bare endpoint's, and of `ours`."""
    apps = (bare(), ours)
    for app in apps:
        for _ in range(WARM_UP):
            await submit(app)
    quickest = [float("inf"), float("inf")]
    for _ in range(rounds):
        for which, app in enumerate(apps):
            begun = time.process_time()
            for _ in range(CHUNK):
                await submit(app)
            spent = (time.process_time() - begun) / CHUNK
            quickest[which] = min(quickest[which], spent)
    return 1e6 * quickest[0], 1e6 * quickest[1]


def recorded() -> float:
    """How many times the bare endpoint's CPU a ticket took when the record was made."""
    return float(json.loads(RECORD.read_text())["accept"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", metavar="WHY", help="write the record, with the reason")
    chosen = parser.parse_args()
    yardstick, ours = asyncio.run(measure(intake()))
    print(Figure("bare endpoint in this process, CPU", yardstick, "µs/ticket"))
    print(Figure("intake's application in this process, CPU", ours, "µs/ticket"))
    print(Figure("intake's application, in the bare endpoint's", ours / yardstick, "times"))
    if chosen.record:
        kept = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        kept |= {"accept": round(ours / yardstick, 2), "why_accept": chosen.record}
        RECORD.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
