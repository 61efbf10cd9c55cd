"""Which secrets a webhook is signed with. Pure.

Two can be live at once, so that a receiver can change its secret without losing one delivery: the
request then carries a signature by each, and any of them will do (Standard Webhooks,
"webhook-signature … space delimited list of signatures").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_PREFIX = "whsec_"


def derive_secret(name: str, house_secret: bytes) -> str:
    """The secret of a receiver that has none of its own."""
    return (
        _PREFIX
        + base64.b64encode(
            hmac.digest(house_secret, f"webhook:{name}".encode(), hashlib.sha256)
        ).decode()
    )


def secrets_of(
    name: str, provider: Mapping[str, Any] | None, house_secret: bytes
) -> tuple[str, ...]:
    """The live secrets of a receiver, `whsec_<base64>`: its directory document's, the newer first,
    else one derived from ours.
    """
    # The newer first: its signature stands first in the header.
    found = [
        str((provider or {}).get(field) or "")
        for field in ("webhook_secret", "webhook_secret_previous")
    ]
    own = tuple(dict.fromkeys(filter(None, found)))
    return own or (derive_secret(name, house_secret),)


def sign_headers(
    secrets: tuple[str, ...], message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The headers a receiver verifies with any Standard Webhooks library. Raises ValueError for a
    secret that is not base64.
    """
    # Whole seconds, as Standard Webhooks says.
    timestamp = str(int(at.timestamp()))
    said = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, said) for secret in secrets),
    }


def _signature(secret: str, said: bytes) -> str:
    # Two more `=` never hurt: decoding ignores what is too much.
    key = base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    return "v1," + base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode()
