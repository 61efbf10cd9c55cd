"""What people and monitors ask of incidents, maintenances and announcements: imperative, written by intake only (topic `requests`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.events.envelope import Instant
from shared.events.requests import Request
from shared.events.status import GREEN, Component, Impact, Purpose, Section, Severity, StackScope


class StatusRequest(Request):
    """About incident, maintenance or announcement `key`."""


class OpenIncident(StatusRequest):
    """Open incident `key`. `components` as they were known when asked; `provider`: an add-on company reports its own trouble."""

    type: Literal["OpenIncident"] = "OpenIncident"
    title: str
    body: str
    components: tuple[Component, ...] = ()
    impact: Impact = GREEN
    stacks: tuple[StackScope, ...] = ()
    provider: str | None = None
    follow_up_of: str | None = None
    alert: str | None = None
    draft: bool = False
    started_at: Instant | None = None


class UpdateIncident(StatusRequest):
    """Say more. What is None stays as it is; `corrects` is the id of the update that this one puts right. `internal`: for ops alone."""

    type: Literal["UpdateIncident"] = "UpdateIncident"
    body: str
    impact: Impact | None = None
    components: tuple[Component, ...] | None = None
    stacks: tuple[StackScope, ...] = ()
    corrects: str | None = None
    internal: bool = False


class PublishIncident(StatusRequest):
    """Make a draft public; what is None is as in the draft. What was said of the draft so far stays among ops."""

    type: Literal["PublishIncident"] = "PublishIncident"
    title: str | None = None
    body: str | None = None
    impact: Impact | None = None
    components: tuple[Component, ...] | None = None


class ResolveIncident(StatusRequest):
    type: Literal["ResolveIncident"] = "ResolveIncident"
    body: str


class PublishPostmortem(StatusRequest):
    type: Literal["PublishPostmortem"] = "PublishPostmortem"
    sections: tuple[Section, ...]


class RaiseAlert(StatusRequest):
    """A monitor's alert began or ended. `group_key` is the monitor's grouping (Alertmanager's groupKey), `fingerprint` the alert's.

    `pages`: it wakes ops; the front reads that here, so that no router need be well. `components`: those its labels name.
    """

    type: Literal["RaiseAlert"] = "RaiseAlert"
    source: str
    group_key: str
    fingerprint: str
    status: Literal["firing", "resolved"]
    severity: Severity = Severity.CRITICAL
    summary: str
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    components: tuple[Component, ...] = ()
    started_at: Instant
    pages: bool = True
    silenced_by: str | None = None
    """A maintenance under way that was to make such alerts: nobody is woken for it while that lasts. Only of one that would page."""


class SilenceAlerts(Request):
    """Maintenance `maintenance` of `components` (ids) has begun: alerts of incident `key` about these are silent. The pager decides."""

    type: Literal["SilenceAlerts"] = "SilenceAlerts"
    maintenance: str
    components: tuple[str, ...]


class RestoreAlerts(Request):
    """It is over: what still fires in incident `key` wakes people again. The pager decides."""

    type: Literal["RestoreAlerts"] = "RestoreAlerts"
    maintenance: str


class ScheduleMaintenance(StatusRequest):
    """`override_reason` is needed where it begins less than 24 hours after it is asked for (seed 003)."""

    type: Literal["ScheduleMaintenance"] = "ScheduleMaintenance"
    title: str
    body: str
    components: tuple[Component, ...] = ()
    impact: Impact = GREEN
    starts_at: Instant
    ends_at: Instant
    provider: str | None = None
    override_reason: str | None = None


class RescheduleMaintenance(StatusRequest):
    """Another time. One that has begun can only get another end (`starts_at` None)."""

    type: Literal["RescheduleMaintenance"] = "RescheduleMaintenance"
    body: str = ""
    starts_at: Instant | None = None
    ends_at: Instant
    override_reason: str | None = None


class EndMaintenance(StatusRequest):
    """It is done before its time."""

    type: Literal["EndMaintenance"] = "EndMaintenance"
    body: str = ""


class CancelMaintenance(StatusRequest):
    type: Literal["CancelMaintenance"] = "CancelMaintenance"
    body: str = ""


class MakeAnnouncement(StatusRequest):
    """A provider writes to the users of its add-on. A maintenance has `starts_at` and `ends_at`, and is scheduled by it too."""

    type: Literal["MakeAnnouncement"] = "MakeAnnouncement"
    provider: str
    purpose: Purpose
    subject: str
    body: str
    components: tuple[Component, ...] = ()
    impact: Impact = GREEN
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    override_reason: str | None = None
