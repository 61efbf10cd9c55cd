"""Maintenances and announcements: scheduled in time, moved, begun and ended by the clock. Pure.
Source: seed 003.
"""

from __future__ import annotations

from datetime import datetime

from services.router.incident.decision import about, context, of_timer
from services.router.incident.row import IncidentState, StatusRow
from shared.errors import Refused
from shared.events import (
    CRITICAL,
    GREEN,
    AnnouncementMade,
    CancelMaintenance,
    EndMaintenance,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceScheduled,
    MaintenanceStarted,
    MakeAnnouncement,
    Purpose,
    RescheduleMaintenance,
    ScheduleMaintenance,
    StatusFact,
)
from shared.status.notice import check_notice, check_window


def on_schedule(row: StatusRow, request: ScheduleMaintenance) -> list[StatusFact]:
    # Both raise Refused: no maintenance in the past, and at short notice only with a reason on
    # record.
    check_window(request.at, request.starts_at, request.ends_at)
    check_notice(request.at, request.starts_at, request.override_reason)
    return [
        MaintenanceScheduled(
            **about(request),
            title=request.title,
            body=request.body,
            components=request.components,
            impact=request.impact,
            provider=request.provider,
            starts_at=request.starts_at,
            ends_at=request.ends_at,
            override_reason=request.override_reason,
        )
    ]


def on_announce(row: StatusRow, request: MakeAnnouncement) -> list[StatusFact]:
    """A maintenance is scheduled by its announcement. Anything else is told and done."""
    about_it = about(request) | {
        "title": request.subject,
        "body": request.body,
        "components": request.components,
        "provider": request.provider,
        "override_reason": request.override_reason,
    }
    facts: list[StatusFact] = []
    # Two facts: the maintenance, which the clock starts and ends, and the announcement, which tells
    # people now.
    if request.purpose is Purpose.MAINTENANCE:
        if request.starts_at is None or request.ends_at is None:
            raise Refused(
                "no-time", "Say when the maintenance begins (starts_at) and ends (ends_at)."
            )
        check_window(request.at, request.starts_at, request.ends_at)
        check_notice(request.at, request.starts_at, request.override_reason)
        about_it["impact"] = request.impact
        facts.append(
            MaintenanceScheduled(
                **about_it, starts_at=request.starts_at, ends_at=request.ends_at, announced=True
            )
        )
    made = AnnouncementMade(
        **about_it,
        purpose=request.purpose,
        critical=request.purpose in CRITICAL,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
    )
    return [*facts, made]


def on_reschedule(row: StatusRow, request: RescheduleMaintenance) -> list[StatusFact]:
    """One that has begun keeps its beginning, and needs no notice: it can only take longer, or less
    long.
    """
    assert row.starts_at is not None and row.ends_at is not None
    started = row.state is IncidentState.STARTED
    starts_at = request.starts_at or row.starts_at
    if started and starts_at != row.starts_at:
        raise Refused("has-begun", "The maintenance has begun: only its end can be moved.")
    if (starts_at, request.ends_at) == (row.starts_at, row.ends_at):
        raise Refused("unchanged", "The maintenance is at this time already.")
    check_window(request.at, starts_at, request.ends_at)
    # Moving the end of one that has begun needs no notice: it is happening already.
    if not started:
        check_notice(request.at, starts_at, request.override_reason)
    return [
        MaintenanceRescheduled(
            **about(request),
            **context(row),
            body=request.body,
            starts_at=starts_at,
            ends_at=request.ends_at,
            previous_starts_at=row.starts_at,
            previous_ends_at=row.ends_at,
            started=started,
            override_reason=request.override_reason,
        )
    ]


def on_end(row: StatusRow, request: EndMaintenance) -> list[StatusFact]:
    times = {"starts_at": row.starts_at, "ends_at": row.ends_at}
    return [
        MaintenanceEnded.model_validate(
            {
                **about(request),
                **context(row),
                **times,
                "impact": GREEN,
                "early": True,
                "body": request.body,
            }
        )
    ]


def on_cancel(row: StatusRow, request: CancelMaintenance) -> list[StatusFact]:
    times = {"starts_at": row.starts_at, "ends_at": row.ends_at}
    return [
        MaintenanceCancelled.model_validate(
            {**about(request), **context(row), **times, "body": request.body}
        )
    ]


def fire(row: StatusRow, now: datetime) -> list[StatusFact]:
    """What is due at `now`: the facts are of the time that was announced, however late the clock is
    looked at.
    """
    # `due_at` names only scheduled and started maintenances, and those have both times.
    assert row.starts_at is not None and row.ends_at is not None
    times = {"starts_at": row.starts_at, "ends_at": row.ends_at}
    if row.state is IncidentState.SCHEDULED and row.starts_at <= now:
        return [MaintenanceStarted(**of_timer(row.starts_at, row.stamp), **context(row), **times)]
    if row.state is IncidentState.STARTED and row.ends_at <= now:
        return [
            MaintenanceEnded(
                **of_timer(row.ends_at, row.stamp), **context(row) | {"impact": GREEN}, **times
            )
        ]
    return []
