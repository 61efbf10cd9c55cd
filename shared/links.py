"""Signed links: whoever holds one may do one thing to one page until it expires. Pure.

A token is `<person>.<expiry, seconds since 1970>.<HMAC-SHA256 over purpose, page, person and expiry>`, base64url without
padding. It is bound to its purpose and page, which stand in the address and not in the token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

ACKNOWLEDGE = "acknowledge-page"
CONFIRM_SENDER = "confirm-sender"
"""Of a ticket that came by mail; the person is an e-mail address."""
CALENDAR = "on-call-calendar"
"""What stands for the page is then the schedule, and for the person the account's address."""

SUBSCRIBE, UNSUBSCRIBE = "subscribe", "unsubscribe"
"""Of a subscription to the status; the person is its address or webhook."""
OPT_OUT = "opt-out"
"""Of a provider's announcements, whose slug stands for the page; the person is an e-mail address."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a valid token says: the person it was made for (their name in the on-call document) and until when it counts."""

    person: str
    expires_at: datetime


def sign(secret: bytes, purpose: str, page: str, person: str, expires_at: datetime) -> str:
    """The token. The same arguments give the same token."""
    expiry = int(expires_at.timestamp())
    return f"{_encode(person.encode())}.{expiry}.{_mac(secret, purpose, page, person, expiry)}"


def verify(secret: bytes, token: str, purpose: str, page: str, now: datetime) -> Link | None:
    """What the token says, or None: forged, for something else, expired or malformed. Compares in constant time."""
    try:
        name, expiry_text, mac = token.split(".")
        person, expiry = _decode(name).decode(), int(expiry_text)
        expires_at = datetime.fromtimestamp(expiry, UTC)
    except (ValueError, OverflowError, OSError, binascii.Error):
        return None
    genuine = hmac.compare_digest(mac.encode(), _mac(secret, purpose, page, person, expiry).encode())
    return Link(person, expires_at) if genuine and now < expires_at else None


def ack_url(secret: bytes, public_url: str, page: str, person: str, expires_at: datetime) -> str:
    """Where `person` acknowledges `page`: GET shows it with a button, POST acknowledges."""
    token = sign(secret, ACKNOWLEDGE, page, person, expires_at)
    return f"{public_url.rstrip('/')}/pages/{quote(page, safe='')}/ack?token={token}"


def _mac(secret: bytes, purpose: str, page: str, person: str, expiry: int) -> str:
    hasher = hmac.new(secret, digestmod=hashlib.sha256)
    for part in ("signalbox-link", purpose, page, person, str(expiry)):
        raw = part.encode()
        hasher.update(b"%d:" % len(raw))
        hasher.update(raw)
    return _encode(hasher.digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
