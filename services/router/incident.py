"""Incidents: opened or drafted, updated, published, resolved, explained; and what a monitor's alerts do to them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.router.incident_decision import about, context, is_said_aloud, update_id
from services.router.incident_row import State, StatusRow
from shared.errors import Refused
from shared.events import (
    GREEN,
    AlertCleared,
    AlertRaised,
    Component,
    ImpactChanged,
    IncidentDrafted,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    OpenIncident,
    PostmortemPublished,
    PublishIncident,
    PublishPostmortem,
    RaiseAlert,
    ResolveIncident,
    StatusFact,
    UpdateIncident,
)

_MAINTAINED = frozenset({State.SCHEDULED, State.STARTED, State.ENDED})


def on_open(row: StatusRow, request: OpenIncident) -> list[StatusFact]:
    if request.draft and request.provider is not None and request.actor.provider is not None:
        raise Refused("not-allowed", "Only ops draft incidents: what you report of your add-on is public at once.")
    kind = IncidentDrafted if request.draft else IncidentOpened
    return [
        kind(
            **about(request), title=request.title, body=request.body, components=request.components, impact=request.impact,
            provider=request.provider, stacks=request.stacks, update=update_id(request), follow_up_of=request.follow_up_of,
            alert=request.alert, draft=request.draft, started_at=_begun(request.started_at, request.at),
        )
    ]  # fmt: skip


def on_update(row: StatusRow, request: UpdateIncident) -> list[StatusFact]:
    """The words; then, where it changes, the impact. What was over before stays as it was: a later update only explains."""
    changes = _changes(row, request.impact, request.components)
    if changes and row.state in _MAINTAINED:
        raise Refused("open-an-incident", "A maintenance keeps its impact. Open an incident if it does more harm than was announced.")
    if changes and row.state is State.RESOLVED:
        raise Refused("resolved", "The incident is over. Open another that follows it up.")
    aloud = is_said_aloud(row, request)
    if request.corrects is not None and (request.corrects not in row.updates or row.updates[request.corrects] is not aloud):
        raise Refused("no-such-update", "There is no such update to correct among those with the same readers.")
    if changes and request.internal:
        raise Refused("not-internal", "Who sees the incident sees its impact: change it in an update for everybody.")
    said: list[StatusFact] = [
        IncidentUpdated(
            **about(request), **context(row) | changes, update=update_id(request), body=request.body, corrects=request.corrects,
            stacks=request.stacks, internal=request.internal,
        )
    ]  # fmt: skip
    if changes:
        ids = tuple(component.id for component in row.components)
        said.append(ImpactChanged(**about(request), **context(row) | changes, previous=row.impact, previous_components=ids))
    return said


def on_publish(row: StatusRow, request: PublishIncident) -> list[StatusFact]:
    """The draft becomes public under this update; what was said of it before stays among ops."""
    changes = _changes(row, request.impact, request.components)
    title = request.title or row.title
    return [
        IncidentOpened(
            **about(request), **context(row) | changes | {"title": title, "draft": False}, update=update_id(request),
            body=request.body or row.body, stacks=row.stacks, follow_up_of=row.follow_up_of, alert=row.alert,
            started_at=_begun(row.started_at, request.at),
        )
    ]  # fmt: skip


def on_resolve(row: StatusRow, request: ResolveIncident) -> list[StatusFact]:
    return [
        IncidentResolved(
            **about(request), **context(row) | {"impact": GREEN}, update=update_id(request), body=request.body, worst=row.worst,
            started_at=_begun(row.started_at, request.at),
        )
    ]  # fmt: skip


def on_postmortem(row: StatusRow, request: PublishPostmortem) -> list[StatusFact]:
    return [PostmortemPublished(**about(request), **context(row), sections=request.sections, revision=row.revision + 1)]


def on_alert(row: StatusRow, request: RaiseAlert) -> list[StatusFact]:
    """The first alert of a group drafts an incident, later ones are noted in it; it goes with the last one, unless it is public."""
    return _alert_ended(row, request) if request.status == "resolved" else _alert_began(row, request)


def _alert_began(row: StatusRow, request: RaiseAlert) -> list[StatusFact]:
    """One that ended before it was told of (they can overtake each other) began nothing."""
    if (cleared := row.cleared.get(request.fingerprint)) is not None and request.started_at <= cleared:
        raise Refused("alert-over", "This alert has ended already.")
    facts: list[StatusFact] = []
    known = context(row)
    if row.state in (State.NOTHING, State.DROPPED):
        known |= {"title": request.summary, "components": request.components, "draft": True}
        facts.append(
            IncidentDrafted(
                **about(request), **known, body=request.description or request.summary, update=update_id(request),
                started_at=_begun(request.started_at, request.at), alert=request.group_key,
            )
        )  # fmt: skip
    raised = AlertRaised(
        **about(request), **known, source=request.source, alert=request.group_key, fingerprint=request.fingerprint,
        severity=request.severity, summary=request.summary, description=request.description, labels=request.labels,
        started_at=request.started_at, pages=request.pages, silenced_by=request.silenced_by,
    )  # fmt: skip
    return [*facts, raised]


def _alert_ended(row: StatusRow, request: RaiseAlert) -> list[StatusFact]:
    left = [name for name, firing in row.firing.items() if name != request.fingerprint or firing.started_at > request.started_at]
    facts: list[StatusFact] = [
        AlertCleared(
            **about(request), **context(row) | ({"draft": True} if row.state is State.NOTHING else {}), source=request.source,
            alert=request.group_key, fingerprint=request.fingerprint, summary=request.summary, started_at=request.started_at,
            left=len(left),
        )
    ]  # fmt: skip
    if left or request.fingerprint not in row.firing:
        return facts
    if row.state is State.DRAFT:
        facts.append(
            IncidentResolved(
                **about(request), **context(row) | {"impact": GREEN}, update=update_id(request), worst=row.worst,
                body="The alert ended before the incident was made public.", started_at=_begun(row.started_at, request.at),
            )
        )  # fmt: skip
    if row.state is State.OPEN:
        said = "Every alert of this incident has ended. It is public, so it is for ops to say whether it is over."
        facts.append(IncidentUpdated(**about(request), **context(row), update=update_id(request), body=said, internal=True))
    return facts


def _begun(started_at: datetime | None, at: datetime) -> datetime:
    """When it began: never after it was told of."""
    return min(started_at or at, at)


def _changes(row: StatusRow, impact: object, components: Iterable[Component] | None) -> dict[str, object]:
    """What a request changes of impact and components; empty where it says what is so already."""
    found: dict[str, object] = {}
    if impact is not None and impact != row.impact:
        found["impact"] = impact
    if components is not None and tuple(components) != row.components:
        found["components"] = tuple(components)
    return found
