"""What both processes that take submissions do while Kafka is away or the disk is in trouble: page
directly, and let the front read of it first.

Each process (`api`, `smtp`) pages for the urgents in its own spool. Ops are told of an outage once
on each machine: by whoever of them holds the lock on `watch`. It falls to another when its holder
ends, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from services.intake.outage.paging import Paging
from services.intake.settings import SmtpSettings
from services.intake.spool.disk_watch import DiskWatch
from services.intake.spool.draining import ReadBy
from services.intake.spool.spool import Spool
from services.intake.world.reference import Reference
from shared.bus import Admin
from shared.channels import open_line
from shared.clock import Clock
from shared.topics import URGENT


class OutageLock:
    """Lock held by the one process on this machine that pages ops; released when the process ends.
    `acquire` is asked again and again, and the first to ask has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def __enter__(self) -> Self:
        # The folder and the file are made early: later the disk may give none.
        with contextlib.suppress(OSError):
            os.close(self._open())  # while the disk still takes new files
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def is_ours(self) -> bool:
        """Never blocks, never raises. Where the disk gives no file to lock it is ours: two who page
        under one key are better than none.
        """
        if self._held is not None:
            return True
        try:
            descriptor = self._open()
        except OSError:
            return True
        try:
            # Non-blocking: `run` asks again in its next look, so the lock passes on by itself.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            # Another process has it; any other error means that this disk cannot lock at all.
            return not isinstance(error, BlockingIOError)
        self._held = descriptor
        return True

    def _open(self) -> int:
        try:
            # Read-only is enough to lock, and works on a disk that has turned read-only.
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def front_reads(settings: SmtpSettings) -> ReadBy:
    """How far the front has read `urgent`, by (topic, partition). Raises Unavailable."""

    async def read() -> dict[tuple[str, int], int]:
        # Opened for each look: it is needed only after an outage.
        async with Admin(
            settings.kafka_bootstrap_servers, settings.topic_prefix, timeout=5.0
        ) as admin:
            return {
                place: offset
                for place, (offset, _) in (await admin.committed(URGENT.readers[0])).items()
            }

    return read


@contextlib.asynccontextmanager
async def open_paging(
    spool: Spool,
    reference: Reference,
    settings: SmtpSettings,
    clock: Clock,
    disk_watch: DiskWatch,
) -> AsyncIterator[Paging | None]:
    """To be `run`; the spool tells the log through it. None without SIGNALBOX_SECRET, with which
    its links are signed.
    """
    # Without the secret the links in a page could not be signed, so nobody could acknowledge.
    if settings.secret is None:
        yield None
        return
    async with open_line(settings, settings.secret.get_secret_value(), clock) as line:
        with OutageLock(settings.watch_file) as watch:
            paging = Paging(
                spool,
                reference,
                line,
                settings.portal_url,
                clock,
                tells_ops=watch.is_ours,
                watch=disk_watch,
                node=platform.node() or "this machine",
            )
            spool.first(paging)
            yield paging
