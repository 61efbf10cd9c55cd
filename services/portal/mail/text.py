"""What a held message says, for the agent who decides whether it may come in. Pure.

Only its text: nothing is drawn of HTML, no file is opened, secrets are masked as in tickets. The
full reading is intake's (`services/intake/mail/reading/`), in a child with limits; this one reads
the first text part alone, of a message of bounded size.
"""

from __future__ import annotations

import email
import re
from email.message import EmailMessage
from email.policy import default
from html import unescape

from shared.text.ansi import readable
from shared.text.redact import redact_quickly

MOST_RAW = 2 * 1024 * 1024
"""Bytes of a message that is read here; a larger one can be saved."""
# Characters that an agent reads to decide; the mail itself has the rest.
MOST_TEXT = 20_000
# Read in this order: what is never shown, what ends a line, and all other tags.
_SKIPPED = re.compile(r"(?is)<(script|style|head)\b.*?</\1\s*>")
_BREAKS = re.compile(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>")
_TAGS = re.compile(r"<[^>]*>")


def text_of(raw: bytes) -> str | None:
    """The text; None where the message has none, or is too large or too odd to be read here."""
    if len(raw) > MOST_RAW:
        return None
    try:
        message = email.message_from_bytes(raw, policy=default)
        assert isinstance(message, EmailMessage)
        # Plain before HTML: it needs no reading of tags.
        part = message.get_body(("plain", "html"))
        content = part.get_content() if part is not None else ""
        kind = part.get_content_subtype() if part is not None else ""
    except (ValueError, LookupError, AttributeError, TypeError, KeyError, RecursionError):
        # A mail can be broken in any way; the page shows the rest of it.
        return None
    text = _plain(content) if kind == "html" else content
    # Secrets are masked in a little more than is shown, since one may lie across the end.
    text = redact_quickly(readable(text.replace("\r\n", "\n")))[: MOST_TEXT + 1].strip()
    return (text[:MOST_TEXT] + "…" if len(text) > MOST_TEXT else text) or None


def _plain(page: str) -> str:
    lines = unescape(_TAGS.sub("", _BREAKS.sub("\n", _SKIPPED.sub("", page)))).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines)
