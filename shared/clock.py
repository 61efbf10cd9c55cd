"""Where business time comes from. Everything else takes `now` as an argument.

Tests steer the clock of running services by writing an offset in seconds (float text, such as
`1860`) into the file that `SIGNALBOX_CLOCK_FILE` names. A wait for business time must therefore
look again at least every `tick`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.settings import Settings


class Clock(Protocol):
    """Aware UTC instants."""

    def now(self) -> datetime: ...

    @property
    def tick(self) -> timedelta:
        """The longest anybody may wait for business time before asking `now()` again."""
        ...


class SystemClock:
    """The machine's clock. It may be stepped by NTP, so nobody sleeps on it for more than a
    minute.
    """

    tick = timedelta(minutes=1)

    def now(self) -> datetime:
        return datetime.now(UTC)


class SteeredClock:
    """The machine's clock plus the offset in a file. A missing or half-written file leaves the last
    good offset.

    The file is looked at each time (two microseconds): whoever has moved it and asks for something
    right after is answered by the new time. With a pause between two looks, a request that came
    within it counted as made before the move.
    """

    tick = timedelta(milliseconds=50)

    def __init__(self, path: Path) -> None:
        self._path, self._name = path, str(path)
        self._offset = timedelta(0)
        self._seen: tuple[int, int, int] | None = None

    def now(self) -> datetime:
        self._look()
        return datetime.now(UTC) + self._offset

    def _look(self) -> None:
        try:
            found = os.stat(self._name)  # noqa: PTH116  # a third of the time of Path.stat
            # The inode too: tests may replace the file within the same instant.
            mark = (found.st_mtime_ns, found.st_size, found.st_ino)
            if mark != self._seen:
                self._offset = timedelta(seconds=float(self._path.read_text()))
                self._seen = mark
        # Missing or half written: the last good offset goes on, see the class.
        except (OSError, ValueError):
            return


def clock_from(settings: Settings) -> Clock:
    """The clock the settings ask for: steered where `SIGNALBOX_CLOCK_FILE` is set."""
    return SteeredClock(settings.clock_file) if settings.clock_file else SystemClock()
