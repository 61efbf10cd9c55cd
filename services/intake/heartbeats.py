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

Every = Annotated[timedelta, BeforeValidator(read_span), Field(strict=False, ge=SHORTEST, le=LONGEST)]


class HeartbeatForm(Form):
    """`every`: the next one comes within it, such as `5m`."""

    every: Every = timedelta(minutes=5)


def heartbeat(name: str, every: timedelta | None, plan: e.Plan, policy: DeskPolicy, asked: Asked) -> e.Heartbeat:
    """The event. Staff, and customers whose urgent tickets page, are watched for; raises Refused `forbidden` for others."""
    if not asked.actor.is_staff and plan not in policy.pages:
        raise Refused("forbidden", "Heartbeats are watched for customers whose urgent tickets wake our engineers.", status=403)
    key = derive("hbt", asked.actor.email.lower(), name)
    return e.Heartbeat(id=derive("req", key, asked.idempotency_key), key=key, at=asked.at, name=name, every=every, actor=asked.actor)
