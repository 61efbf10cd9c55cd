"""Incidents, maintenances, announcements, alerts and heartbeats: what is recorded and answered."""

from __future__ import annotations

from typing import Any, Literal

from services.intake.incidents.forms import ACTIONS, Family
from shared.http.openapi.calls import AnswerShape, Call, Calls

Where = Literal["logged", "spooled"]


class StatusLinks(AnswerShape):
    """`self`: what the request is about; `request`: what became of it."""

    self: str
    request: str


class _StatusAccepted(AnswerShape):
    request_id: str
    accepted: Where
    warnings: list[str]
    links: StatusLinks


class IncidentAsked(_StatusAccepted):
    """Recorded; `GET /v1/requests/{request_id}` says whether it was done."""

    incident_id: str


class MaintenanceAsked(_StatusAccepted):
    """Recorded; `GET /v1/requests/{request_id}` says whether it was done."""

    maintenance_id: str


class AnnouncementAsked(_StatusAccepted):
    """Recorded; `GET /v1/requests/{request_id}` says whether it was done."""

    announcement_id: str


class LinkedTold(AnswerShape):
    """`tickets`: how many tickets get the reply."""

    incident_id: str
    tickets: int
    accepted: Where
    warnings: list[str]


class AlertTaken(AnswerShape):
    """`pages`: it wakes somebody, unless a maintenance was to make it."""

    request_id: str
    incident_id: str
    fingerprint: str
    status: Literal["firing", "resolved"]
    severity: str
    pages: bool


class AlertLinks(AnswerShape):
    """`self`: the incident of the first alert."""

    self: str = ""


class AlertsTaken(AnswerShape):
    """`incident_id`: of the first alert; null where the notification had none."""

    incident_id: str | None
    incident_ids: list[str]
    alerts: list[AlertTaken]
    accepted: Where
    warnings: list[str]
    links: AlertLinks


class HeartbeatTaken(AnswerShape):
    """`expected_until`: ops are paged where no other heartbeat comes before. Null: it ended."""

    name: str
    expected_until: str | None


_TAGS: dict[Family, tuple[str, type[AnswerShape]]] = {
    "incidents": ("Incidents", IncidentAsked),
    "maintenances": ("Maintenances", MaintenanceAsked),
    "announcements": ("Announcements", AnnouncementAsked),
}
_OPENINGS: dict[Family, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "incidents": (
        "Begin an incident",
        {"title": "Elevated error rates", "body": "We are looking into it.", "components": []},
        ("422 not-in-the-past",),
    ),
    "maintenances": (
        "Schedule a maintenance",
        {
            "title": "Database upgrade",
            "body": "Short interruptions are possible.",
            "starts_at": "2026-12-12T04:00:00Z",
            "ends_at": "2026-12-12T05:00:00Z",
        },
        ("422 no-such-window", "422 notice-too-short"),
    ),
    "announcements": (
        "Write to the users of an add-on",
        {"purpose": "feature", "subject": "Backups twice a day", "body": "From today on."},
        ("422 no-provider", "422 no-time", "422 no-such-window", "422 notice-too-short"),
    ),
}
_ACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "updates": ("Say what is new about it", {"body": "A fix is being rolled out."}),
    "correct": ("Correct its title, or what an update said", {"title": "Elevated error rates"}),
    "publish": ("Publish a draft", {}),
    "resolve": ("End an incident", {"body": "All is well since 15:02 UTC."}),
    "postmortem": (
        "Publish a post-mortem",
        {"sections": [{"heading": "Summary", "body": "A disk was full for 20 minutes."}]},
    ),
    "reschedule": ("Move it to another time", {"ends_at": "2026-12-12T06:00:00Z"}),
    "end": ("Say that it is over", {"body": "Done ahead of time."}),
    "cancel": ("Call it off", {"body": "It will be announced anew."}),
}
_OF_STATUS = ("403 forbidden", "422 no-such-component", "422 no-such-provider", "422 not-in-order")

CALLS: Calls = {
    **{
        f"POST /v1/{family}": Call(
            summary, *_TAGS[family], (*_OF_STATUS, *refuses), example=example
        )
        for family, (summary, example, refuses) in _OPENINGS.items()
    },
    **{
        f"POST /v1/{family}/{{key}}/{action}": Call(
            _ACTIONS[action][0],
            *_TAGS[family],
            (*_OF_STATUS, "422 not-in-the-past"),
            example=_ACTIONS[action][1],
        )
        for family, actions in ACTIONS.items()
        for action in actions
    },
    "POST /v1/incidents/{key}/message": Call(
        "Answer every ticket that is linked to an incident",
        "Incidents",
        LinkedTold,
        ("403 forbidden", "503 no-view", "503 mongodb-unavailable"),
        {"body": "This is over since 15:02 UTC. Thank you for your patience."},
    ),
    "POST /v1/alerts": Call(
        "Raise alerts, as a monitor",
        "Alerts",
        AlertsTaken,
        (
            *("400 bad-request", "401 bad-signature", "403 forbidden"),
            *("503 disk-full", "503 spool-unavailable"),
        ),
        who="either",
    ),
    "POST /v1/heartbeats/{name}": Call(
        "Say that something of yours runs",
        "Alerts",
        HeartbeatTaken,
        ("403 forbidden", "422 too-many"),
        {"every": "5m"},
    ),
    "DELETE /v1/heartbeats/{name}": Call(
        "End a heartbeat; nobody is paged for it any more",
        "Alerts",
        HeartbeatTaken,
        ("403 forbidden",),
    ),
}
