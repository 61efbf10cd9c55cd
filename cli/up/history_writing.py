"""The demo's history is written while people look already: the calls of `deploy/demo/lived_in.py`,
made over HTTP.

What was begun is finished at the next start under the same times, so nothing is written twice; what
is finished stays as people have changed it since.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import orjson

from cli import client
from cli.client import ProblemAnswered
from cli.up.screen import Screen
from deploy.demo.lived_in import DemoCall, as_utc, stages

NAME = "history"
NOTE = "demo-history.json"
TRIES = 12
TOGETHER = 4  # people look already, and their requests go first
WHILE_BUSY_S = 1.0


async def write_history(url: str, sink_url: str, data: Path, screen: Screen) -> None:
    """Ask intake at `url` for everything of the scenario, once for each data folder."""
    note, began = data / NOTE, time.monotonic()
    known = orjson.loads(note.read_bytes()) if note.exists() else {}
    # Finished once, it is never written again: people have worked on it since.
    if known.get("done"):
        return
    now = datetime.fromisoformat(known["now"]) if known else as_utc(datetime.now(UTC))
    # Before the first call: a start that is killed goes on under the same times, so with the same
    # keys.
    note.write_bytes(orjson.dumps({"now": now.isoformat()}))
    screen.step(NAME, "the desk's history of two weeks is being written")
    try:
        async with client.api(url, TOGETHER) as api:
            for stage in stages(now, sink_url):
                await _make(api, stage.calls, 1 if stage.in_order else TOGETHER)
    # The desk works without its history: it is told and not raised.
    except* (ProblemAnswered, aiohttp.ClientError, TimeoutError) as problems:
        problem = problems.exceptions[0]
        screen.step(NAME, f"could not be written: {problem or type(problem).__name__}")
    else:
        note.write_bytes(orjson.dumps({"now": now.isoformat(), "done": True}))
        screen.step(NAME, "written", time.monotonic() - began)


async def _make(api: client.Api, calls: Iterable[DemoCall], together: int) -> None:
    waiting = iter(calls)

    async def worker() -> None:
        for call in waiting:  # one iterator for all workers: each takes the next
            await _insist(api, call)

    async with asyncio.TaskGroup() as group:
        for _ in range(together):
            group.create_task(worker())


async def _insist(api: client.Api, call: DemoCall) -> None:
    """Busy (429) and unavailable (503) are asked again, and so is an incident that intake has not
    read yet (404).
    """
    # The key of the call makes a repeat harmless.
    for tries in range(TRIES):
        try:
            await api.call(
                call.method, call.path, token=call.token, json=dict(call.body), key=call.key
            )
            return
        except ProblemAnswered as problem:
            if problem.status not in (404, 429, 503) or tries == TRIES - 1:
                raise
            await asyncio.sleep(WHILE_BUSY_S)
        except (aiohttp.ClientError, TimeoutError):
            if tries == TRIES - 1:
                raise
            await asyncio.sleep(WHILE_BUSY_S)
