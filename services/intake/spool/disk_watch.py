"""Watches the disk under intake's data: is it short of room, read-only, or does it refuse writes.

`DiskWatch` looks every two seconds, tells readiness, the metrics and the log, and says to
`outage/paging.py` which trouble has lasted long enough to wake somebody (`outage/disk_episode.py`
decides).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from prometheus_client import Gauge

from services.intake.outage.disk_episode import DiskEpisode, pages, step
from services.intake.spool import disk
from shared.clock import Clock

log = structlog.get_logger()

TROUBLE = Gauge("signalbox_disk_trouble", "1 while the disk under intake's data is short or fails")

# Readiness and metrics may be this old.
LOOK_EVERY_S = 2.0
_PROBE = b"signalbox" * 512
"""More than a file system keeps inside an inode."""


def look_at(folder: Path) -> str | None:
    """What is wrong with the disk under `folder`; None: nothing. Blocks: call it in a thread."""
    try:
        # Some file systems turn read-only after an error, and `disk_usage` does not show that.
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return f"the disk under {folder} is read-only"
        if disk.is_short(free := disk.free_share(folder)):
            return f"the disk under {folder} is nearly full: {free:.1%} is free"
        # Nothing but a write that is forced out proves that the disk takes writes.
        _write_probe(folder)
    except FileNotFoundError:
        return f"{folder} is gone"
    except OSError as error:
        return f"the disk under {folder} takes nothing: {error.strerror or error}"
    return None


def _write_probe(folder: Path) -> None:
    path = folder / f".{secrets.token_hex(8)}.probe"
    # O_EXCL: never write into a file that somebody else made.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        disk.write_all(descriptor, _PROBE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        # A disk that fails may refuse this too; the error of the write is the one that counts.
        with contextlib.suppress(OSError):
            path.unlink()


class DiskWatch:
    """`run` beside the rest. `folders`: what is looked at; they must exist."""

    def __init__(
        self,
        folders: Sequence[Path],
        clock: Clock,
        *,
        look: Callable[[Path], str | None] = look_at,
        every: float = LOOK_EVERY_S,
    ) -> None:
        self._folders, self._clock, self._look, self._every = folders, clock, look, every
        self._looks = 0
        self.episode: DiskEpisode | None = None

    @property
    def is_well(self) -> bool:
        """It has looked, and no episode stands."""
        return self._looks > 0 and self.episode is None

    def due(self) -> DiskEpisode | None:
        """The episode that ops are to be woken for; None: there is none."""
        return self.episode if pages(self.episode, self._clock.now()) else None

    def trouble(self) -> str | None:
        """For readiness: intake goes on as far as it can."""
        if self.episode is None:
            return None
        return f"{self.episode.what} (since {self.episode.since.isoformat(timespec='seconds')})"

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Look once."""
        seen = await asyncio.to_thread(self._first_trouble)
        before, now = self.episode, self._clock.now()
        self.episode = step(before, seen, now)
        # Counted after the first look, so `is_well` is not said of a disk that nobody has seen.
        self._looks += 1
        TROUBLE.set(self.episode is not None)
        # Logged where it begins and where it ends, not at each look.
        if before is None and self.episode is not None:
            log.critical("the disk is in trouble", what=self.episode.what)
        elif before is not None and self.episode is None:
            log.warning("the disk is well again", what=before.what, since=before.since.isoformat())

    def _first_trouble(self) -> str | None:
        return next((said for folder in self._folders if (said := self._look(folder))), None)
