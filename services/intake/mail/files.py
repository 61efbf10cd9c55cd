"""Attachments of mail, kept as those of the API are: the id stands in the request."""

from __future__ import annotations

import structlog

from services.intake.files.attachments import Attachments
from services.intake.files.blobs import stream_bytes
from services.intake.mail.admission.requests import KeptFile
from services.intake.mail.queue.processor import KeepFile
from services.intake.mail.reading.models import Attachment
from shared.clock import Clock
from shared.errors import Refused
from shared.events import Actor

log = structlog.get_logger()

# The status of `disk-full`: the only refusal that passes by itself.
DISK_FULL = 503


def keep_with(files: Attachments, clock: Clock) -> KeepFile:
    """Keep each among `files`, as its sender's."""

    async def keep(attachment: Attachment, actor: Actor) -> KeptFile:
        """Without an id where it is left out: it is empty, or a virus. Raises Refused when the disk
        is full: the mail comes again.
        """
        # Held in memory already: the attachments' way of reading a stream is not needed.
        try:
            document = await files.keep(
                stream_bytes(attachment.content), attachment.filename, actor.email, clock.now()
            )
        except Refused as error:
            if error.status == DISK_FULL:
                # Raised so that the whole mail waits; any other refusal would be the same at the
                # next try.
                raise
            log.warning(
                "an attachment of a mail is left out", name=attachment.filename, reason=error.code
            )
            return KeptFile(attachment.filename, why_not=error.code)
        return KeptFile(attachment.filename, str(document["_id"]))

    return keep
