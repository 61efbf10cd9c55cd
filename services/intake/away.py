"""What both processes that take submissions do while Kafka is away: page directly, and let the front read of it first.

Each process (`api`, `smtp`) pages for the urgents in its own spool. Ops are told of the outage once on each machine: by
whoever of them holds the lock on `watch`. It falls to another when its holder ends, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from services.intake.draining import ReadBy
from services.intake.paging import Paging
from services.intake.reference import Reference
from services.intake.settings import IntakeSettings
from services.intake.spool import Spool
from shared.bus import Admin
from shared.channels import open_line
from shared.clock import Clock
from shared.topics import URGENT


class Watch:
    """Whose it is to page ops: `is_ours` is asked again and again, and the first to ask has it until it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def is_ours(self) -> bool:
        """Never blocks. Raises OSError where the file cannot be opened."""
        if self._held is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held = descriptor
        return True


def front_reads(settings: IntakeSettings) -> ReadBy:
    """How far the front has read `urgent`, by (topic, partition). Raises Unavailable."""

    async def read() -> dict[tuple[str, int], int]:
        async with Admin(settings.kafka_bootstrap_servers, settings.topic_prefix, timeout=5.0) as admin:
            return {place: offset for place, (offset, _) in (await admin.committed(URGENT.readers[0])).items()}

    return read


@contextlib.asynccontextmanager
async def paging_beside(spool: Spool, reference: Reference, settings: IntakeSettings, clock: Clock) -> AsyncIterator[Paging | None]:
    """To be `run`; the spool tells the log through it. None without SIGNALBOX_SECRET, with which its links are signed."""
    if settings.secret is None:
        yield None
        return
    async with open_line(settings, settings.secret.get_secret_value(), clock) as line:
        with Watch(settings.watch_file) as watch:
            paging = Paging(spool, reference, line, settings.portal_url, clock, tells_ops=watch.is_ours)
            spool.first(paging)
            yield paging
