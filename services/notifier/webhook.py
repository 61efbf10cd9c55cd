"""Webhooks out, by Standard Webhooks: `webhook-id` (the notice's id), `webhook-timestamp`, `webhook-signature`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson

from services.notifier.webhook_keys import signed_headers
from shared.channels.http import post
from shared.channels.outcome import Accepted, Outcome, Refused, TryLater, shortened

USER_AGENT = "Signalbox-Webhooks/1"


def verdict_on(status: int, said: str) -> Outcome:
    """2xx took it; 410 wants no more; anything else may be mended at the far end within the 72 h, so it is tried again."""
    words = shortened(f"{status} {said}")
    if 200 <= status < 300:
        return Accepted(words)
    return Refused(words) if status == 410 else TryLater(words)


async def send(
    http: aiohttp.ClientSession, url: str, secrets: tuple[str, ...], message_id: str, payload: Mapping[str, Any], at: datetime,
    timeout: timedelta,
) -> Outcome:  # fmt: skip
    """Send once. `at` is the real time of sending: receivers refuse a timestamp that is some minutes off."""
    body = orjson.dumps(payload)
    try:
        headers = signed_headers(secrets, message_id, at, body)
    except ValueError as error:
        return Refused(f"the receiver's webhook secret cannot be used: {error}")
    headers |= {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    return await post(http, url, body, headers, timeout, judged_by=verdict_on)
