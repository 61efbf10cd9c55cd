"""Incidents, maintenances and announcements: what was decided, written by the router only (topic
`status`, key `inc_…`, `mnt_…`, `ann_…`).

Every fact carries what its readers need to show it or tell of it, so nobody joins: the title, the
components as they were known when it was asked, the impact as it is from then on, the provider
whose add-on it concerns (None: the platform).

Not everything here is for everybody. `draft`: ops have not made it public yet. `internal`: for ops
alone, also of a public one. `is_public` says both; whoever shows or tells the public anything asks
it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.events.envelope import Fact, Instant, PolicyStamp, Value


# Words that all facts of this topic use.
class Colour(StrEnum):
    """How well a category does (seed 004 and the Heroku Status page of 2012): green works, yellow
    is degraded, red is down.
    """

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Phase(StrEnum):
    """How far the work on an incident is, as whoever runs it says. That it is over is a fact of its
    own (IncidentResolved), and no phase.
    """

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"


def is_unsaid(value: object) -> bool:
    """An update that says no phase and promises no next one has none of these fields."""
    return value is None


class Impact(Value):
    """On applications in production and in development (seed 004: "Production 5h 8h Development 5h
    8h").
    """

    production: Colour = Colour.GREEN
    development: Colour = Colour.GREEN


GREEN = Impact()
"""No impact."""


class Category(StrEnum):
    """Whom a component serves; an impact says one colour for each of the first two."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    BOTH = "both"


class Component(Value):
    """A part of the platform, or a provider's add-on (`addon`: its slug). `words` are what it is
    recognised by in a text.
    """

    id: str
    name: str
    category: Category = Category.BOTH
    words: tuple[str, ...] = ()
    addon: str | None = None


class StackScope(Value):
    """The scope of impact for one stack (seed 004: "For applications using the Cedar stack");
    `stack` `all` means all applications.
    """

    stack: str
    effects: tuple[str, ...] = ()


class Section(Value):
    """A part of a post-mortem. Headings of seed 004: Scope of impact, What happened, What we are
    doing, What you can do.
    """

    heading: str
    body: str


class Severity(StrEnum):
    """How bad a monitor says it is. What it does not say counts as `critical`: better one page too
    many.
    """

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Purpose(StrEnum):
    """What a provider may write to the users of its add-on about (seed 003, User Notifications)."""

    MAINTENANCE = "maintenance"
    INTERRUPTION = "interruption"
    OVERAGE = "overage"
    TERMS = "terms"
    FEATURE = "feature"
    SURVEY = "survey"


CRITICAL = frozenset({Purpose.MAINTENANCE, Purpose.INTERRUPTION, Purpose.OVERAGE, Purpose.TERMS})
"""Purposes that reach also those who opted out; "all non-critical notifications must contain
opt-out instructions" (seed 003).
"""


# What every fact has.
class StatusFact(Fact):
    """A fact about incident, maintenance or announcement `key`. `by` is who asked (an e-mail
    address, or `system`).
    """

    by: str
    policy: PolicyStamp
    title: str = ""
    components: tuple[Component, ...] = ()
    impact: Impact = GREEN
    provider: str | None = None
    draft: bool = False
    internal: bool = False
    former_components: tuple[Component, ...] = ()
    """Components it had at some time since it became public, and has no more. Whoever was told of
    them is told how it ends.
    """

    @property
    def is_public(self) -> bool:
        """Whether anybody may see it."""
        return not (self.draft or self.internal)

    @property
    def component_ids(self) -> tuple[str, ...]:
        return tuple(component.id for component in self.components)

    @property
    def components_ever(self) -> tuple[Component, ...]:
        """Those of now, and the former ones."""
        return (*self.components, *self.former_components)


# Incidents.
class IncidentDrafted(StatusFact):
    """Ops or a monitor's alert (`alert`: its group key) prepare an incident that the public does
    not see yet; always `draft`.
    """

    type: Literal["IncidentDrafted"] = "IncidentDrafted"
    update: str
    body: str
    stacks: tuple[StackScope, ...] = ()
    started_at: Instant
    follow_up_of: str | None = None
    alert: str | None = None
    # Left out of the JSON where unsaid, here and below: facts from before phases keep their bytes.
    phase: Phase | None = Field(None, exclude_if=is_unsaid)
    next_update_at: Instant | None = Field(None, exclude_if=is_unsaid)


class IncidentOpened(StatusFact):
    """It is public from now on; `started_at` is when it began. `body` is its first update, under
    the id `update`.
    """

    type: Literal["IncidentOpened"] = "IncidentOpened"
    update: str
    body: str
    stacks: tuple[StackScope, ...] = ()
    started_at: Instant
    follow_up_of: str | None = None
    """An incident it follows from (seed 004: "additional issues … in separate status
    incidents").
    """
    alert: str | None = None
    phase: Phase | None = Field(None, exclude_if=is_unsaid)
    next_update_at: Instant | None = Field(None, exclude_if=is_unsaid)
    """When the next update is promised; None: no promise."""


class IncidentUpdated(StatusFact):
    """An update of an incident or a maintenance. Nothing is rewritten: `corrects` names the update
    that this one puts right.
    """

    type: Literal["IncidentUpdated"] = "IncidentUpdated"
    update: str
    body: str
    corrects: str | None = None
    stacks: tuple[StackScope, ...] = ()
    """The scope as it is now known; empty where the update does not change it."""
    happened_at: Instant | None = None
    """When what it says happened, where that is not when it was said."""
    phase: Phase | None = Field(None, exclude_if=is_unsaid)
    """None: as before."""
    next_update_at: Instant | None = Field(None, exclude_if=is_unsaid)
    """When the next update is promised; None: no promise."""


class ImpactChanged(StatusFact):
    """`impact` and `components` replace `previous` and `previous_components` from `happened_at` on,
    or from `at` on. `update`: the update that says so.
    """

    type: Literal["ImpactChanged"] = "ImpactChanged"
    previous: Impact
    previous_components: tuple[str, ...] = ()
    happened_at: Instant | None = None
    update: str = ""


class IncidentResolved(StatusFact):
    """It is over since `resolved_at`, or since `at`: `impact` is green. With `draft`: it never was
    public. `worst`: the worst impact it had.
    """

    type: Literal["IncidentResolved"] = "IncidentResolved"
    update: str
    body: str
    started_at: Instant
    worst: Impact = GREEN
    resolved_at: Instant | None = None


class IncidentCorrected(StatusFact):
    """Something recorded was wrong: `title` is right from now on; of update `update` the `body`,
    and `happened_at`, the time when what it says happened. None: as it was. What was recorded
    before stays in the log. `previous_happened_at`: the time of before.
    """

    type: Literal["IncidentCorrected"] = "IncidentCorrected"
    update: str = ""
    body: str | None = None
    happened_at: Instant | None = None
    previous_happened_at: Instant | None = None
    reason: str = ""


class PostmortemPublished(StatusFact):
    """What went wrong and what is done about it (seed 003). `revision` counts 1, 2, …; a later one
    replaces what is shown.
    """

    type: Literal["PostmortemPublished"] = "PostmortemPublished"
    sections: tuple[Section, ...]
    revision: int = 1


# Alerts of monitors.
class AlertRaised(StatusFact):
    """A monitor's alert began at `started_at`; always internal. `alert` is its group key,
    `fingerprint` the alert's own.
    """

    type: Literal["AlertRaised"] = "AlertRaised"
    # Always: what a monitor saw is for ops until somebody says it aloud.
    internal: bool = True
    source: str
    alert: str
    fingerprint: str
    severity: Severity
    summary: str
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    started_at: Instant
    pages: bool = True
    silenced_by: str | None = None
    """A maintenance under way that was to make such alerts: nobody is woken for it."""
    start_known: bool = True
    """False: the monitor gave no time; `started_at` is when it was taken in."""
    too_late: bool = False
    """The incident was over when it came: another is drafted for it."""


class AlertCleared(StatusFact):
    """The alert of AlertRaised ended; `left` others of its group still fire. Always internal."""

    type: Literal["AlertCleared"] = "AlertCleared"
    internal: bool = True
    source: str
    alert: str
    fingerprint: str
    summary: str = ""
    started_at: Instant
    left: int = 0


# Maintenances.
class MaintenanceScheduled(StatusFact):
    """Work that may affect the components from `starts_at` to `ends_at`; `impact` is what is
    expected meanwhile.

    `override_reason`: why it is announced less than 24 hours ahead (seed 003 asks for 24).
    `announced`: an AnnouncementMade of the same key tells the add-on's users of it, so only
    subscribers of the status page are to be told of this fact.
    """

    type: Literal["MaintenanceScheduled"] = "MaintenanceScheduled"
    body: str
    starts_at: Instant
    ends_at: Instant
    override_reason: str | None = None
    announced: bool = False


class MaintenanceRescheduled(StatusFact):
    """It takes place at another time; `started`: it has begun and only its end moves. To be
    announced like the first time.
    """

    type: Literal["MaintenanceRescheduled"] = "MaintenanceRescheduled"
    body: str
    starts_at: Instant
    ends_at: Instant
    previous_starts_at: Instant
    previous_ends_at: Instant
    started: bool = False
    override_reason: str | None = None


class MaintenanceStarted(StatusFact):
    """`impact` holds from now on. `at` is `starts_at`, however late the timer was."""

    type: Literal["MaintenanceStarted"] = "MaintenanceStarted"
    starts_at: Instant
    ends_at: Instant


class MaintenanceEnded(StatusFact):
    """`impact` is green again. `early`: somebody ended it, with `body`, before `ends_at`."""

    type: Literal["MaintenanceEnded"] = "MaintenanceEnded"
    starts_at: Instant
    ends_at: Instant
    early: bool = False
    body: str = ""


class MaintenanceCancelled(StatusFact):
    """It does not take place; one that has begun is ended instead."""

    type: Literal["MaintenanceCancelled"] = "MaintenanceCancelled"
    body: str
    starts_at: Instant
    ends_at: Instant


# Announcements.
class AnnouncementMade(StatusFact):
    """A provider writes to the users of its add-on; `title` is the subject. `critical` ones reach
    those who opted out too.

    One about a maintenance comes with a MaintenanceScheduled of the same key, and its later facts.
    """

    type: Literal["AnnouncementMade"] = "AnnouncementMade"
    purpose: Purpose
    body: str
    critical: bool
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    override_reason: str | None = None


# Requests that changed nothing.
class StatusRequestRefused(StatusFact):
    """A request the router refused for good; always internal. `code` is a machine word, `reason` a
    sentence for the asker.
    """

    type: Literal["StatusRequestRefused"] = "StatusRequestRefused"
    internal: bool = True
    request_type: str
    code: str
    reason: str
    fingerprint: str = ""
    """Of an alert whose end came before its beginning: from now on the next beginning counts."""
