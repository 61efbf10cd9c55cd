"""What every decision on an incident, maintenance or announcement stands on: who may ask, in which state, what a fact carries. Pure."""

from __future__ import annotations

from typing import Any

from services.router.incident_row import State, StatusRow
from shared.access import may_report
from shared.errors import Refused
from shared.events import SYSTEM, Stamp, StatusRequest, StatusRequestRefused, UpdateIncident
from shared.events import incident_requests as asked
from shared.ids import derive

STATES: dict[type[StatusRequest], frozenset[State]] = {
    asked.OpenIncident: frozenset({State.NOTHING}),
    asked.UpdateIncident: frozenset({State.DRAFT, State.OPEN, State.RESOLVED, State.SCHEDULED, State.STARTED, State.ENDED}),
    asked.PublishIncident: frozenset({State.DRAFT}),
    asked.ResolveIncident: frozenset({State.DRAFT, State.OPEN}),
    asked.PublishPostmortem: frozenset({State.RESOLVED}),
    asked.RaiseAlert: frozenset({State.NOTHING, State.DRAFT, State.OPEN, State.RESOLVED, State.DROPPED}),
    asked.ScheduleMaintenance: frozenset({State.NOTHING}),
    asked.MakeAnnouncement: frozenset({State.NOTHING}),
    asked.RescheduleMaintenance: frozenset({State.SCHEDULED, State.STARTED}),
    asked.EndMaintenance: frozenset({State.STARTED}),
    asked.CancelMaintenance: frozenset({State.SCHEDULED}),
}
"""The state machine: request → the states that have room for it. What is absent is refused."""

OPENS = frozenset({asked.OpenIncident, asked.ScheduleMaintenance, asked.MakeAnnouncement, asked.RaiseAlert})
"""Requests that may begin something."""


def check(row: StatusRow, request: StatusRequest) -> None:
    """Raises Refused: not theirs to ask (what they may not see does not exist), or no room for it in this state."""
    begins = row.state is State.NOTHING
    if begins and type(request) not in OPENS:
        raise Refused("no-such-incident", "There is nothing under this id.")
    provider = getattr(request, "provider", None) if begins else row.provider
    named = getattr(request, "components", None) or ()
    if not may_report(request.actor, provider, (*row.components, *named)):
        if begins or row.provider == request.actor.provider is not None:
            raise Refused("not-allowed", "Ops may do this for the whole platform, a provider's users for their own add-on alone.")
        raise Refused("no-such-incident", "There is nothing under this id.")
    if row.state not in STATES[type(request)]:
        if type(request) in OPENS:
            raise Refused("idempotency-key-reused", "This Idempotency-Key has begun something else already; use a new one.")
        raise Refused("not-in-this-state", f"The {row.aggregate} is {row.state}: {request.type} is not possible any more, or not yet.")


def about(request: StatusRequest) -> dict[str, Any]:
    """What every fact says of the request it comes from."""
    return {"at": request.at, "by": request.actor.email, "policy": request.policy}


def of_timer(at: Any, stamp: Stamp) -> dict[str, Any]:
    """The same for a fact that time brought."""
    return {"at": at, "by": SYSTEM.email, "policy": stamp}


def context(row: StatusRow) -> dict[str, Any]:
    """What every fact carries so that its readers need no look-up."""
    return {
        "title": row.title, "components": row.components, "impact": row.impact, "provider": row.provider,
        "draft": row.state in (State.DRAFT, State.DROPPED),
    }  # fmt: skip


def update_id(request: StatusRequest) -> str:
    """The update that a request makes."""
    return derive("upd", request.id)


def refused(row: StatusRow, request: StatusRequest, refusal: Refused) -> StatusRequestRefused:
    hidden = row.state in (State.NOTHING, State.DRAFT, State.DROPPED)
    return StatusRequestRefused(
        **about(request), title=row.title, provider=row.provider, draft=hidden, request_type=request.type, code=refusal.code,
        reason=refusal.detail,
    )  # fmt: skip


def is_said_aloud(row: StatusRow, request: UpdateIncident) -> bool:
    """Whether the public is to see an update."""
    return not request.internal and row.state not in (State.DRAFT, State.DROPPED)
