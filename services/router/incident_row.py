"""What the router remembers of an incident, maintenance or announcement, and how each fact changes it. A function of its facts alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from shared.events import (
    GREEN,
    AlertCleared,
    AlertRaised,
    AnnouncementMade,
    Component,
    Impact,
    ImpactChanged,
    IncidentDrafted,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceScheduled,
    MaintenanceStarted,
    PostmortemPublished,
    StackScope,
    Stamp,
    StatusFact,
    StatusRequestRefused,
)
from shared.events.envelope import Value
from shared.rows import Row
from shared.status.durations import worse

Aggregate = Literal["incident", "maintenance", "announcement"]


class State(StrEnum):
    """`nothing`: only refusals or alerts' ends so far. `dropped`: a draft that was closed unpublished. `made`: an announcement."""

    NOTHING = ""
    DRAFT = "draft"
    OPEN = "open"
    RESOLVED = "resolved"
    DROPPED = "dropped"
    SCHEDULED = "scheduled"
    STARTED = "started"
    ENDED = "ended"
    CANCELLED = "cancelled"
    MADE = "made"


class Firing(Value):
    """An alert that fires: since when, and what it says."""

    started_at: datetime
    summary: str


class StatusRow(Row):
    """`aggregate` tells this row from a ticket's. `updates`: id → whether the public sees it; `cleared`: fingerprint → the
    beginning of the alert that ended last."""

    aggregate: Aggregate = "incident"
    state: State = State.NOTHING
    title: str = ""
    body: str = ""
    components: tuple[Component, ...] = ()
    impact: Impact = GREEN
    worst: Impact = GREEN
    provider: str | None = None
    stacks: tuple[StackScope, ...] = ()
    started_at: datetime | None = None
    follow_up_of: str | None = None
    alert: str | None = None
    updates: dict[str, bool] = {}
    revision: int = 0
    firing: dict[str, Firing] = {}
    cleared: dict[str, datetime] = {}
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    stamp: Stamp = {}
    """Policy versions of the request that scheduled it: its timers decide under them."""


BLANK = StatusRow()

_AGGREGATES: dict[str, Aggregate] = {"inc": "incident", "mnt": "maintenance", "ann": "announcement"}


def _drafted(row: StatusRow, fact: IncidentDrafted) -> dict[str, Any]:
    return {"state": State.DRAFT, **_begun(row, fact)}


def _opened(row: StatusRow, fact: IncidentOpened) -> dict[str, Any]:
    return {"state": State.OPEN, **_begun(row, fact)}


def _begun(row: StatusRow, fact: IncidentDrafted | IncidentOpened) -> dict[str, Any]:
    return {
        "title": fact.title, "body": fact.body, "components": fact.components, "impact": fact.impact, "worst": fact.impact,
        "provider": fact.provider, "stacks": fact.stacks, "started_at": fact.started_at, "follow_up_of": fact.follow_up_of,
        "alert": fact.alert, "updates": {**row.updates, fact.update: fact.is_public},
    }  # fmt: skip


def _updated(row: StatusRow, fact: IncidentUpdated) -> dict[str, Any]:
    return {"updates": {**row.updates, fact.update: fact.is_public}, "stacks": fact.stacks or row.stacks}


def _impact_changed(row: StatusRow, fact: ImpactChanged) -> dict[str, Any]:
    return {"impact": fact.impact, "components": fact.components, "worst": worse(row.worst, fact.impact)}


def _resolved(row: StatusRow, fact: IncidentResolved) -> dict[str, Any]:
    state = State.DROPPED if fact.draft else State.RESOLVED
    return {"state": state, "impact": GREEN, "updates": {**row.updates, fact.update: fact.is_public}}


def _postmortem(row: StatusRow, fact: PostmortemPublished) -> dict[str, Any]:
    return {"revision": fact.revision}


def _alert_raised(row: StatusRow, fact: AlertRaised) -> dict[str, Any]:
    return {"firing": {**row.firing, fact.fingerprint: Firing(started_at=fact.started_at, summary=fact.summary)}}


def _alert_cleared(row: StatusRow, fact: AlertCleared) -> dict[str, Any]:
    firing = {name: firing for name, firing in row.firing.items() if name != fact.fingerprint or firing.started_at > fact.started_at}
    before = row.cleared.get(fact.fingerprint, fact.started_at)
    return {"firing": firing, "cleared": {**row.cleared, fact.fingerprint: max(before, fact.started_at)}}


def _scheduled(row: StatusRow, fact: MaintenanceScheduled) -> dict[str, Any]:
    return {
        "state": State.SCHEDULED, "title": fact.title, "body": fact.body, "components": fact.components, "impact": fact.impact,
        "worst": fact.impact, "provider": fact.provider, "starts_at": fact.starts_at, "ends_at": fact.ends_at, "stamp": fact.policy,
    }  # fmt: skip


def _rescheduled(row: StatusRow, fact: MaintenanceRescheduled) -> dict[str, Any]:
    return {"starts_at": fact.starts_at, "ends_at": fact.ends_at, "stamp": fact.policy}


def _started(row: StatusRow, fact: MaintenanceStarted) -> dict[str, Any]:
    return {"state": State.STARTED}


def _ended(row: StatusRow, fact: MaintenanceEnded) -> dict[str, Any]:
    return {"state": State.ENDED, "impact": GREEN}


def _cancelled(row: StatusRow, fact: MaintenanceCancelled) -> dict[str, Any]:
    return {"state": State.CANCELLED, "impact": GREEN}


def _announced(row: StatusRow, fact: AnnouncementMade) -> dict[str, Any]:
    if row.state is State.SCHEDULED:  # of a maintenance: its MaintenanceScheduled came just before
        return {}
    return {"state": State.MADE, "title": fact.title, "body": fact.body, "components": fact.components, "provider": fact.provider}


def _unchanged(row: StatusRow, fact: StatusFact) -> dict[str, Any]:
    return {}


EVOLVE: dict[type[StatusFact], Callable[[StatusRow, Any], dict[str, Any]]] = {
    IncidentDrafted: _drafted,
    IncidentOpened: _opened,
    IncidentUpdated: _updated,
    ImpactChanged: _impact_changed,
    IncidentResolved: _resolved,
    PostmortemPublished: _postmortem,
    AlertRaised: _alert_raised,
    AlertCleared: _alert_cleared,
    MaintenanceScheduled: _scheduled,
    MaintenanceRescheduled: _rescheduled,
    MaintenanceStarted: _started,
    MaintenanceEnded: _ended,
    MaintenanceCancelled: _cancelled,
    AnnouncementMade: _announced,
    StatusRequestRefused: _unchanged,
}


def evolve(row: StatusRow | None, fact: StatusFact) -> StatusRow:
    """The row after `fact`."""
    row = row or BLANK.having({"aggregate": _AGGREGATES.get(fact.key[:3], "incident")})
    return row.having(EVOLVE[type(fact)](row, fact))


def due_at(row: StatusRow) -> datetime | None:
    """When a scheduled maintenance begins, or one that has begun ends."""
    match row.state:
        case State.SCHEDULED:
            return row.starts_at
        case State.STARTED:
            return row.ends_at
        case _:
            return None
