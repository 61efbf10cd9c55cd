"""The dashboards' figures: tumbling windows over tickets, clocks and pages, kept by Faust (the only module that knows it).

Here a lost event costs a pixel and not a page, so Faust's windows are worth having (LIBRARIES.md has its traps). The tables
live in memory with a changelog each; everything can be wiped and replayed from the log. One process: each counter is kept
per partition, since that is how the changelog is cut, and summed when it is told. Faust by itself commits offsets before
what they changed is in the changelog, and counts again what it had not committed: so events are acknowledged by hand after
a flush, and every counter remembers the offset it has counted up to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import faust
import structlog

from services.portal.figures import ALL, BREACHED_HOURLY, COUNTED, figures_of, points, value_of
from services.portal.settings import PortalSettings
from shared.bus import Producer, Reader, record_for
from shared.clock import Clock, clock_from
from shared.errors import Poisonous, Unavailable
from shared.events import Event, FigureComputed
from shared.ids import derive
from shared.telemetry import serve_health
from shared.topics import read, type_of

log = structlog.get_logger()

SOURCES = ("tickets", "clocks", "pages")
TELL_EVERY_S = 1.0
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Window(NamedTuple):
    """A figure's group in the window that begins at `since` and lasts `span`."""

    figure: str
    group: str
    since: datetime
    span: timedelta


class Pulse:
    """`await run(stopping)`; the exit code is 0, or 1 where it must be started again."""

    def __init__(self, settings: PortalSettings, clock: Clock, partitions: int) -> None:
        self._settings, self._clock, self._partitions = settings, clock, partitions
        self._producer = Producer(settings.kafka_bootstrap_servers, settings.topic_prefix, "pulse")
        self._moved: set[Window] = set()
        self._counted: list[Any] = []
        self._app = faust.App(
            f"{settings.topic_prefix}pulse", broker=f"kafka://{settings.kafka_bootstrap_servers}", store="memory://", web_enabled=False,
            topic_allow_declare=False, topic_disable_leader=True, topic_partitions=partitions, datadir=settings.data_dir / "pulse",
            consumer_auto_offset_reset="earliest", broker_commit_interval=5.0, autodiscover=False, loghandlers=[],
            producer_linger=0.1, broker_session_timeout=10.0, broker_heartbeat_interval=2.0, broker_rebalance_timeout=15.0,
        )  # fmt: skip
        self._tables = {
            MINUTE: self._table("minutes", MINUTE, timedelta(hours=3)),
            HOUR: self._table("hours", HOUR, timedelta(days=3)),
        }
        sources = [f"{settings.topic_prefix}{name}" for name in SOURCES]
        topic = self._app.topic(*sources, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self._app.agent(topic, name="figures")(self._count)

    async def unready(self) -> str | None:
        """A telemetry check: the tables are read back and the partitions ours."""
        return None if self._app.started and not self._app.rebalancing else "the figures are being read back"

    async def run(self, stopping: asyncio.Event) -> int:
        """See the class."""
        self._settings.data_dir.mkdir(parents=True, exist_ok=True)
        await self._app.start()
        logging.getLogger("faust").setLevel(logging.WARNING)
        for name in ("aiokafka", "mode", "faust"):
            logging.getLogger(name).setLevel(logging.WARNING)
        health = await serve_health(self._settings.metrics_port, {"pulse": self.unready}, host=self._settings.bind)
        telling = asyncio.create_task(self._keep_telling())
        crashed = asyncio.create_task(self._app._crashed.wait())
        told_to_stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({telling, crashed, told_to_stop}, return_when=asyncio.FIRST_COMPLETED)
            return 0 if stopping.is_set() else 1
        finally:
            for task in (telling, crashed, told_to_stop):
                task.cancel()
            if health is not None:
                await health.cleanup()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._app.stop(), 5.0)
            await self._producer.stop()

    def _table(self, name: str, span: timedelta, expires: timedelta) -> Any:
        """A tumbling table of `[sum, offset counted up to]`. Its changelog is `<prefix>pulse-<name>-changelog` (shared/topics.py)."""
        table = self._app.Table(name, default=list, partitions=self._partitions, key_type=str)
        return table.tumbling(span, expires=expires)

    async def _count(self, stream: Any) -> None:
        async for occurred in stream.noack().events():
            # What is not an event is its author's and the projector's to report.
            with contextlib.suppress(Poisonous):
                ce_type = dict(occurred.headers or {}).get("ce_type")
                fact = read(occurred.value, ce_type) if occurred.value and type_of(occurred.value, ce_type) in COUNTED else None
                if fact is not None and not getattr(fact, "imported", ""):
                    self._add(fact, occurred)
            self._counted.append(occurred)

    def _add(self, fact: Event, occurred: Any) -> None:
        steered_by = self._clock.now() - datetime.now(UTC)
        written_at = datetime.fromtimestamp(occurred.message.timestamp, UTC) + steered_by
        for point in points(fact, written_at):
            span = HOUR if point.counter == BREACHED_HOURLY else MINUTE
            since = begin_of(point.at, span)
            windowed = self._tables[span].relative_to(point.at.timestamp())
            counter = f"{point.counter}|{point.group}|{occurred.message.partition}"
            total, up_to = windowed[counter].value() or (0.0, -1)
            if occurred.message.offset <= up_to:
                continue
            windowed[counter] = [total + point.value, occurred.message.offset]
            self._moved.update(Window(figure, point.group, since, span) for figure in figures_of(point.counter))

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            await self._acknowledge()
            moved, self._moved = self._moved, set()
            if not moved:
                continue
            try:
                await self._producer.send_many([record_for("figures", self._figure(window), "portal.pulse") for window in moved])
            except Unavailable as error:
                self._moved |= moved
                log.warning("figures wait", error=str(error))

    async def _acknowledge(self) -> None:
        """Only what the changelog holds may be committed."""
        counted, self._counted = self._counted, []
        if counted:
            await self._app.producer.flush()
            for occurred in counted:
                occurred.ack()

    def _figure(self, window: Window) -> FigureComputed:
        table = self._tables[window.span].relative_to(window.since.timestamp())

        def read_sum(counter: str) -> float:
            found = [table[f"{counter}|{window.group}|{p}"].value() for p in range(self._partitions)]
            return float(sum(pair[0] for pair in found if pair))

        key = f"{window.figure}|{window.group}|{window.since.isoformat()}"
        value = round(value_of(window.figure, read_sum), 6)
        now = self._clock.now()
        return FigureComputed(
            id=derive("fig", key, now.isoformat()), key=key, at=now, figure=window.figure, group=window.group or ALL, since=window.since,
            until=window.since + window.span, value=value,
        )  # fmt: skip


def begin_of(at: datetime, span: timedelta) -> datetime:
    """The beginning of the tumbling window around `at`."""
    seconds = span.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


async def _run(settings: PortalSettings) -> int:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    reader = Reader(settings.kafka_bootstrap_servers, settings.topic_prefix, client_id="pulse")
    try:
        await reader.start()
        partitions = await reader.partitions("tickets")
        await reader.stop()
        return await Pulse(settings, clock_from(settings), partitions).run(stopping)
    except Unavailable as error:
        log.error("ending, to start again", error=str(error))
        return 1


def run_pulse(settings: PortalSettings) -> int:
    """Count until SIGTERM. 1 where it could not go on: start it again."""
    return asyncio.run(_run(settings))
