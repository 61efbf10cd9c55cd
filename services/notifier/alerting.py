"""What a monitor's alert means for pages: ops are woken at any hour. Pure; the front calls it on `requests` itself.

Read straight from the request, so that a router that is slow or down delays no page. The lane is the incident's own for ops, the
obligation is this one alert (group, fingerprint, beginning), and its end takes exactly that obligation back.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.access import runs_incidents
from shared.events import Event, PageWanted, RaiseAlert, SolveSeen
from shared.ids import derive, ops_lane

ESCALATION = "ops"
"""The escalation policy of the on-call document that alerts go by; where there is none, the desk's."""


def obligation_of(alert: RaiseAlert) -> str:
    """The promise to wake ops for one alert."""
    return derive("obl", alert.key, alert.source, alert.group_key, alert.fingerprint, alert.started_at.isoformat())


def on_raise_alert(alert: RaiseAlert) -> Iterable[Event]:
    """Whoever may not run incidents wakes nobody; the router refuses them with a fact."""
    if not alert.pages or not runs_incidents(alert.actor):
        return
    owed = obligation_of(alert)
    if alert.status == "firing":
        yield PageWanted(
            id=owed, key=ops_lane(alert.key), at=alert.at, obligation=owed, ticket_id=alert.key, request_id=alert.id, subject=alert.summary,
            requester=alert.source, accepted_at=alert.at, policy=alert.policy, escalation=ESCALATION, incident_id=alert.key,
            severity=alert.severity,
        )  # fmt: skip
    else:
        lane = ops_lane(alert.key)
        yield SolveSeen(id=derive("slv", alert.id), key=lane, at=alert.at, ticket_id=alert.key, obligations=(owed,), by=alert.source)
