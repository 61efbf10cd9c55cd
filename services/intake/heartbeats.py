"""Heartbeats: whoever watches something of their own says regularly that it runs; the auditor pages ops when it stops."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from services.intake.domain import Asked
from services.intake.forms import Form
from shared import events as e
from shared.errors import Refused
from shared.ids import derive
from shared.policy import DeskPolicy
from shared.policy.desk import read_span

SHORTEST, LONGEST = timedelta(seconds=30), timedelta(days=7)

MOST_NAMES = 20
"""Heartbeats of one account."""

Every = Annotated[timedelta, BeforeValidator(read_span), Field(strict=False, ge=SHORTEST, le=LONGEST)]


class HeartbeatForm(Form):
    """`every`: the next one comes within it, such as `5m`."""

    every: Every = timedelta(minutes=5)


class Names:
    """The heartbeats of each account that this process has heard: each that falls silent wakes somebody, so they are few."""

    def __init__(self) -> None:
        self._of: dict[str, set[str]] = {}

    def note(self, email: str, name: str) -> None:
        """Raises Refused `too-many` (422) for one more than an account may have."""
        mine = self._of.setdefault(email.lower(), set())
        if name not in mine and len(mine) >= MOST_NAMES:
            raise Refused("too-many", f"One account has {MOST_NAMES} heartbeats at most. End one of them, or use its name.", status=422)
        mine.add(name)

    def end(self, email: str, name: str) -> None:
        self._of.get(email.lower(), set()).discard(name)


def heartbeat(name: str, every: timedelta | None, plan: e.Plan, policy: DeskPolicy, asked: Asked) -> e.Heartbeat:
    """The event. Staff, and customers whose urgent tickets page, are watched for; raises Refused `forbidden` for others."""
    if not asked.actor.is_staff and plan not in policy.pages:
        raise Refused("forbidden", "Heartbeats are watched for customers whose urgent tickets wake our engineers.", status=403)
    key = derive("hbt", asked.actor.email.lower(), name)
    return e.Heartbeat(id=derive("req", key, asked.idempotency_key), key=key, at=asked.at, name=name, every=every, actor=asked.actor)
