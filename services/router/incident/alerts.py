"""What a monitor's alerts do to an incident. Pure.

The monitor may repeat everything it sends, so whether an alert begins, goes on or ends is counted
here, by what this incident has read of it. The pager counts the same for its pages
(`services.notifier.pager.alerts`), from the same requests in the same order.
"""

from __future__ import annotations

from datetime import timedelta

from services.router.incident.decision import about, context, make_refused, update_id
from services.router.incident.incident import clamp_start
from services.router.incident.row import REPEATED, FiringAlert, IncidentState, StatusRow
from shared.errors import Refused
from shared.events import (
    GREEN,
    AlertCleared,
    AlertRaised,
    Component,
    ImpactChanged,
    IncidentDrafted,
    IncidentResolved,
    IncidentUpdated,
    RaiseAlert,
    StatusFact,
)

OVERTAKEN = timedelta(minutes=2)
"""So long after an end that came first its beginning is still on its way."""


def on_alert(row: StatusRow, request: RaiseAlert) -> list[StatusFact]:
    """The first alert of a group drafts an incident, later ones are noted in it; it goes with the
    last one, unless it is public.
    """
    return _ends(row, request) if request.status == "resolved" else _begins(row, request)


def _begins(row: StatusRow, request: RaiseAlert) -> list[StatusFact]:
    known = row.firing.get(request.fingerprint)
    # Nothing new: refused without a trace in `seen`, because monitors repeat an alert for days.
    if known is not None and _repeats(known, request):
        raise Refused(REPEATED, "This alert fires already.")
    # The end came before this beginning. Refused, and `evolve` marks that end as used up.
    if known is None and _is_over_already(row, request):
        refusal = Refused("alert-over", "This alert has ended already.")
        return [make_refused(row, request, refusal).copy_with({"fingerprint": request.fingerprint})]
    facts: list[StatusFact] = []
    carried = context(row)
    affected = request.affected or request.components
    # No incident yet, or a draft that was dropped: this alert drafts one.
    if row.state in (IncidentState.NOTHING, IncidentState.DROPPED):
        title = request.title or request.summary
        carried |= {"title": title, "components": affected, "draft": True}
        facts.append(
            IncidentDrafted(
                **about(request),
                **carried,
                body=request.body or request.description or request.summary,
                update=update_id(request),
                started_at=clamp_start(request.started_at, request.at),
                alert=request.group_key,
            )
        )
    # Only a draft takes further components by itself; what a public incident affects is for ops to
    # say.
    elif row.state is IncidentState.DRAFT and (more := _further(row, affected)):
        before = tuple(component.id for component in row.components)
        carried |= {"components": (*row.components, *more)}
        facts.append(
            ImpactChanged(
                **about(request), **carried, previous=row.impact, previous_components=before
            )
        )
    raised = AlertRaised(
        **about(request),
        **carried,
        source=request.source,
        alert=request.group_key,
        fingerprint=request.fingerprint,
        severity=request.severity,
        summary=request.summary,
        description=request.description,
        labels=request.labels,
        started_at=request.started_at,
        pages=request.pages,
        silenced_by=request.silenced_by,
        start_known=request.start_known,
        too_late=row.state is IncidentState.RESOLVED,
    )
    return [*facts, raised]


def _further(row: StatusRow, affected: tuple[Component, ...]) -> tuple[Component, ...]:
    """Those that a draft does not name yet."""
    named = {component.id for component in row.components}
    return tuple(component for component in affected if component.id not in named)


def _repeats(known: FiringAlert, request: RaiseAlert) -> bool:
    """Whether it is the alert that fires already, and a maintenance means the same for it."""
    # A later start means that the alert ended and fired again, and its end is not read yet or was
    # lost.
    later = request.start_known and known.start_known and request.started_at > known.started_at
    # A maintenance that began or ended between two repeats changes whether the alert wakes people.
    told = (known.pages, known.silenced_by) == (request.pages, request.silenced_by)
    return not later and told


def _is_over_already(row: StatusRow, request: RaiseAlert) -> bool:
    """Whether its end was read before its beginning (they can overtake each other)."""
    ended = row.ended.get(request.fingerprint)
    if ended is None:
        return False
    # Requests can be read out of order: one that came in before the end was taken in is over.
    if request.at < ended.at:
        return True
    # Else only an end without a known beginning, moments ago, can be the end of this alert.
    came_first = not ended.fired and request.at - ended.at <= OVERTAKEN
    return came_first and request.start_known and request.started_at <= ended.started_at


def _ends(row: StatusRow, request: RaiseAlert) -> list[StatusFact]:
    known = row.firing.get(request.fingerprint)
    # The end of an alert that ended already; one that was never known is recorded (see `ended`).
    if known is None and request.fingerprint in row.ended:
        raise Refused(REPEATED, "This alert has ended already.")
    if known is not None and _is_of_earlier(known, request):
        raise Refused("alert-over", "This is the end of an earlier time that it fired.")
    left = [name for name in row.firing if name != request.fingerprint]
    facts: list[StatusFact] = [
        AlertCleared(
            **about(request),
            # Without an incident the end is for ops alone: nothing of it is public.
            **context(row) | ({"draft": True} if row.state is IncidentState.NOTHING else {}),
            source=request.source,
            alert=request.group_key,
            fingerprint=request.fingerprint,
            summary=request.summary,
            started_at=request.started_at,
            left=len(left),
        )
    ]
    # Other alerts still fire, or this one was never known: the incident stays as it is.
    if left or known is None:
        return facts
    # A draft without alerts ends by itself: the public never heard of it.
    if row.state is IncidentState.DRAFT:
        facts.append(
            IncidentResolved(
                **about(request),
                **context(row) | {"impact": GREEN},
                update=update_id(request),
                worst=row.worst,
                body="The alert ended before the incident was made public.",
                started_at=clamp_start(row.started_at, request.at),
            )
        )
    if row.state is IncidentState.OPEN:
        text = (
            "Every alert of this incident has ended. It is public, so it is for ops to say whether "
            "it is over."
        )
        facts.append(
            IncidentUpdated(
                **about(request),
                **context(row),
                update=update_id(request),
                body=text,
                internal=True,
            )
        )
    return facts


def _is_of_earlier(known: FiringAlert, request: RaiseAlert) -> bool:
    """Whether an end that comes late belongs to an earlier time that the alert fired."""
    if known.at is not None and request.at < known.at:
        return True
    return request.start_known and known.start_known and request.started_at < known.started_at
