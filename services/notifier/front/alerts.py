"""What a monitor's alert means for pages: ops are woken at any hour. Pure; the front calls it on
`requests` itself.

Read straight from the request, so that a router that is slow or down delays no page. The lane is
the incident's own for ops. Each request would be an obligation of its own; the pager knows by the
alert's name whether it repeats what it has counted already, and which obligation an end takes back.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.access import runs_incidents
from shared.events import (
    Event,
    PageWanted,
    RaiseAlert,
    RestoreAlerts,
    RestoreAsked,
    SilenceAlerts,
    SilenceAsked,
    SolveSeen,
    Via,
)
from shared.ids import derive, ops_lane

ESCALATION = "ops"
"""The escalation policy of the on-call document that alerts go by; where there is none, the
desk's.
"""


def name_of(alert: RaiseAlert) -> str:
    """What the pager counts the episodes of an alert by (`AlertEpisode.alert`)."""
    return derive("alt", alert.key, alert.source, alert.group_key, alert.fingerprint)


def obligation_of(alert: RaiseAlert) -> str:
    """The promise to wake ops for one alert, should it begin with this request."""
    return derive("obl", name_of(alert), alert.id)


def obligation_by_time(alert: RaiseAlert) -> str:
    """The same as it was derived until November 2026: pages from before are ended by it."""
    return derive(
        "obl",
        alert.key,
        alert.source,
        alert.group_key,
        alert.fingerprint,
        alert.started_at.isoformat(),
    )


def on_raise_alert(alert: RaiseAlert) -> Iterable[Event]:
    """Whoever may not run incidents wakes nobody; the router refuses them with a fact.

    A silenced one is owed as well, so that it rings when the maintenance is over.
    """
    # Nothing to wake for, now or after a maintenance; or an alert that its sender may not raise.
    if not (alert.pages or alert.silenced_by) or not runs_incidents(alert.actor):
        return
    owed, name = obligation_of(alert), name_of(alert)
    # A time that the monitor did not give is our own, and would compare wrongly.
    started_at = alert.started_at if alert.start_known else None
    if alert.status == "firing":
        yield PageWanted(
            id=owed,
            key=ops_lane(alert.key),
            at=alert.at,
            obligation=owed,
            ticket_id=alert.key,
            request_id=alert.id,
            subject=alert.title or alert.summary,
            requester=alert.source,
            accepted_at=alert.at,
            policy=alert.policy,
            escalation=ESCALATION,
            incident_id=alert.key,
            severity=alert.severity,
            components=tuple(component.id for component in alert.components),
            silenced_by=alert.silenced_by,
            alert=name,
            started_at=started_at,
        )
    else:
        yield SolveSeen(
            id=derive("slv", alert.id),
            key=ops_lane(alert.key),
            at=alert.at,
            ticket_id=alert.key,
            # The pager goes by `alert`; this obligation is for pages of before November 2026.
            obligations=(obligation_by_time(alert),),
            by=alert.source,
            alert=name,
            started_at=started_at,
        )


def on_silence_alerts(asked: SilenceAlerts) -> Iterable[Event]:
    """Only the system asks: a maintenance has begun, and this incident has alerts that fire."""
    # A person who could ask this could silence the pager.
    if asked.actor.via is Via.SYSTEM:
        yield SilenceAsked(
            id=asked.id,
            key=ops_lane(asked.key),
            at=asked.at,
            maintenance=asked.maintenance,
            components=asked.components,
        )


def on_restore_alerts(asked: RestoreAlerts) -> Iterable[Event]:
    if asked.actor.via is Via.SYSTEM:
        yield RestoreAsked(
            id=asked.id, key=ops_lane(asked.key), at=asked.at, maintenance=asked.maintenance
        )
