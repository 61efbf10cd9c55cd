"""The demo's history over HTTP: asked again while intake is busy, finished under the same times at
the next start, and never written a second time.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cli.up import history_writing
from cli.up.history_writing import NOTE, write_history
from deploy.demo.directory import SINK
from deploy.demo.lived_in import stages


class Told:
    """A screen that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, name: str, state: str, seconds: float | None = None) -> None:
        self.said.append(f"{name}: {state}")

    def finished(self, summary: Any, lines: Any) -> None: ...
    def failed(self, message: str) -> None: ...
    def close(self) -> None: ...


class Intake:
    """Takes every request, but `refuses` the tickets with this status so many times first."""

    def __init__(self, status: int = 202, refuses: int = 0) -> None:
        self.status, self.refuses = status, refuses
        self.taken: dict[str, bytes] = {}

    async def answer(self, request: web.Request) -> web.Response:
        if self.refuses and "/import/" in request.path:
            self.refuses -= 1
            return web.json_response({"title": "no"}, status=self.status)
        key, body = request.headers["Idempotency-Key"], await request.read()
        assert self.taken.setdefault(key, body) == body, "the same key with another body"
        return web.json_response({})


async def write(intake: Intake, data: Path) -> Told:
    app, told = web.Application(), Told()
    app.router.add_route("*", "/{path:.*}", intake.answer)
    async with TestServer(app) as server:
        await write_history(str(server.make_url("")), SINK, data, told)
    return told


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_writing, "WHILE_BUSY_S", 0.0)


def wanted(data: Path) -> int:
    now = datetime.fromisoformat(orjson.loads((data / NOTE).read_bytes())["now"])
    return sum(len(stage.calls) for stage in stages(now, SINK))


async def test_all_of_it_is_written_once(tmp_path: Path) -> None:
    intake = Intake(503, refuses=3)
    told = await write(intake, tmp_path)
    assert told.said == [
        "history: the desk's history of two weeks is being written",
        "history: written",
    ]
    assert len(intake.taken) == wanted(tmp_path)
    again = Intake()
    assert (await write(again, tmp_path)).said == []
    assert not again.taken


async def test_what_was_begun_is_finished_with_the_same_requests(tmp_path: Path) -> None:
    intake = Intake(400, refuses=1)
    told = await write(intake, tmp_path)
    assert "could not be written" in told.said[-1]
    await write(intake, tmp_path)  # it fails on the same key with another body
    assert len(intake.taken) == wanted(tmp_path)
