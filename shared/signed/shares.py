"""The token of a link that shares a ticket: made here from the secret, kept by nobody (the log
holds its hash). Pure.

`<ticket>.<nonce>.<HMAC-SHA256>`, base64url without padding. The nonce comes from the request's id,
so a repeated request answers with the same link. Whether a link is still good the router knows;
that a token was made here at all is seen by itself, so nobody can find out which tickets exist by
trying.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

from shared.errors import Refused

GOOD_FOR = timedelta(days=30)
# 50 bits of the request's id: two links of a ticket never have the same.
_NONCE = 10


def share_token(secret: str, ticket: str, request_id: str) -> str:
    """The token that `request_id` makes for `ticket`."""
    nonce = request_id[-_NONCE:]
    return f"{ticket}.{nonce}.{_seal(secret, ticket, nonce)}"


def check_token(secret: str, ticket: str, token: str) -> str:
    """The token's hash, as the log holds it. Raises Refused `share-gone` (410) for one that was not
    made here for `ticket`.
    """
    named, _, rest = token.partition(".")
    nonce, _, seal = rest.partition(".")
    # The ticket stands in the token and in the seal: both must be the one that is asked for.
    if named != ticket or not hmac.compare_digest(
        seal.encode(), _seal(secret, ticket, nonce).encode()
    ):
        raise make_gone_refusal()
    return token_hash(token)


def make_gone_refusal() -> Refused:
    """The refusal of a link that was never made here, was ended or has expired."""
    return Refused(
        "share-gone",
        "This link is not good, or no longer. Ask whoever sent it for a new one.",
        status=410,
    )


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _seal(secret: str, ticket: str, nonce: str) -> str:
    sealed = hmac.digest(secret.encode(), f"signalbox.share\0{ticket}\0{nonce}".encode(), "sha256")
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
