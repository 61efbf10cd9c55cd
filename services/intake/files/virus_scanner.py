"""The virus scanner (clamd): what it says of a file, and whether it works.

A scanner that fails holds up nobody: files are kept and marked `unscanned`. But it is a named
trouble: in readiness, `signalbox_scanner_trouble`, the log, and one notice for each episode among
the alerts, which drafts an incident and by the shipped policy wakes nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import structlog
from aioclamd import BufferTooLongError, ClamdAsyncClient, ClamdError
from prometheus_client import Counter, Gauge

from services.intake.domain import RequestContext
from services.intake.files.attachments import Scan
from shared.clock import Clock
from shared.errors import Refused, Unavailable

if TYPE_CHECKING:
    from services.intake.shell import Intake

log = structlog.get_logger()

TROUBLE = Gauge("signalbox_scanner_trouble", "1 while the virus scanner fails")
UNSCANNED = Counter("signalbox_unscanned_files_total", "Files taken that the scanner did not check")

ASK_EVERY_S = 15.0
# A scanner at work on a large file answers within this.
_WITHIN_S = 10.0
# All that can go wrong with a scanner: it says no, breaks off, is slow, or says nonsense.
_FAULTS = (ClamdError, OSError, TimeoutError, EOFError, ValueError)


class ScannerEpisode(NamedTuple):
    """One time that the scanner fails."""

    since: datetime
    why: str


class VirusScanner:
    """`address`: host:port of clamd; empty: there is none, and no file is scanned."""

    def __init__(self, address: str, clock: Clock) -> None:
        self._address, self._clock = address, clock
        self.episode: ScannerEpisode | None = None

    def trouble(self) -> str | None:
        """For readiness: files are taken all the same."""
        if self.episode is None:
            return None
        since, why = self.episode
        return (
            f"the virus scanner at {self._address} has failed since "
            f"{since.isoformat(timespec='seconds')} ({why}); files are taken unscanned"
        )

    async def scan(self, raw: bytes, name: str) -> Scan:
        """What it says of a file; `name` is for the log. Raises Refused `infected`."""
        if not self._address:
            return "not-scanned"
        try:
            said = await self._client().instream(io.BytesIO(raw)) or {}
        except BufferTooLongError:  # the scanner is well, and has a bound of its own
            log.warning("a file is too large for the virus scanner", blob=name, size=len(raw))
            return self._count_unscanned()
        except _FAULTS as error:
            # Trouble of ours: whoever sent the file is not to blame, so it is taken.
            self._note_failure(repr(error))
            return self._count_unscanned()
        verdicts = [verdict for verdict, _ in said.values()]
        if "FOUND" in verdicts:
            self._note_success()
            log.warning("an infected file is refused", blob=name, said=said)
            raise Refused(
                "infected", "Our virus scanner knows this file as harmful, so it was not taken."
            )
        # Neither clean nor infected: an unknown answer is no verdict.
        if not verdicts or set(verdicts) != {"OK"}:
            self._note_failure(f"it said {said!r}")
            return self._count_unscanned()
        self._note_success()
        return "clean"

    async def run(
        self, tell: Callable[[ScannerEpisode, bool], Awaitable[None]] | None = None
    ) -> None:
        """Ask it now and then whether it works, until cancelled. `tell(episode, is_over)` hears of
        each episode's beginning and end, once.
        """
        told: ScannerEpisode | None = None
        while True:
            if self._address:
                await self.ask()
            # Told once for each change, and again only if the telling failed.
            if tell is not None and told != self.episode:
                try:
                    if told is not None:
                        await tell(told, True)
                        told = None
                    if self.episode is not None:
                        episode = self.episode
                        await tell(episode, False)
                        told = episode
                except (Unavailable, Refused) as error:
                    # Tried again at the next look, since `told` stays as it is.
                    log.warning("operators could not be told of the scanner", error=str(error))
            await asyncio.sleep(ASK_EVERY_S)

    async def ask(self) -> None:
        """Whether it answers."""
        try:
            said = await self._client().ping()
        except _FAULTS as error:
            self._note_failure(repr(error))
            return
        if "PONG" in (said or ""):
            self._note_success()
        else:
            self._note_failure(f"it said {said!r}")

    def _client(self) -> ClamdAsyncClient:
        host, _, port = self._address.rpartition(":")
        return ClamdAsyncClient(host, int(port), timeout=_WITHIN_S)

    def _count_unscanned(self) -> Scan:
        UNSCANNED.inc()
        return "unscanned"

    def _note_failure(self, why: str) -> None:
        # The first failure begins the episode; later ones only repeat it.
        TROUBLE.set(1)
        if self.episode is None:
            self.episode = ScannerEpisode(self._clock.now(), why[:200])
            log.error("the virus scanner fails, files are taken unscanned", why=why)

    def _note_success(self) -> None:
        TROUBLE.set(0)
        if self.episode is not None:
            log.warning("the virus scanner works again", since=self.episode.since.isoformat())
            self.episode = None


async def tell_operators(
    intake: Intake, clock: Clock, episode: ScannerEpisode, is_over: bool
) -> None:
    """The notice: an alert that fires, or has ended. Raises Unavailable, Refused."""
    # The process that takes mail scans files too, and tells nobody: it needs none of this.
    from services.intake.incidents.alert_body import Alert, Notification
    from services.intake.incidents.alert_door import MONITOR, raise_alerts

    alert = Alert(
        status="resolved" if is_over else "firing",
        # The severity wakes nobody by the shipped policy: files come in all the same.
        labels={"alertname": "Virus scanner", "severity": "info", "service": "intake"},
        annotations={
            "summary": "The virus scanner fails",
            "description": (
                f"Attachments are taken unscanned, and marked so. It said: {episode.why}"
            ),
        },
        starts_at=episode.since,
        # Always the same, so that the end finds the alert that it ends.
        print=hashlib.sha256(b"signalbox virus scanner").hexdigest()[:16],
    )
    asked = RequestContext(MONITOR, clock.now(), secrets.token_urlsafe(18), alert.print, drawn=True)
    notification = Notification("signalbox:virus-scanner", (alert,))
    await raise_alerts(intake, notification, asked, "")
