"""What the router decides of incidents, maintenances and announcements: one request in, facts out. Pure; `DECIDE` is the table.

What a request needs of the world stands in it, so no policy is looked up. A refusal is a fact too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.router import incident, incident_maintenance
from services.router.incident_decision import check, refused
from services.router.incident_row import BLANK, StatusRow
from shared.errors import Refused
from shared.events import (
    CancelMaintenance,
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
    OpenIncident: incident.on_open,
    UpdateIncident: incident.on_update,
    PublishIncident: incident.on_publish,
    ResolveIncident: incident.on_resolve,
    PublishPostmortem: incident.on_postmortem,
    RaiseAlert: incident.on_alert,
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
        return [refused(row, request, refusal)]
