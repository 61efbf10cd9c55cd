"""Heartbeats: whoever watches something of their own says regularly that it runs; the auditor pages
ops when it stops.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from services.intake.domain import RequestContext
from services.intake.forms import Form
from shared import events as e
from shared.errors import Refused
from shared.ids import derive
from shared.people.folding import fold_address
from shared.policy import DeskPolicy
from shared.policy.scalars import read_span

# Shorter ones would be noise; longer ones would notice nothing in time.
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(days=7)

MOST_NAMES = 20
"""Heartbeats of one account."""

Every = Annotated[
    timedelta, BeforeValidator(read_span), Field(strict=False, ge=SHORTEST, le=LONGEST)
]


class HeartbeatForm(Form):
    """`every`: the next one comes within it, such as `5m`."""

    every: Every = timedelta(minutes=5)


class HeartbeatNames:
    """The heartbeats of each account that this process has heard: each that falls silent wakes
    somebody, so they are few.
    """

    def __init__(self) -> None:
        self._of: dict[str, set[str]] = {}

    def note(self, email: str, name: str) -> None:
        """Raises Refused `too-many` (422) for one more than an account may have."""
        # Counted in this process only: it keeps a loop from waking people by the hundred.
        mine = self._of.setdefault(fold_address(email), set())
        if name not in mine and len(mine) >= MOST_NAMES:
            raise Refused(
                "too-many",
                f"One account has {MOST_NAMES} heartbeats at most. End one of them, or use its "
                "name.",
                status=422,
            )
        mine.add(name)

    def end(self, email: str, name: str) -> None:
        self._of.get(fold_address(email), set()).discard(name)


def heartbeat(
    name: str, every: timedelta | None, plan: e.Plan, policy: DeskPolicy, asked: RequestContext
) -> e.Heartbeat:
    """The event. Staff, and customers whose urgent tickets page, are watched for; raises Refused
    `forbidden` for others.
    """
    # Whom urgent tickets do not page is not woken for by heartbeats either.
    if not asked.actor.is_staff and plan not in policy.pages:
        raise Refused(
            "forbidden",
            "Heartbeats are watched for customers whose urgent tickets wake our engineers.",
            status=403,
        )
    # By account and name, so that two customers may use the same name.
    key = derive("hbt", fold_address(asked.actor.email), name)
    return e.Heartbeat(
        id=derive("req", key, asked.idempotency_key),
        key=key,
        at=asked.at,
        name=name,
        every=every,
        actor=asked.actor,
    )
