"""The figures come out of the windows, and a restart goes on counting where it stopped."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from services.portal.operations.pulse import Pulse
from services.portal.settings import PulseSettings
from shared.bus import Admin, Producer, Reader, record_for
from shared.clock import SystemClock
from shared.topics import TOPICS, topic_of
from tests.support.facts import Ticket, page_facts
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration
NAMES = (
    "tickets",
    "clocks",
    "pages",
    "figures",
    "pulse-minutes-changelog",
    "pulse-hours-changelog",
)


@pytest.fixture
async def settings(kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[PulseSettings]:
    prefix = f"pulse-test-{secrets.token_hex(4)}-"
    async with Admin(kafka_bootstrap, prefix) as admin:
        for name in NAMES:
            await admin.create_topic(name, 2, config={"cleanup.policy": TOPICS[name].cleanup})
        yield PulseSettings(
            kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=prefix, data_dir=tmp_path / "data"
        )
        await admin.delete_all()


async def figures(settings: PulseSettings) -> dict[tuple[str, str], float]:
    reader = Reader(settings.kafka_bootstrap_servers, settings.topic_prefix)
    await reader.start()
    found: dict[tuple[str, str], float] = {}
    async for messages in reader.read_to_end({("figures", 0): 0, ("figures", 1): 0}):
        for message in messages:
            figure = orjson.loads(message.value)
            found[figure["figure"], figure["group"]] = figure["value"]
    await reader.stop()
    return found


async def until(
    settings: PulseSettings, *, more: bool = False, **wanted: float
) -> dict[tuple[str, str], float]:
    """The figures once they are those, or `more` than those."""
    names = {
        (figure.replace("_", "-"), group): value
        for name, value in wanted.items()
        for figure, group in (name.split("__"),)
    }
    found: dict[tuple[str, str], float] = {}
    try:
        async with asyncio.timeout(stretched(120)):  # an old member may be waited for
            while not all(
                found.get(name, 0) > value if more else found.get(name) == value
                for name, value in names.items()
            ):
                await asyncio.sleep(0.1)
                found = await figures(settings)
    except TimeoutError:
        raise AssertionError(f"{names} were wanted, and there are {found}") from None
    return found


async def run_once(
    settings: PulseSettings, *, more: bool = False, **wanted: float
) -> dict[tuple[str, str], float]:
    stopping = asyncio.Event()
    running = asyncio.create_task(Pulse(settings, SystemClock(), 2).run(stopping))
    try:
        return await until(settings, more=more, **wanted)
    finally:
        stopping.set()
        assert await running == 0


async def test_figures_are_counted_by_window_and_go_on_after_a_restart(
    settings: PulseSettings,
) -> None:
    producer = Producer(settings.kafka_bootstrap_servers, settings.topic_prefix, "test")
    at = datetime.now(UTC).replace(second=1)
    tickets = [Ticket(f"pulse {n}", at=at) for n in range(12)]

    async def say(events: list[object]) -> None:
        await producer.send_many([record_for(topic_of(event), event, "test") for event in events])  # type: ignore[arg-type]

    for ticket in tickets[:8]:
        await say(ticket.opened(queue="platform" if ticket is tickets[0] else "provider:redisco"))
    await say([*tickets[0].clock_breached(at), *page_facts(tickets[0].id, at=at)])
    found = await run_once(
        settings,
        tickets_opened__all=8,
        tickets_opened__platform=1,
        pages_opened__all=1,
        clocks_breached_hourly__all=1,
    )
    assert found["tickets-opened", "provider:redisco"] == 7
    assert 0 <= found["time-to-route", "all"] <= 120
    for ticket in tickets[8:]:
        await say(ticket.opened())
    # More than before, so what was counted is remembered and goes on. Not to the last one: Faust may
    # lose a count where it ends, which is why only the dashboard's figures are made by it.
    await run_once(settings, more=True, tickets_opened__all=8, tickets_opened__platform=1)
    await producer.stop()


def test_it_ends_though_a_thread_waits_for_a_broker() -> None:
    """Seen with a broker that hung: everything of ours was closed, and Faust awaited its thread."""
    program = (
        "import threading; from services.portal.operations.pulse import end_within;"
        "threading.Thread(target=threading.Event().wait).start(); end_within(0.1)"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert ended.returncode == 0
