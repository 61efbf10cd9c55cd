"""What people and monitors ask of incidents, maintenances and announcements: imperative, written by
intake only (topic `requests`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.events.envelope import Instant
from shared.events.requests import Request
from shared.events.status import (
    GREEN,
    Component,
    Impact,
    Phase,
    Purpose,
    Section,
    Severity,
    StackScope,
    is_unsaid,
)


# Router's requests derive from it; those of the pager below do not.
class StatusRequest(Request):
    """About incident, maintenance or announcement `key`."""


# Incidents, asked by ops and providers.
class OpenIncident(StatusRequest):
    """Open incident `key`. `components` as they were known when asked; `provider`: an add-on
    company reports its own trouble.
    """

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
    # Left out of the JSON where unsaid, here and below: requests from before phases keep their
    # bytes.
    phase: Phase | None = Field(None, exclude_if=is_unsaid)
    next_update_at: Instant | None = Field(None, exclude_if=is_unsaid)


class UpdateIncident(StatusRequest):
    """Say more. What is None stays as it is; `corrects` is the id of the update that this one puts
    right. `internal`: for ops alone.
    """

    type: Literal["UpdateIncident"] = "UpdateIncident"
    body: str
    impact: Impact | None = None
    components: tuple[Component, ...] | None = None
    stacks: tuple[StackScope, ...] = ()
    corrects: str | None = None
    internal: bool = False
    happened_at: Instant | None = None
    """When what it says happened; None: when it was said."""
    phase: Phase | None = Field(None, exclude_if=is_unsaid)
    next_update_at: Instant | None = Field(None, exclude_if=is_unsaid)


class CorrectIncident(StatusRequest):
    """Put right what was recorded; what is None stays. `update`: the one whose `body` or
    `happened_at` was wrong. `started_at` and `resolved_at` are the incident's. Nobody is written to
    for it.
    """

    type: Literal["CorrectIncident"] = "CorrectIncident"
    title: str | None = None
    update: str | None = None
    body: str | None = None
    happened_at: Instant | None = None
    started_at: Instant | None = None
    resolved_at: Instant | None = None
    reason: str = ""


class PublishIncident(StatusRequest):
    """Make a draft public; what is None is as in the draft. What was said of the draft so far stays
    among ops.
    """

    type: Literal["PublishIncident"] = "PublishIncident"
    title: str | None = None
    body: str | None = None
    impact: Impact | None = None
    components: tuple[Component, ...] | None = None
    phase: Phase | None = Field(None, exclude_if=is_unsaid)
    next_update_at: Instant | None = Field(None, exclude_if=is_unsaid)


class ResolveIncident(StatusRequest):
    type: Literal["ResolveIncident"] = "ResolveIncident"
    body: str
    resolved_at: Instant | None = None
    """When it was over; None: when this was said."""


class PublishPostmortem(StatusRequest):
    type: Literal["PublishPostmortem"] = "PublishPostmortem"
    sections: tuple[Section, ...]


# Monitors.
class RaiseAlert(StatusRequest):
    """A monitor's alert began or ended. `group_key` is the monitor's grouping (Alertmanager's
    groupKey), `fingerprint` the alert's.

    `pages`: it wakes ops; the front reads that here, so that no router need be well. `components`:
    those its labels name.

    Each notification makes requests of its own, also one that repeats another: whether an alert
    begins, goes on or ends is counted here, not taken from what the monitor sends.
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
    """A maintenance under way that was to make such alerts: nobody is woken for it while that
    lasts. Only of one that would page.
    """
    start_known: bool = True
    """False: the monitor gave no `startsAt` that can be true; `started_at` is when we took it
    in.
    """
    # Made by intake of the whole notification, for the draft that it begins.
    title: str = ""
    """What a draft that it begins, and a page, is called; empty: `summary`."""
    body: str = ""
    """What such a draft says; empty: `description`, or `summary`."""
    affected: tuple[Component, ...] = ()
    """The components of such a draft, where more than those of this alert."""


# The pager's: what a maintenance does to alerts that fire.
class SilenceAlerts(Request):
    """Maintenance `maintenance` of `components` (ids) has begun: alerts of incident `key` about
    these are silent. The pager decides.
    """

    type: Literal["SilenceAlerts"] = "SilenceAlerts"
    maintenance: str
    components: tuple[str, ...]


class RestoreAlerts(Request):
    """It is over: what still fires in incident `key` wakes people again. The pager decides."""

    type: Literal["RestoreAlerts"] = "RestoreAlerts"
    maintenance: str


# Maintenances and announcements.
class ScheduleMaintenance(StatusRequest):
    """`override_reason` is needed where it begins less than 24 hours after it is asked for (seed
    003).
    """

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
    """A provider writes to the users of its add-on. A maintenance has `starts_at` and `ends_at`,
    and is scheduled by it too.
    """

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
