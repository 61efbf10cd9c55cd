"""When a maintenance begins, the pages of alerts about its components are silenced; when it is
over, what still fires rings again.

A maintenance is one key of the log and an incident another, so somebody has to look who knows both:
intake, whose book has every incident in which an alert fires. Each of them is told; which of its
pages it concerns is the pager's to decide. The request's id comes from the fact and the incident:
reading the fact again asks for nothing new.

An alert that was taken in for a silent one when the maintenance was over already (the book was
behind) is restored when its fact comes. Raises Unavailable where the book cannot be brought up to
date: then the fact comes again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from services.intake.world.incidents import KnownIncident
from shared.events import (
    SYSTEM,
    AlertRaised,
    Event,
    MaintenanceEnded,
    MaintenanceStarted,
    RestoreAlerts,
    SilenceAlerts,
    StatusFact,
)
from shared.ids import derive


class IncidentLookup(Protocol):
    """`world/incidents.py`, `Incidents`."""

    @property
    def with_alerts(self) -> list[str]: ...

    def get(self, key: str) -> KnownIncident | None: ...


Refresh = Callable[[], Awaitable[None]]
"""Waits until the book has all that is in the log by now. Raises Unavailable."""


def make_silence_handlers(
    book: IncidentLookup, refresh: Refresh
) -> Mapping[Any, Callable[[Any], Awaitable[Sequence[Event]]]]:
    """Fact → the requests it makes."""

    async def on_started(fact: MaintenanceStarted) -> Sequence[Event]:
        # The fact may be old by now: only the book knows whether the maintenance still runs.
        await refresh()
        known = book.get(fact.key)
        if known is None or known.state != "started":
            return []
        return [_silence(fact, incident) for incident in book.with_alerts]

    async def on_ended(fact: MaintenanceEnded) -> Sequence[Event]:
        await refresh()
        # Every incident is told: the pager knows which of its pages were silenced.
        return [_restore(fact, incident, fact.key) for incident in book.with_alerts]

    async def on_raised(fact: AlertRaised) -> Sequence[Event]:
        # Only alerts that were silenced when they came can have been silenced for nothing.
        if fact.silenced_by is None:
            return []
        await refresh()
        known = book.get(fact.silenced_by)
        return (
            [_restore(fact, fact.key, fact.silenced_by)]
            if known is None or known.state != "started"
            else []
        )

    return {MaintenanceStarted: on_started, MaintenanceEnded: on_ended, AlertRaised: on_raised}


def _silence(fact: MaintenanceStarted, incident: str) -> SilenceAlerts:
    return SilenceAlerts(
        **_about(fact, incident, "silence"), maintenance=fact.key, components=fact.component_ids
    )


def _restore(fact: StatusFact, incident: str, maintenance: str) -> RestoreAlerts:
    return RestoreAlerts(**_about(fact, incident, "restore"), maintenance=maintenance)


def _about(fact: StatusFact, incident: str, word: str) -> dict[str, Any]:
    return {
        # One request for each fact and incident, however often the fact is read.
        "id": derive("req", fact.id, incident, word),
        "key": incident,
        "at": fact.at,
        "actor": SYSTEM,
        "policy": fact.policy,
    }
