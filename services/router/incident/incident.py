"""Incidents: opened or drafted, updated, published, resolved, explained. What a monitor's alerts do
to them: `incident_alerts`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.router.incident.decision import about, context, is_said_aloud, update_id
from services.router.incident.row import IncidentState, StatusRow
from shared.errors import Refused
from shared.events import (
    GREEN,
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
    ResolveIncident,
    StatusFact,
    UpdateIncident,
)
from shared.status.bounds import MOST_UPDATES, check_between, check_past

# A promise for a later time would tell nothing to people who wait for news.
LONGEST_PROMISE = timedelta(days=2)

_MAINTAINED = frozenset({IncidentState.SCHEDULED, IncidentState.STARTED, IncidentState.ENDED})


def on_open(row: StatusRow, request: OpenIncident) -> list[StatusFact]:
    if request.draft and request.provider is not None and request.actor.provider is not None:
        raise Refused(
            "not-allowed",
            "Only ops draft incidents: what you report of your add-on is public at once.",
        )
    kind = IncidentDrafted if request.draft else IncidentOpened
    return [
        kind(
            **about(request),
            title=request.title,
            body=request.body,
            components=request.components,
            impact=request.impact,
            provider=request.provider,
            stacks=request.stacks,
            update=update_id(request),
            follow_up_of=request.follow_up_of,
            alert=request.alert,
            draft=request.draft,
            started_at=clamp_start(request.started_at, request.at),
            phase=request.phase,
            next_update_at=check_promise(request),
        )
    ]


def on_update(row: StatusRow, request: UpdateIncident) -> list[StatusFact]:
    """The words; then, where it changes, the impact. What was over before stays as it was: a later
    update only explains.
    """
    # First whether this state has room for the change that is asked for.
    changes = _changes(row, request.impact, request.components)
    if changes and row.state in _MAINTAINED:
        raise Refused(
            "open-an-incident",
            "A maintenance keeps its impact. Open an incident if it does more harm than was "
            "announced.",
        )
    if changes and row.state is IncidentState.RESOLVED:
        raise Refused("resolved", "The incident is over. Open another that follows it up.")
    if request.phase is not None and row.state not in (IncidentState.OPEN, IncidentState.DRAFT):
        raise Refused("no-phase", "Only an incident that is not over has a phase.")
    if len(row.updates) >= MOST_UPDATES:
        raise Refused(
            "too-many-updates",
            f"An incident has at most {MOST_UPDATES} updates. Open another that follows it up.",
        )
    # A time in the past must fit the order of what is known: a change comes after the last one.
    if request.happened_at is not None:
        last = last_turn(row) if changes else row.started_at
        check_past(request.at, request.happened_at, "The time of this update")
        check_between(request.happened_at, last, None, "The time of this update")
    # A correction goes to the readers of what it corrects, and to nobody else.
    aloud = is_said_aloud(row, request)
    if request.corrects is not None and (
        request.corrects not in row.updates or row.updates[request.corrects] is not aloud
    ):
        raise Refused(
            "no-such-update",
            "There is no such update to correct among those with the same readers.",
        )
    # The impact is one for everybody: it cannot change in words that only ops read.
    if changes and request.internal:
        raise Refused(
            "not-internal",
            "Who sees the incident sees its impact: change it in an update for everybody.",
        )
    # Words before impact: readers of the log see why before they see what.
    said: list[StatusFact] = [
        IncidentUpdated(
            **about(request),
            **context(row, changes),
            update=update_id(request),
            body=request.body,
            corrects=request.corrects,
            stacks=request.stacks,
            internal=request.internal,
            happened_at=request.happened_at,
            phase=request.phase,
            next_update_at=check_promise(request),
        )
    ]
    if changes:
        # Only the ids of the old components: the fact carries the new ones in full.
        ids = tuple(component.id for component in row.components)
        said.append(
            ImpactChanged(
                **about(request),
                **context(row, changes),
                previous=row.impact,
                previous_components=ids,
                happened_at=request.happened_at,
                update=update_id(request),
            )
        )
    return said


def on_publish(row: StatusRow, request: PublishIncident) -> list[StatusFact]:
    """The draft becomes public under this update; what was said of it before stays among ops."""
    changes = _changes(row, request.impact, request.components)
    title = request.title or row.title
    return [
        IncidentOpened(
            **about(request),
            **context(row, changes | {"title": title, "draft": False}),
            update=update_id(request),
            body=request.body or row.body,
            stacks=row.stacks,
            follow_up_of=row.follow_up_of,
            alert=row.alert,
            started_at=clamp_start(row.started_at, request.at),
            phase=request.phase,
            next_update_at=check_promise(request),
        )
    ]


def on_resolve(row: StatusRow, request: ResolveIncident) -> list[StatusFact]:
    # An end in the past comes after the last change of the impact.
    if request.resolved_at is not None:
        check_past(request.at, request.resolved_at, "The end")
        check_between(request.resolved_at, last_turn(row), None, "The end")
    return [
        IncidentResolved(
            **about(request),
            **context(row) | {"impact": GREEN},
            update=update_id(request),
            body=request.body,
            worst=row.worst,
            started_at=clamp_start(row.started_at, request.at),
            resolved_at=request.resolved_at and min(request.resolved_at, request.at),
        )
    ]


def on_postmortem(row: StatusRow, request: PublishPostmortem) -> list[StatusFact]:
    return [
        PostmortemPublished(
            **about(request), **context(row), sections=request.sections, revision=row.revision + 1
        )
    ]


def last_turn(row: StatusRow) -> datetime | None:
    """When the public impact changed last, as far as it is known."""
    return list(row.turned.values())[-1] if row.turned else row.started_at


def check_promise(request: OpenIncident | UpdateIncident | PublishIncident) -> datetime | None:
    """When the next update is promised. Raises Refused where that is over already, or far off."""
    at = request.next_update_at
    if at is not None and not request.at < at <= request.at + LONGEST_PROMISE:
        raise Refused(
            "no-such-promise",
            "Promise the next update for a time from now on, within two days.",
        )
    return at


def clamp_start(started_at: datetime | None, at: datetime) -> datetime:
    """When it began: never after it was told of."""
    return min(started_at or at, at)


def _changes(
    row: StatusRow, impact: object, components: Iterable[Component] | None
) -> dict[str, object]:
    """What a request changes of impact and components; empty where it says what is so already."""
    found: dict[str, object] = {}
    if impact is not None and impact != row.impact:
        found["impact"] = impact
    if components is not None and tuple(components) != row.components:
        found["components"] = tuple(components)
    return found
