"""Attachments of mail, kept as those of the API are: bytes in `Blobs`, named by an id that stands in the request."""

from __future__ import annotations

from services.intake.blobs import Blobs
from services.intake.mail.desk import KeepFile
from services.intake.mail.reading.shape import Attachment
from shared.events import Actor


def keep_with(blobs: Blobs) -> KeepFile:
    """Keep each in `blobs`."""

    async def keep(attachment: Attachment, actor: Actor) -> str:
        about = {"name": attachment.filename, "content_type": attachment.content_type, "by": actor.email}
        return f"att_{await blobs.keep(attachment.content, about)}"

    return keep
