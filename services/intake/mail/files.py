"""Attachments of mail, kept as those of the API are: the id stands in the request."""

from __future__ import annotations

import structlog

from services.intake.attachments import Attachments
from services.intake.blobs import at_once
from services.intake.mail.desk import KeepFile
from services.intake.mail.reading.shape import Attachment
from shared.clock import Clock
from shared.errors import Refused
from shared.events import Actor

log = structlog.get_logger()

DISK_FULL = 503


def keep_with(files: Attachments, clock: Clock) -> KeepFile:
    """Keep each among `files`, as its sender's."""

    async def keep(attachment: Attachment, actor: Actor) -> str:
        """Empty where it is left out: there is nothing in it, or a virus. The mail itself says that it was there."""
        try:
            return await kept(attachment, actor)
        except Refused as error:
            if error.status == DISK_FULL:
                raise
            log.warning("an attachment of a mail is left out", name=attachment.filename, reason=error.code)
            return ""

    async def kept(attachment: Attachment, actor: Actor) -> str:
        return str((await files.keep(at_once(attachment.content), attachment.filename, actor.email, clock.now()))["_id"])

    return keep
