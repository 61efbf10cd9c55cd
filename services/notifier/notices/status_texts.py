"""What is said of incidents, maintenances and announcements: what the templates of mails are filled
with, and the payloads of webhooks. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.notifier.notices.told import Body, SenderIdentity
from shared.events import (
    AnnouncementMade,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceScheduled,
    MaintenanceStarted,
    PostmortemPublished,
    Purpose,
    StatusFact,
)

EVENTS: Mapping[type[StatusFact], str] = {
    # Incidents. An impact that changes has no name: the update beside it tells people.
    IncidentOpened: "incident.opened",
    IncidentUpdated: "incident.updated",
    IncidentResolved: "incident.resolved",
    PostmortemPublished: "incident.postmortem",
    # Maintenances and announcements.
    MaintenanceScheduled: "maintenance.scheduled",
    MaintenanceRescheduled: "maintenance.rescheduled",
    MaintenanceStarted: "maintenance.started",
    MaintenanceEnded: "maintenance.ended",
    MaintenanceCancelled: "maintenance.cancelled",
    AnnouncementMade: "announcement.made",
}
"""Fact → what a webhook calls it."""


def is_announced(fact: StatusFact) -> bool:
    if isinstance(fact, MaintenanceScheduled):
        return fact.announced
    return isinstance(fact, AnnouncementMade) and fact.purpose is Purpose.MAINTENANCE


def template_of(fact: StatusFact) -> str:
    # Two facts tell of an announced maintenance; both use the words of the announcement.
    if isinstance(fact, AnnouncementMade) or is_announced(fact):
        return "announcement"
    return (
        "status-maintenance" if EVENTS[type(fact)].startswith("maintenance.") else "status-incident"
    )


def words_of(fact: StatusFact) -> Body:
    """What the templates say of the fact. `event` is the last word of its name; times are ISO 8601,
    empty where it has none.
    """
    # A post-mortem has sections instead of a body.
    if isinstance(fact, PostmortemPublished):
        text = "\n\n".join(f"{part.heading}\n{part.body}" for part in fact.sections)
    else:
        text = str(getattr(fact, "body", ""))
    # Every template gets every name, so none of them must ask whether it is there.
    times = {name: at.isoformat() if (at := getattr(fact, name, None)) else "" for name in _TIMES}
    return {
        "event": EVENTS[type(fact)].partition(".")[2],
        "subject": fact.title,
        "text": text,
        **times,
        "components": [component.name for component in fact.components],
        "former": [component.name for component in fact.former_components],
        "impact": fact.impact.model_dump(mode="json"),
        "phase": phase.value if (phase := getattr(fact, "phase", None)) else "",
        "next_update_at": at.isoformat() if (at := getattr(fact, "next_update_at", None)) else "",
        "purpose": fact.purpose.value if isinstance(fact, AnnouncementMade) else "maintenance",
    }


_TIMES = ("started_at", "starts_at", "ends_at", "previous_starts_at", "previous_ends_at")


def payload_of(fact: StatusFact, house: SenderIdentity) -> Body:
    said = words_of(fact)
    about = {
        "id": fact.key,
        "title": said["subject"],
        "body": said["text"],
        "impact": said["impact"],
        "seq": fact.seq,
    }
    # The same list twice, of what is affected now and what was before.
    components, former = (
        [{"id": component.id, "name": component.name} for component in found]
        for found in (fact.components, fact.former_components)
    )
    named = (*_TIMES, "next_update_at")
    times = {name: in_z(at) for name in named if (at := getattr(fact, name, None))}
    # Only where the fact has one: incidents of before phases have none.
    if said["phase"]:
        about["phase"] = said["phase"]
    return {
        **about,
        "components": components,
        "former_components": former,
        "provider": fact.provider,
        "url": link_to(fact, house)["url"],
        **times,
    }


def link_to(fact: StatusFact, house: SenderIdentity) -> dict[str, str]:
    if isinstance(fact, AnnouncementMade) and fact.purpose not in (
        Purpose.MAINTENANCE,
        Purpose.INTERRUPTION,
    ):
        return {
            "url": f"{house.public_url}/status",
            "link": "Status",
        }  # what else a provider writes to its users is on no page
    return {
        "url": f"{house.public_url}/status/incidents/{fact.key}",
        "link": "Follow it on the status page",
    }


def in_z(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
