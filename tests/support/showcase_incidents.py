"""Incidents and maintenances in every state a screen can show, as facts: for the browser tests of
the pages and for looking at them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared import events as e
from shared import ids

OPEN, DRAFT, OVER, PLANNED = (
    f"{prefix}_{letter * 26}"
    for prefix, letter in (("inc", "a"), ("inc", "b"), ("inc", "c"), ("mnt", "d"))
)
RED = e.Impact(production=e.Colour.RED, development=e.Colour.RED)
YELLOW = e.Impact(production=e.Colour.YELLOW)
ROUTING = e.Component(id="routing", name="Routing", words=("routing", "H99"))
POSTGRES = e.Component(id="postgres", name="Databases", words=("database",))
REDISCO = e.Component(id="redisco", name="Redisco", words=("redisco",), addon="redisco")


def incidents(now: datetime) -> list[tuple[str, e.Event]]:
    """An open one with updates, a draft with an alert, one that is over with its post-mortem, and a
    maintenance ahead.
    """
    hour = timedelta(hours=1)
    begun = now - 30 * hour
    outage: dict[str, Any] = {
        "title": "Widespread Application Outage",
        "components": (ROUTING, POSTGRES),
        "impact": RED,
    }
    errors: dict[str, Any] = {
        "title": "Elevated HTTP error rates",
        "components": (ROUTING,),
        "impact": YELLOW,
    }
    pushes: dict[str, Any] = {
        "title": "Git push fails for 40 % of pushes",
        "impact": YELLOW,
        "draft": True,
    }
    moving: dict[str, Any] = {
        "title": "Redisco moves to new hosts",
        "components": (REDISCO,),
        "impact": YELLOW,
        "provider": "redisco",
    }
    scope = (
        e.StackScope(
            stack="all", effects=("Heroku API access was limited during recovery operations",)
        ),
        e.StackScope(
            stack="cedar",
            effects=("About 30% of applications lost one or more dynos for 2 hours 27 minutes",),
        ),
    )
    alert: dict[str, Any] = {
        "source": "alertmanager",
        "alert": "g",
        "fingerprint": "f",
        "severity": "critical",
        "started_at": now - hour,
    }
    sections = (
        e.Section(
            heading="What happened",
            body="The disruption was precipitated by an outage of our infrastructure provider.",
        ),
        e.Section(
            heading="What we are doing", body="We are planning a comprehensive remediation effort."
        ),
    )
    stories: dict[str, list[tuple[type[e.StatusFact], timedelta, dict[str, Any]]]] = {
        OPEN: [
            (
                e.IncidentOpened,
                3 * hour,
                {
                    **outage,
                    "update": "upd_1",
                    "body": "We have disabled API access while engineers work on it.",
                    "started_at": now - 3 * hour,
                    "stacks": scope,
                    "phase": e.Phase.INVESTIGATING,
                },
            ),
            (
                e.IncidentUpdated,
                2 * hour,
                {**outage, "update": "upd_2", "body": "We've restored most services."},
            ),
            (
                e.IncidentUpdated,
                hour,
                {
                    **outage,
                    "update": "upd_3",
                    "body": "The API is read-only, not restored.",
                    "corrects": "upd_2",
                    "phase": e.Phase.IDENTIFIED,
                    "next_update_at": now + hour / 2,
                },
            ),
            (
                e.IncidentUpdated,
                hour / 2,
                {**outage, "update": "upd_4", "body": "See the bridge.", "internal": True},
            ),
        ],
        DRAFT: [
            (
                e.IncidentDrafted,
                hour,
                {
                    **pushes,
                    "update": "upd_5",
                    "body": "Pushes fail.",
                    "started_at": now - hour,
                    "alert": "g",
                },
            ),
            (
                e.AlertRaised,
                hour,
                {
                    **pushes,
                    **alert,
                    "summary": "Git push fails",
                    "description": "push_failures > 0.4 for 5 minutes",
                },
            ),
        ],
        OVER: [
            (
                e.IncidentOpened,
                30 * hour,
                {
                    **errors,
                    "update": "upd_6",
                    "body": "More errors than usual.",
                    "started_at": begun,
                },
            ),
            (
                e.IncidentResolved,
                28 * hour,
                {
                    **errors,
                    "impact": e.GREEN,
                    "update": "upd_7",
                    "body": "Normal again.",
                    "started_at": begun,
                },
            ),
            (e.PostmortemPublished, 20 * hour, {**errors, "impact": e.GREEN, "sections": sections}),
        ],
        PLANNED: [
            (
                e.MaintenanceScheduled,
                hour,
                {
                    **moving,
                    "body": "Connections are cut for some seconds.",
                    "starts_at": now + 30 * hour,
                    "ends_at": now + 31 * hour,
                },
            ),
        ],
    }
    return [
        (
            "status",
            kind(
                id=ids.derive("fct", key, str(seq)),
                key=key,
                seq=seq,
                at=now - ago,
                by="ops@example.com",
                **fields,
            ),
        )
        for key, facts in stories.items()
        for seq, (kind, ago, fields) in enumerate(facts, 1)
    ]
