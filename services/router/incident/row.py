"""What the router remembers of an incident, maintenance or announcement, and how each fact changes
it. A function of its facts alone.
"""

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
    Fact,
    Impact,
    ImpactChanged,
    IncidentCorrected,
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
from shared.spine.rows import Row
from shared.status.durations import worse

Aggregate = Literal["incident", "maintenance", "announcement"]


class IncidentState(StrEnum):
    """`nothing`: only refusals or alerts' ends so far. `dropped`: a draft that was closed
    unpublished. `made`: an announcement.
    """

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


class FiringAlert(Value):
    """An alert that fires: since when as the monitor says (`start_known`) or as we took it in, when
    we took it in, and whether it wakes people.
    """

    started_at: datetime
    summary: str = ""
    at: datetime | None = None
    start_known: bool = True
    pages: bool = True
    silenced_by: str | None = None


class EndedAlert(Value):
    """An alert that ended: when it had begun, and when we took in its end. `fired`: it had been
    told of before.
    """

    started_at: datetime
    at: datetime
    fired: bool = True


REPEATED = "alert-repeated"
"""The refusal of what tells nothing new: the alert fires already, or ended already."""

MOST_REPEATS = 1000
"""Such requests that are remembered: as many as one reading of the log may hold."""

MOST_ENDED = 500
"""Alerts of an incident that ended and are still known."""


class StatusRow(Row):
    """`aggregate` tells this row from a ticket's. `updates`: id → whether the public sees it;
    `firing` and `ended`: fingerprint → the alert that fires, or ended last.
    """

    aggregate: Aggregate = "incident"
    state: IncidentState = IncidentState.NOTHING
    title: str = ""
    body: str = ""
    components: tuple[Component, ...] = ()
    ever: tuple[Component, ...] = ()
    """Every component it had since it became public; empty in rows of before this was kept."""
    impact: Impact = GREEN
    worst: Impact = GREEN
    provider: str | None = None
    stacks: tuple[StackScope, ...] = ()
    started_at: datetime | None = None
    follow_up_of: str | None = None
    alert: str | None = None
    updates: dict[str, bool] = {}
    corrections: int = 0
    turned: dict[str, datetime] = {}
    """Update → when the public impact changed by it, in order: the first is the beginning. Empty in
    rows of before this was kept.
    """
    revision: int = 0
    firing: dict[str, FiringAlert] = {}
    ended: dict[str, EndedAlert] = {}
    repeats: tuple[str, ...] = ()
    """The newest requests that told nothing new; `seen` does not have them."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    stamp: Stamp = {}
    """Policy versions of the request that scheduled it: its timers decide under them."""

    def has_taken(self, event: str) -> bool:
        return event in self.seen or event in self.repeats


BLANK = StatusRow()

# The first three letters of an id name its kind: a row that begins with a refusal must know it,
# too.
_AGGREGATES: dict[str, Aggregate] = {"inc": "incident", "mnt": "maintenance", "ann": "announcement"}


def _on_drafted(row: StatusRow, fact: IncidentDrafted) -> dict[str, Any]:
    return {"state": IncidentState.DRAFT, **_begin(row, fact)}


def _on_opened(row: StatusRow, fact: IncidentOpened) -> dict[str, Any]:
    return {
        # A public incident has its first turn: the time line of its impact begins here.
        "state": IncidentState.OPEN,
        **_begin(row, fact),
        "ever": fact.components,
        "turned": {fact.update: min(fact.started_at, fact.at)},
    }


def _begin(row: StatusRow, fact: IncidentDrafted | IncidentOpened) -> dict[str, Any]:
    return {
        "title": fact.title,
        "body": fact.body,
        "components": fact.components,
        "impact": fact.impact,
        "worst": fact.impact,
        "provider": fact.provider,
        "stacks": fact.stacks,
        "started_at": fact.started_at,
        "follow_up_of": fact.follow_up_of,
        "alert": fact.alert,
        "updates": {**row.updates, fact.update: fact.is_public},
    }


def _on_updated(row: StatusRow, fact: IncidentUpdated) -> dict[str, Any]:
    return {
        "updates": {**row.updates, fact.update: fact.is_public},
        "stacks": fact.stacks or row.stacks,
    }


def _on_impact_changed(row: StatusRow, fact: ImpactChanged) -> dict[str, Any]:
    return {
        "impact": fact.impact,
        "components": fact.components,
        "ever": merge_components(row.ever or row.components, fact.components),
        "worst": worse(row.worst, fact.impact),
        "turned": _add_turn(row, fact, fact.update, fact.happened_at),
    }


def _add_turn(
    row: StatusRow, fact: StatusFact, update: str, at: datetime | None
) -> dict[str, datetime]:
    """With one turn more, where the public sees it and every turn before it is known."""
    # Without the first turn (rows of before this was kept) a time line would be wrong, so there is
    # none.
    if not (row.turned and update and fact.is_public):
        return row.turned
    return {**row.turned, update: at or fact.at}


def _on_corrected(row: StatusRow, fact: IncidentCorrected) -> dict[str, Any]:
    found: dict[str, Any] = {"title": fact.title, "corrections": row.corrections + 1}
    if fact.happened_at is None or fact.update not in row.turned:
        return found
    # The first turn is the beginning of the incident: both say the same time.
    if fact.update == next(iter(row.turned)):
        found["started_at"] = fact.happened_at
    return found | {"turned": {**row.turned, fact.update: fact.happened_at}}


def _on_resolved(row: StatusRow, fact: IncidentResolved) -> dict[str, Any]:
    state = IncidentState.DROPPED if fact.draft else IncidentState.RESOLVED
    return {
        "state": state,
        "impact": GREEN,
        "updates": {**row.updates, fact.update: fact.is_public},
        "turned": _add_turn(row, fact, fact.update, fact.resolved_at),
    }


def _on_postmortem(row: StatusRow, fact: PostmortemPublished) -> dict[str, Any]:
    return {"revision": fact.revision}


def _on_alert_raised(row: StatusRow, fact: AlertRaised) -> dict[str, Any]:
    known = row.firing.get(fact.fingerprint)
    firing = FiringAlert(
        # An older start that comes late does not make the alert older than it is known to be.
        started_at=fact.started_at if known is None else max(known.started_at, fact.started_at),
        at=fact.at,
        start_known=fact.start_known,
        pages=fact.pages,
        silenced_by=fact.silenced_by,
    )
    return {"firing": {**row.firing, fact.fingerprint: firing}}


def _on_alert_cleared(row: StatusRow, fact: AlertCleared) -> dict[str, Any]:
    known = row.firing.get(fact.fingerprint)
    ended = EndedAlert(started_at=fact.started_at, at=fact.at, fired=known is not None)
    # Newest last: an alert that ends again moves to the end, and the oldest are forgotten.
    others = {name: end for name, end in row.ended.items() if name != fact.fingerprint}
    newest = dict(list(others.items())[-(MOST_ENDED - 1) :])
    firing = {name: found for name, found in row.firing.items() if name != fact.fingerprint}
    return {"firing": firing, "ended": {**newest, fact.fingerprint: ended}}


def _on_scheduled(row: StatusRow, fact: MaintenanceScheduled) -> dict[str, Any]:
    return {
        "state": IncidentState.SCHEDULED,
        "title": fact.title,
        "body": fact.body,
        "components": fact.components,
        "impact": fact.impact,
        "worst": fact.impact,
        "provider": fact.provider,
        "starts_at": fact.starts_at,
        "ends_at": fact.ends_at,
        "stamp": fact.policy,
    }


def _on_rescheduled(row: StatusRow, fact: MaintenanceRescheduled) -> dict[str, Any]:
    return {"starts_at": fact.starts_at, "ends_at": fact.ends_at, "stamp": fact.policy}


def _on_started(row: StatusRow, fact: MaintenanceStarted) -> dict[str, Any]:
    return {"state": IncidentState.STARTED}


def _on_ended(row: StatusRow, fact: MaintenanceEnded) -> dict[str, Any]:
    return {"state": IncidentState.ENDED, "impact": GREEN}


def _on_cancelled(row: StatusRow, fact: MaintenanceCancelled) -> dict[str, Any]:
    return {"state": IncidentState.CANCELLED, "impact": GREEN}


def _on_announced(row: StatusRow, fact: AnnouncementMade) -> dict[str, Any]:
    if (
        row.state is IncidentState.SCHEDULED
    ):  # of a maintenance: its MaintenanceScheduled came just before
        return {}
    return {
        "state": IncidentState.MADE,
        "title": fact.title,
        "body": fact.body,
        "components": fact.components,
        "provider": fact.provider,
    }


def may_be_forgotten(fact: Fact) -> bool:
    """Whether deciding the fact's request again gives the same: its id need not be remembered for
    ever. Monitors repeat themselves for days.
    """
    return isinstance(fact, StatusRequestRefused) and fact.code == REPEATED


def _on_refused(row: StatusRow, fact: StatusRequestRefused) -> dict[str, Any]:
    if may_be_forgotten(fact):
        return {"repeats": (*row.repeats, fact.cause)[-MOST_REPEATS:]}
    # A beginning that came after its end was refused: that end is used up, so the next one counts.
    ended = row.ended.get(fact.fingerprint)
    if ended is None:
        return {}
    used_up = ended.model_copy(update={"fired": True})
    return {"ended": {**row.ended, fact.fingerprint: used_up}}


def _keep_row(row: StatusRow, fact: StatusFact) -> dict[str, Any]:
    return {}


EVOLVE: dict[type[StatusFact], Callable[[StatusRow, Any], dict[str, Any]]] = {
    # Incidents.
    IncidentDrafted: _on_drafted,
    IncidentOpened: _on_opened,
    IncidentUpdated: _on_updated,
    ImpactChanged: _on_impact_changed,
    IncidentResolved: _on_resolved,
    IncidentCorrected: _on_corrected,
    PostmortemPublished: _on_postmortem,
    # Alerts of a monitor.
    AlertRaised: _on_alert_raised,
    AlertCleared: _on_alert_cleared,
    # Maintenances and announcements.
    MaintenanceScheduled: _on_scheduled,
    MaintenanceRescheduled: _on_rescheduled,
    MaintenanceStarted: _on_started,
    MaintenanceEnded: _on_ended,
    MaintenanceCancelled: _on_cancelled,
    AnnouncementMade: _on_announced,
    # A refusal changes the row too: the row must know what it has refused.
    StatusRequestRefused: _on_refused,
}


def evolve(row: StatusRow | None, fact: StatusFact) -> StatusRow:
    """The row after `fact`."""
    row = row or BLANK.copy_with({"aggregate": _AGGREGATES.get(fact.key[:3], "incident")})
    return row.copy_with(EVOLVE[type(fact)](row, fact))


def merge_components(
    before: tuple[Component, ...], more: tuple[Component, ...]
) -> tuple[Component, ...]:
    """`before`, and those of `more` whose id is not among them."""
    known = {component.id for component in before}
    return (*before, *(component for component in more if component.id not in known))


def due_at(row: StatusRow) -> datetime | None:
    """When a scheduled maintenance begins, or one that has begun ends."""
    match row.state:
        case IncidentState.SCHEDULED:
            return row.starts_at
        case IncidentState.STARTED:
            return row.ends_at
        case _:
            return None
