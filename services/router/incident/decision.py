"""What every decision on an incident, maintenance or announcement stands on: who may ask, in which
state, what a fact carries. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.router.incident.row import IncidentState, StatusRow, merge_components
from shared.access import may_report
from shared.errors import Refused
from shared.events import SYSTEM, Stamp, StatusRequest, StatusRequestRefused, UpdateIncident
from shared.events import incident_requests as asked
from shared.ids import derive

STATES: dict[type[StatusRequest], frozenset[IncidentState]] = {
    # Incidents: opened or drafted, updated, resolved, explained. Updates and corrections come after
    # the end, too.
    asked.OpenIncident: frozenset({IncidentState.NOTHING}),
    asked.UpdateIncident: frozenset(
        {
            IncidentState.DRAFT,
            IncidentState.OPEN,
            IncidentState.RESOLVED,
            IncidentState.SCHEDULED,
            IncidentState.STARTED,
            IncidentState.ENDED,
        }
    ),
    asked.CorrectIncident: frozenset(
        {
            IncidentState.DRAFT,
            IncidentState.OPEN,
            IncidentState.RESOLVED,
            IncidentState.SCHEDULED,
            IncidentState.STARTED,
            IncidentState.ENDED,
        }
    ),
    asked.PublishIncident: frozenset({IncidentState.DRAFT}),
    asked.ResolveIncident: frozenset({IncidentState.DRAFT, IncidentState.OPEN}),
    asked.PublishPostmortem: frozenset({IncidentState.RESOLVED}),
    # An alert is taken in every state that an incident can have: it is no order, but what a monitor
    # saw.
    asked.RaiseAlert: frozenset(
        {
            IncidentState.NOTHING,
            IncidentState.DRAFT,
            IncidentState.OPEN,
            IncidentState.RESOLVED,
            IncidentState.DROPPED,
        }
    ),
    # Maintenances and announcements. States `cancelled` and `made` stand nowhere: nothing follows
    # them.
    asked.ScheduleMaintenance: frozenset({IncidentState.NOTHING}),
    asked.MakeAnnouncement: frozenset({IncidentState.NOTHING}),
    asked.RescheduleMaintenance: frozenset({IncidentState.SCHEDULED, IncidentState.STARTED}),
    asked.EndMaintenance: frozenset({IncidentState.STARTED}),
    asked.CancelMaintenance: frozenset({IncidentState.SCHEDULED}),
}
"""The state machine: request → the states that have room for it. What is absent is refused."""

NO_CHANGES: Mapping[str, Any] = {}
_NEVER_TOLD = frozenset({IncidentState.NOTHING, IncidentState.DRAFT, IncidentState.DROPPED})
"""The public has heard nothing of it, so nobody need hear how it goes on."""

OPENS = frozenset(
    {asked.OpenIncident, asked.ScheduleMaintenance, asked.MakeAnnouncement, asked.RaiseAlert}
)
"""Requests that may begin something."""


def check(row: StatusRow, request: StatusRequest) -> None:
    """Raises Refused: not theirs to ask (what they may not see does not exist), or no room for it
    in this state.
    """
    begins = row.state is IncidentState.NOTHING
    # Nothing under this id, and the request does not begin anything.
    if begins and type(request) not in OPENS:
        raise Refused("no-such-incident", "There is nothing under this id.")
    # At the beginning the request says whose it is; later only the row counts.
    provider = getattr(request, "provider", None) if begins else row.provider
    named = getattr(request, "components", None) or ()
    if not may_report(request.actor, provider, (*row.components, *named)):
        # The true reason only for people who may see it; for others it does not exist.
        if begins or row.provider == request.actor.provider is not None:
            raise Refused(
                "not-allowed",
                "Ops may do this for the whole platform, a provider's users for their own add-on "
                "alone.",
            )
        raise Refused("no-such-incident", "There is nothing under this id.")
    if row.state not in STATES[type(request)]:
        # A second beginning under the same id is a reused Idempotency-Key, and says so.
        if type(request) in OPENS:
            raise Refused(
                "idempotency-key-reused",
                "This Idempotency-Key has begun something else already; use a new one.",
            )
        raise Refused(
            "not-in-this-state",
            f"The {row.aggregate} is {row.state}: {request.type} is not possible any more, or "
            "not yet.",
        )


def about(request: StatusRequest) -> dict[str, Any]:
    """What every fact says of the request it comes from."""
    return {"at": request.at, "by": request.actor.email, "policy": request.policy}


def of_timer(at: Any, stamp: Stamp) -> dict[str, Any]:
    """The same for a fact that time brought."""
    return {"at": at, "by": SYSTEM.email, "policy": stamp}


def context(row: StatusRow, changes: Mapping[str, Any] = NO_CHANGES) -> dict[str, Any]:
    """What every fact carries so that its readers need no look-up. `changes` replace what the row
    says.
    """
    found = {
        "title": row.title,
        "components": row.components,
        "impact": row.impact,
        "provider": row.provider,
        "draft": row.state in (IncidentState.DRAFT, IncidentState.DROPPED),
        **changes,
    }
    now = {component.id for component in found["components"]}
    # What was public once and is not affected now: its subscribers are told of the end, too.
    if row.state not in _NEVER_TOLD:
        ever = merge_components(row.ever, row.components)
        found["former_components"] = tuple(part for part in ever if part.id not in now)
    return found


def update_id(request: StatusRequest) -> str:
    """The update that a request makes."""
    return derive("upd", request.id)


def make_refused(row: StatusRow, request: StatusRequest, refusal: Refused) -> StatusRequestRefused:
    # A draft's title must not reach the public through a refusal.
    hidden = row.state in _NEVER_TOLD
    return StatusRequestRefused(
        **about(request),
        title=row.title,
        provider=row.provider,
        draft=hidden,
        request_type=request.type,
        code=refusal.code,
        reason=refusal.detail,
    )


def is_said_aloud(row: StatusRow, request: UpdateIncident) -> bool:
    """Whether the public is to see an update."""
    return not request.internal and row.state not in (IncidentState.DRAFT, IncidentState.DROPPED)
