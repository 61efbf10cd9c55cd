"""Webhooks out, by Standard Webhooks: `webhook-id` (the notice's id), `webhook-timestamp`,
`webhook-signature`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson

from services.notifier.courier.webhook_keys import sign_headers
from shared.channels.http import post
from shared.channels.outcome import Accepted, Outcome, Rejected, TryLater, shorten
from shared.events import Via
from shared.markup import RenderTarget, message_html

USER_AGENT = "Signalbox-Webhooks/1"


def verdict_on(status: int, said: str) -> Outcome:
    """2xx took it; 410 wants no more; anything else may be mended at the far end within the 72 h,
    so it is tried again.
    """
    words = shorten(f"{status} {said}")
    if 200 <= status < 300:
        return Accepted(words)
    return Rejected(words, gone=True) if status == 410 else TryLater(words)


def with_html(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload with `body_html` beside each `body` that people wrote: the HTML of our own pages.
    The text stays as it is. News of the status page come as they are.
    """
    data = payload.get("data")
    # Data of another shape has no texts of people.
    if not isinstance(data, Mapping):
        return payload
    filled = {
        name: {
            **said,
            "body_html": message_html(said["body"], is_plain=is_plain, shape=RenderTarget.DATA),
        }
        for name in ("ticket", "reply")
        if isinstance(said := data.get(name), Mapping) and isinstance(said.get("body"), str)
        # What opened a ticket does not say by which way it came, so it counts as mail.
        for is_plain in (said.get("via", Via.EMAIL) == Via.EMAIL,)
    }
    return {**payload, "data": {**data, **filled}} if filled else payload


async def send(
    http: aiohttp.ClientSession,
    url: str,
    secrets: tuple[str, ...],
    message_id: str,
    payload: Mapping[str, Any],
    at: datetime,
    timeout: timedelta,
) -> Outcome:
    """Send once. `at` is the real time of sending: receivers refuse a timestamp that is some
    minutes off.
    """
    # Signed and sent are the same bytes: JSON made twice could differ.
    body = orjson.dumps(payload)
    try:
        headers = sign_headers(secrets, message_id, at, body)
    except ValueError as error:
        # A secret that cannot be read will not be read at the next try either.
        return Rejected(f"the receiver's webhook secret cannot be used: {error}")
    headers |= {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    return await post(http, url, body, headers, timeout, judged_by=verdict_on)
