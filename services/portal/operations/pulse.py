"""The dashboards' figures: tumbling windows over tickets, clocks and pages, kept by Faust (the only
module that knows it).

Here a lost event costs a pixel and not a page, so Faust's windows are worth having (LIBRARIES.md
has its traps). The tables live in memory with a changelog each; everything can be wiped and
replayed from the log. One process: each counter is kept per partition, since that is how the
changelog is cut, and summed when it is told. Faust by itself commits offsets before what they
changed is in the changelog, and counts again what it had not committed: so events are acknowledged
by hand after a flush, and every counter remembers the offset it has counted up to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import faust
import structlog
from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from services.portal.operations.figures import (
    ALL,
    BREACHED_HOURLY,
    COUNTED,
    figures_of,
    points,
    value_of,
)
from services.portal.settings import PulseSettings
from shared.bus import END_S, Overseer, Producer, Reader, client_options, record_for
from shared.clock import Clock, clock_from
from shared.errors import Poisonous, Unavailable
from shared.events import Event, FigureComputed
from shared.ids import derive
from shared.process.health import serve_health
from shared.topics import read, type_of

log = structlog.get_logger()

# Topics that hold what is counted.
SOURCES = ("tickets", "clocks", "pages")
TELL_EVERY_S = 1.0
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def _broker(address: str) -> dict[str, Any]:
    """Faust's words for an address of Kafka (`shared/kafka/access.py`)."""
    # Faust has its own client and takes the same settings in other words.
    options = client_options(address)
    broker = {"broker": [f"kafka://{server}" for server in options["bootstrap_servers"]]}
    context = options.get("ssl_context")
    credentials: Credentials
    # By how the installation signs in to Kafka, the strongest first.
    if (tokens := options.get("sasl_oauth_token_provider")) is not None:
        credentials = OAuthCredentials(oauth_cb=tokens, ssl_context=context)
    elif mechanism := options.get("sasl_mechanism"):
        credentials = SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=mechanism,
            ssl_context=context,
        )
    elif context is not None:
        credentials = SSLCredentials(context)
    else:
        return broker
    return {**broker, "broker_credentials": credentials}


class FigureWindow(NamedTuple):
    """A figure's group in the window that begins at `since` and lasts `span`."""

    figure: str
    group: str
    since: datetime
    span: timedelta


STOPS_WITHIN_S = 5.0
"""What Faust is given to commit and leave its group."""


class Pulse:
    """`await run(stopping)`; the exit code is 0, or 1 where it must be started again."""

    def __init__(self, settings: PulseSettings, clock: Clock, partitions: int) -> None:
        self._settings, self._clock, self._partitions = settings, clock, partitions
        # Figures go out by our own producer, as every event of ours does.
        self._producer = Producer(settings.kafka_bootstrap_servers, settings.topic_prefix, "pulse")
        # Windows that moved since they were told last.
        self._moved: set[FigureWindow] = set()
        self._reader = Reader(
            settings.kafka_bootstrap_servers, settings.topic_prefix, client_id="pulse-ends"
        )
        self._overseer = Overseer("pulse", self._reader.ends)
        # Events that were counted and are not acknowledged yet.
        self._counted: list[Any] = []
        self._app = faust.App(
            f"{settings.topic_prefix}pulse",
            **_broker(settings.kafka_bootstrap_servers),
            # In memory: the changelog is the copy that counts, and a disk would be a second one.
            store="memory://",
            web_enabled=False,
            # Topics are made by the installation, with the settings they need.
            topic_allow_declare=False,
            topic_disable_leader=True,
            topic_partitions=partitions,
            datadir=settings.data_dir / "pulse",
            consumer_auto_offset_reset="earliest",
            broker_commit_interval=5.0,
            autodiscover=False,
            loghandlers=[],
            producer_linger=0.1,
            broker_session_timeout=10.0,
            broker_heartbeat_interval=2.0,
            broker_rebalance_timeout=15.0,
        )
        self._tables = {
            # Longer than a dashboard looks back, so that late facts find their window.
            MINUTE: self._table("minutes", MINUTE, timedelta(hours=3)),
            HOUR: self._table("hours", HOUR, timedelta(days=3)),
        }
        sources = [f"{settings.topic_prefix}{name}" for name in SOURCES]
        topic = self._app.topic(
            *sources, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self._app.agent(topic, name="figures")(self._count)

    async def unready(self) -> str | None:
        """A telemetry check: the tables are read back and the partitions ours."""
        if not self._app.started or self._app.rebalancing:
            return "the figures are being read back"
        return await self._overseer.unready()

    async def run(self, stopping: asyncio.Event) -> int:
        """See the class."""
        self._settings.data_dir.mkdir(parents=True, exist_ok=True)
        await self._reader.start()
        await self._app.start()
        # After the start, which sets up logging of its own.
        logging.getLogger("faust").setLevel(logging.WARNING)
        for name in ("aiokafka", "mode", "faust"):
            logging.getLogger(name).setLevel(logging.WARNING)
        health = await serve_health(
            self._settings.metrics_port, {"pulse": self.unready}, host=self._settings.bind
        )
        telling = asyncio.create_task(self._keep_telling())
        watching = asyncio.create_task(self._overseer.watch())
        # There is no public way to hear that Faust gave up.
        crashed = asyncio.create_task(self._app._crashed.wait())
        told_to_stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait(
                {telling, crashed, told_to_stop}, return_when=asyncio.FIRST_COMPLETED
            )
            if telling.done() and (error := telling.exception()) is not None:
                log.error("ending, to start again", error=str(error))
            return 0 if stopping.is_set() else 1
        finally:
            for task in (telling, watching, crashed, told_to_stop):
                task.cancel()
            await self._reader.stop()
            if health is not None:
                await health.cleanup()
            # Bounded: Faust waits for a broker that may be gone.
            await asyncio.wait({asyncio.create_task(self._app.stop())}, timeout=STOPS_WITHIN_S)
            await self._producer.stop()

    def _table(self, name: str, span: timedelta, expires: timedelta) -> Any:
        """A tumbling table of `[sum, offset counted up to]`. Its changelog is
        `<prefix>pulse-<name>-changelog` (shared/topics.py).
        """
        table = self._app.Table(name, default=list, partitions=self._partitions, key_type=str)
        return table.tumbling(span, expires=expires)

    async def _count(self, stream: Any) -> None:
        # Acknowledged by hand (`_acknowledge`), so that nothing is committed too early.
        async for occurred in stream.noack().events():
            # What is not an event is its author's and the projector's to report.
            with contextlib.suppress(Poisonous):
                ce_type = dict(occurred.headers or {}).get("ce_type")
                fact = (
                    read(occurred.value, ce_type)
                    if occurred.value and type_of(occurred.value, ce_type) in COUNTED
                    else None
                )
                # Facts of an import are of the past of another system, and no work of these days.
                if fact is not None and not getattr(fact, "imported", ""):
                    self._add(fact, occurred)
            # Also what does not count: its offset must be committed too.
            self._counted.append(occurred)
            message = occurred.message
            place = message.topic[len(self._settings.topic_prefix) :], message.partition
            self._overseer.delivered[place] = message.offset + 1
            self._overseer.written[place] = message.timestamp

    def _add(self, fact: Event, occurred: Any) -> None:
        # A clock that is steered (in tests and the demo) is away from the machine's by so much.
        steered_by = self._clock.now() - datetime.now(UTC)
        written_at = datetime.fromtimestamp(occurred.message.timestamp, UTC) + steered_by
        for point in points(fact, written_at):
            span = HOUR if point.counter == BREACHED_HOURLY else MINUTE
            since = begin_of(point.at, span)
            windowed = self._tables[span].relative_to(point.at.timestamp())
            counter = f"{point.counter}|{point.group}|{occurred.message.partition}"
            # Each counter knows how far it has counted: what comes again after a crash adds
            # nothing.
            total, up_to = windowed[counter].value() or (0.0, -1)
            if occurred.message.offset <= up_to:
                continue
            windowed[counter] = [total + point.value, occurred.message.offset]
            self._moved.update(
                FigureWindow(figure, point.group, since, span)
                for figure in figures_of(point.counter)
            )

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            # Partitions move: what was known of them says nothing now.
            if self._app.rebalancing:
                self._overseer.forget()
            self._overseer.fetches += 1  # Faust always asks
            self._overseer.check(END_S)  # it gives way to everybody, and starting again costs much
            await self._acknowledge()
            # Taken out first: what moves while it is sent is told the next time.
            moved, self._moved = self._moved, set()
            if not moved:
                continue
            try:
                await self._producer.send_many(
                    [
                        record_for("figures", self._figure(window), "portal.pulse")
                        for window in moved
                    ]
                )
            except Unavailable as error:
                # Told the next time, with what has moved since.
                self._moved |= moved
                log.warning("figures wait", error=str(error))

    async def _acknowledge(self) -> None:
        """Only what the changelog holds may be committed."""
        counted, self._counted = self._counted, []
        if counted:
            await self._app.producer.flush()
            for occurred in counted:
                occurred.ack()

    def _figure(self, window: FigureWindow) -> FigureComputed:
        table = self._tables[window.span].relative_to(window.since.timestamp())

        def read_sum(counter: str) -> float:
            # The window's sum is that of all partitions, since each counts for itself.
            found = [
                table[f"{counter}|{window.group}|{p}"].value() for p in range(self._partitions)
            ]
            return float(sum(pair[0] for pair in found if pair))

        key = f"{window.figure}|{window.group}|{window.since.isoformat()}"
        value = round(value_of(window.figure, read_sum), 6)
        now = self._clock.now()
        return FigureComputed(
            # By key and instant: told again with the same sum it is another fact, and the latest
            # counts.
            id=derive("fig", key, now.isoformat()),
            key=key,
            at=now,
            figure=window.figure,
            group=window.group or ALL,
            since=window.since,
            until=window.since + window.span,
            value=value,
        )


def begin_of(at: datetime, span: timedelta) -> datetime:
    """The beginning of the tumbling window around `at`."""
    seconds = span.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def end_within(seconds: float) -> None:
    """End the process then, with 0, where it has not ended by itself. Faust awaits its consumer's
    thread, which may wait for a broker for minutes; what was counted is counted again from the last
    commit, so nothing is lost by not waiting for it.
    """
    late = threading.Timer(seconds, os._exit, (0,))
    late.daemon = True
    late.start()


async def _run(settings: PulseSettings) -> int:
    stopping = asyncio.Event()

    def stop() -> None:
        stopping.set()
        end_within(2 * STOPS_WITHIN_S)

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    reader = Reader(settings.kafka_bootstrap_servers, settings.topic_prefix, client_id="pulse")
    try:
        await reader.start()
        # The tables must be cut like the topic, so its partitions are asked for first.
        partitions = await reader.partitions("tickets")
        await reader.stop()
        return await Pulse(settings, clock_from(settings), partitions).run(stopping)
    except Unavailable as error:
        log.error("ending, to start again", error=str(error))
        return 1


def run_pulse(settings: PulseSettings) -> int:
    """Count until SIGTERM. 1 where it could not go on: start it again."""
    return asyncio.run(_run(settings))
