"""Which messages are one letter: the same mail that came by two paths (SMTP and a gateway; to us
and to a list we are on). Pure.

The bytes differ then: Received fields, a list's own headers, its tag in the subject and its footer,
the transfer encoding. What its author sent does not: author, Message-ID, Date, subject, text,
files. A mail without a Message-ID is itself alone. Two mails that share a Message-ID and differ in
anything their author wrote are two.
"""

from __future__ import annotations

import hashlib
import re

import orjson

from services.intake.mail.reading.models import MailContent

# A list's tag behind any number of reply marks, in the languages of the common mailers.
_LIST_TAG = re.compile(r"^((?:(?:re|fwd?|aw|wg|sv|tr)\s?:\s*)*)\[[^\]]{1,60}\]\s*", re.IGNORECASE)
_FOOTER = re.compile(
    r"\n(?:_{20,}|-{20,}|-- ?\n(?=you received this message because you are subscribed))",
    re.IGNORECASE,
)
"""How Mailman's and Google Groups' footers begin."""


def letter_of(reading: MailContent, author: str, digest: str) -> str:
    """The SHA-256 (hex) of what `author`, in lower case, sent; `digest`, the message's own, where
    it has no Message-ID.
    """
    # Without an id of the author's there is no proof that two mails are one.
    if not reading.message_id:
        return digest
    subject, text = reading.subject, reading.text
    # Only where the header says that a list sent it: elsewhere tag and footer are the author's
    # words.
    if reading.automatic is not None and reading.automatic.kind in ("list", "bulk"):
        subject = _LIST_TAG.sub(r"\1", subject)
        text = _FOOTER.split(text, maxsplit=1)[0]
    # What the author wrote, without the blanks that a transfer encoding may change.
    parts = [
        author,
        reading.message_id,
        reading.date.isoformat() if reading.date else "",
        " ".join(subject.split()),
        " ".join(text.split()),
        sorted(each.sha256 for each in reading.attachments),
    ]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()
