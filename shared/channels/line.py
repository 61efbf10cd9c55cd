"""What the channels send through: connections and addresses of ours, opened once by app.py."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import aiohttp

from shared.channels.guard import connector
from shared.clock import Clock
from shared.settings import PagingSettings


@dataclass(frozen=True)
class Line:
    """`http` goes through the guard; `secret` signs; `now` is business time."""

    http: aiohttp.ClientSession
    now: Callable[[], datetime]
    secret: bytes
    pagerduty_url: str
    smtp_host: str
    smtp_port: int
    mail_from: str


@contextlib.asynccontextmanager
async def open_line(settings: PagingSettings, secret: str, clock: Clock) -> AsyncIterator[Line]:
    """The lines out of a process."""
    async with aiohttp.ClientSession(connector=connector(allow_private=settings.private_webhooks_allowed)) as http:
        yield Line(
            http=http, now=clock.now, secret=secret.encode(), pagerduty_url=settings.pagerduty_url, smtp_host=settings.relay_host,
            smtp_port=settings.relay_port, mail_from=settings.pager_mail_from,
        )  # fmt: skip
