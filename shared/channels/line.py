"""What the channels send through: connections and addresses of ours, opened once by app.py."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from pydantic import SecretStr

from shared.channels.guard import connector
from shared.clock import Clock
from shared.settings import PagingSettings


@dataclass(frozen=True, slots=True)
class Twilio:
    """Our account there: `sender` is a number of ours in E.164, or the id of a messaging service
    (`MG…`).
    """

    account: str
    token: SecretStr
    sender: str
    url: str


@dataclass(frozen=True)
class ChannelContext:
    """`http` goes through the guard; `secret` signs; `now` is business time. `twilio`: None where
    no account is set.

    `answers_to`: our support address, at whose tagged forms people answer mail; empty: they cannot.
    """

    http: aiohttp.ClientSession
    now: Callable[[], datetime]
    secret: bytes
    pagerduty_url: str
    smtp_host: str
    smtp_port: int
    mail_from: str
    twilio: Twilio | None = None
    answers_to: str = ""


def twilio_of(settings: PagingSettings) -> Twilio | None:
    """The account, where all of it is set."""
    # All or nothing: half an account could send nothing.
    if settings.twilio_token is None or not settings.twilio_account or not settings.twilio_from:
        return None
    return Twilio(
        settings.twilio_account, settings.twilio_token, settings.twilio_from, settings.twilio_url
    )


@contextlib.asynccontextmanager
async def open_line(
    settings: PagingSettings, secret: str, clock: Clock
) -> AsyncIterator[ChannelContext]:
    """The lines out of a process."""
    async with aiohttp.ClientSession(
        connector=connector(allow_private=settings.private_webhooks_allowed)
    ) as http:
        yield ChannelContext(
            http=http,
            now=clock.now,
            secret=secret.encode(),
            pagerduty_url=settings.pagerduty_url,
            smtp_host=settings.relay_host,
            smtp_port=settings.relay_port,
            mail_from=settings.pager_mail_from,
            twilio=twilio_of(settings),
            answers_to=settings.support_address,
        )
