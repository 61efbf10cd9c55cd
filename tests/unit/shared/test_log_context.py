"""Log lines name the ticket and the trace of what is handled, read from it when a line is written."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from shared.telemetry.log_context import (
    TRACE,
    Subject,
    add_subject,
    bind_log_context,
    handle,
    words_of,
)
from shared.telemetry.tracing import Trace
from shared.wire import Message

TICKET = "tkt_" + "a" * 26
TRACE_ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE_ID}-{SPAN}-01".encode()}


def message(key: str, value: object = None, headers: dict[str, bytes] = HEADERS) -> Message:
    raw = value if isinstance(value, bytes) else orjson.dumps(value) if value else b""
    return Message("pages", 3, 7, key, raw, headers, 0.0)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (message(TICKET), {"ticket_id": TICKET, "trace_id": TRACE_ID, "record": "pages/3/7"}),
        (message("lane", {"ticket_id": TICKET}, {}), {"ticket_id": TICKET, "record": "pages/3/7"}),
        (message("lane", {"ticket": "x\n" + TICKET}, {}), {"record": "pages/3/7"}),
        (message("lane", b"{", {}), {"record": "pages/3/7"}),
        (message("lane", [1], {}), {"record": "pages/3/7"}),
        (message("", None, {"traceparent": b"\xff"}), {"record": "pages/3/7"}),
        (
            Subject(ticket=TICKET, traceparent=HEADERS["traceparent"]),
            {"ticket_id": TICKET, "trace_id": TRACE_ID},
        ),
        (Subject(key="lane-1"), {"key": "lane-1"}),
        (Subject(key=TICKET), {"ticket_id": TICKET}),
        (
            {"method": "POST", "path_params": {"ticket_id": TICKET}, TRACE: Trace(TRACE_ID, SPAN)},
            {"ticket_id": TICKET, "trace_id": TRACE_ID, "request": "POST none"},
        ),
        ({"method": "GET", "path": "/secret"}, {"request": "GET none"}),
        (None, {}),
    ],
)
def test_what_a_line_names(about: Any, words: dict[str, str]) -> None:
    assert words_of(about) == words


def test_what_a_line_says_itself_stays() -> None:
    with bind_log_context(message(TICKET)):
        event = add_subject(None, "info", {"event": "x", "ticket_id": "its own"})
    assert (event["ticket_id"], event["trace_id"]) == ("its own", TRACE_ID)
    assert add_subject(None, "info", {"event": "x"}) == {"event": "x"}


async def test_a_task_begun_meanwhile_is_about_the_same_and_others_are_not() -> None:
    async def line() -> dict[str, Any]:
        await asyncio.sleep(0)
        return dict(add_subject(None, "info", {}))

    async def handle_and_log() -> dict[str, Any]:
        handle(message(TICKET))
        return await asyncio.create_task(line())

    assert (await asyncio.create_task(handle_and_log()))["ticket_id"] == TICKET
    assert await line() == {}
