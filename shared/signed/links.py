"""Signed links: whoever holds one may do one thing to one page until it expires. Pure.

A token is `<person>.<expiry, seconds since 1970>.<HMAC-SHA256 over purpose, page, person and
expiry>`, base64url without padding. It is bound to its purpose and page, which stand in the address
and not in the token.
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
"""What stands for the page is then the schedule and since when the account's links count
(`calendar_of`), and for the person the account's address.
"""

TAKE_PART = "take-part"
"""In a ticket that stands for the page; the person is the address that was asked."""
SUBSCRIBE, UNSUBSCRIBE = "subscribe", "unsubscribe"
"""Of a subscription to the status; the person is its address or webhook."""
SET_UP = "set-up"
"""Makes the person an administrator; what stands for the page is how things stood when it was made
(`services/intake/accounts/set_up.py`).
"""
OPERATOR = "operator"
"""Whoever holds the installation's secret asks for a set-up link; the page is the address."""
RESET_PASSWORD = "reset-password"  # noqa: S105 (a purpose, no password)
"""Sets a new password of the person's account; what stands for the page is the password as it is
(`shared/people/sign_in.py`, `standing_of`).
"""
INVITATION = "invitation"
"""Makes an account of the person; what stands for the page is the invitation as it was sent."""
SECOND_STEP = "second-step"
"""The person has given their password, and the second step is asked for; what stands for the page
is the password as it is.
"""
PROVIDER_ROLES = "provider-roles"
"""The portal says which roles the person's groups at the OpenID provider give; what stands for the
page are those roles.
"""
OPT_OUT = "opt-out"
"""Of a provider's announcements, whose slug stands for the page; the person is an e-mail
address.
"""


@dataclass(frozen=True, slots=True)
class Link:
    """What a valid token says: the person it was made for (their name in the on-call document) and
    until when it counts.
    """

    person: str
    expires_at: datetime


def sign(secret: bytes, purpose: str, page: str, person: str, expires_at: datetime) -> str:
    """The token. The same arguments give the same token."""
    expiry = int(expires_at.timestamp())
    return f"{_encode(person.encode())}.{expiry}.{_mac(secret, purpose, page, person, expiry)}"


def verify(secret: bytes, token: str, purpose: str, page: str, now: datetime) -> Link | None:
    """What the token says, or None: forged, for something else, expired or malformed. Compares in
    constant time.
    """
    # A token comes from outside: anything may stand in it, and all of it is only "no".
    try:
        name, expiry_text, mac = token.split(".")
        person, expiry = _decode(name).decode(), int(expiry_text)
        expires_at = datetime.fromtimestamp(expiry, UTC)
    except (ValueError, OverflowError, OSError, binascii.Error):
        return None
    # Checked before the time: a forged link must look the same, expired or not.
    genuine = hmac.compare_digest(
        mac.encode(), _mac(secret, purpose, page, person, expiry).encode()
    )
    return Link(person, expires_at) if genuine and now < expires_at else None


def read_claimed_person(token: str) -> str:
    """Whom a token says it was made for, not yet proved; empty where it says nobody."""
    try:
        return _decode(token.partition(".")[0]).decode()
    except (ValueError, binascii.Error):
        return ""


def calendar_of(about: str, links_since: str | None) -> str:
    """What stands for the page in a calendar's link: `about`, and the account's `links_since`, so
    that all links made before it is moved are worth nothing from then on.
    """
    return f"{about}\0{links_since}" if links_since else about


def ack_url(secret: bytes, public_url: str, page: str, person: str, expires_at: datetime) -> str:
    """Where `person` acknowledges `page`: GET shows it with a button, POST acknowledges."""
    token = sign(secret, ACKNOWLEDGE, page, person, expires_at)
    return f"{public_url.rstrip('/')}/pages/{quote(page, safe='')}/ack?token={token}"


def _mac(secret: bytes, purpose: str, page: str, person: str, expiry: int) -> str:
    hasher = hmac.new(secret, digestmod=hashlib.sha256)
    for part in ("signalbox-link", purpose, page, person, str(expiry)):
        # The length before each part: no two lists of parts give the same bytes.
        raw = part.encode()
        hasher.update(b"%d:" % len(raw))
        hasher.update(raw)
    return _encode(hasher.digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
