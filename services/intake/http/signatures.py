"""Requests of machines that sign instead of showing a token: Standard Webhooks
(standardwebhooks.com). Pure.

`webhook-signature` holds one or more `v1,<base64 of HMAC-SHA256>` over
`<webhook-id>.<webhook-timestamp>.<body>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.errors import Refused

TOLERANCE = timedelta(minutes=5)
"""How old, or ahead of our clock, a signature may be: the specification's."""

# Standard Webhooks writes secrets so. A key without the prefix is read too.
_PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key of a `whsec_…` secret. Raises ValueError for what is no such secret, or too short to
    be one.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a signing secret is whsec_ and base64") from error
    # The specification asks for 24 to 64 bytes; a shorter one is taken too, down to 16.
    if not 16 <= len(key) <= 64:
        raise ValueError("a signing secret has 16 to 64 bytes")
    return key


def check(key: bytes, headers: Mapping[str, str], raw: bytes, now: datetime) -> str:
    """The `webhook-id`, where one of the signatures is good and fresh. Raises Refused
    `bad-signature` (401), whatever is wrong.
    """
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    # At most 12 digits: `fromtimestamp` fails on numbers that are no date.
    if not name or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        raise _bad("It needs the headers webhook-id, webhook-timestamp and webhook-signature.")
    if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > TOLERANCE:
        raise _bad("It is too old, or from the future: compare the clocks.")
    wanted = base64.b64encode(hmac.digest(key, f"{name}.{stamp}.".encode() + raw, hashlib.sha256))
    # Several signatures come while a sender changes its secret; one good one is enough.
    given = [part.partition(",") for part in headers.get("webhook-signature", "").split()]
    if not any(
        # In constant time, so that nobody finds a signature byte by byte.
        version == "v1" and hmac.compare_digest(found.encode(), wanted)
        for version, _, found in given
    ):
        raise _bad("It does not fit the body and the secret.")
    return name


def _bad(why: str) -> Refused:
    return Refused("bad-signature", f"The signature is not good. {why}", status=401)
