"""What the channels send through: connections and addresses of ours, opened once by app.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import aiohttp


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
