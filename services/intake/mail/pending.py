"""Mail that is durable here and whose facts are not in the log yet: one small file a delivery, beside the raw message.

The file is there before the sender is told 250, and goes when the log (or the spool) has what became of the message. So a
crash in between is taken up at the next start, under the same delivery and with the same ids.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from services.intake import disk
from services.intake.mail.reading.shape import Envelope

log = structlog.get_logger()

_NAME = re.compile(r"dlv_[a-z2-7]{26}")


class Delivery(BaseModel):
    """One handing-over of message `digest` (its SHA-256, by which the raw message is found)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    digest: str
    size: int
    via: Literal["smtp", "api"]
    envelope: Envelope


class Pending:
    """The files of one process in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    async def add(self, delivery: Delivery) -> None:
        """Durable when this returns. Raises OSError."""
        await asyncio.to_thread(disk.write_durably, self._directory / delivery.id, delivery.model_dump_json().encode())

    def done(self, delivery: Delivery) -> None:
        """Not fsynced: should it come back after a crash, doing it again changes nothing."""
        (self._directory / delivery.id).unlink(missing_ok=True)

    def left(self) -> list[Delivery]:
        """What an earlier run of this process left, the oldest first. A file that cannot be read is said, and kept."""
        found = []
        for path in self._directory.iterdir():
            if not _NAME.fullmatch(path.name):
                continue
            try:
                found.append(Delivery.model_validate_json(path.read_bytes()))
            except ValidationError as error:
                log.critical("a pending mail cannot be read; a human must look", file=str(path), problems=error.error_count())
        return sorted(found, key=lambda delivery: delivery.envelope.received_at)
