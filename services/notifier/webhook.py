"""Webhooks out, by Standard Webhooks: `webhook-id` (the notice's id), `webhook-timestamp`, `webhook-signature`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson

from shared.channels.http import post
from shared.channels.outcome import Accepted, Outcome, Refused, TryLater, shortened

USER_AGENT = "Signalbox-Webhooks/1"
_PREFIX = "whsec_"


def secret_of(slug: str, provider: Mapping[str, Any] | None, house_secret: bytes) -> str:
    """The signing secret of a provider, `whsec_<base64>`: its directory document's `webhook_secret`, else one derived from ours."""
    own = str((provider or {}).get("webhook_secret") or "")
    if own:
        return own
    return _PREFIX + base64.b64encode(hmac.digest(house_secret, f"webhook:{slug}".encode(), hashlib.sha256)).decode()


def signed_headers(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers a receiver verifies with any Standard Webhooks library. Raises ValueError for a secret that is not base64."""
    key = base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    timestamp = str(int(at.timestamp()))
    signature = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }


def verdict_on(status: int, said: str) -> Outcome:
    """2xx took it; 410 wants no more; anything else may be mended at the far end within the 72 h, so it is tried again."""
    words = shortened(f"{status} {said}")
    if 200 <= status < 300:
        return Accepted(words)
    return Refused(words) if status == 410 else TryLater(words)


async def send(
    http: aiohttp.ClientSession, url: str, secret: str, message_id: str, payload: Mapping[str, Any], at: datetime, timeout: timedelta
) -> Outcome:
    """Send once. `at` is the real time of sending: receivers refuse a timestamp that is some minutes off."""
    body = orjson.dumps(payload)
    try:
        headers = signed_headers(secret, message_id, at, body)
    except ValueError as error:
        return Refused(f"the provider's webhook secret cannot be used: {error}")
    headers |= {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    return await post(http, url, body, headers, timeout, judged_by=verdict_on)
