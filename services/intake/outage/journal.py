"""What intake did about pages while Kafka was away, in a file: fsynced before and after each send.
The last state of a page counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from services.intake.outage.decisions import OutagePage
from services.intake.spool.disk import sync_directory, write_all
from services.intake.spool.frames import decode, encode
from shared.wire import Record

log = structlog.get_logger()

NAME = "direct.diary"
# Ends like a journal's copy, so the same sweep deletes it.
_DONE = ".drained"


class PageLog:
    """The file in a spool's directory. Synchronous, one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    @staticmethod
    def is_left_over(directory: Path) -> bool:
        return (directory / NAME).exists()

    def read(self) -> dict[str, OutagePage]:
        """Page id → its last state. Raises OSError."""
        if not self._path.exists():
            return {}
        # A later frame of a page replaces an earlier one: the dict keeps the last.
        frames, gaps = decode(self._path.read_bytes())
        # A torn write at the end is one whose send had not begun or is repeated under its key.
        if gaps:
            log.warning(
                "a part of the diary of pages cannot be read", path=str(self._path), gaps=gaps
            )
        return {
            frame.records[0].key: OutagePage.model_validate_json(
                frame.records[0].value or b"", extra="ignore"
            )
            for frame in frames
        }

    def write(self, pages: Iterable[OutagePage], at: float) -> None:
        """On return their state is on the disk. Raises OSError."""
        # A new file's name must be durable as well, once.
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            write_all(
                descriptor,
                b"".join(
                    encode([Record("", page.page, page.model_dump_json().encode())], at)
                    for page in pages
                ),
            )
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_directory(self._path.parent)

    def close(self, now: float) -> None:
        """All of it is in the log: what is left is a copy, kept as long as the journal's."""
        if self._path.exists():
            done = self._path.with_name(f"direct-{int(now)}{_DONE}")
            self._path.rename(done)
            # The sweep goes by the file's time: its day begins now.
            os.utime(done, (now, now))
