"""What a monitor's alert means for pages: ops are woken at any hour. Pure; the front calls it on `requests` itself.

Read straight from the request, so that a router that is slow or down delays no page. The lane is the incident's own for ops, the
obligation is this one alert (group, fingerprint, beginning), and its end takes exactly that obligation back.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.access import runs_incidents
from shared.events import Event, PageWanted, RaiseAlert, RestoreAlerts, RestoreAsked, SilenceAlerts, SilenceAsked, SolveSeen, Via
from shared.ids import derive, ops_lane

ESCALATION = "ops"
"""The escalation policy of the on-call document that alerts go by; where there is none, the desk's."""


def obligation_of(alert: RaiseAlert) -> str:
    """The promise to wake ops for one alert."""
    return derive("obl", alert.key, alert.source, alert.group_key, alert.fingerprint, alert.started_at.isoformat())


def on_raise_alert(alert: RaiseAlert) -> Iterable[Event]:
    """Whoever may not run incidents wakes nobody; the router refuses them with a fact.

    A silenced one is owed as well, so that it rings when the maintenance is over. It has an id of its own: the same alert may be
    told of again, when it is silent no longer.
    """
    if not (alert.pages or alert.silenced_by) or not runs_incidents(alert.actor):
        return
    owed = obligation_of(alert)
    if alert.status == "firing":
        yield PageWanted(
            id=derive("pgw", owed, alert.silenced_by) if alert.silenced_by else owed, key=ops_lane(alert.key), at=alert.at,
            obligation=owed, ticket_id=alert.key, request_id=alert.id, subject=alert.summary, requester=alert.source,
            accepted_at=alert.at, policy=alert.policy, escalation=ESCALATION, incident_id=alert.key, severity=alert.severity,
            components=tuple(component.id for component in alert.components), silenced_by=alert.silenced_by,
        )  # fmt: skip
    else:
        lane = ops_lane(alert.key)
        yield SolveSeen(id=derive("slv", alert.id), key=lane, at=alert.at, ticket_id=alert.key, obligations=(owed,), by=alert.source)


def on_silence_alerts(asked: SilenceAlerts) -> Iterable[Event]:
    """Only the system asks: a maintenance has begun, and this incident has alerts that fire."""
    if asked.actor.via is Via.SYSTEM:
        yield SilenceAsked(id=asked.id, key=ops_lane(asked.key), at=asked.at, maintenance=asked.maintenance, components=asked.components)


def on_restore_alerts(asked: RestoreAlerts) -> Iterable[Event]:
    if asked.actor.via is Via.SYSTEM:
        yield RestoreAsked(id=asked.id, key=ops_lane(asked.key), at=asked.at, maintenance=asked.maintenance)
