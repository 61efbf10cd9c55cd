"""Corrections: what was recorded wrongly is put right, and what was recorded before stays in the
log. Pure.

A time may move between the turns beside it: an incident's impact is always a line in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from services.router.incident.decision import about, context
from services.router.incident.row import IncidentState, StatusRow
from shared.errors import Refused
from shared.events import CorrectIncident, IncidentCorrected, StatusFact
from shared.status.bounds import MOST_UPDATES, check_between, check_past


def on_correct(row: StatusRow, request: CorrectIncident) -> list[StatusFact]:
    """One fact for each update that changes, or one for the title alone."""
    if row.corrections >= MOST_UPDATES:
        raise Refused("too-many-corrections", f"At most {MOST_UPDATES} corrections are kept.")
    changes = {"title": request.title} if request.title else {}
    found: dict[str, dict[str, Any]] = {}
    # The update that the request names, with what was wrong about it.
    if request.update is not None:
        found[request.update] = {"body": request.body, "happened_at": request.happened_at}
    # The times of the whole incident are the times of its first and last turn: two more updates
    # change.
    for update, at in _ends(row, request):
        found.setdefault(update, {"body": None})["happened_at"] = at
    # All changes are checked before any fact is made: a correction happens as a whole or not at
    # all.
    for update, what in found.items():
        _check(row, request, update, what, found)
    if not found and not changes:
        raise Refused("nothing-to-correct", "Say what was wrong: the title, an update, or a time.")
    # The title alone is corrected under the update id "", which no update has.
    made: dict[str, dict[str, Any]] = found or {"": {}}
    return [
        IncidentCorrected(
            **about(request),
            **context(row, changes),
            internal=bool(update)
            and not row.updates[update]
            and row.state is not IncidentState.DRAFT,
            update=update,
            body=what.get("body"),
            happened_at=what.get("happened_at"),
            previous_happened_at=row.turned.get(update) if what.get("happened_at") else None,
            reason=request.reason,
        )
        for update, what in made.items()
    ]


def _ends(row: StatusRow, request: CorrectIncident) -> Iterator[tuple[str, datetime]]:
    """The updates that say when it began and when it was over, with the times to put there."""
    wanted = request.started_at or request.resolved_at
    if wanted is not None and not row.turned:
        raise Refused(
            "no-times",
            "Only the times of a public incident are corrected; of one that was opened before "
            "this was possible, its words alone.",
        )
    if request.started_at is not None:
        yield next(iter(row.turned)), request.started_at
    if request.resolved_at is not None:
        if row.state is not IncidentState.RESOLVED:
            raise Refused("not-resolved", "It is not over yet: resolve it, with its time.")
        yield next(reversed(row.turned)), request.resolved_at


def _check(
    row: StatusRow,
    request: CorrectIncident,
    update: str,
    what: dict[str, Any],
    all_changes: dict[str, dict[str, Any]],
) -> None:
    """Raises Refused."""
    if update not in row.updates:
        raise Refused("no-such-update", "There is no such update to correct.")
    at = what.get("happened_at")
    if what.get("body") is None and at is None:
        raise Refused("nothing-to-correct", "Say what was wrong of this update: body or time.")
    if at is None:
        return
    # Not ahead, and no longer ago than the status page shows.
    check_past(request.at, at, "This time", row.started_at)
    # This update did not change the impact, so it may move past the turns beside it.
    if update not in row.turned:
        check_between(at, row.started_at, None, "This time")
        return
    # Compare with the neighbours as they will be: both ends may be corrected in one request.
    after = {
        key: all_changes.get(key, {}).get("happened_at") or known
        for key, known in row.turned.items()
    }
    keys = list(after)
    place = keys.index(update)
    check_between(
        at,
        after[keys[place - 1]] if place else None,
        after[keys[place + 1]] if place + 1 < len(keys) else None,
        "This time",
    )
