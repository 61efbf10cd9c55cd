"""Complaints about a mail of ours: ARF (RFC 5965), as providers send it when somebody presses "this
is spam".
"""

from __future__ import annotations

import re

from services.intake.mail.reading.fields import even_line_ends, read_fields
from services.intake.mail.reading.machines.bounce import REPORT_MOST, original_fields, original_id
from services.intake.mail.reading.models import Bounce, FailedRecipient
from services.intake.mail.reading.structure import MimePart
from services.intake.mail.reading.text.decoding import content_of
from services.intake.mail.reading.text.words import decode, one_line

# Bounded: a report is written by strangers.
_RECIPIENTS_MOST = 20
# A word that may be shown and counted; anything else is no type of feedback.
_WORD = re.compile(r"[a-z][a-z0-9-]{0,39}")


def complaint_of(raw: bytes, message: MimePart) -> Bounce | None:
    """The complaint that `message` is, or None. Who complained may have been struck out (RFC 6590):
    then `recipients` is empty.
    """
    if (
        message.kind != "multipart/report"
        or message.parameters.get("report-type", "").lower() != "feedback-report"
    ):
        return None
    report = next((part for part in message.walk() if part.kind == "message/feedback-report"), None)
    if report is None:
        return None
    content = even_line_ends(content_of(raw, report, [])[:REPORT_MOST])
    fields = read_fields(content.strip() + b"\n\n", 0, len(content.strip()) + 2, [])[0]
    said = [(name, one_line(decode(value, "utf-8")[0], 254)) for name, value in fields]
    kind = next((value.lower() for name, value in said if name == "feedback-type"), "")
    if not _WORD.fullmatch(kind):
        return None
    people = dict.fromkeys(value.strip("<> ") for name, value in said if name == "original-rcpt-to")
    # Return paths prove that the reporter had a mail of ours, even where its recipient is struck
    # out.
    paths = [value.strip("<> ") for name, value in said if name == "original-mail-from"]
    paths += [
        one_line(value.decode("latin-1"), 254).strip("<> ")
        for name, value in original_fields(raw, message)
        if name == "return-path"
    ]
    recipients = [
        FailedRecipient(address=each, action="complained") for each in people if "@" in each
    ][:_RECIPIENTS_MOST]
    return Bounce(
        recipients=tuple(recipients),
        original_id=original_id(raw, message),
        standard=True,
        complaint=kind,
        return_paths=tuple(paths[:5]),
    )
