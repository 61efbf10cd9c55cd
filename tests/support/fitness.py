"""Whether what came out of a mail is fit for everything behind it: logs, headers, JSON, MongoDB, a
browser's download.
"""

from __future__ import annotations

from services.intake.mail.reading.models import MailContent

BREAKS = "\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def unfit(reading: MailContent) -> list[str]:
    """What is wrong, one line each; empty for a reading that is fit."""
    found = []
    written = reading.model_dump_json()
    if "\\u0000" in written or "\x00" in written:
        found.append("a NUL")
    try:
        written.encode("utf-8")
    except UnicodeEncodeError:
        found.append("a lone surrogate")
    automatic = reading.automatic.reason if reading.automatic else ""
    failed = [
        text
        for one in (reading.bounce.recipients if reading.bounce else ())
        for text in (one.address, one.status, one.action, one.diagnostic)
    ]
    people = [
        text
        for one in (*reading.to, *reading.cc, *reading.reply_to)
        for text in (one.address, one.name)
    ]
    names = [
        text
        for one in reading.attachments
        for text in (one.filename, one.content_id, one.declared_type, one.content_type)
    ]
    ids = [
        reading.message_id or "",
        *reading.references,
        *reading.in_reply_to,
        (reading.bounce and reading.bounce.original_id) or "",
    ]
    lines = [
        reading.subject,
        reading.from_name,
        reading.from_address,
        automatic,
        *failed,
        *people,
        *names,
        *ids,
    ]
    found += [
        f"more than a line: {line!r}" for line in lines if any(mark in line for mark in BREAKS)
    ]
    for one in reading.attachments:
        if (
            not one.filename
            or any(mark in one.filename for mark in "/\\")
            or one.filename.startswith(".")
        ):
            found.append(f"the file name {one.filename!r}")
        if one.size != len(one.content):
            found.append(f"the size of {one.filename!r}")
    if bool(reading.reply.strip()) != bool(reading.text.strip()):
        found.append("the reply was lost")
    if reading.html and any(
        word in reading.html.lower() for word in ("<script", "<img", "<style", "<iframe", "<form")
    ):
        found.append("markup that should be gone")
    return found
