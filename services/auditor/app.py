"""Wiring of the auditor: it follows the log, looks at what is overdue every second, tells it, and
shows it on its own port.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

import aiohttp
import structlog
from prometheus_client import Gauge
from yarl import URL

from services.auditor.alarm import Alarm
from services.auditor.audit import Audit, SettledFindings, follow
from services.auditor.book import KEPT, Book, Finding
from services.auditor.damaged import Damage
from services.auditor.expectations import FAR_END, KINDS
from services.auditor.probes import Probe, probes_in
from services.auditor.settings import AuditorSettings
from shared.bus import Reader
from shared.clock import Clock, clock_from
from shared.errors import Unavailable
from shared.process.gc_tuning import spare_what_lives
from shared.process.health import serve_health
from shared.settings import load
from shared.spine import damage
from shared.telemetry.logs import configure_logging

log = structlog.get_logger()

FOUND = Gauge("signalbox_auditor_findings", "What should have happened and did not", ["kind"])
BEHIND = Gauge("signalbox_auditor_behind_seconds", "How long ago the log was last read to its end")

LOOK_EVERY_S = 1.0
ALIVE_EVERY_S = 30.0
RECEIPTS_EVERY_S = 5.0
LONGEST_BEHIND_S = 60.0
# Seldom: it only keeps the file small.
PRUNE_EVERY_S = 6 * 3600.0


class Auditor:
    """`await run()` until `stop()`. `standing` is what it has found and told."""

    def __init__(
        self, settings: AuditorSettings, clock: Clock, book: Book, http: aiohttp.ClientSession
    ) -> None:
        self._settings, self._clock, self._http = settings, clock, http
        self._audit = Audit(book)
        token = settings.auditor_token.get_secret_value() if settings.auditor_token else None
        secret = settings.alerts_secret.get_secret_value() if settings.alerts_secret else None
        self._alarm = Alarm(http, settings.intake_url, token, settings.deadman_url, secret)
        self._stands = SettledFindings(settings.settle)
        self._probes: list[Probe] = probes_in(settings.probes)
        self._damage = Damage()
        self._read_until: datetime | None = None
        # Long ago: not ready until the log was read once, and pruned at once then.
        self._read_at = self._pruned_at = float("-inf")
        self._stopping = asyncio.Event()
        self.standing: list[Finding] = []

    def stop(self) -> None:
        self._stopping.set()

    async def unready(self) -> str | None:
        """A telemetry check."""
        if time.monotonic() - self._read_at > LONGEST_BEHIND_S:
            return "the log has not been read to its end"
        return self._alarm.trouble

    def shown(self) -> dict[str, Any]:
        """`GET /findings`: `{read_until, findings: [{kind, id, about, due, text}]}`, the longest
        overdue first.
        """
        found = [{**asdict(finding), "due": finding.due.isoformat()} for finding in self.standing]
        return {
            "read_until": self._read_until.isoformat() if self._read_until else None,
            "findings": found,
        }

    async def run(self) -> None:
        tasks = [
            asyncio.create_task(each)
            for each in (self._follow(), self._look(), self._beat(), self._receive())
        ]
        try:
            # A bug in any of the tasks ends the process, and it is started again.
            stopping = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.wait([*tasks, stopping])

    async def _follow(self) -> None:
        # Kafka away: begin again from the offsets in the book.
        while True:
            reader = Reader(
                self._settings.kafka_bootstrap_servers,
                self._settings.topic_prefix,
                client_id="auditor",
            )
            try:
                await reader.start()
                await follow(self._audit, reader, self._clock, self._note_progress)
            except* Unavailable as group:
                log.warning("waiting for Kafka", error=str(group.exceptions[0]))
            finally:
                await reader.stop()
            await asyncio.sleep(1.0)

    def _note_progress(self, at: datetime) -> None:
        self._read_until, self._read_at = at, time.monotonic()
        if self._read_at - self._pruned_at > PRUNE_EVERY_S:
            self._pruned_at = self._read_at
            log.info("settled promises are forgotten", rows=self._audit.book.prune(at - KEPT))

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            # Bounded: before the first reading it would be infinite.
            BEHIND.set(min(time.monotonic() - self._read_at, 1e9))
            await asyncio.gather(
                *(
                    probe.look(self._http, time.monotonic(), self._clock.now())
                    for probe in self._probes
                )
            )
            # Three sources: services, partitions, and the log.
            found = [finding for probe in self._probes if (finding := probe.finding) is not None]
            found += self._damage.findings(damage.list_damage(), self._probes, self._clock.now())
            # Nothing is overdue before the log was read to its end once.
            if self._read_until is not None:
                found += self._audit.book.overdue(self._read_until)
            self.standing = self._stands.told(found, time.monotonic())
            # Every kind, also those without findings: a gauge keeps its last value.
            for kind in (*KINDS, Probe.KIND, Damage.KIND):
                FOUND.labels(kind).set(sum(finding.kind == kind for finding in self.standing))
            await self._alarm.tell(self.standing)

    async def _beat(self) -> None:
        while True:
            # Not while the log is out of sight: nothing can be said then.
            if time.monotonic() - self._read_at < LONGEST_BEHIND_S:
                await self._alarm.alive()
            await asyncio.sleep(ALIVE_EVERY_S)

    async def _receive(self) -> None:
        """What the far end lists; nothing where there is no such list."""
        # The far end lists what came after this number.
        after = 0
        while (url := self._settings.receipts_url) is not None:
            try:
                async with self._http.get(
                    URL(url).update_query(after=after), headers={"accept": "application/json"}
                ) as answer:
                    after = max(after, self._audit.receipts(await answer.read(), self._clock.now()))
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                log.warning("the far end's receipts cannot be read", error=repr(error))
            await asyncio.sleep(RECEIPTS_EVERY_S)
        # No list: this task waits, so that the others are not ended by its end.
        await asyncio.Event().wait()


async def run(settings: AuditorSettings) -> int:
    """Until SIGTERM; the exit code."""
    configure_logging("auditor", settings.log_level)
    spare_what_lives()
    clock = clock_from(settings)
    # Without a list from the far end its receipts are not expected.
    skipped = frozenset() if settings.receipts_url else frozenset({FAR_END})
    book = Book(
        settings.data_dir / "auditor" / f"{settings.topic_prefix}book.sqlite", without=skipped
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        auditor = Auditor(settings, clock, book, http)
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, auditor.stop)
        health = await serve_health(
            settings.metrics_port,
            {"auditor": auditor.unready},
            host=settings.bind,
            more={"/findings": auditor.shown},
        )
        try:
            await auditor.run()
        finally:
            if health is not None:
                await health.cleanup()
            book.close()
    return 0


def main() -> int:
    import uvloop

    return uvloop.run(run(load(AuditorSettings)))
