"""Whether the place where files are kept is the one that was there: a mark stands in it, and this
machine remembers that it did.

Files are originals. Where they were dropped nothing can make them anew, so it is said, at /readyz
and in the log, until they are back or an operator has taken note (docs/operations.md).
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import structlog
from prometheus_client import Gauge

from services.intake.spool import disk
from shared.errors import Unavailable
from shared.files import FileHome
from shared.files.home import MARK

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
LOST = Gauge("signalbox_files_lost", "1 while the files that were kept are gone from their home")


class HomeWatch:
    """`remembered`: the file in which this machine remembers the mark. `files` None: they are kept
    nowhere else.
    """

    def __init__(self, remembered: Path, files: FileHome | None) -> None:
        self._remembered, self._files = remembered, files
        self._trouble: str | None = None

    def trouble(self) -> str | None:
        """What an operator must know; None while all is well."""
        return self._trouble

    async def run(self) -> None:
        """Look now and then; until cancelled."""
        while self._files is not None:
            try:
                await self._look(self._files)
            except (Unavailable, OSError) as error:
                self._trouble = f"files cannot be kept now: {error}"
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, files: FileHome) -> None:
        mark = await files.get(MARK)
        # The mark is gone, and this machine knows that it was there: files are missing, not new.
        if mark is None and self._remembered.exists():
            LOST.set(1)
            # Once in the log; readiness goes on saying it.
            if self._trouble is None or "gone" not in self._trouble:
                log.critical("the files are gone, restore them from a backup", where=files.where)
            self._trouble = (
                f"the files are gone from {files.where}: restore them from a backup, or move them "
                f"there; to go on without them delete {self._remembered}"
            )
            return
        self._trouble = None
        LOST.set(0)
        # A new home gets its mark at the first look.
        if mark is None:
            mark = secrets.token_hex(8).encode()
            await files.put_many([(MARK, mark)])
        # Remembered after the mark is kept: the other way round an outage would look like a loss.
        if not self._remembered.exists():
            await asyncio.to_thread(disk.write_durably, self._remembered, mark)
