"""Whoever handles a record names its ticket and its trace in the lines it writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from services.intake.followers.follow import TIMERS
from services.intake.followers.follow import records_for as follow_records
from services.notifier.front.loop import records_for as front_records
from services.portal.projector.loop import Projector
from shared.errors import Unavailable
from shared.events import Event
from shared.spine.effects import Effects
from shared.spine.work import Effect
from shared.telemetry.log_context import Subject, add_subject, handle, words_of
from shared.wire import Message

TICKET, TRACE_ID = "tkt_" + "a" * 26, "0af7651916cd43dd8448eb211c80319c"
HEADERS = {
    "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01".encode(),
    "ce_type": b"dev.signalbox.TicketSolved",
}
BROKEN = Message("tickets", 0, 5, TICKET, b"{", HEADERS, 0.0)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    written: list[dict[str, Any]] = []

    def keep(_: object, __: str, event: dict[str, Any]) -> str:
        written.append(dict(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[add_subject, keep], cache_logger_on_first_use=False)
    yield written
    structlog.configure(**before)


def named(lines: Sequence[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    return [(line.get("ticket_id"), line.get("trace_id")) for line in lines]


def test_the_front_names_them(lines: list[dict[str, Any]]) -> None:
    front_records([BROKEN], NOW)
    structlog.get_logger().info("something else")
    assert named(lines) == [(TICKET, TRACE_ID), (None, None)]


async def test_the_followers_of_intake_name_them(lines: list[dict[str, Any]]) -> None:
    kind = next(iter(TIMERS.table)).__name__.encode()
    headers = {**HEADERS, "ce_type": b"dev.signalbox." + kind}
    await follow_records(TIMERS, [BROKEN._replace(headers=headers)])
    assert named(lines) == [(TICKET, TRACE_ID)]


async def test_the_projector_names_them(lines: list[dict[str, Any]]) -> None:
    projector = Projector(None, None, None)  # type: ignore[arg-type]
    await projector._report([(BROKEN, "not JSON")])
    assert named(lines) == [(TICKET, TRACE_ID)]


async def test_what_is_sent_later_names_them(lines: list[dict[str, Any]]) -> None:
    """Effects run in tasks of their own, long after the turn that began them."""

    async def perform(effect: Effect) -> Event:
        raise Unavailable("the far end", "away")

    async def attempt(work: Any) -> Any:
        try:
            return await work
        except Unavailable as error:
            structlog.get_logger().warning("away")
            tried.set()
            return error

    tried = asyncio.Event()
    effects = Effects(perform, attempt, lambda: None)
    handle(Subject(key=TICKET, traceparent=HEADERS["traceparent"]))
    effects.start(0, TICKET, Effect("e1", "d"))
    handle(None)
    await tried.wait()
    await effects.stop(patience=0)
    assert named(lines) == [(TICKET, TRACE_ID)]


def test_a_request_is_about_the_ticket_that_it_has_just_made() -> None:
    from shared.telemetry.log_context import name_ticket

    scope = {"method": "POST", "path": "/v1/tickets"}
    handle(scope)
    name_ticket(TICKET)
    assert words_of(scope)["ticket_id"] == TICKET
    handle(None)
    name_ticket("tkt_nobody")  # outside of a request: nothing to name
