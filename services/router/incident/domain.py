"""What the router decides of incidents, maintenances and announcements: one request in, facts out.
Pure; `DECIDE` is the table.

What a request needs of the world stands in it, so no policy is looked up. A refusal is a fact too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.router.incident import alerts as incident_alerts
from services.router.incident import correction as incident_correction
from services.router.incident import incident
from services.router.incident import maintenance as incident_maintenance
from services.router.incident.decision import check, make_refused
from services.router.incident.row import BLANK, StatusRow
from shared.errors import Refused
from shared.events import (
    CancelMaintenance,
    CorrectIncident,
    EndMaintenance,
    MakeAnnouncement,
    OpenIncident,
    PublishIncident,
    PublishPostmortem,
    RaiseAlert,
    RescheduleMaintenance,
    ResolveIncident,
    ScheduleMaintenance,
    StatusFact,
    StatusRequest,
    UpdateIncident,
)

DECIDE: dict[type[StatusRequest], Callable[[StatusRow, Any], list[StatusFact]]] = {
    # Incidents, by people and by monitors.
    OpenIncident: incident.on_open,
    UpdateIncident: incident.on_update,
    CorrectIncident: incident_correction.on_correct,
    PublishIncident: incident.on_publish,
    ResolveIncident: incident.on_resolve,
    PublishPostmortem: incident.on_postmortem,
    RaiseAlert: incident_alerts.on_alert,
    # Maintenances and announcements: planned, and told before.
    ScheduleMaintenance: incident_maintenance.on_schedule,
    RescheduleMaintenance: incident_maintenance.on_reschedule,
    EndMaintenance: incident_maintenance.on_end,
    CancelMaintenance: incident_maintenance.on_cancel,
    MakeAnnouncement: incident_maintenance.on_announce,
}


def decide(row: StatusRow | None, request: StatusRequest) -> list[StatusFact]:
    """The facts that `request` makes; unstamped."""
    row = row or BLANK
    try:
        check(row, request)
        return DECIDE[type(request)](row, request)
    except Refused as refusal:
        return [make_refused(row, request, refusal)]
