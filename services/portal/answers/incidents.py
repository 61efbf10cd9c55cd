"""Incidents, maintenances and announcements as the portal shows them, and the status page."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import RootModel

from shared.events import Category, Colour, Phase
from shared.http.openapi.calls import AnswerShape, Call, Calls, OpenAnswerShape


class ImpactShown(AnswerShape):
    """Green works, yellow is degraded, red is down."""

    production: Colour
    development: Colour


class ComponentShown(AnswerShape):
    """A part of the platform, or a provider's add-on."""

    id: str
    name: str
    category: Category
    addon: str | None


class UpdateShown(OpenAnswerShape):
    """What was said at `at`. Whoever runs incidents sees `by` and `public` besides."""

    id: str
    kind: str
    at: str
    body: str
    corrects: str | None
    corrected_by: str | None
    impact: ImpactShown
    happened_at: str | None
    edited_at: str | None
    phase: Phase | None


class StackShown(AnswerShape):
    """What it does to the apps of one stack; `all`: to every app."""

    stack: str
    effects: list[str]


class SectionShown(AnswerShape):
    """A part of a post-mortem."""

    heading: str
    body: str


class PostmortemShown(OpenAnswerShape):
    """The post-mortem, in its latest revision."""

    revision: int
    at: str
    sections: list[SectionShown]


class Durations(AnswerShape):
    """Seconds so far."""

    yellow_seconds: int
    red_seconds: int
    maintenance_seconds: int


class IncidentShown(OpenAnswerShape):
    """An incident, maintenance or announcement. `updates` are oldest first; `next_update_at`: by
    when the next one is promised. Staff see `tickets`, how many are linked; ops see `alerts`.
    """

    id: str
    kind: Literal["incident", "maintenance", "announcement"]
    state: str
    title: str
    body: str
    components: list[ComponentShown]
    impact: ImpactShown
    worst: ImpactShown
    provider: str | None
    stacks: list[StackShown]
    started_at: str | None
    opened_at: str | None
    ended_at: str | None
    updated_at: str | None
    starts_at: str | None
    ends_at: str | None
    early: bool
    follow_up_of: str | None
    postmortem: PostmortemShown | None
    override_reason: str | None
    purpose: str | None
    critical: bool | None
    announced: bool
    seq: int
    phase: Phase | None
    next_update_at: str | None
    updates: list[UpdateShown]
    durations: dict[str, Durations]
    header: str
    public: bool


class IncidentList(AnswerShape):
    """The latest first."""

    items: list[IncidentShown]
    next: str | None


class IncidentFact(AnswerShape):
    """Something that happened to an incident."""

    id: str
    seq: int
    type: str
    at: str
    by: str | None
    cause: str | None
    data: dict[str, Any]


class IncidentFacts(AnswerShape):
    """Oldest first."""

    items: list[IncidentFact]


class ComponentLight(AnswerShape):
    """How a component is now. `maintenance`: nothing but a maintenance makes it so."""

    id: str
    name: str
    addon: str | None
    colour: Colour
    maintenance: bool


class StatusShown(AnswerShape):
    """What the status page says. `stale`: it may be behind; `mark` changes with what it says."""

    status: dict[str, Colour]
    maintenance: dict[str, bool]
    issues: list[IncidentShown]
    maintenances: list[IncidentShown]
    components: list[ComponentLight]
    stale: bool
    as_of: str
    as_of_words: str
    heard_at: str
    mark: str


class IssueUpdate(AnswerShape):
    """An update as the API of 2012 had it; the last three members are ours."""

    id: str
    incident_id: str
    update_type: str
    contents: str
    status_prod: Colour
    status_dev: Colour
    created_at: str
    updated_at: str
    happened_at: str
    corrects: str | None
    phase: str | None


class Issue(AnswerShape):
    """An incident or maintenance as the API of 2012 had it; `maintenance`, `phase` and
    `next_update_at` are ours. Updates are newest first.
    """

    id: str
    title: str
    created_at: str
    updated_at: str
    resolved: bool
    upcoming: bool
    maintenance: bool
    status_prod: Colour
    status_dev: Colour
    phase: str | None
    next_update_at: str | None
    href: str
    updates: list[IssueUpdate]


class IssueList(RootModel[list[Issue]]):
    """The latest first."""


class CurrentStatus(AnswerShape):
    """`status` has Production and Development; `issues` are those that are not over."""

    status: dict[str, Colour]
    issues: list[Issue]


# Refusals of all these lists.
_LIST = ("422 bad-parameter", "422 bad-cursor")

# Address → what the reference says of it; the shapes above are those of its answers.
CALLS: Calls = {
    "GET /v1/incidents": Call("List incidents", "Incidents", IncidentList, _LIST, who="either"),
    "GET /v1/incidents/{key}": Call("Read an incident", "Incidents", IncidentShown, who="either"),
    "GET /v1/incidents/{key}/events": Call(
        "Read everything that happened to an incident", "Incidents", IncidentFacts
    ),
    "GET /v1/maintenances": Call(
        "List maintenances", "Maintenances", IncidentList, _LIST, who="either"
    ),
    "GET /v1/maintenances/{key}": Call(
        "Read a maintenance", "Maintenances", IncidentShown, who="either"
    ),
    "GET /v1/announcements": Call("List announcements", "Announcements", IncidentList, _LIST),
    "GET /v1/announcements/{key}": Call(
        "Read an announcement", "Announcements", IncidentShown, who="either"
    ),
    "GET /v1/status": Call(
        "Read the status of the platform",
        "Status",
        StatusShown,
        ("503 status-page-unavailable",),
        who="anybody",
    ),
    "GET /api/v3/current-status": Call(
        "Read what is going on",
        "Status of 2012",
        CurrentStatus,
        ("503 status-page-unavailable",),
        who="anybody",
    ),
    "GET /api/v3/issues": Call(
        "List issues",
        "Status of 2012",
        IssueList,
        ("422 bad-parameter", "503 status-page-unavailable"),
        who="anybody",
    ),
    "GET /api/v3/issues/{issue_id}": Call(
        "Read an issue", "Status of 2012", Issue, ("503 status-page-unavailable",), who="anybody"
    ),
}
